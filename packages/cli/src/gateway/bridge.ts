import { BothwaysError, LimitError, ProtocolError, ReadyState, type Connection } from 'bothways';
import { CloseCode, MAX_CLOSE_REASON } from 'bothways/protocol';
import type { Codec, CodecEnds, Ending } from './codec.js';
import {
  Upstream,
  keepBytes,
  type UpstreamError,
  type UpstreamOptions,
  type UpstreamOwner,
} from './upstream.js';

/** What a bridge needs of the route that it belongs to. */
export interface BridgeHost {
  readonly upstream: UpstreamOptions;
  createCodec(ends: CodecEnds): Codec;
  /** How long the client is not read from after this message, milliseconds; 0 for not at all. */
  take(bytes: number): number;
  /** What passes, for whoever records it. */
  record?: ((from: 'client' | 'server', message: string | Uint8Array) => void) | undefined;
  /** The server is connected, after so many milliseconds. */
  onConnected(milliseconds: number): void;
  /** Reading one side has been stopped because the other takes nothing. */
  onPaused(side: 'client' | 'server'): void;
  onClosed(bridge: Bridge): void;
}

/** Who ended it: the client, the server behind, or the gateway itself. */
export type EndedBy = 'client' | 'server' | 'gateway';

/** Why the client is not read from. */
const SERVER_FULL = 1;
const TOO_FAST = 2;

/**
 * One client and one server behind the gateway. Each side is read only while the other takes what comes, and whichever
 * ends, the other is told.
 */
export class Bridge implements CodecEnds, UpstreamOwner {
  readonly #connection: Connection<unknown, Buffer>;
  readonly #host: BridgeHost;
  readonly #codec: Codec;
  readonly #upstream: Upstream;
  readonly #begun = performance.now();
  #holds = 0;
  #pace: NodeJS.Timeout | undefined;
  #isClientGone = false;
  #isUpstreamGone = false;
  bytesFromClient = 0;
  bytesFromServer = 0;
  endedBy: EndedBy | undefined;
  /** How it ends, as the client is told; or how the client has ended it. */
  ending: Ending | undefined;
  /** What the client's side ended with in the end; 1006 where it vanished. */
  closeCode: number = CloseCode.ABNORMAL;
  /** What became of the server's side. */
  upstreamError: UpstreamError | undefined;
  /** A fault of the gateway's own. */
  error: unknown;

  constructor(connection: Connection<unknown, Buffer>, host: BridgeHost) {
    this.#connection = connection;
    this.#host = host;
    this.#codec = host.createCodec(this);
    this.#upstream = new Upstream(host.upstream, this);
  }

  get milliseconds(): number {
    return performance.now() - this.#begun;
  }

  get upstreamAddress() {
    return this.#upstream.address;
  }

  get messagesFromClient(): number {
    return this.#codec.messagesFromClient;
  }

  get messagesFromServer(): number {
    return this.#codec.messagesFromServer;
  }

  // What the connection tells of the client.

  onMessage(message: string | Buffer): void {
    if (this.ending !== undefined) return;
    this.bytesFromClient += message.length;
    this.#host.record?.('client', message);
    this.#guard(() => this.#codec.fromClient(message), CloseCode.PROTOCOL_ERROR);
    const pause = this.#host.take(message.length);
    if (pause > 0) this.#slowDown(pause);
  }

  onClientDrain(): void {
    this.#upstream.resume();
  }

  onClientClosed(code: number, reason: string): void {
    this.#isClientGone = true;
    this.closeCode = code;
    clearTimeout(this.#pace);
    if (this.ending === undefined) {
      this.#guard(() => this.#codec.onClientEnd?.(), CloseCode.PROTOCOL_ERROR);
      this.endedBy = 'client';
      this.ending = { code, reason };
    }
    this.#upstream.end();
    this.#settle();
  }

  /** The gateway leaves: the client is told, in the protocol's own way first. */
  drain(): void {
    if (this.ending === undefined) this.#guard(() => this.#codec.onDrain?.(), CloseCode.GOING_AWAY);
    this.close({ code: CloseCode.GOING_AWAY, reason: 'The gateway is leaving' });
  }

  /** The gateway ends it, such as when a token has lapsed. */
  close(ending: Ending): void {
    this.#end(ending, 'gateway');
  }

  // What the codec asks for (CodecEnds).

  toClient(message: string | Uint8Array): void {
    if (this.#isClientGone) return;
    this.bytesFromServer += message.length;
    this.#host.record?.('server', message);
    const isBelow = this.#connection.send(typeof message === 'string' ? message : keepBytes(message));
    if (isBelow || this.#connection.readyState !== ReadyState.OPEN) return;
    this.#upstream.pause();
    this.#host.onPaused('server');
  }

  toServer(bytes: string | Uint8Array): void {
    if (!this.#upstream.write(bytes)) this.#hold(SERVER_FULL);
  }

  end(ending: Ending): void {
    this.#end(ending, 'gateway');
  }

  startTls(): Promise<void> {
    return this.#upstream.startTls();
  }

  // What the server's side tells (UpstreamOwner).

  onConnect(): void {
    this.#host.onConnected(this.milliseconds);
    this.#guard(() => this.#codec.onConnected?.(), CloseCode.BAD_GATEWAY);
  }

  onBytes(bytes: Buffer): void {
    this.#guard(() => this.#codec.fromServer(bytes), CloseCode.BAD_GATEWAY);
  }

  onDrain(): void {
    this.#release(SERVER_FULL);
  }

  onEnd(): void {
    if (this.ending === undefined) this.#end(this.#codec.onServerEnd(), 'server');
  }

  onClose(error: UpstreamError | undefined): void {
    this.#isUpstreamGone = true;
    if (this.ending === undefined) {
      this.upstreamError = error;
      const ending =
        error === undefined
          ? this.#codec.onServerEnd()
          : { code: CloseCode.BAD_GATEWAY, reason: ENDED[error.kind] };
      this.#end(ending, 'server');
    }
    this.#settle();
  }

  /** What a codec throws ends the connection, and nothing else. */
  #guard(run: () => void, code: number): void {
    try {
      run();
    } catch (thrown) {
      if (thrown instanceof LimitError)
        this.#end({ code: CloseCode.MESSAGE_TOO_BIG, reason: thrown.message }, 'gateway');
      else if (thrown instanceof ProtocolError)
        this.#end({ code: thrown.closeCode, reason: thrown.message }, 'gateway');
      else if (thrown instanceof BothwaysError) this.#end({ code, reason: thrown.message }, 'gateway');
      else {
        this.error = thrown;
        this.#end({ code: CloseCode.INTERNAL_ERROR, reason: 'The gateway has failed' }, 'gateway');
      }
    }
  }

  #end(ending: Ending, by: EndedBy): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this.endedBy = by;
    clearTimeout(this.#pace);
    this.#connection.close(ending.code, cutReason(ending.reason));
    this.#upstream.end();
  }

  #slowDown(milliseconds: number): void {
    this.#hold(TOO_FAST);
    clearTimeout(this.#pace);
    this.#pace = setTimeout(() => this.#release(TOO_FAST), milliseconds);
  }

  #hold(reason: number): void {
    if (this.#holds === 0 && this.ending === undefined) {
      this.#connection.pause();
      this.#host.onPaused('client');
    }
    this.#holds |= reason;
  }

  #release(reason: number): void {
    if (this.#holds === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.#connection.resume();
  }

  /** Both sides are gone. */
  #settle(): void {
    if (this.#isClientGone && this.#isUpstreamGone) this.#host.onClosed(this);
  }
}

/** What the client is told, who need not know where the server is. */
const ENDED: Readonly<Record<UpstreamError['kind'], string>> = {
  connect: 'The server behind the gateway cannot be reached',
  timeout: 'The server behind the gateway does not answer',
  tls: 'The server behind the gateway cannot be trusted',
  reset: 'The server behind the gateway broke off',
  stalled: 'The server behind the gateway takes nothing',
};

/** As much of a text as a close reason may have. */
export function cutReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_CLOSE_REASON) return text;
  let end = MAX_CLOSE_REASON;
  // Not in the middle of a character.
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

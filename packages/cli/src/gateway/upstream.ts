import { connect as connectSocket, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { UpstreamAddress } from './config/values.js';

/** A server, and the address that its name has, where that has been looked up already. */
export type UpstreamTarget = UpstreamAddress & { readonly resolved?: string };

/** Why there is no way to a server, or none any more. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  /** Which part failed, for the metrics. */
  readonly kind: 'connect' | 'timeout' | 'tls' | 'reset' | 'stalled';

  constructor(kind: UpstreamError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whom a connection to a server tells what happens. Nothing is called after `onClose`. */
export interface UpstreamOwner {
  /** It is there, and what was written goes out. */
  onConnect(): void;
  /** Bytes that are there for the time of the call only. */
  onBytes(bytes: Buffer): void;
  /** What was written has been taken. */
  onDrain(): void;
  /** The server says no more. */
  onEnd(): void;
  /** It is gone; without an error where both sides had said all. */
  onClose(error: UpstreamError | undefined): void;
}

export interface UpstreamOptions {
  /** The servers that may be tried, in their order. */
  readonly addresses: readonly UpstreamTarget[];
  /** Milliseconds for all of them; 0 for no limit. */
  readonly connectTimeout: number;
  /** How long the server may take nothing while something waits for it, milliseconds; 0 for no limit. */
  readonly stallTimeout: number;
  /** How a server is spoken to by TLS; also after `startTls`. */
  readonly tls: ConnectionOptions;
  /** What each TCP connection begins with. */
  readonly preamble: Buffer | undefined;
  /** Whether `startTls` may be called. */
  readonly mayStartTls: boolean;
}

/** How long a server may be silent before it ends its side once we have, and how long it may talk on, milliseconds. */
const LINGER = 5_000;
const LONGEST_LINGER = 30_000;

/**
 * As much may wait to be taken by a server before its client is no more read from, bytes: more than a client's side reads
 * at a time, so that a server that keeps up does not stop its client for each read.
 */
const HIGH_WATER_MARK = 131_072;

/** All plain connections read into this: what they hand on is copied or written before the next one is read. */
const shared = Buffer.allocUnsafeSlow(65_536);

/** Up to so many bytes `send` copies at once, as it promises. */
const COPIED_AT_ONCE = 16_384;

/** Bytes of a server as `send` takes them: what it may read later is copied where it is a view of what all read into. */
export function keepBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length > COPIED_AT_ONCE && bytes.buffer === shared.buffer ? Buffer.from(bytes) : bytes;
}

/** A connection to a server behind the gateway. */
export class Upstream {
  readonly #owner: UpstreamOwner;
  readonly #options: UpstreamOptions;
  #socket: Socket;
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isConnected = false;
  #isClosed = false;
  #isPaused = false;
  #hasEnded = false;
  #isEnding = false;
  #isCorked = false;
  /** What is written before there is somebody to write it to, or while TLS begins. */
  #waiting: (string | Uint8Array)[] = [];
  #waitingBytes = 0;

  constructor(options: UpstreamOptions, owner: UpstreamOwner) {
    this.#owner = owner;
    this.#options = options;
    this.#startConnecting();
    this.#socket = this.#connect();
  }

  /** Which server it is, or is being tried. */
  get address(): UpstreamTarget {
    return this.#options.addresses[this.#attempt]!;
  }

  /** @returns whether more may be written; otherwise wait for `onDrain`. The bytes must not be changed any more. */
  write(bytes: string | Uint8Array): boolean {
    if (this.#isClosed || this.#isEnding) return true;
    if (!this.#isConnected) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      return this.#waitingBytes < HIGH_WATER_MARK;
    }
    if (!this.#isCorked) {
      // What comes in one turn goes out in one write.
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    const isBelow = this.#socket.write(bytes);
    if (!isBelow && this.#timer === undefined) this.#startStalling();
    return isBelow;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isConnected) this.#socket.resume();
  }

  /** Says no more, and waits for the server to do the same; not for ever. */
  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.#clearTimer();
    if (!this.#isConnected) {
      this.#socket.on('error', ignoreError);
      this.#socket.destroy();
      this.#close(undefined);
      return;
    }
    // What it still says is read, so that its end is seen.
    this.#isPaused = false;
    this.#socket.resume();
    this.#socket.end();
    const cut = (): void => void this.#socket.destroy();
    this.#socket.setTimeout(LINGER, cut);
    this.#timer = setTimeout(cut, LONGEST_LINGER);
  }

  /** Goes on by TLS from the next byte on; what is written meanwhile waits. */
  startTls(): Promise<void> {
    const plain = this.#socket;
    this.#isConnected = false;
    this.#uncork();
    this.#clearTimer();
    this.#startConnecting();
    plain.removeAllListeners('data').removeAllListeners('drain').removeAllListeners('end');
    return new Promise((resolve, reject) => {
      const socket = this.#secure({ socket: plain });
      socket.once('secureConnect', () => {
        socket.off('error', onError);
        this.#clearTimer();
        this.#adopt(socket);
        this.#flush();
        resolve();
      });
      const onError = (error: Error): void => {
        reject(error);
        this.#fail(
          new UpstreamError('tls', `TLS with the server failed: ${error.message}`, { cause: error }),
        );
      };
      socket.once('error', onError);
      this.#socket = socket;
    });
  }

  readonly #uncork = (): void => {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  };

  #connect(): Socket {
    const { address } = this;
    const { preamble, mayStartTls } = this.#options;
    if (address.scheme === 'tls' && preamble === undefined) {
      const { host, port, resolved = host } = address;
      const socket = this.#secure({ host: resolved, port });
      return this.#prepare(socket, 'secureConnect');
    }
    const target =
      address.scheme === 'unix'
        ? { path: address.path }
        : { host: address.resolved ?? address.host, port: address.port };
    // Nothing else may have the socket where bytes come past its stream.
    const isOurs = address.scheme !== 'tls' && !mayStartTls;
    const options: NetConnectOpts = isOurs
      ? { ...target, onread: { buffer: shared, callback: this.#onRead } }
      : target;
    // Node takes the mark, but its types do not know it.
    const tuned = { ...options, noDelay: true, writableHighWaterMark: HIGH_WATER_MARK };
    const plain = connectSocket(tuned);
    if (preamble !== undefined) plain.write(preamble);
    if (address.scheme !== 'tls') return this.#prepare(plain, 'connect');
    const secure = this.#secure({ socket: plain });
    plain.on('error', (error) => secure.destroy(error));
    return this.#prepare(secure, 'secureConnect');
  }

  #secure(target: ConnectionOptions): Socket {
    const mark = { highWaterMark: HIGH_WATER_MARK };
    return connectTls({ ...this.#options.tls, ...this.#serverName(), ...target, ...mark });
  }

  #serverName(): { servername: string } | undefined {
    const { address } = this;
    // A name, and no address, may be asked for (RFC 6066 section 3).
    const isName = address.scheme !== 'unix' && !/^[\d.]+$|:/.test(address.host);
    return isName && this.#options.tls.servername === undefined ? { servername: address.host } : undefined;
  }

  #prepare(socket: Socket, event: 'connect' | 'secureConnect'): Socket {
    const onError = (error: Error): void => this.#onRefused(error, event);
    socket.once('error', onError);
    socket.once(event, () => {
      socket.off('error', onError);
      this.#clearTimer();
      this.#adopt(socket);
      this.#owner.onConnect();
      this.#flush();
    });
    return socket;
  }

  /** The next server is tried, if there is one. */
  #onRefused(error: Error, event: string): void {
    if (this.#isClosed) return;
    if (this.#attempt < this.#options.addresses.length - 1) {
      this.#attempt++;
      this.#socket = this.#connect();
      return;
    }
    const kind = event === 'secureConnect' && !isRefusal(error) ? 'tls' : 'connect';
    this.#fail(new UpstreamError(kind, `The server cannot be reached: ${error.message}`, { cause: error }));
  }

  #adopt(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    if (this.#isPaused) socket.pause();
  }

  #flush(): void {
    this.#isConnected = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    let isBelow = true;
    this.#socket.cork();
    for (const bytes of waiting) isBelow = this.#socket.write(bytes);
    this.#socket.uncork();
    if (waiting.length > 0 && isBelow) this.#owner.onDrain();
  }

  readonly #onRead = (length: number): boolean => {
    this.#onData(shared.subarray(0, length));
    return !this.#isPaused;
  };

  readonly #onData = (bytes: Buffer): void => {
    if (!this.#isEnding) this.#owner.onBytes(bytes);
  };

  readonly #onDrain = (): void => {
    this.#clearTimer();
    if (!this.#isEnding) this.#owner.onDrain();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (!this.#isEnding) this.#owner.onEnd();
  };

  readonly #onError = (error: Error): void => {
    if (!this.#isEnding)
      this.#fail(new UpstreamError('reset', `The server broke off: ${error.message}`, { cause: error }));
  };

  readonly #onClose = (): void => {
    if (this.#hasEnded || this.#isEnding) this.#close(undefined);
    else this.#close(new UpstreamError('reset', 'The connection to the server was lost'));
  };

  /** Gives the server `connectTimeout` to be there, or to begin TLS. */
  #startConnecting(): void {
    const { connectTimeout } = this.#options;
    if (connectTimeout === 0) return;
    this.#timer = setTimeout(() => {
      this.#fail(new UpstreamError('timeout', `The server did not answer within ${connectTimeout} ms`));
    }, connectTimeout);
  }

  #startStalling(): void {
    const { stallTimeout } = this.#options;
    if (stallTimeout === 0) return;
    this.#timer = setTimeout(() => {
      this.#fail(new UpstreamError('stalled', `The server took nothing for ${stallTimeout} ms`));
    }, stallTimeout);
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fail(error: UpstreamError): void {
    this.#close(error);
    this.#socket.on('error', ignoreError);
    this.#socket.destroy();
  }

  #close(error: UpstreamError | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clearTimer();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#owner.onClose(error);
  }
}

/** Whether TCP, and not TLS, said no. */
function isRefusal(error: Error): boolean {
  const { syscall, code } = error as NodeJS.ErrnoException;
  // A server that closes before TLS has begun has shown no certificate that could be wrong.
  return syscall === 'connect' || syscall === 'getaddrinfo' || code === 'ECONNRESET' || code === 'EPIPE';
}

/** What has been told already. */
function ignoreError(): void {}

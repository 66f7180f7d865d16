import type { Duplex } from 'node:stream';
import { CloseCode } from '../protocol/close.js';
import { ProtocolConnection, type ConnectionHost } from '../protocol/connection.js';
import {
  ReadyState,
  type CloseInfo,
  type Data,
  type MessageSource,
  type RequestInfo,
  type Position,
  type Recovery,
} from '../protocol/contract.js';
import { ConnectionClosedError, LimitError } from '../protocol/errors.js';
import type { Inflated } from '../protocol/inflater.js';
import { FIN, MAX_CONTROL_PAYLOAD, Opcode } from '../protocol/frame.js';
import type { AgreedCompression } from './compression.js';
import { cutTransport } from './cut-transport.js';
import { CloseDeadline, Heartbeat, IdleDeadline } from './deadlines.js';
import { isThenable, report, toError } from './handlers.js';
import { Inbox } from '../session/inbox.js';
import { MessageInflater, type InflateHost } from './message-inflater.js';
import { MessageSender, type SenderHost } from './message-sender.js';
import { MessageStreams } from './message-streams.js';
import { release } from './outgoing-stream.js';
import { nodePlatform } from './platform.js';
import type { PublishedMessage } from './published-message.js';
import type { ConnectionOwner, ServedConnection } from './served-connection.js';
import { sharedReader } from './shared-reads.js';
import { clearDeadline } from './timer-wheel.js';
import { toBytes } from './to-bytes.js';
import { COPY_LIMIT, TEXT_COPY_LIMIT, writeAlone } from './write-batch.js';
import { NO_RIGHT, RightsError, type Subscriptions } from '../pubsub/subscriptions.js';

/** What the opening handshake settled. */
export interface Agreement {
  readonly request: RequestInfo;
  readonly protocol: string;
  readonly extensions: string;
  readonly compression?: AgreedCompression | undefined;
}

const BINARY = FIN | Opcode.BINARY;
const PING = FIN | Opcode.PING;
const PONG = FIN | Opcode.PONG;

/** A WebSocket connection on a Node stream, either end of it: one socket and its protocol state. */
export class NodeConnection<State = unknown>
  implements ServedConnection<State>, ConnectionHost<Buffer>, InflateHost, SenderHost
{
  state: State;
  readonly request: RequestInfo;
  readonly carrier = 'websocket';
  readonly protocol: string;
  readonly extensions: string;
  /** @internal What was agreed on, for the owner. */
  readonly compression: AgreedCompression | undefined;
  /** @internal What it has to do with topics, for its owner. */
  subscriptions: Subscriptions | undefined;

  readonly #socket: Duplex;
  readonly #owner: ConnectionOwner<State>;
  /** What receives and what sends, each made when it is first needed: many connections only wait. */
  #receiver: ProtocolConnection<Buffer> | undefined;
  #outgoing: MessageSender | undefined;
  #inflater: MessageInflater | undefined;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #idle: IdleDeadline | undefined;
  #closeDeadline: CloseDeadline | undefined;

  /** Every write's end is looked at: too much waits, or a large message goes out. */
  #awaitsDrain = false;
  /** `send` returned false: the application waits for `drain`. */
  #isFull = false;
  #readyWaiters: (() => void)[] = NOBODY;
  /** The newest Ping that came while too much waited to be sent; the older ones need no answer any more. */
  #unansweredPing: Buffer | undefined;
  #isPaused = false;
  /** It reads into memory that all connections share. */
  #readsShared = false;
  /** A message is being inflated in the thread pool: what comes after it waits in the socket. */
  #isInflating = false;
  /** Where messages wait for whoever iterates: whole, or while they arrive. */
  #inbox: Inbox<string | Buffer> | undefined;
  #streams: MessageStreams | undefined;
  #error: Error | undefined;
  #isTerminated = false;
  #isLeaving = false;
  /** The socket has nothing more to read. */
  #isEnded = false;
  #closeInfo: CloseInfo | undefined;
  #closedWaiters: ((info: CloseInfo) => void)[] = NOBODY;

  constructor(socket: Duplex, owner: ConnectionOwner<State>, agreement: Agreement, state: State) {
    const { limits } = owner;
    this.state = state;
    this.request = agreement.request;
    this.protocol = agreement.protocol;
    this.extensions = agreement.extensions;
    this.#socket = socket;
    this.#owner = owner;
    this.compression = agreement.compression;
    if (limits.pingInterval > 0) {
      this.#heartbeat = new Heartbeat(this, limits.pingInterval, limits.pingTimeout);
    }
    if (limits.idleTimeout > 0) this.#idle = new IdleDeadline(this, limits.idleTimeout);
  }

  get readyState(): ReadyState {
    if (this.#closeInfo !== undefined) return ReadyState.CLOSED;
    return this.#isOpen ? ReadyState.OPEN : ReadyState.CLOSING;
  }

  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  get ready(): Promise<void> {
    if (this.#isBelowHighWaterMark || !this.#isOpen) return Promise.resolve();
    this.#awaitDrain();
    return new Promise((resolve) => {
      if (this.#readyWaiters === NOBODY) this.#readyWaiters = [];
      this.#readyWaiters.push(resolve);
    });
  }

  get closed(): Promise<CloseInfo> {
    if (this.#closeInfo !== undefined) return Promise.resolve(this.#closeInfo);
    return new Promise((resolve) => {
      if (this.#closedWaiters === NOBODY) this.#closedWaiters = [];
      this.#closedWaiters.push(resolve);
    });
  }

  send(data: Data): boolean {
    if (typeof data === 'string') {
      if (!this.#maySend(data.length > TEXT_COPY_LIMIT)) return false;
      this.#sender.sendText(data);
    } else {
      const payload = toBytes(data);
      if (!this.#maySend(payload.length > COPY_LIMIT)) return false;
      this.#sender.sendBytes(BINARY, payload);
    }
    this.#idle?.touch();
    if (this.#isBelowHighWaterMark) return true;
    this.#awaitDrain();
    this.#isFull = true;
    return false;
  }

  /** @internal Like `send`, but bytes of any size are taken at once, as the web's classes promise. */
  sendTaken(data: string | Uint8Array): boolean {
    // A client masks a copy. Only what waits to be compressed is not copied yet.
    const isKept = this.compression !== undefined && typeof data !== 'string' && data.length > COPY_LIMIT;
    return this.send(isKept ? Uint8Array.from(data) : data);
  }

  async sendStream(source: MessageSource): Promise<void> {
    if (!this.#maySend(false)) {
      void release(source);
      throw this.closedError;
    }
    const done = this.#sender.sendStream(source);
    if (!this.#isBelowHighWaterMark) this.#awaitDrain();
    await done;
  }

  /** @internal Sends a message that others get as well. */
  sendPublished(message: PublishedMessage): void {
    const { length } = message.payload;
    if (!this.#maySend(this.#sender.heldBytes + length > this.#owner.limits.highWaterMark)) return;
    this.#sender.publish(message);
    this.#idle?.touch();
  }

  ping(payload: string | Uint8Array = ''): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (bytes.length > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(
        `The payload of a ping has at most ${MAX_CONTROL_PAYLOAD} bytes; this one has ${bytes.length}`,
      );
    }
    const isBacklogged = this.bufferedAmount > this.#owner.limits.maxBufferedBytes;
    if (this.#isOpen && !isBacklogged) this.#sender.batch.writeFrame(PING, bytes);
  }

  close(code: number = CloseCode.NORMAL, reason = ''): void {
    this.closeWith(code, reason);
  }

  /** @internal Like `close`, but the code may be left out of the Close frame, as WHATWG's `close()` does. */
  closeWith(code: number | undefined, reason: string): void {
    this.#core.close(code, reason);
    this.#leave();
  }

  terminate(): void {
    this.#isTerminated = true;
    this.#core.stop();
    cutTransport(this.#socket);
  }

  /** @internal Cuts the connection for a reason that `closed` then gives. */
  abandon(reason: Error): void {
    this.#error ??= reason;
    this.#core.stop();
    cutTransport(this.#socket);
  }

  /** @internal Whether the transport is there, so that what waits to be sent still may be. */
  get isConnected(): boolean {
    return !this.#socket.destroyed;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.isStopped) this.#stopReading();
  }

  resume(): void {
    this.#isPaused = false;
    // What is kept comes after this call has returned: a handler that runs within it would surprise.
    process.nextTick(() => this.#startReading());
  }

  /**
   * @internal Whether this end has stopped reading. After `close` only a reader who is still at it can stop it: the
   * peer's Close must be read, so what nobody takes is discarded.
   */
  get isStopped(): boolean {
    if (this.#isInflating) return true;
    if (this.#isWillingToRead) return this.#isPaused || this.#isReaderFull;
    return this.#isReaderFull && this.#reader!.hasReader;
  }

  /** @internal How many messages the reader of the inbox has taken. */
  get taken(): number {
    return this.#reader?.taken ?? 0;
  }

  subscribe(filter: string): void {
    this.#owner.topics.subscribe(this, filter);
  }

  async recover(topic: string, since: Position | number): Promise<Recovery> {
    return this.#owner.topics.recover(this, topic, since);
  }

  unsubscribe(filter: string): void {
    this.#owner.topics.unsubscribe(this, filter);
  }

  publish(topic: string, data: Data): void {
    this.#owner.topics.publish(this, topic, data);
  }

  join(topic: string, id: string, info: unknown = null): void {
    this.#owner.topics.join(this, topic, id, info);
  }

  leave(topic: string): void {
    this.#owner.topics.leave(this, topic);
  }

  /** The messages one by one; while they are not asked for, at most `highWaterMark` bytes of them wait here. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    if (this.#streams !== undefined)
      throw new TypeError('The messages of this connection are read by streams()');
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox((inbox) => this.#onTaken(inbox));
      if (this.#closeInfo !== undefined) this.#inbox.end();
    }
    return this.#inbox;
  }

  streams(): MessageStreams {
    if (this.#streams !== undefined) return this.#streams;
    const streams = new MessageStreams((reader) => this.#onTaken(reader));
    this.#streams = streams;
    this.#core.streams = true;
    for (const message of this.#inbox?.clear() ?? []) this.#putIntoStreams(streams, message);
    this.#inbox?.end();
    if (this.#closeInfo !== undefined) streams.end(this.closedError);
    return streams;
  }

  /** @internal Whoever read the messages will not go on: what still comes is discarded. */
  stopIterating(): void {
    void this.#inbox?.return();
    void this.#streams?.return();
  }

  /**
   * @internal Begins to talk. The `greeting` (the handshake's response) and what `onOpen` sends go out in one
   * write; reading begins with `head`, the bytes that came right behind the handshake.
   */
  start(greeting: string, head: Buffer, onOpen: (() => void) | undefined): void {
    const socket = this.#socket;
    listen(socket, this);
    // What came while the handshake was being decided about.
    const waiting = socket.readableLength > 0 ? (socket.read() as Buffer) : NOTHING;
    this.#readsShared = readShared(socket);
    if (!this.#readsShared) socket.on('data', onData);
    if (onOpen === undefined && head.length + waiting.length === 0) {
      if (greeting !== '') writeAlone(socket, Buffer.from(greeting, 'latin1'));
      if (!this.isStopped) socket.resume();
      return;
    }
    const { batch } = this.#sender;
    batch.hold();
    if (greeting !== '') batch.writeEncoded(Buffer.from(greeting, 'latin1'));
    onOpen?.();
    if (head.length > 0) this.#core.receive(head);
    if (waiting.length > 0) this.#core.receive(waiting);
    if (!this.isStopped) socket.resume();
    batch.release();
  }

  /** @internal Runs a piece of the application; what it throws ends this connection and nothing else. */
  run(call: () => unknown): void {
    try {
      this.#watch(call());
    } catch (thrown) {
      this.#handlerFailed(thrown);
    }
  }

  // What the protocol calls (ConnectionHost). No handler's error may pass through.

  onMessage(message: string | Buffer): void {
    this.#idle?.touch();
    if (this.#streams !== undefined) {
      // It had begun before they were asked for, or could not be inflated as it came.
      this.#putIntoStreams(this.#streams, message);
      return;
    }
    if (this.#inbox !== undefined) {
      this.#putIntoInbox(this.#inbox, message);
      return;
    }
    if (this.#isPaused && !this.#core.isOpen) return;
    try {
      const outcome = this.#owner.handlers.message?.(this, message);
      if (outcome !== undefined) this.#watch(outcome);
    } catch (thrown) {
      this.#handlerFailed(thrown);
    }
  }

  onPiece(piece: string | Buffer): void {
    this.#idle?.touch();
    if (this.#isDiscarding) this.#streams!.breakOff(this.closedError);
    this.#streams!.put(piece);
    if (this.isStopped) this.#stopReading();
  }

  onPiecesEnd(isText: boolean): void {
    this.#idle?.touch();
    if (this.#isDiscarding) this.#streams!.breakOff(this.closedError);
    this.#streams!.endMessage(isText);
    if (this.isStopped) this.#stopReading();
  }

  onPing(payload: Buffer): void {
    if (!this.#sender.isAbove) {
      this.#answerPing(payload);
    } else {
      this.#unansweredPing = payload;
      this.#awaitDrain();
    }
    const { handlers } = this.#owner;
    if (handlers.ping !== undefined) this.run(() => handlers.ping!(this, payload));
  }

  onPong(payload: Buffer): void {
    const { handlers } = this.#owner;
    if (handlers.pong !== undefined) this.run(() => handlers.pong!(this, payload));
  }

  onClose(): void {
    this.#leave();
    // RFC 6455 section 7.1.1: the server closes the TCP connection first, the client waits for that.
    if (this.#owner.role === 'server') this.#sender.afterAll(() => this.#endSocket());
  }

  onFail(): void {
    this.#leave();
    this.#endSocket();
  }

  /** A Close frame, behind what was sent before it; after a failure at once. */
  writeFrame(firstByte: number, payload: Uint8Array): void {
    if (this.#core.failure !== undefined) this.#sender.discardMessages();
    this.#sender.afterAll(() => this.#sender.batch.writeFrame(firstByte, payload));
  }

  // What the inflater and the sender call.

  inflating(): void {
    this.#isInflating = true;
    this.#socket.pause();
  }

  inflated(outcome: Inflated<Buffer>): void {
    this.#isInflating = false;
    const { batch } = this.#sender;
    batch.hold();
    this.#core.inflated(outcome);
    batch.release();
    this.#startReading();
  }

  sendFailed(error: Error): void {
    // A Close that waits behind what failed must be sent as well.
    this.#sender.discardMessages();
    this.#core.fail(error, CloseCode.INTERNAL_ERROR, 'This end failed to send a message');
  }

  get highWaterMark(): number {
    return this.#owner.limits.highWaterMark;
  }

  fragmentComes(): void {
    this.#idle?.touch();
    this.#awaitDrain();
  }

  /** Why what was not sent or received never will be. */
  get closedError(): ConnectionClosedError {
    const { closeReceived, closeSent, initiator } = this.#core;
    const received = closeReceived || CloseCode.ABNORMAL;
    const text = `The connection ended before the message was complete (${received})`;
    return new ConnectionClosedError(text, received, closeSent || CloseCode.ABNORMAL, initiator);
  }

  // What the socket calls.

  onData(chunk: Buffer): void {
    if (this.#heartbeat !== undefined) this.#heartbeat.isHeard = true;
    const { batch } = this.#sender;
    batch.hold();
    this.#core.receive(chunk);
    batch.release();
  }

  onSocketEnd(): void {
    this.#readWhatIsHeld();
    this.#leave();
    this.#sender.discardStreams();
    this.#sender.afterAll(() => this.#endSocket());
  }

  onSocketError(error: Error): void {
    this.#error ??= error;
  }

  onSocketClose(): void {
    this.#readWhatIsHeld();
    this.#core.stop();
    this.#clearDeadlines();
    this.#closeInfo = this.#describeClose();
    this.#outgoing?.close();
    this.#inflater?.close();
    this.#owner.remove(this);
    const { code, reason } = this.#closeInfo;
    const { handlers } = this.#owner;
    if (handlers.close !== undefined) this.run(() => handlers.close!(this, code, reason));
    this.#inbox?.end();
    this.#streams?.end(this.closedError);
    this.#releaseReady();
    for (const resolve of this.#closedWaiters) resolve(this.#closeInfo);
  }

  /**
   * Whether a message may be sent.
   *
   * @param isLarge whether it goes to the socket at once: whoever waits for it must be known before.
   */
  #maySend(isLarge: boolean): boolean {
    if (!this.#isOpen) return false;
    const limit = this.#owner.limits.maxBufferedBytes;
    const waiting = this.#awaitsDrain ? this.#sender.heldBytes : 0;
    if (waiting < limit) {
      if (isLarge) this.#awaitDrain();
      return true;
    }
    const text = `More than maxBufferedBytes, ${limit} bytes, wait to be sent`;
    const error = new LimitError('ERR_BUFFER_FULL', text, 'maxBufferedBytes', limit);
    this.#core.fail(error, CloseCode.TRY_AGAIN_LATER, 'Too much waits to be sent to you');
    return false;
  }

  /** @internal From the next frame on; the limit of its owner until then. */
  set maxMessageSize(bytes: number) {
    this.#core.maxMessageSize = bytes;
  }

  get #core(): ProtocolConnection<Buffer> {
    return (this.#receiver ??= this.#makeReceiver());
  }

  get #sender(): MessageSender {
    this.#outgoing ??= new MessageSender(this.#socket, this.#owner.role === 'client', this.compression, this);
    return this.#outgoing;
  }

  #makeReceiver(): ProtocolConnection<Buffer> {
    const { role, limits } = this.#owner;
    if (this.compression !== undefined) {
      const { windowBits, contextTakeover } = this.compression.incoming;
      this.#inflater = new MessageInflater(this, windowBits, contextTakeover);
    }
    const settings = { role, maxMessageSize: limits.maxMessageSize, inflater: this.#inflater };
    const receiver = new ProtocolConnection(settings, this, nodePlatform);
    receiver.chunksAreLent = this.#readsShared;
    return receiver;
  }

  get #isOpen(): boolean {
    return this.#isWillingToRead && !this.#isLeaving && !this.#socket.destroyed;
  }

  /** No Close frame went either way, and nothing failed. */
  get #isWillingToRead(): boolean {
    return this.#receiver === undefined || this.#receiver.isOpen;
  }

  get #isBelowHighWaterMark(): boolean {
    return this.#sender.heldBytes <= this.#owner.limits.highWaterMark;
  }

  get #reader(): Inbox<string | Buffer> | MessageStreams | undefined {
    return this.#streams ?? this.#inbox;
  }

  get #isReaderFull(): boolean {
    const reader = this.#reader;
    if (reader === undefined || this.#isEnded) return false;
    return reader.bytes > this.#owner.limits.highWaterMark;
  }

  /** Nobody takes what comes, and after Close nothing may be held back. */
  get #isDiscarding(): boolean {
    return this.#isReaderFull && !this.#core.isOpen && !this.#reader!.hasReader;
  }

  #onTaken(reader: Inbox<string | Buffer> | MessageStreams): void {
    const isLow = reader.bytes <= this.#owner.limits.highWaterMark / 2;
    if (isLow || !reader.hasReader) this.#startReading();
  }

  #awaitDrain(): void {
    this.#awaitsDrain = true;
    this.#sender.batch.onWritten ??= () => this.#onWritten();
  }

  #onWritten(): void {
    this.#sender.onWritten();
    if (!this.#awaitsDrain || this.#sender.isAbove || this.#socket.destroyed) return;
    const ping = this.#unansweredPing;
    this.#unansweredPing = undefined;
    if (ping !== undefined) this.#answerPing(ping);
    if (!this.#isBelowHighWaterMark) return;
    this.#awaitsDrain = false;
    this.#sender.batch.onWritten = undefined;
    this.#releaseReady();
    if (!this.#isFull) return;
    this.#isFull = false;
    const { handlers } = this.#owner;
    if (handlers.drain !== undefined) this.run(() => handlers.drain!(this));
  }

  #releaseReady(): void {
    const waiters = this.#readyWaiters;
    this.#readyWaiters = NOBODY;
    for (const resolve of waiters) resolve();
  }

  #answerPing(payload: Buffer): void {
    if (this.#isOpen) this.#sender.batch.writeFrame(PONG, payload);
  }

  #stopReading(): void {
    this.#core.pause();
    this.#socket.pause();
  }

  #startReading(): void {
    if (this.isStopped) return;
    this.#core.resume();
    // What had been kept may have filled the inbox again, or made the application pause.
    if (!this.isStopped) this.#socket.resume();
  }

  #putIntoInbox(inbox: Inbox<string | Buffer>, message: string | Buffer): void {
    if (this.#isDiscarding) return;
    inbox.put(message);
    if (this.isStopped) this.#stopReading();
  }

  #putIntoStreams(streams: MessageStreams, message: string | Buffer): void {
    if (this.#isDiscarding) return;
    if (message.length > 0) streams.put(message);
    streams.endMessage(typeof message === 'string');
    if (this.isStopped) this.#stopReading();
  }

  /** Nothing more will come: the rest of the last read, at most, goes into the inbox even if that is full. */
  #readWhatIsHeld(): void {
    this.#isEnded = true;
    if (this.#reader !== undefined) this.#core.resume();
  }

  #watch(outcome: unknown): void {
    if (isThenable(outcome)) outcome.then(undefined, (thrown) => this.#handlerFailed(thrown));
  }

  #handlerFailed(thrown: unknown): void {
    const error = toError(thrown);
    if (error instanceof RightsError) {
      this.#core.fail(error, CloseCode.POLICY_VIOLATION, NO_RIGHT);
      return;
    }
    report(this.#owner.handlers, error, this);
    this.#core.fail(error, CloseCode.INTERNAL_ERROR, 'This end failed to handle the connection');
  }

  /** The connection is closing: from now on the peer has `closeTimeout` to do its part. */
  #leave(): void {
    if (this.#isLeaving || this.#socket.destroyed) return;
    this.#isLeaving = true;
    this.#clearDeadlines();
    // Nothing more can be sent: whoever waits to send, perhaps the reader on whom all else waits, goes on.
    this.#releaseReady();
    const { closeTimeout } = this.#owner.limits;
    if (closeTimeout > 0) this.#closeDeadline = new CloseDeadline(this, closeTimeout);
    this.#startReading();
  }

  #endSocket(): void {
    this.#sender.batch.flush();
    // Node makes an error, with its stack, of each end after the first.
    if (!this.#socket.writableEnded) this.#socket.end();
    this.#socket.resume();
  }

  #clearDeadlines(): void {
    if (this.#heartbeat !== undefined) clearDeadline(this.#heartbeat);
    if (this.#idle !== undefined) clearDeadline(this.#idle);
    if (this.#closeDeadline !== undefined) clearDeadline(this.#closeDeadline);
  }

  #describeClose(): CloseInfo {
    const core = this.#core;
    const error = core.failure ?? this.#error;
    const because = error === undefined ? {} : { error };
    const initiator = this.#isTerminated && core.isOpen ? 'local' : core.initiator;
    if (core.closeReceived !== 0) {
      const { closeReceived: code, closeReason: reason } = core;
      return { code, reason, wasClean: true, initiator, ...because };
    }
    const failed = core.failure !== undefined;
    const code = failed ? core.closeSent : CloseCode.ABNORMAL;
    return { code, reason: failed ? core.failureReason : '', wasClean: false, initiator, ...because };
  }
}

const NOTHING = Buffer.alloc(0);

/** Stands for an empty list until somebody waits: most connections never need one of their own. */
const NOBODY: never[] = [];

const kConnection = Symbol('connection');
type Listening = Duplex & { [kConnection]: NodeConnection };

/** The listeners are the same functions for every socket, which knows its connection. */
function listen(socket: Duplex, connection: NodeConnection): void {
  (socket as Listening)[kConnection] = connection;
  socket.on('end', onEnd).on('error', onError).on('close', onClose);
}

function onData(this: Listening, chunk: Buffer): void {
  this[kConnection].onData(chunk);
}

const readShared = sharedReader(onData);

function onEnd(this: Listening): void {
  this[kConnection].onSocketEnd();
}

function onError(this: Listening, error: Error): void {
  this[kConnection].onSocketError(error);
}

function onClose(this: Listening): void {
  this[kConnection].onSocketClose();
}

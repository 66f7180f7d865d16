import { CloseCode, MAX_CLOSE_REASON, isCloseCodeOnWire } from '../protocol/close.js';
import {
  ReadyState,
  type CarrierName,
  type CloseInfo,
  type Data,
  type MessageSource,
  type RequestInfo,
  type Position,
  type Recovery,
} from '../protocol/contract.js';
import { ConnectionClosedError, LimitError } from '../protocol/errors.js';
import { MAX_CONTROL_PAYLOAD } from '../protocol/frame.js';
import { Inbox } from '../session/inbox.js';
import type { Content } from '../session/records.js';
import type { ServerSession, SessionOwner } from '../session/server-session.js';
import { IdleDeadline } from './deadlines.js';
import { isThenable, report, toError } from './handlers.js';
import { MessageStreams } from './message-streams.js';
import type { PublishedMessage } from './published-message.js';
import type { ConnectionOwner, ServedConnection } from './served-connection.js';
import { clearDeadline } from './timer-wheel.js';
import { toBytes } from './to-bytes.js';
import type { PublishThrough } from '../pubsub/feeds.js';
import { NO_RIGHT, RightsError, type Subscriptions } from '../pubsub/subscriptions.js';

/** A session as a connection: what handlers, topics and limits know of it. */
export class SessionConnection<State> implements ServedConnection<State>, SessionOwner {
  state: State;
  readonly request: RequestInfo;
  readonly protocol: string;
  readonly extensions = '';
  readonly compression = undefined;
  subscriptions: Subscriptions | undefined;
  readonly #owner: ConnectionOwner<State>;
  readonly #session: ServerSession;
  readonly #idle: IdleDeadline | undefined;
  /** Of a session that is saved. */
  readonly #publisher: PublishThrough | undefined;
  #isPaused = false;
  #inbox: Inbox<string | Buffer> | undefined;
  #streams: MessageStreams | undefined;
  /** `send` returned false: the application waits for `drain`. */
  #isFull = false;
  #readyWaiters: (() => void)[] = [];
  #closedWaiters: ((info: CloseInfo) => void)[] = [];
  #error: Error | undefined;
  #closeInfo: CloseInfo | undefined;

  constructor(
    session: ServerSession,
    owner: ConnectionOwner<State>,
    request: RequestInfo,
    protocol: string,
    state: State,
  ) {
    this.#session = session;
    this.#owner = owner;
    this.request = request;
    this.protocol = protocol;
    this.state = state;
    if (session.isSaved) this.#publisher = owner.topics.through((message) => session.publish(message));
    if (owner.limits.idleTimeout > 0) this.#idle = new IdleDeadline(this, owner.limits.idleTimeout);
  }

  /** What carries it now, or carried it last. */
  get carrier(): CarrierName {
    return this.#session.carrier;
  }

  get readyState(): ReadyState {
    if (this.#closeInfo !== undefined) return ReadyState.CLOSED;
    return this.#session.isOpen ? ReadyState.OPEN : ReadyState.CLOSING;
  }

  get bufferedAmount(): number {
    return this.#session.waiting;
  }

  get ready(): Promise<void> {
    if (this.#isBelowHighWaterMark || !this.#session.isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#readyWaiters.push(resolve));
  }

  get closed(): Promise<CloseInfo> {
    if (this.#closeInfo !== undefined) return Promise.resolve(this.#closeInfo);
    return new Promise((resolve) => this.#closedWaiters.push(resolve));
  }

  send(data: Data): boolean {
    // It is kept until the client has it, so it has to be a copy.
    const content = typeof data === 'string' ? data : Uint8Array.prototype.slice.call(toBytes(data));
    if (!this.#maySend()) return false;
    this.#session.send(content);
    this.#idle?.touch();
    if (this.#isBelowHighWaterMark) return true;
    this.#isFull = true;
    return false;
  }

  /** A session has no fragments: the message is sent when its source has ended. */
  async sendStream(source: MessageSource): Promise<void> {
    const pieces: Data[] = [];
    const limit = this.#owner.limits.maxBufferedBytes;
    let size = 0;
    for await (const piece of source) {
      if (pieces.length > 0 && (typeof piece === 'string') !== (typeof pieces[0] === 'string')) {
        throw new TypeError('The pieces of a message are all strings or all bytes');
      }
      pieces.push(piece);
      size += typeof piece === 'string' ? piece.length : piece.byteLength;
      if (!this.#session.isOpen) throw this.#closedError;
      if (size > limit) {
        const text = `The message is larger than maxBufferedBytes, ${limit} bytes`;
        throw new LimitError('ERR_BUFFER_FULL', text, 'maxBufferedBytes', limit);
      }
    }
    if (!this.#session.isOpen) throw this.#closedError;
    const isText = typeof pieces[0] === 'string';
    const text = isText ? (pieces as string[]).join('') : undefined;
    this.send(text ?? Buffer.concat(pieces.map((piece) => toBytes(piece))));
    await this.ready;
  }

  sendPublished(message: PublishedMessage): void {
    if (!this.#maySend()) return;
    this.#session.send(message.content);
    this.#idle?.touch();
    if (!this.#isBelowHighWaterMark) this.#isFull = true;
  }

  /** A session has heartbeats of its own: there is nobody to ask who would answer. */
  ping(payload: string | Uint8Array = ''): void {
    if (Buffer.byteLength(payload) > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(`The payload of a ping has at most ${MAX_CONTROL_PAYLOAD} bytes`);
    }
  }

  close(code: number = CloseCode.NORMAL, reason = ''): void {
    if (!isCloseCodeOnWire(code)) throw new RangeError(`The close code ${code} cannot be sent`);
    if (Buffer.byteLength(reason) > MAX_CLOSE_REASON) {
      throw new RangeError(`A close reason has at most ${MAX_CLOSE_REASON} bytes`);
    }
    this.#session.close(code, reason);
    this.#releaseReady();
  }

  terminate(): void {
    this.#session.terminate({ ...LOST, initiator: 'local' });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    process.nextTick(() => this.#session.resume());
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

  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    if (this.#streams !== undefined)
      throw new TypeError('The messages of this connection are read by streams()');
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(() => this.#session.resume());
      if (this.#closeInfo !== undefined) this.#inbox.end();
    }
    return this.#inbox;
  }

  /** Each message is one piece: it is there whole when it begins. */
  streams(): MessageStreams {
    if (this.#streams !== undefined) return this.#streams;
    const streams = new MessageStreams(() => this.#session.resume());
    this.#streams = streams;
    for (const message of this.#inbox?.clear() ?? []) putInto(streams, message);
    this.#inbox?.end();
    if (this.#closeInfo !== undefined) streams.end(this.#closedError);
    return streams;
  }

  stopIterating(): void {
    void this.#inbox?.return();
    void this.#streams?.return();
    this.#isDiscarding = true;
    this.#session.resume();
  }

  run(call: () => unknown): void {
    const { topics } = this.#owner;
    const before = topics.publisher;
    topics.publisher = this.#session.hasMoved ? undefined : this.#publisher;
    try {
      this.#watch(call());
    } catch (thrown) {
      this.#handlerFailed(thrown);
    } finally {
      topics.publisher = before;
      this.#session.note();
    }
  }

  // What the deadline of idle connections asks.

  get isStopped(): boolean {
    return this.#isPaused || this.#isReaderFull;
  }

  get taken(): number {
    return (this.#streams ?? this.#inbox)?.taken ?? 0;
  }

  abandon(reason: Error): void {
    this.#error ??= reason;
    this.#session.terminate(LOST);
  }

  // What the session tells (SessionOwner).

  get isWilling(): boolean {
    return this.#isDiscarding || !this.isStopped;
  }

  onMessage(content: Content): void {
    this.#idle?.touch();
    if (this.#isDiscarding) return;
    const message = typeof content === 'string' ? content : toBuffer(content);
    if (this.#streams !== undefined) putInto(this.#streams, message);
    else if (this.#inbox !== undefined) this.#inbox.put(message);
    else if (this.#publisher !== undefined) {
      this.run(() => this.#owner.handlers.message?.(this, message));
    } else {
      try {
        const outcome = this.#owner.handlers.message?.(this, message);
        if (outcome !== undefined) this.#watch(outcome);
      } catch (thrown) {
        this.#handlerFailed(thrown);
      }
    }
  }

  save(): Readonly<Record<string, string>> | undefined {
    const topics = this.#owner.topics.save(this);
    return (
      topics && { ...topics, protocol: this.protocol, request: this.#requestText, state: this.#stateText }
    );
  }

  get #requestText(): string {
    return (this.#savedRequest ??= JSON.stringify(requestFieldsOf(this.request)));
  }

  /** As it was before, if it cannot be written: then the application is told, and the session closed. */
  get #stateText(): string {
    try {
      this.#savedState = JSON.stringify(this.state) ?? '';
    } catch (thrown) {
      if (this.#session.isOpen) this.#handlerFailed(thrown);
    }
    return this.#savedState;
  }

  #savedRequest: string | undefined;
  #savedState = '';

  onSent(): void {
    if (!this.#isBelowHighWaterMark) return;
    this.#releaseReady();
    if (!this.#isFull) return;
    this.#isFull = false;
    const { handlers } = this.#owner;
    if (handlers.drain !== undefined) this.run(() => handlers.drain!(this));
  }

  onEnd(info: CloseInfo): void {
    const error = this.#error;
    this.#closeInfo = error === undefined ? info : { ...info, error };
    if (this.#idle !== undefined) clearDeadline(this.#idle);
    this.#owner.remove(this);
    const { handlers } = this.#owner;
    if (handlers.close !== undefined) this.run(() => handlers.close!(this, info.code, info.reason));
    this.#inbox?.end();
    this.#streams?.end(this.#closedError);
    this.#releaseReady();
    for (const resolve of this.#closedWaiters.splice(0)) resolve(this.#closeInfo);
  }

  #isDiscarding = false;

  get #isBelowHighWaterMark(): boolean {
    return this.#session.waiting <= this.#owner.limits.highWaterMark;
  }

  get #isReaderFull(): boolean {
    const reader = this.#streams ?? this.#inbox;
    return reader !== undefined && reader.bytes > this.#owner.limits.highWaterMark;
  }

  get #closedError(): ConnectionClosedError {
    const { code = 1006, initiator = 'local' } = this.#closeInfo ?? {};
    return new ConnectionClosedError('The session is closed', code, code, initiator);
  }

  #maySend(): boolean {
    if (!this.#session.isOpen) return false;
    const limit = this.#owner.limits.maxBufferedBytes;
    if (this.#session.waiting < limit) return true;
    const text = `More than maxBufferedBytes, ${limit} bytes, wait to be sent`;
    const error = new LimitError('ERR_BUFFER_FULL', text, 'maxBufferedBytes', limit);
    this.#fail(error, CloseCode.TRY_AGAIN_LATER, 'Too much waits to be sent to you');
    return false;
  }

  #watch(outcome: unknown): void {
    if (isThenable(outcome)) outcome.then(undefined, (thrown) => this.#handlerFailed(thrown));
  }

  #handlerFailed(thrown: unknown): void {
    const error = toError(thrown);
    if (error instanceof RightsError) {
      this.#fail(error, CloseCode.POLICY_VIOLATION, NO_RIGHT);
      return;
    }
    report(this.#owner.handlers, error, this);
    this.#fail(error, CloseCode.INTERNAL_ERROR, 'This end failed to handle the connection');
  }

  #fail(error: Error, code: number, reason: string): void {
    if (!this.#session.isOpen) return;
    this.#error ??= error;
    this.#session.fail(code, reason);
    this.#releaseReady();
  }

  #releaseReady(): void {
    // It is asked after each message that goes out.
    if (this.#readyWaiters.length === 0) return;
    for (const resolve of this.#readyWaiters.splice(0)) resolve();
  }
}

/** What is kept of a request: nothing that is secret. */
function requestFieldsOf({
  method,
  url,
  headers,
  origin,
  protocols,
  remoteAddress,
}: RequestInfo): RequestInfo {
  const { authorization: _, cookie: __, 'proxy-authorization': ___, ...others } = headers;
  return { method, url, headers: others, origin, protocols, remoteAddress };
}

const LOST: CloseInfo = { code: CloseCode.ABNORMAL, reason: '', wasClean: false, initiator: 'network' };

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function putInto(streams: MessageStreams, message: string | Buffer): void {
  if (message.length > 0) streams.put(message);
  streams.endMessage(typeof message === 'string');
}

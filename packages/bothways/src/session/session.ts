import { MAX_CLOSE_REASON, isCloseCodeOnWire } from '../protocol/close.js';
import { ReadyState, type Data } from '../protocol/contract.js';
import { BothwaysError, HandshakeError, LimitError } from '../protocol/errors.js';
import { ClientSession, type ClientOwner, type SessionEnd, type SessionState } from './client.js';
import type { ClientPlatform } from './client-platform.js';
import {
  SessionCloseEvent,
  SessionErrorEvent,
  SessionMessageEvent,
  SessionResumeEvent,
  SessionRetryEvent,
  type SessionEventMap,
} from './events.js';
import { EventBase, EventTargetBase, type PlatformEvent } from './globals.js';
import { Inbox } from './inbox.js';
import { settingsOf, type SessionOptions } from './options.js';
import { isCloseReason, isLarger, type Content } from './records.js';
import type { CarrierName } from '../protocol/contract.js';

type Listener<Type extends keyof SessionEventMap, Target> =
  ((this: Target, event: SessionEventMap[Type]) => unknown) | null;

/**
 * Two-way communication with a server that outlives its connections: over a WebSocket where the network allows it, and
 * over streaming, long polling or polling where it does not. Every message arrives once and in order, whatever happens
 * to the network, as long as the server keeps the session.
 *
 * It has what a `WebSocket` has, and `send` may be called at any time: what cannot be sent yet waits.
 */
export abstract class AnySession extends EventTargetBase implements AsyncIterable<Content> {
  readonly #client: ClientSession;
  readonly #carriers: readonly CarrierName[];
  readonly #highWaterMark: number;
  readonly #maxBufferedBytes: number;
  readonly #attributes = new Map<keyof SessionEventMap, (event: PlatformEvent) => void>();
  readonly #handlers = new Map<keyof SessionEventMap, unknown>();
  #inbox: Inbox<Content> | undefined;
  #readyWaiters: (() => void)[] = [];
  #closedWaiters: ((end: SessionEnd) => void)[] = [];
  #end: SessionEnd | undefined;
  #resumed = false;

  /** @internal */
  constructor(platform: ClientPlatform, options: SessionOptions, others: readonly string[]) {
    super();
    const settings = settingsOf(options, others);
    this.#carriers = settings.carriers;
    this.#highWaterMark = options.highWaterMark ?? 65_536;
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 16_777_216;
    this.#client = new ClientSession(platform, settings, this.#owner());
    // Whoever made it adds the listeners now.
    platform.clock.soon(() => this.#client.start());
  }

  /** The endpoint's URL. */
  abstract readonly url: string;

  /**
   * Where it is: `connecting`, `open`, `reconnecting` (messages wait), `offline` (the same, and the device says that
   * there is no network), `closing` or `closed`. The event `statechange` tells of each change.
   */
  get state(): SessionState {
    return this.#client.state;
  }

  /** The state as a `WebSocket` has it; it is open as long as messages are taken. */
  get readyState(): ReadyState {
    const { state } = this.#client;
    if (state === 'closed') return ReadyState.CLOSED;
    if (state === 'closing') return ReadyState.CLOSING;
    return this.#client.sessionId === '' ? ReadyState.CONNECTING : ReadyState.OPEN;
  }

  /** What carries it now; `undefined` while nothing does. The event `carrierchange` tells of each change. */
  get carrier(): CarrierName | undefined {
    return this.#client.carrier;
  }

  /** Whether the last time it was connected it went on with what was there; `false` before and after it began anew. */
  get resumed(): boolean {
    return this.#resumed;
  }

  /** The subprotocol that was agreed on, or `''`. */
  get protocol(): string {
    return this.#client.protocol;
  }

  /** What `send` took and was not sent yet, bytes (of a text: UTF-16 units), with 32 for each message. */
  get bufferedAmount(): number {
    return this.#client.outgoing.waiting;
  }

  /** Resolves when `bufferedAmount` is at or below `highWaterMark`; also when the session ends. */
  get ready(): Promise<void> {
    if (this.bufferedAmount <= this.#highWaterMark || this.#end !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#readyWaiters.push(resolve));
  }

  /** Resolves when the session has ended, however that came about; it never rejects. */
  get closed(): Promise<SessionEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    return new Promise((resolve) => this.#closedWaiters.push(resolve));
  }

  /**
   * Sends one message, or keeps it until it can be sent. Bytes are copied.
   *
   * @returns `true` while no more than `highWaterMark` waits; `false` above (the message was taken: wait for `ready`),
   * and after `close` (it was not taken).
   * @throws {LimitError} `ERR_BUFFER_FULL` when `maxBufferedBytes` wait already, `ERR_MESSAGE_TOO_BIG` when the server
   * takes no message of this size; it was not taken. {TypeError} when `data` is neither a string nor bytes.
   */
  send(data: Data): boolean {
    const content = toContent(data);
    if (this.#end !== undefined || this.state === 'closing') return false;
    const client = this.#client;
    if (isLarger(content, client.maxMessage)) {
      const text = `The server takes messages of at most ${client.maxMessage} bytes`;
      throw new LimitError('ERR_MESSAGE_TOO_BIG', text, 'maxMessageSize', client.maxMessage);
    }
    if (this.bufferedAmount + content.length > this.#maxBufferedBytes && this.bufferedAmount > 0) {
      const text = `More than ${this.#maxBufferedBytes} bytes wait to be sent`;
      throw new LimitError('ERR_BUFFER_FULL', text, 'maxBufferedBytes', this.#maxBufferedBytes);
    }
    client.send(content);
    return this.bufferedAmount <= this.#highWaterMark;
  }

  /**
   * Ends the session on both sides, behind what was sent.
   *
   * @param code 1000 (the default), or 3000 to 4999; the others that RFC 6455 section 7.4 allows are taken as well.
   * @param reason up to 123 bytes of UTF-8.
   * @throws {RangeError} for any other code or a longer reason.
   */
  close(code = 1000, reason = ''): void {
    if (!Number.isInteger(code) || !isCloseCodeOnWire(code))
      throw new RangeError(`The close code ${code} cannot be sent`);
    if (!isCloseReason(reason)) {
      throw new RangeError(`A close reason has at most ${MAX_CLOSE_REASON} bytes`);
    }
    this.#client.close(code, reason);
  }

  /**
   * Moves to another carrier now. If it cannot be had, the session stays where it is.
   *
   * @throws {TypeError} for one that is not among its `carriers`.
   */
  switchTo(carrier: CarrierName): void {
    if (!this.#carriers.includes(carrier)) {
      throw new TypeError(
        `The carriers of this session are ${this.#carriers.join(', ')}: '${carrier}' is none of them`,
      );
    }
    this.#client.switchTo(carrier);
  }

  /** Drops what carries it, as a network does that fails, and reconnects: for tests and demonstrations. */
  loseCarrier(): void {
    this.#client.loseCarrier();
  }

  /** The messages one by one; while they are not asked for, the server is slowed. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Content> {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox(() => this.#client.resume());
      if (this.#end !== undefined) this.#inbox.end();
    }
    return this.#inbox;
  }

  override addEventListener<Type extends keyof SessionEventMap>(
    type: Type,
    listener: ((this: this, event: SessionEventMap[Type]) => unknown) | null,
    options?: unknown,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: unknown): void;
  override addEventListener(type: string, listener: unknown, options?: unknown): void {
    super.addEventListener(type, this.guard(listener), options);
  }

  override removeEventListener<Type extends keyof SessionEventMap>(
    type: Type,
    listener: ((this: this, event: SessionEventMap[Type]) => unknown) | null,
    options?: unknown,
  ): void;
  override removeEventListener(type: string, listener: unknown, options?: unknown): void;
  override removeEventListener(type: string, listener: unknown, options?: unknown): void {
    super.removeEventListener(type, this.guard(listener), options);
  }

  /** What stands for a listener where an exception of it would do harm. */
  protected guard(listener: unknown): unknown {
    return listener;
  }

  get onopen(): Listener<'open', this> {
    return this.#handler('open');
  }

  set onopen(listener: Listener<'open', this>) {
    this.#setHandler('open', listener);
  }

  get onmessage(): Listener<'message', this> {
    return this.#handler('message');
  }

  set onmessage(listener: Listener<'message', this>) {
    this.#setHandler('message', listener);
  }

  get onerror(): Listener<'error', this> {
    return this.#handler('error');
  }

  set onerror(listener: Listener<'error', this>) {
    this.#setHandler('error', listener);
  }

  get onclose(): Listener<'close', this> {
    return this.#handler('close');
  }

  set onclose(listener: Listener<'close', this>) {
    this.#setHandler('close', listener);
  }

  #handler<Type extends keyof SessionEventMap>(type: Type): Listener<Type, this> {
    return (this.#handlers.get(type) ?? null) as Listener<Type, this>;
  }

  /** HTML, "event handlers": one that is set anew keeps its place among the listeners. */
  #setHandler(type: keyof SessionEventMap, handler: unknown): void {
    this.#handlers.set(type, typeof handler === 'function' ? handler : null);
    if (this.#attributes.has(type)) return;
    const listener = (event: PlatformEvent): unknown => {
      const current = this.#handlers.get(type) as ((event: PlatformEvent) => unknown) | null;
      return current?.call(this, event);
    };
    this.#attributes.set(type, listener);
    this.addEventListener(type, listener);
  }

  #owner(): ClientOwner {
    return {
      isWilling: () => this.#inbox === undefined || this.#inbox.bytes < this.#highWaterMark,
      onOpen: () => this.dispatchEvent(new EventBase('open')),
      onResume: (resumed, lost) => {
        this.#resumed = resumed;
        this.dispatchEvent(new SessionResumeEvent(resumed, lost));
      },
      onMessage: (content) => {
        if (this.#inbox === undefined) this.dispatchEvent(new SessionMessageEvent(content));
        else this.#inbox.put(content);
      },
      onSent: () => {
        if (this.#readyWaiters.length > 0 && this.bufferedAmount <= this.#highWaterMark) this.#wakeReady();
      },
      onRetry: (reason, delay) => this.dispatchEvent(new SessionRetryEvent(reason, delay)),
      onState: () => this.dispatchEvent(new EventBase('statechange')),
      onCarrier: () => this.dispatchEvent(new EventBase('carrierchange')),
      onEnd: (end) => this.#onEnd(end),
    };
  }

  #onEnd(end: SessionEnd): void {
    this.#end = end;
    this.#wakeReady();
    for (const resolve of this.#closedWaiters.splice(0)) resolve(end);
    const error = end.loss === undefined ? undefined : toError(end);
    this.#inbox?.end(error);
    if (error !== undefined) this.dispatchEvent(new SessionErrorEvent(error));
    this.dispatchEvent(new SessionCloseEvent(end.code, end.reason, end.wasClean));
  }

  #wakeReady(): void {
    for (const resolve of this.#readyWaiters.splice(0)) resolve();
  }
}

function toError(end: SessionEnd): BothwaysError {
  const { status, reason } = end.loss!;
  const text = `The session was given up: ${reason}`;
  return new HandshakeError('ERR_SESSION_REFUSED', text, { status });
}

function toContent(data: Data): Content {
  if (typeof data === 'string') return data;
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice();
  }
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  throw new TypeError('A message is a string, an ArrayBuffer or a view of one');
}

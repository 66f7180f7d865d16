import { Blob } from 'node:buffer';
import { CloseCode } from '../protocol/close.js';
import { ReadyState, type CloseInfo } from '../protocol/contract.js';
import type { WebSocketUrl } from '../protocol/url.js';
import { checkClose } from './close-arguments.js';
import { openConnection } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import type { NodeConnection } from './connection.js';
import { CloseEvent, ErrorEvent, type WebSocketEventMap } from './events.js';
import { toError } from './handlers.js';
import { AttributeListener, guardListener, type AnyListener, type ListenerOptions } from './listeners.js';
import { Outbox } from './outbox.js';
import { checkTarget, toAttempt } from './web-handshake.js';
import { defineInterface, toText } from './web-idl.js';
import { toArrayBuffer, toMessage } from './web-message.js';

type RemovalOptions = Parameters<EventTarget['removeEventListener']>[2];

type Listener<Type extends keyof WebSocketEventMap> =
  ((this: WebSocket, event: WebSocketEventMap[Type]) => unknown) | null;

/** What `send` takes; anything else is turned into a string, as the standard asks. */
export type Sendable = string | ArrayBuffer | ArrayBufferView | Blob;

/**
 * The class of the WHATWG WebSockets standard, whole, for Node. In place of the subprotocols it takes all the
 * options of `connect`; redirects are not followed unless `maxRedirects` says so.
 *
 * @throws {DOMException} `SyntaxError` for a URL or subprotocol that cannot be.
 */
export class WebSocket extends EventTarget {
  declare static readonly CONNECTING: typeof ReadyState.CONNECTING;
  declare static readonly OPEN: typeof ReadyState.OPEN;
  declare static readonly CLOSING: typeof ReadyState.CLOSING;
  declare static readonly CLOSED: typeof ReadyState.CLOSED;
  declare readonly CONNECTING: typeof ReadyState.CONNECTING;
  declare readonly OPEN: typeof ReadyState.OPEN;
  declare readonly CLOSING: typeof ReadyState.CLOSING;
  declare readonly CLOSED: typeof ReadyState.CLOSED;

  readonly #url: WebSocketUrl;
  readonly #origin: string;
  readonly #attributes = new Map<keyof WebSocketEventMap, AttributeListener>();
  readonly #outbox = new Outbox();
  readonly #abort = new AbortController();
  #connection: NodeConnection<undefined> | undefined;
  #state: ReadyState = ReadyState.CONNECTING;
  #binaryType: 'blob' | 'arraybuffer' = 'blob';

  constructor(url: string | URL, protocolsOrOptions: string | readonly string[] | ConnectOptions = []) {
    super();
    if (arguments.length === 0) throw new TypeError('new WebSocket() needs the URL as its argument');
    const options = toOptions(protocolsOrOptions);
    this.#url = checkTarget(url, options);
    this.#origin = new URL(this.#url.href).origin;
    void this.#connect(toAttempt(options, this.#abort.signal));
  }

  get url(): string {
    return this.#url.href;
  }

  get readyState(): ReadyState {
    if (this.#state !== ReadyState.OPEN) return this.#state;
    // The peer may have begun to close; it is over only when the "close" event says so.
    return this.#connection!.readyState === ReadyState.OPEN ? ReadyState.OPEN : ReadyState.CLOSING;
  }

  get protocol(): string {
    return this.#connection?.protocol ?? '';
  }

  get extensions(): string {
    return this.#connection?.extensions ?? '';
  }

  /** Bytes of messages that were sent and that the operating system has not taken; it never falls after close. */
  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount;
  }

  get binaryType(): 'blob' | 'arraybuffer' {
    return this.#binaryType;
  }

  set binaryType(type: 'blob' | 'arraybuffer') {
    const text = toText(type);
    if (text === 'blob' || text === 'arraybuffer') this.#binaryType = text;
  }

  get onopen(): Listener<'open'> {
    return this.#getListener('open');
  }

  set onopen(listener: Listener<'open'>) {
    this.#setListener('open', listener);
  }

  get onmessage(): Listener<'message'> {
    return this.#getListener('message');
  }

  set onmessage(listener: Listener<'message'>) {
    this.#setListener('message', listener);
  }

  get onerror(): Listener<'error'> {
    return this.#getListener('error');
  }

  set onerror(listener: Listener<'error'>) {
    this.#setListener('error', listener);
  }

  get onclose(): Listener<'close'> {
    return this.#getListener('close');
  }

  set onclose(listener: Listener<'close'>) {
    this.#setListener('close', listener);
  }

  /**
   * Sends one message; its content is taken now, so the bytes may be changed after.
   *
   * @throws {DOMException} `InvalidStateError` before the connection is open.
   */
  send(data: Sendable): void {
    if (arguments.length === 0) throw new TypeError('send() needs the message as its argument');
    if (this.#state === ReadyState.CONNECTING) {
      throw new DOMException(
        'The connection is not open yet: wait for the "open" event',
        'InvalidStateError',
      );
    }
    const message = data instanceof Blob ? data : toMessage(data);
    this.#outbox.send(message, this.readyState === ReadyState.OPEN);
  }

  /**
   * Starts the closing handshake, after what was sent; before the connection is open, gives up on it.
   *
   * @throws {DOMException} `InvalidAccessError` for a code other than 1000 and 3000 to 4999; `SyntaxError` for
   * a reason above 123 bytes.
   */
  // In this form the `length` of the method is 0, as Web IDL wants it where all arguments are optional.
  close(...[code, reason]: [code?: number, reason?: string]): void {
    const [checkedCode, checkedReason] = checkClose(code, reason);
    if (this.#state === ReadyState.CONNECTING) {
      this.#state = ReadyState.CLOSING;
      this.#abort.abort(new DOMException('The connection was closed before it was open', 'AbortError'));
    } else if (this.#state === ReadyState.OPEN) {
      this.#state = ReadyState.CLOSING;
      this.#outbox.close(checkedCode, checkedReason);
    }
  }

  async #connect(options: ConnectOptions): Promise<void> {
    try {
      await openConnection(this.#url, options, {
        open: (connection) => this.#opened(connection as NodeConnection<undefined>),
        message: (_connection, message) => this.#received(message),
      });
    } catch (thrown) {
      this.#closed({ code: CloseCode.ABNORMAL, reason: '', wasClean: false, error: toError(thrown) });
    }
  }

  #opened(connection: NodeConnection<undefined>): void {
    this.#connection = connection;
    this.#outbox.open(connection);
    void connection.closed.then((info) => this.#closed(info));
    this.#state = ReadyState.OPEN;
    this.dispatchEvent(new Event('open'));
  }

  #received(message: string | Buffer): void {
    // "If ready state is not OPEN (1), then return."
    if (this.readyState !== ReadyState.OPEN) return;
    const data = typeof message === 'string' ? message : this.#toBinary(message);
    this.dispatchEvent(new MessageEvent('message', { data, origin: this.#origin }));
  }

  #toBinary(message: Buffer): Blob | ArrayBuffer {
    return this.#binaryType === 'blob' ? new Blob([message]) : toArrayBuffer(message);
  }

  #closed(info: Omit<CloseInfo, 'initiator'>): void {
    this.#state = ReadyState.CLOSED;
    this.#outbox.end();
    // A connection that this end failed has no code for the page but 1006, whatever was sent to the peer.
    const code = info.wasClean ? info.code : CloseCode.ABNORMAL;
    if (!info.wasClean) {
      const error = info.error ?? new Error('The connection was lost');
      this.dispatchEvent(new ErrorEvent('error', { error }));
    }
    const reason = info.wasClean ? info.reason : '';
    this.dispatchEvent(new CloseEvent('close', { wasClean: info.wasClean, code, reason }));
  }

  override addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: (this: this, event: WebSocketEventMap[Type]) => unknown,
    options?: ListenerOptions,
  ): void;
  override addEventListener(type: string, listener: AnyListener, options?: ListenerOptions): void;
  override addEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.addEventListener(type, guardListener(listener), options);
  }

  override removeEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: (this: this, event: WebSocketEventMap[Type]) => unknown,
    options?: RemovalOptions,
  ): void;
  override removeEventListener(type: string, listener: AnyListener, options?: RemovalOptions): void;
  override removeEventListener(type: string, listener: unknown, options?: RemovalOptions): void {
    super.removeEventListener(type, guardListener(listener), options);
  }

  #getListener<Type extends keyof WebSocketEventMap>(type: Type): Listener<Type> {
    return (this.#attributes.get(type)?.handler as Listener<Type> | undefined) ?? null;
  }

  /** An event handler attribute keeps its place among the listeners when it is set to another function. */
  #setListener<Type extends keyof WebSocketEventMap>(type: Type, handler: Listener<Type>): void {
    const existing = this.#attributes.get(type);
    if (!isObject(handler)) {
      if (existing !== undefined) this.removeEventListener(type, existing);
      this.#attributes.delete(type);
    } else if (existing !== undefined) {
      existing.handler = handler;
    } else {
      const added = new AttributeListener(handler);
      this.#attributes.set(type, added);
      this.addEventListener(type, added);
    }
  }
}

defineInterface(WebSocket, 'WebSocket', ReadyState);

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Web IDL's `(DOMString or sequence<DOMString>)`, whose sequence is anything iterable; or the options. */
function toOptions(given: string | readonly string[] | ConnectOptions): ConnectOptions {
  if (!isObject(given)) return { protocols: toText(given) };
  if (Symbol.iterator in given) return { protocols: Array.from(given as Iterable<unknown>, toText) };
  return given;
}

import { ReadyState, type Data } from '../protocol/contract.js';
import {
  SessionMessageEvent,
  type SessionCloseEvent,
  type SessionErrorEvent,
  type SessionEventMap,
} from './events.js';
import { messageParts, type PlatformBlob, type PlatformEvent, type PlatformMessageEvent } from './globals.js';
import type { SessionOptions } from './options.js';
import type { Content } from './records.js';

/** The platform's `MessageEvent`. */
export interface SessionWebSocketMessageEvent extends PlatformMessageEvent {
  /** A string for a text message; for a binary one what `binaryType` says. */
  readonly data: string | ArrayBuffer | PlatformBlob;
}

/** What the events of a `SessionWebSocket` are called, and what they are: those of a session too. */
export interface SessionWebSocketEventMap extends Omit<SessionEventMap, 'message'> {
  message: SessionWebSocketMessageEvent;
}

/** A session in the shape of a `WebSocket` (WHATWG WebSockets section 3). It is a `Session` as well. */
export interface SessionWebSocket {
  /** With `ws:` or `wss:`. */
  readonly url: string;
  readonly readyState: ReadyState;
  readonly protocol: string;
  /** There are none. */
  readonly extensions: string;
  readonly bufferedAmount: number;
  /** What bytes arrive as, `'blob'` at first. Other values are ignored, as the standard asks. */
  binaryType: 'blob' | 'arraybuffer';
  readonly CONNECTING: typeof ReadyState.CONNECTING;
  readonly OPEN: typeof ReadyState.OPEN;
  readonly CLOSING: typeof ReadyState.CLOSING;
  readonly CLOSED: typeof ReadyState.CLOSED;
  onopen: ((event: PlatformEvent) => unknown) | null;
  onmessage: ((event: SessionWebSocketMessageEvent) => unknown) | null;
  onerror: ((event: SessionErrorEvent) => unknown) | null;
  onclose: ((event: SessionCloseEvent) => unknown) | null;
  /** Takes what `Session` takes, a string or bytes, and no `Blob`; at any time. */
  send(data: Data): boolean;
  close(code?: number, reason?: string): void;
  addEventListener<Type extends keyof SessionWebSocketEventMap>(
    type: Type,
    listener: ((event: SessionWebSocketEventMap[Type]) => unknown) | null,
    options?: unknown,
  ): void;
  addEventListener(type: string, listener: unknown, options?: unknown): void;
  removeEventListener(type: string, listener: unknown, options?: unknown): void;
  dispatchEvent(event: PlatformEvent): boolean;
}

export interface SessionWebSocketClass {
  /** @param url a string or a `URL`, relative to the page where there is one. */
  new (url: string | { readonly href: string }, protocols?: string | readonly string[]): SessionWebSocket;
  readonly CONNECTING: typeof ReadyState.CONNECTING;
  readonly OPEN: typeof ReadyState.OPEN;
  readonly CLOSING: typeof ReadyState.CLOSING;
  readonly CLOSED: typeof ReadyState.CLOSED;
}

/** What of a session is used here. */
interface Base {
  readonly url: string;
  dispatchEvent(event: PlatformEvent): boolean;
}

/**
 * Makes a class for whoever wants a `WebSocket` class, such as the clients of MQTT and STOMP: what it makes is a session.
 *
 * The server's end of a `WebSocket` never changes. So these sessions are never begun anew: one that is gone ends, with
 * 1006 or with the code that the server has closed with, and its owner connects again as after any loss.
 *
 * @param Session the class of `bothways/session`.
 * @param options of each session; `protocols` come from its owner.
 */
export function sessionWebSocket<Options extends SessionOptions>(
  Session: new (url: string, options?: Options) => Base,
  options?: Omit<Options, 'protocols' | 'renew'>,
): SessionWebSocketClass {
  class SessionWebSocket extends Session {
    static readonly CONNECTING = ReadyState.CONNECTING;
    static readonly OPEN = ReadyState.OPEN;
    static readonly CLOSING = ReadyState.CLOSING;
    static readonly CLOSED = ReadyState.CLOSED;
    readonly CONNECTING = ReadyState.CONNECTING;
    readonly OPEN = ReadyState.OPEN;
    readonly CLOSING = ReadyState.CLOSING;
    readonly CLOSED = ReadyState.CLOSED;
    readonly extensions = '';
    readonly #origin: string;
    #binaryType: 'blob' | 'arraybuffer' = 'blob';

    constructor(url: string | { readonly href: string }, protocols: string | readonly string[] = []) {
      super(typeof url === 'string' ? url : url.href, {
        ...options,
        protocols,
        renew: false,
      } as unknown as Options);
      (this as { url: string }).url = this.url.replace(/^http/, 'ws');
      this.#origin = /^\w+:\/\/[^/]+/.exec(this.url)![0];
    }

    get binaryType(): 'blob' | 'arraybuffer' {
      return this.#binaryType;
    }

    set binaryType(type) {
      if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
    }

    /** Each event of the session comes by here. */
    override dispatchEvent(event: PlatformEvent): boolean {
      if (!(event instanceof SessionMessageEvent)) return super.dispatchEvent(event);
      return super.dispatchEvent(messageParts.event(this.#toData(event.data), this.#origin));
    }

    #toData(content: Content): string | ArrayBuffer | PlatformBlob {
      if (typeof content === 'string') return content;
      return this.#binaryType === 'blob' ? messageParts.blob(content) : new Uint8Array(content).buffer;
    }
  }
  // The listeners of `message` are given another event than those of a session.
  return SessionWebSocket as unknown as SessionWebSocketClass;
}

import type { WebSocket, WebSocketError, WebSocketStream } from 'bothways';

/** The class under test, which may be the browser's: then its events are the browser's as well. */
export type WebSocketClass = typeof WebSocket;

/** What a behaviour is given. It may use nothing else but what Node and a browser both have. */
export interface Env {
  readonly WebSocket: WebSocketClass;
  readonly WebSocketStream: typeof WebSocketStream;
  readonly WebSocketError: typeof WebSocketError;
  /** The address of Bothways' server, `ws://127.0.0.1:port`, without a path. */
  readonly server: string;
  /** The address of a server that breaks rules when its path asks for it. */
  readonly crooked: string;
  /** Makes a WebSocket, of Bothways' server where only a path is given; it is closed when the behaviour is done. */
  make(url: string, ...rest: unknown[]): WebSocket;
  /** The same for a WebSocketStream. */
  makeStream(url: string | URL, ...rest: unknown[]): WebSocketStream;
  /** Collects garbage, all of it. */
  collect(): Promise<void>;
  /** The message of the next exception that nobody caught. */
  nextReport(): Promise<string>;
}

/** That one of the two is otherwise than the standard, on purpose or by nature, and why. */
export interface Difference {
  readonly observed: unknown;
  readonly why: string;
}

/** One thing that a class does, or must not do. */
export interface Behaviour {
  /** What it does, after the name of the class. */
  readonly name: string;
  /** The tests of web-platform-tests that ask for it, below `websockets/`; none where only the standard does. */
  readonly wpt: readonly string[];
  /** What the standard says is observed. */
  readonly expected: unknown;
  readonly node?: Difference;
  readonly chromium?: Difference;
  /** Returns what is observed, as a value that can be copied between processes. */
  observe(env: Env): unknown;
}

export interface Group {
  /** The class that does it. */
  readonly subject: 'WebSocket' | 'WebSocketStream' | 'WebSocketError';
  readonly title: string;
  readonly behaviours: readonly Behaviour[];
}

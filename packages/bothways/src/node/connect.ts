import type { ClientHttp2Session } from 'node:http2';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { HandshakeError } from '../protocol/errors.js';
import type { Connection } from '../protocol/contract.js';
import { formatExtensions } from '../protocol/extension.js';
import type { HeaderFields } from '../protocol/handshake.js';
import { toHeaderRecord } from '../protocol/headers.js';
import { parseWebSocketUrl, type WebSocketUrl } from '../protocol/url.js';
import { compressionSettingsOf, readAgreedCompression } from './compression.js';
import { NodeConnection, type ConnectionLimits, type ConnectionOwner } from './connection.js';
import { cutTransport } from './cut-transport.js';
import type { Handlers } from './handlers.js';
import { attemptHandshake, cancelAfter, protocolsOf, type Attempt } from './handshake-attempt.js';
import {
  COMPRESSION_RULES,
  CONNECTION_RULES,
  DEFAULT_HANDSHAKE_TIMEOUT,
  HANDLER_RULES,
  MILLISECONDS,
  OBJECT,
  STRING,
  checkCompression,
  checkOptions,
  limitsOf,
  type ConnectionOptions,
  type Rule,
} from './options.js';

export interface ConnectOptions extends ConnectionOptions {
  /** The subprotocols this client speaks, the one it likes best first. */
  protocols?: string | readonly string[] | undefined;
  /** Further header fields of the opening handshake. They are not sent to another origin on a redirect. */
  headers?: HeaderFields | undefined;
  /** The `Origin` header field. None by default: this is not a browser. */
  origin?: string | undefined;
  /** What Node's `tls.connect` takes: `ca`, `cert`, `key`, `servername` and so on. */
  tls?: TlsOptions | undefined;
  /** The path of a Unix socket to connect to, in place of the URL's host and port. */
  socketPath?: string | undefined;
  /** An HTTP proxy to go through by CONNECT, such as `http://user:password@proxy.example:3128`. */
  proxy?: string | URL | undefined;
  /**
   * A session made by `connect` of `node:http2`, in place of a TCP connection: the WebSocket becomes one stream of it
   * (RFC 8441), beside others and ordinary requests. It stays yours: it is neither secured nor closed here.
   */
  http2?: ClientHttp2Session | undefined;
  /** How many redirects are followed; they never lead from `wss:` to `ws:`. 5. */
  maxRedirects?: number | undefined;
  /** How long it may take to be connected, with TLS and the proxy, milliseconds; 0 for no limit. 10 seconds. */
  connectTimeout?: number | undefined;
  /** Ends the attempt to connect, but not the connection. */
  signal?: AbortSignal | undefined;
}

const CONNECT_RULES: Readonly<Record<keyof ConnectOptions, Rule>> = {
  ...CONNECTION_RULES,
  protocols: [
    (value: unknown) => typeof value === 'string' || Array.isArray(value),
    'a subprotocol or a list of them',
  ],
  headers: OBJECT,
  origin: STRING,
  tls: OBJECT,
  socketPath: STRING,
  proxy: [isProxy, 'an http: or https: URL'],
  http2: [
    (value: unknown) => typeof (value as ClientHttp2Session | null)?.request === 'function',
    'a session made by connect() of node:http2',
  ],
  maxRedirects: [
    (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
    'a whole number from 0 up',
  ],
  connectTimeout: MILLISECONDS,
  signal: [(value: unknown) => value instanceof AbortSignal, 'an AbortSignal'],
};

/**
 * Opens a WebSocket connection to a server (RFC 6455 section 4.1).
 *
 * Without a `message` handler, read the messages by `for await (const message of socket)`: until they are read, at most
 * `highWaterMark` bytes of them wait, and then the server is slowed.
 *
 * @param url `ws:`, `wss:`, `http:` or `https:`.
 * @returns when the connection is open.
 * @throws {SyntaxError} for a URL or subprotocol that cannot be; {TypeError} for an option.
 * @throws {HandshakeError} when the server cannot be reached or refuses; {TimeoutError} when it takes too long.
 */
export async function connect<State = undefined>(
  url: string | URL,
  options: ConnectOptions = {},
  handlers?: Handlers<State>,
): Promise<Connection<State, Buffer>> {
  checkConnectOptions(options);
  if (handlers !== undefined) checkOptions(handlers, HANDLER_RULES, 'The handler object');
  const connection = await openConnection<State>(parseWebSocketUrl(String(url)), options, handlers);
  return connection;
}

/** @throws {TypeError} naming the option that is wrong. */
export function checkConnectOptions(options: ConnectOptions): void {
  checkOptions(options, CONNECT_RULES, 'connect()');
  checkCompression(options, COMPRESSION_RULES);
  for (const name of ['tls', 'socketPath', 'proxy'] as const) {
    if (options.http2 === undefined || options[name] === undefined) continue;
    throw new TypeError(
      `The option '${name}' is for a connection of its own, and 'http2' is one that is there`,
    );
  }
}

/** As `connect`, for options that are checked. */
export async function openConnection<State>(
  url: WebSocketUrl,
  options: ConnectOptions,
  handlers: Handlers<State> | undefined,
): Promise<NodeConnection<State>> {
  const { connectTimeout = 10_000, handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT, signal } = options;
  signal?.throwIfAborted();
  const cancel = new AbortController();
  const onAbort = (): void => cancel.abort(signal!.reason);
  signal?.addEventListener('abort', onAbort);
  const timer = cancelAfter(cancel, 'handshake', handshakeTimeout);
  try {
    const attempt = await attemptHandshake(url, options, connectTimeout, cancel);
    // It may have been given up since the answer came, in the same moment.
    if (cancel.signal.aborted) cutTransport(attempt.socket);
    cancel.signal.throwIfAborted();
    return start(attempt, options, handlers);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Turns an answer into a connection, or throws the reason why it cannot be one. */
function start<State>(
  { url, socket, remoteAddress, method, headers, answer, checked }: Attempt,
  options: ConnectOptions,
  handlers: Handlers<State> | undefined,
): NodeConnection<State> {
  if (checked instanceof HandshakeError) {
    cutTransport(socket);
    throw checked;
  }
  const extensions = formatExtensions(checked.extensions);
  const settings = compressionSettingsOf(options.compression);
  const compression = readAgreedCompression(checked.extensions, settings);
  if (compression === 'wrong') {
    cutTransport(socket);
    const text = `The server's answer fits nothing that was offered: Sec-WebSocket-Extensions: ${extensions}`;
    throw new HandshakeError('ERR_HANDSHAKE_EXTENSIONS', text, {
      status: answer.status,
      headers: toHeaderRecord(answer.rawHeaders),
    });
  }
  const request = {
    method,
    url: url.resource,
    headers,
    origin: options.origin,
    protocols: protocolsOf(options),
    remoteAddress,
  };
  const owner = new ClientOwner<State>(limitsOf(options), handlers ?? {});
  const agreement = { request, protocol: checked.protocol, extensions, compression };
  const connection = new NodeConnection<State>(socket, owner, agreement, undefined as State);
  // Without a handler for them, messages wait for the `for await` that follows.
  if (handlers?.message === undefined) connection[Symbol.asyncIterator]();
  connection.start('', answer.head, () => {
    if (handlers?.open !== undefined) connection.run(() => handlers.open!(connection));
  });
  return connection;
}

/** A client's connection belongs to nobody but the caller. */
class ClientOwner<State> implements ConnectionOwner<State> {
  readonly role = 'client';
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<State>;

  constructor(limits: ConnectionLimits, handlers: Handlers<State>) {
    this.limits = limits;
    this.handlers = handlers;
  }

  subscribe(): never {
    throw new TypeError('Topics live on the server: a client cannot subscribe by itself, ask the server to');
  }

  unsubscribe(): never {
    return this.subscribe();
  }

  remove(): void {}
}

function isProxy(value: unknown): boolean {
  if (typeof value !== 'string' && !(value instanceof URL)) return false;
  return URL.canParse(String(value)) && /^https?:/.test(String(value));
}

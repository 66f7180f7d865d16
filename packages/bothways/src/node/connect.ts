import type { Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { HandshakeError, TimeoutError } from '../protocol/errors.js';
import type { Connection } from '../protocol/contract.js';
import { formatExtensions } from '../protocol/extension.js';
import { buildHandshakeRequest } from '../protocol/handshake-client-request.js';
import { checkHandshakeResponse } from '../protocol/handshake-client-response.js';
import type { HeaderFields } from '../protocol/handshake.js';
import { toHeaderRecord } from '../protocol/headers.js';
import { parseWebSocketUrl, type WebSocketUrl } from '../protocol/url.js';
import { NodeConnection, type ConnectionLimits, type ConnectionOwner } from './connection.js';
import type { Handlers } from './handlers.js';
import { openSocket, type Route } from './open-socket.js';
import { compressionSettingsOf, offerCompression, readAgreedCompression } from './compression.js';
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
import { randomHandshakeKey, sha1Base64 } from './platform.js';
import { requestUpgrade, type Answer } from './request-upgrade.js';

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
    const opened = await followRedirects(url, options, connectTimeout, cancel);
    return start(opened, options, handlers);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** What one attempt came to: an answer, on a socket that is upgraded if the answer is a 101. */
interface Attempt {
  readonly url: WebSocketUrl;
  readonly socket: Socket;
  readonly answer: Answer;
  readonly key: string;
  readonly headers: readonly [name: string, value: string][];
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

async function followRedirects(
  first: WebSocketUrl,
  options: ConnectOptions,
  connectTimeout: number,
  cancel: AbortController,
): Promise<Attempt> {
  const { maxRedirects = 5 } = options;
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const trusted = url.origin === first.origin ? options : withoutSecrets(options);
    const attempt = await tryOnce(url, trusted, connectTimeout, cancel);
    const { status, location } = attempt.answer;
    if (!REDIRECTS.has(status) || location === undefined || redirects >= maxRedirects) return attempt;
    url = redirectTarget(url, location, options, attempt);
  }
}

/** What another origin may know of the options for TLS: whom to trust and which algorithms, nothing of who we are. */
const PUBLIC_TLS = [
  'ca',
  'crl',
  'rejectUnauthorized',
  'minVersion',
  'maxVersion',
  'ciphers',
  'sigalgs',
] as const;

/** Another origin gets nothing that was meant for the first: no header field, no client certificate. */
function withoutSecrets(options: ConnectOptions): ConnectOptions {
  const { headers: _headers, tls, ...others } = options;
  if (tls === undefined) return others;
  const publicTls = PUBLIC_TLS.flatMap((name) =>
    tls[name] === undefined ? [] : [[name, tls[name]] as const],
  );
  return { ...others, tls: Object.fromEntries(publicTls) };
}

function redirectTarget(
  from: WebSocketUrl,
  location: string,
  options: ConnectOptions,
  { answer }: Attempt,
): WebSocketUrl {
  const refuse = (why: string): HandshakeError =>
    new HandshakeError('ERR_REDIRECT', `The server redirects to where ${why}`, {
      status: answer.status,
      headers: toHeaderRecord(answer.rawHeaders),
    });
  let url: WebSocketUrl;
  try {
    url = parseWebSocketUrl(location, from.href);
  } catch {
    throw refuse('no WebSocket can be');
  }
  if (from.secure && !url.secure) throw refuse('there is no TLS, from where there is');
  if (options.socketPath !== undefined && url.origin !== from.origin) {
    throw refuse('the Unix socket does not lead');
  }
  return url;
}

async function tryOnce(
  url: WebSocketUrl,
  options: ConnectOptions,
  connectTimeout: number,
  cancel: AbortController,
): Promise<Attempt> {
  const key = randomHandshakeKey();
  const { headers, origin } = options;
  const protocols = protocolsOf(options);
  const extensions = offerCompression(compressionSettingsOf(options.compression));
  const fields = buildHandshakeRequest({ url, key, protocols, extensions, headers, origin });
  const timer = cancelAfter(cancel, 'connect', connectTimeout);
  let socket: Socket;
  try {
    socket = await openSocket(url, routeOf(options), cancel.signal);
  } finally {
    clearTimeout(timer);
  }
  socket.setNoDelay(true);
  const answer = await requestUpgrade(socket, url.resource, fields, cancel.signal);
  return { url, socket, answer, key, headers: fields };
}

/** Turns an answer into a connection, or throws the reason why it cannot be one. */
function start<State>(
  { url, socket, answer, key, headers }: Attempt,
  options: ConnectOptions,
  handlers: Handlers<State> | undefined,
): NodeConnection<State> {
  const protocols = protocolsOf(options);
  const settings = compressionSettingsOf(options.compression);
  const sent = { key, protocols, extensionsOffered: offerCompression(settings) };
  const checked = checkHandshakeResponse(answer, sent, sha1Base64);
  if (checked instanceof HandshakeError) {
    socket.destroy();
    throw checked;
  }
  const extensions = formatExtensions(checked.extensions);
  const compression = readAgreedCompression(checked.extensions, settings);
  if (compression === 'wrong') {
    socket.destroy();
    const text = `The server's answer fits nothing that was offered: Sec-WebSocket-Extensions: ${extensions}`;
    throw new HandshakeError('ERR_HANDSHAKE_EXTENSIONS', text, {
      status: answer.status,
      headers: toHeaderRecord(answer.rawHeaders),
    });
  }
  const request = {
    method: 'GET',
    url: url.resource,
    headers: toHeaderRecord(headers.flat()),
    origin: options.origin,
    protocols,
    remoteAddress: socket.remoteAddress ?? '',
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

function protocolsOf({ protocols = [] }: ConnectOptions): readonly string[] {
  return typeof protocols === 'string' ? [protocols] : protocols;
}

function routeOf({ tls, socketPath, proxy }: ConnectOptions): Route {
  return { tls, socketPath, proxy: proxy === undefined ? undefined : new URL(proxy) };
}

function cancelAfter(
  cancel: AbortController,
  phase: 'connect' | 'handshake',
  milliseconds: number,
): NodeJS.Timeout | undefined {
  if (milliseconds === 0) return undefined;
  const text = `The ${phase === 'connect' ? 'connection' : 'handshake'} took longer than ${phase}Timeout, ${milliseconds} ms`;
  return setTimeout(() => cancel.abort(new TimeoutError(phase, milliseconds, text)), milliseconds);
}

function isProxy(value: unknown): boolean {
  if (typeof value !== 'string' && !(value instanceof URL)) return false;
  return URL.canParse(String(value)) && /^https?:/.test(String(value));
}

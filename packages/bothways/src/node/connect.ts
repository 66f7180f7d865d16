import { HandshakeError } from '../protocol/errors.js';
import type { Connection } from '../protocol/contract.js';
import { formatExtensions } from '../protocol/extension.js';
import { toHeaderRecord } from '../protocol/headers.js';
import { parseWebSocketUrl, type WebSocketUrl } from '../protocol/url.js';
import { compressionSettingsOf, readAgreedCompression } from './compression.js';
import { NodeConnection } from './connection.js';
import { cutTransport } from './cut-transport.js';
import type { Handlers } from './handlers.js';
import { checkConnectOptions, protocolsOf, type ConnectOptions } from './connect-options.js';
import { attemptHandshake, cancelAfter, type Attempt } from './handshake-attempt.js';
import { DEFAULT_HANDSHAKE_TIMEOUT, HANDLER_RULES, checkOptions, limitsOf } from './options.js';
import type { ConnectionLimits, ConnectionOwner } from './served-connection.js';
import { NO_TOPICS } from './no-topics.js';

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
  readonly topics = NO_TOPICS;
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<State>;

  constructor(limits: ConnectionLimits, handlers: Handlers<State>) {
    this.limits = limits;
    this.handlers = handlers;
  }

  remove(): void {}
}

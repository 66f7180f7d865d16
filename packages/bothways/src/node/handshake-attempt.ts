import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HandshakeError, TimeoutError } from '../protocol/errors.js';
import { buildConnectRequest, buildHandshakeRequest } from '../protocol/handshake-client-request.js';
import {
  checkConnectResponse,
  checkHandshakeResponse,
  type HandshakeAgreement,
} from '../protocol/handshake-client-response.js';
import { toHeaderRecord } from '../protocol/headers.js';
import { parseWebSocketUrl, type WebSocketUrl } from '../protocol/url.js';
import { compressionSettingsOf, offerCompression } from './compression.js';
import { protocolsOf, type ConnectOptions } from './connect-options.js';
import { openSocket, type Route } from './open-socket.js';
import { randomHandshakeKey, sha1Base64 } from './platform.js';
import { requestConnect } from './request-connect.js';
import { requestUpgrade, type Answer } from './request-upgrade.js';

/** What one attempt came to: an answer, on a socket or a stream that carries frames if the answer opens it. */
export interface Attempt {
  readonly url: WebSocketUrl;
  readonly socket: Duplex;
  readonly remoteAddress: string;
  readonly method: string;
  /** The request's header fields. */
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: Answer;
  /** What is agreed on, or what is wrong with the answer. */
  readonly checked: HandshakeAgreement | HandshakeError;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Makes the attempt, and another one wherever an answer leads. `cancel` ends it. */
export async function attemptHandshake(
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
  if (url.origin !== from.origin) {
    if (options.socketPath !== undefined) throw refuse('the Unix socket does not lead');
    if (options.http2 !== undefined) throw refuse('the HTTP/2 session does not lead');
  }
  return url;
}

function tryOnce(
  url: WebSocketUrl,
  options: ConnectOptions,
  connectTimeout: number,
  cancel: AbortController,
): Promise<Attempt> {
  const timer = cancelAfter(cancel, 'connect', connectTimeout);
  const onConnect = (): void => clearTimeout(timer);
  const attempt = options.http2 === undefined ? tryUpgrade : tryConnect;
  return attempt(url, options, cancel.signal, onConnect).finally(onConnect);
}

/** Over HTTP/1.1, on a TCP connection of its own. */
async function tryUpgrade(
  url: WebSocketUrl,
  options: ConnectOptions,
  cancel: AbortSignal,
  onConnect: () => void,
): Promise<Attempt> {
  const key = randomHandshakeKey();
  const offer = offerOf(options);
  const fields = buildHandshakeRequest({ url, key, ...offer });
  const socket: Socket = await openSocket(url, routeOf(options), cancel);
  onConnect();
  socket.setNoDelay(true);
  const answer = await requestUpgrade(socket, url.resource, fields, cancel);
  const sent = { key, protocols: offer.protocols, extensionsOffered: offer.extensions };
  return {
    url,
    socket,
    remoteAddress: socket.remoteAddress ?? '',
    method: 'GET',
    headers: toHeaderRecord(fields.flat()),
    answer,
    checked: checkHandshakeResponse(answer, sent, sha1Base64),
  };
}

/** Over HTTP/2, in a session that is there. */
async function tryConnect(
  url: WebSocketUrl,
  options: ConnectOptions,
  cancel: AbortSignal,
  onConnect: () => void,
): Promise<Attempt> {
  const session = options.http2!;
  const offer = offerOf(options);
  const fields = buildConnectRequest({ url, ...offer });
  // When the answer has come the session may be gone.
  const remoteAddress = session.destroyed ? '' : (session.socket.remoteAddress ?? '');
  const { stream, answer } = await requestConnect(session, fields, cancel, onConnect);
  const sent = { protocols: offer.protocols, extensionsOffered: offer.extensions };
  const [pseudo, others] = [fields.filter(isPseudo), fields.filter((field) => !isPseudo(field))];
  const host = pseudo.find(([name]) => name === ':authority')![1];
  return {
    url,
    socket: stream,
    remoteAddress,
    method: 'CONNECT',
    headers: toHeaderRecord(['host', host, ...others.flat()]),
    answer,
    checked: checkConnectResponse(answer, sent),
  };
}

function isPseudo([name]: readonly [name: string, value: string]): boolean {
  return name.startsWith(':');
}

function offerOf(options: ConnectOptions) {
  const { headers, origin, compression } = options;
  return {
    protocols: protocolsOf(options),
    extensions: offerCompression(compressionSettingsOf(compression)),
    headers,
    origin,
  };
}

function routeOf({ tls, socketPath, proxy }: ConnectOptions): Route {
  return { tls, socketPath, proxy: proxy === undefined ? undefined : new URL(proxy) };
}

/** Cancels what takes longer than it may; 0 is for ever. */
export function cancelAfter(
  cancel: AbortController,
  phase: 'connect' | 'handshake',
  milliseconds: number,
): NodeJS.Timeout | undefined {
  if (milliseconds === 0) return undefined;
  const text = `The ${phase === 'connect' ? 'connection' : 'handshake'} took longer than ${phase}Timeout, ${milliseconds} ms`;
  return setTimeout(() => cancel.abort(new TimeoutError(phase, milliseconds, text)), milliseconds);
}

import { HandshakeError } from './errors.js';
import { parseExtensions, type ExtensionOffer } from './extension.js';
import { readHandshakeFields, type HandshakeFields } from './handshake-fields.js';
import { acceptKey, type Sha1Base64 } from './handshake.js';
import { hasToken, isToken, quote, toHeaderRecord } from './headers.js';

/** The server's response, as Node has it. */
export interface HandshakeResponse {
  readonly status: number;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** The beginning of the body, if some was read: it goes into the error. */
  readonly body?: string | undefined;
}

/** What the client sent, as far as the response answers to it. */
export interface SentHandshake {
  readonly key: string;
  readonly protocols: readonly string[];
  readonly extensionsOffered: readonly ExtensionOffer[];
}

/** What both sides agree on. */
export interface HandshakeAgreement {
  /** The subprotocol, `''` for none. */
  readonly protocol: string;
  /** The extensions that the server accepted, each of them once; what they agree on is theirs to check. */
  readonly extensions: readonly ExtensionOffer[];
}

/**
 * Checks a server's response by RFC 6455 section 4.1 ("the client MUST validate the server's response as
 * follows"). Whatever came, it does not throw: the error is returned, and the client MUST fail the connection.
 */
export function checkHandshakeResponse(
  response: HandshakeResponse,
  sent: SentHandshake,
  sha1Base64: Sha1Base64,
): HandshakeAgreement | HandshakeError {
  // 4.1, item 1: "If the status code received from the server is not 101, the client handles the response per
  // HTTP [...] procedures."
  if (response.status !== 101) return refused(response, '101');
  const fields = readHandshakeFields(response.rawHeaders);
  const { upgrade, connection, accept } = fields;
  // Item 2: "a value that is not an ASCII case-insensitive match for the value 'websocket'"
  if (upgrade === undefined || !isToken(upgrade) || upgrade.toLowerCase() !== 'websocket') {
    return fail(response, 'ERR_HANDSHAKE_UPGRADE', expected('Upgrade to be "websocket"', upgrade));
  }
  // Item 3: "doesn't contain a token that is an ASCII case-insensitive match for the value 'Upgrade'"
  if (connection === undefined || !hasToken(connection, 'upgrade')) {
    return fail(
      response,
      'ERR_HANDSHAKE_CONNECTION',
      expected('Connection to contain "Upgrade"', connection),
    );
  }
  // Item 4. A server that was not asked, such as a cache, cannot know it.
  const answer = acceptKey(sent.key, sha1Base64);
  if (accept !== answer) {
    return fail(response, 'ERR_HANDSHAKE_ACCEPT', expected(`Sec-WebSocket-Accept to be "${answer}"`, accept));
  }
  return checkAgreement(response, fields, sent);
}

/**
 * Checks a server's response over HTTP/2 (RFC 8441 section 5), which has neither `Upgrade` nor
 * `Sec-WebSocket-Accept`: an intermediary may leave one there, and it means nothing. Like
 * {@link checkHandshakeResponse} it does not throw.
 */
export function checkConnectResponse(
  response: HandshakeResponse,
  sent: Omit<SentHandshake, 'key'>,
): HandshakeAgreement | HandshakeError {
  // RFC 9113 section 8.5: "A successful CONNECT [...] a 2xx series status code"
  if (response.status < 200 || response.status > 299) return refused(response, '200');
  return checkAgreement(response, readHandshakeFields(response.rawHeaders), sent);
}

function checkAgreement(
  response: HandshakeResponse,
  { protocol, extensions }: HandshakeFields,
  sent: Omit<SentHandshake, 'key'>,
): HandshakeAgreement | HandshakeError {
  // Item 6.
  if (!isAgreedProtocol(protocol, sent.protocols)) {
    return fail(response, 'ERR_HANDSHAKE_PROTOCOL', expected(describeProtocols(sent.protocols), protocol));
  }
  // Item 5.
  const accepted = extensions === undefined ? [] : parseExtensions(extensions);
  if (accepted === undefined || !areOffered(accepted, sent.extensionsOffered)) {
    const wanted = 'Sec-WebSocket-Extensions to have what was offered, at most once each';
    return fail(response, 'ERR_HANDSHAKE_EXTENSIONS', expected(wanted, extensions));
  }
  return { protocol: protocol ?? '', extensions: accepted };
}

function refused(response: HandshakeResponse, wanted: string): HandshakeError {
  const text = `The server answered with status ${response.status} instead of ${wanted}`;
  return fail(response, 'ERR_HANDSHAKE_STATUS', text);
}

function fail(
  { status, rawHeaders, body = '' }: HandshakeResponse,
  code: string,
  message: string,
): HandshakeError {
  return new HandshakeError(code, message, { status, headers: toHeaderRecord(rawHeaders), body });
}

/**
 * A server may leave the choice out by RFC 6455, but the WHATWG WebSocket fails then, and so do we: who asks for
 * a subprotocol could not make sense of what comes without it.
 */
function isAgreedProtocol(protocol: string | undefined, offered: readonly string[]): boolean {
  return protocol === undefined ? offered.length === 0 : offered.includes(protocol);
}

/** Item 5 fails "the use of an extension that was not present in the client's handshake"; so does repeating one. */
function areOffered(accepted: readonly ExtensionOffer[], offered: readonly ExtensionOffer[]): boolean {
  return accepted.every(
    ({ name }, index) =>
      offered.some((offer) => offer.name === name) &&
      accepted.findIndex((other) => other.name === name) === index,
  );
}

function describeProtocols(offered: readonly string[]): string {
  return offered.length === 0
    ? 'no Sec-WebSocket-Protocol, because none was offered'
    : `Sec-WebSocket-Protocol to be one of ${quote(offered.join(', '))}`;
}

function expected(what: string, came: string | undefined): string {
  return `The client expected ${what}; the server sent ${came === undefined ? 'none' : quote(came)}`;
}

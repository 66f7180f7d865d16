import { formatExtensions, type ExtensionOffer } from './extension.js';
import {
  acceptKey,
  checkHandshakeHeaders,
  checkHeaderFields,
  type HeaderFields,
  type Sha1Base64,
} from './handshake.js';
import { isToken, quote } from './headers.js';

/** Why an opening handshake is not accepted, as the HTTP response that says so. */
export class Refusal {
  readonly status: number;
  /** The response's body. Of our own making it is one line: what is wrong and what to do about it. */
  readonly reason: string;
  readonly headers: HeaderFields;

  constructor(status: number, reason: string, headers: HeaderFields = {}) {
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

/** What the server agrees to. */
export interface HandshakeAcceptance {
  /** `Sec-WebSocket-Key` as the client sent it. */
  readonly key: string;
  /** One of the subprotocols that were offered; `''` or left out for none. */
  readonly protocol?: string | undefined;
  /** The extensions that will be used, with what was agreed on. */
  readonly extensions?: readonly ExtensionOffer[] | undefined;
  /** The application's own header fields. */
  readonly headers?: HeaderFields | undefined;
}

/**
 * The subprotocol that both sides speak and that is first in the server's order of preference, or `''` (RFC
 * 6455 section 4.2.2, item 4: "/subprotocol/").
 */
export function chooseProtocol(offered: readonly string[], supported: readonly string[]): string {
  return supported.find((protocol) => offered.includes(protocol)) ?? '';
}

/**
 * The whole response that opens the connection (RFC 6455 section 4.2.2, item 5). No character is above U+00FF:
 * write it as ISO 8859-1, one byte each.
 *
 * @throws {TypeError} when a header field would end the line it stands on or is the handshake's own, or when
 * the subprotocol or an extension is not a token.
 */
export function formatHandshakeResponse(acceptance: HandshakeAcceptance, sha1Base64: Sha1Base64): string {
  const { key, protocol, extensions, headers } = acceptance;
  let response =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptKey(key, sha1Base64)}\r\n`;
  if (protocol !== undefined && protocol !== '') {
    if (!isToken(protocol))
      throw new TypeError(`A subprotocol is a token, and ${quote(protocol)} is not one`);
    response += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  }
  if (extensions !== undefined && extensions.length > 0) {
    response += `Sec-WebSocket-Extensions: ${formatExtensions(extensions)}\r\n`;
  }
  if (headers !== undefined) {
    for (const [name, value] of checkHandshakeHeaders(headers)) response += `${name}: ${value}\r\n`;
  }
  return `${response}\r\n`;
}

/**
 * The whole response that refuses the opening handshake, after which the connection is closed. Write it as
 * UTF-8.
 *
 * @param refusal a `Content-Type` among its headers replaces that of plain text; a `Connection` is added to
 * `close`.
 * @throws {RangeError} when the status is not from 300 to 599.
 * @throws {TypeError} when a header field would end the line it stands on, or says where the body ends.
 */
export function formatRefusal(refusal: Refusal): string {
  const { status, reason } = refusal;
  let connection = 'close';
  let fields = '';
  for (const [name, value] of listRefusalFields(refusal)) {
    if (name.toLowerCase() === 'connection') connection += `, ${value}`;
    else fields += `${name}: ${value}\r\n`;
  }
  return (
    `HTTP/1.1 ${status} ${REASON_PHRASES[status] ?? ''}\r\nConnection: ${connection}\r\n` +
    `Content-Length: ${utf8Length(reason)}\r\n${fields}\r\n${reason}`
  );
}

/**
 * The header fields of a refusal, in whatever version of HTTP, with those that no refusal is without.
 *
 * @throws as {@link formatRefusal}.
 */
export function listRefusalFields({ status, headers }: Refusal): [name: string, value: string][] {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw new RangeError(`A refusal has an HTTP status from 300 to 599, not ${status}`);
  }
  const given = checkHeaderFields(headers);
  const names = given.map(([name]) => name.toLowerCase());
  const owned = names.findIndex((name) => name === 'content-length' || name === 'transfer-encoding');
  if (owned >= 0) {
    throw new TypeError(
      `The header field ${quote(given[owned]![0])} follows from the body and cannot be given`,
    );
  }
  const fields: [name: string, value: string][] = [['X-Content-Type-Options', 'nosniff']];
  if (!names.includes('content-type')) fields.push(['Content-Type', 'text/plain; charset=utf-8']);
  return [...fields, ...given];
}

/** RFC 9110 section 15, as far as refusals use them; for another status the phrase is empty. */
const REASON_PHRASES: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** How many bytes `text` is in UTF-8, where a lone surrogate becomes U+FFFD (3 bytes). */
function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

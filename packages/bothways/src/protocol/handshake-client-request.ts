import { encodeBase64 } from './base64.js';
import { formatExtensions, type ExtensionOffer } from './extension.js';
import { checkHandshakeHeaders, type HeaderFields } from './handshake.js';
import { isFieldValue, isToken, quote } from './headers.js';
import type { WebSocketUrl } from './url.js';

/** What a client asks for. */
export interface HandshakeRequestOptions {
  readonly url: WebSocketUrl;
  /** `Sec-WebSocket-Key`: the base64 of 16 bytes that nobody can guess. */
  readonly key: string;
  /** The subprotocols the client speaks, the one it likes best first. */
  readonly protocols: readonly string[];
  readonly extensions?: readonly ExtensionOffer[] | undefined;
  /** The application's own header fields; `Host` and `Authorization` replace what the URL says. */
  readonly headers?: HeaderFields | undefined;
  readonly origin?: string | undefined;
}

/**
 * The header fields of a client's opening handshake (RFC 6455 section 4.1), in the order to be sent. The request
 * is `GET` with `url.resource`, over HTTP/1.1.
 *
 * @throws {TypeError} when a header field would end the line it stands on, is the handshake's own, or is
 * `Origin` while that is given by itself.
 * @throws {SyntaxError} when a subprotocol is not a token or comes twice, in whatever case, as the WHATWG
 * `WebSocket` does.
 */
export function buildHandshakeRequest(options: HandshakeRequestOptions): [name: string, value: string][] {
  const { host, fields } = buildOffer(options);
  return [
    ['Host', host],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Key', options.key],
    ...fields,
  ];
}

/**
 * The header fields of an opening handshake over HTTP/2 (RFC 8441 section 5), pseudo-header fields first. There is
 * no key.
 *
 * @throws as {@link buildHandshakeRequest}.
 */
export function buildConnectRequest(
  options: Omit<HandshakeRequestOptions, 'key'>,
): [name: string, value: string][] {
  const { url } = options;
  const { host, fields } = buildOffer(options);
  return [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', url.secure ? 'https' : 'http'],
    [':path', url.resource],
    [':authority', host],
    ...fields.map(([name, value]): [string, string] => [name.toLowerCase(), value]),
  ];
}

/** What is the same in every version of HTTP: the host that is asked, and the fields from the version on. */
function buildOffer(options: Omit<HandshakeRequestOptions, 'key'>): {
  host: string;
  fields: [name: string, value: string][];
} {
  const { url, protocols, extensions = [], origin } = options;
  checkProtocols(protocols);
  const own = readOwnHeaders(options);
  const pairs: [name: string, value: string][] = [['Sec-WebSocket-Version', '13']];
  if (protocols.length > 0) pairs.push(['Sec-WebSocket-Protocol', protocols.join(', ')]);
  if (extensions.length > 0) pairs.push(['Sec-WebSocket-Extensions', formatExtensions(extensions)]);
  if (origin !== undefined) pairs.push(['Origin', origin]);
  if (!own.hasAuthorization && (url.username !== '' || url.password !== '')) {
    // RFC 7617 section 2, with the UTF-8 of its section 2.1.
    pairs.push(['Authorization', `Basic ${encodeBase64(`${url.username}:${url.password}`)}`]);
  }
  pairs.push(...own.others);
  return { host: own.host ?? url.host, fields: pairs };
}

/** RFC 6455 section 4.1, item 10. */
function checkProtocols(protocols: readonly string[]): void {
  const seen = new Set<string>();
  for (const protocol of protocols) {
    if (!isToken(protocol)) {
      throw new SyntaxError(
        `The subprotocol ${quote(protocol)} is not valid: use letters, digits and !#$%&'*+-.^_\`|~ only`,
      );
    }
    const lowerCase = protocol.toLowerCase();
    if (seen.has(lowerCase)) throw new SyntaxError(`The subprotocol ${quote(protocol)} is given twice`);
    seen.add(lowerCase);
  }
}

interface OwnHeaders {
  readonly host: string | undefined;
  readonly hasAuthorization: boolean;
  /** All but `Host`. */
  readonly others: readonly [name: string, value: string][];
}

function readOwnHeaders({
  headers = {},
  origin,
}: Pick<HandshakeRequestOptions, 'headers' | 'origin'>): OwnHeaders {
  if (origin !== undefined && !isFieldValue(origin)) {
    throw new TypeError(`The option "origin" cannot be ${quote(origin)}: it is a header field's value`);
  }
  let host: string | undefined;
  let hasAuthorization = false;
  const others: [name: string, value: string][] = [];
  for (const pair of checkHandshakeHeaders(headers)) {
    const name = pair[0].toLowerCase();
    if (name === 'host') {
      host = pair[1];
      continue;
    }
    if (name === 'origin' && origin !== undefined) {
      throw new TypeError('The header field "Origin" is given twice: among the headers and as "origin"');
    }
    if (name === 'authorization') hasAuthorization = true;
    others.push(pair);
  }
  return { host, hasAuthorization, others };
}

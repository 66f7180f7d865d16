import type { RequestInfo } from './contract.js';
import { parseExtensions, type ExtensionOffer } from './extension.js';
import { readHandshakeFields, type HandshakeFields } from './handshake-fields.js';
import { Refusal } from './handshake-server-response.js';
import {
  charSet,
  hasToken,
  isFieldValue,
  parseAuthority,
  parseTokenList,
  scan,
  toHeaderRecord,
} from './headers.js';
import { parseWebSocketUrl } from './url.js';

/** An HTTP request's head, as Node has it. What a `HandshakeRequest` is asked for later, it reads here. */
export interface RequestHead {
  readonly method: string;
  /** Such as `1.1`. */
  readonly httpVersion: string;
  /** The request-target. */
  readonly url: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly remoteAddress: string;
}

/** What {@link readHandshakeRequest} found in a request. */
interface HandshakeOffer {
  readonly url: string;
  /** Where it is not that of the `Host` header field. */
  readonly host?: string | undefined;
  readonly origin: string | undefined;
  readonly protocols: readonly string[];
}

/**
 * A client's opening handshake that is one (RFC 6455 section 4.2.1); it can be accepted or refused. A connection keeps
 * it, so what is seldom asked for later is read from the head again.
 */
export class HandshakeRequest implements RequestInfo {
  /** The resource name: path and query, beginning with a slash. */
  readonly url: string;
  readonly origin: string | undefined;
  readonly protocols: readonly string[];
  readonly #host: string | undefined;
  readonly #head: RequestHead;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(head: RequestHead, { url, host, origin, protocols }: HandshakeOffer) {
    this.url = url;
    this.origin = origin;
    this.protocols = protocols;
    this.#host = host;
    this.#head = head;
  }

  /** The same request with other subprotocols. */
  offering(protocols: readonly string[]): HandshakeRequest {
    const { url, origin } = this;
    return new HandshakeRequest(this.#head, { url, host: this.#host, origin, protocols });
  }

  get method(): string {
    return this.#head.method;
  }

  get remoteAddress(): string {
    return this.#head.remoteAddress;
  }

  /** The authority that is asked: host and, if it was written, port. */
  get host(): string {
    return this.#host ?? this.#fields.host!;
  }

  /** `Sec-WebSocket-Key`; `''` over HTTP/2, which has none. */
  get key(): string {
    return this.#head.httpVersion === '1.1' ? this.#fields.key! : '';
  }

  /** The extensions that were offered, in the client's order of preference. */
  get extensions(): readonly ExtensionOffer[] {
    const { extensions } = this.#fields;
    return extensions === undefined ? [] : parseExtensions(extensions)!;
  }

  get #fields(): HandshakeFields {
    return readHandshakeFields(this.#head.rawHeaders);
  }

  /** Made when it is first asked for: most servers never look. */
  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= toHeaderRecord(this.#head.rawHeaders);
    return this.#headers;
  }
}

/**
 * Reads a client's opening handshake by RFC 6455 section 4.2.1. Whatever came, it does not throw, and a refusal
 * repeats nothing of it.
 */
export function readHandshakeRequest(head: RequestHead): HandshakeRequest | Refusal {
  // 4.2.1, item 1: "An HTTP/1.1 or higher GET request, including a 'Request-URI'"
  if (head.method !== 'GET') return REFUSE.method;
  const { rawHeaders } = head;
  if (rawHeaders.length >= 2 * MAX_FIELDS) return REFUSE.fieldCount;
  const fields = readHandshakeFields(rawHeaders);
  if (fields.malformed) return REFUSE.fieldValue;
  // Item 3: "An |Upgrade| header field containing the value 'websocket', treated as an ASCII case-insensitive
  // value." Whoever did not ask for it, in whatever version of HTTP, is told about it.
  if (!hasToken(fields.upgrade ?? '', 'websocket')) return REFUSE.upgrade;
  if (head.httpVersion !== '1.1') return REFUSE.httpVersion;
  // Item 2: "A |Host| header field containing the server's authority."
  const { host, key, origin } = fields;
  if (host === undefined || parseAuthority(host) === undefined) return REFUSE.host;
  const target = readTarget(head.url);
  if (target === undefined) return REFUSE.target;
  // What follows the head would be frames to this server and a body to a proxy in front of it.
  if (fields.transferEncoding !== undefined || (fields.contentLength ?? '0') !== '0') return REFUSE.body;
  // Item 4: "A |Connection| header field that includes the token 'Upgrade' [...] case-insensitive"
  if (!hasToken(fields.connection ?? '', 'upgrade')) return REFUSE.connection;
  // Item 6, and section 4.4 for what to answer.
  if (fields.version !== '13') return REFUSE.version;
  // Item 5: "a base64-encoded [...] value that, when decoded, is 16 bytes in length"
  if (key === undefined || !isKey(key)) return REFUSE.key;
  const protocols = readProtocols(fields);
  if (protocols instanceof Refusal) return protocols;
  return new HandshakeRequest(head, { ...target, origin, protocols });
}

/**
 * Reads an opening handshake over HTTP/2 (RFC 8441 section 5): a CONNECT request whose `:protocol` is `websocket`,
 * which the caller has looked at. It has no `Upgrade`, no `Connection` and no key; all else is the same.
 *
 * @param head its names and values are those that came, the pseudo-header fields among them.
 */
export function readConnectRequest(head: RequestHead): HandshakeRequest | Refusal {
  const [pseudo, rawHeaders] = splitPseudoFields(head.rawHeaders);
  const fields = readHandshakeFields(rawHeaders);
  if (fields.malformed) return REFUSE.fieldValue;
  // RFC 9113 section 8.3.1: ":authority" is what Host was, and Host need not be sent beside it.
  const { ':authority': authority = fields.host, ':path': path = '', ':scheme': scheme = '' } = pseudo;
  if (authority === undefined || parseAuthority(authority) === undefined) return REFUSE.authority;
  if (fields.host !== undefined && fields.host !== authority) return REFUSE.authority;
  if (!path.startsWith('/') || !isWithoutSpace(path)) return REFUSE.path;
  // RFC 8441 section 5: "https" for wss, "http" for ws. What a proxy in front has made of it is not known here.
  if (scheme !== 'https' && scheme !== 'http') return REFUSE.scheme;
  if (fields.version !== '13') return REFUSE.connectVersion;
  const protocols = readProtocols(fields);
  if (protocols instanceof Refusal) return protocols;
  if (fields.host === undefined) rawHeaders.unshift('host', authority);
  return new HandshakeRequest({ ...head, rawHeaders }, { url: path, origin: fields.origin, protocols });
}

/** The pseudo-header fields (RFC 9113 section 8.3), which come once each, and the others. */
function splitPseudoFields(
  rawHeaders: readonly string[],
): [pseudo: Readonly<Record<string, string | undefined>>, others: string[]] {
  const pseudo: Record<string, string> = Object.create(null);
  const others: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index]!, rawHeaders[index + 1]!];
    if (name.startsWith(':')) pseudo[name] = value;
    else others.push(name, value);
  }
  return [pseudo, others];
}

/** The subprotocols that are offered; a refusal if one of the optional fields is malformed. */
function readProtocols({ origin, protocol, extensions }: HandshakeFields): readonly string[] | Refusal {
  // Item 7. More than one would leave open which of them is checked.
  if (origin !== undefined && !isWithoutSpace(origin)) return REFUSE.origin;
  // Items 8 and 9.
  const protocols = protocol === undefined ? NONE : parseTokenList(protocol);
  if (protocols === undefined) return REFUSE.protocol;
  if (extensions !== undefined && parseExtensions(extensions) === undefined) return REFUSE.extensions;
  return protocols;
}

/** Most clients offer no subprotocol. */
const NONE: readonly string[] = Object.freeze([]);

/**
 * Node keeps about 1,000 header fields and drops the rest. From a list that may be cut nothing can be told:
 * an `Origin` or a `Content-Length` may be among what is missing.
 */
const MAX_FIELDS = 1000;

const UPGRADE_REQUIRED = { Upgrade: 'websocket', Connection: 'Upgrade' };

const REFUSE = {
  method: new Refusal(405, 'A WebSocket is opened with the method GET.', { Allow: 'GET' }),
  fieldCount: new Refusal(431, 'The request has too many header fields: send fewer than 1000.'),
  fieldValue: new Refusal(400, 'A header field of the handshake has a control character: remove it.'),
  upgrade: new Refusal(
    426,
    'This is a WebSocket endpoint: send "Upgrade: websocket" and "Connection: Upgrade".',
    UPGRADE_REQUIRED,
  ),
  httpVersion: new Refusal(505, 'A WebSocket is opened over HTTP/1.1: use that version.'),
  host: new Refusal(
    400,
    'The request needs exactly one Host header field with a host and, optionally, a port.',
  ),
  target: new Refusal(400, 'The request-target must be a path that begins with "/", or an absolute URL.'),
  body: new Refusal(
    400,
    'An opening handshake has no body: send no Content-Length and no Transfer-Encoding.',
  ),
  connection: new Refusal(400, 'The Connection header field must contain "Upgrade".'),
  version: new Refusal(426, 'The Sec-WebSocket-Version header field must be 13, once.', {
    ...UPGRADE_REQUIRED,
    'Sec-WebSocket-Version': '13',
  }),
  authority: new Refusal(400, 'The request needs one authority: a host and, optionally, a port.'),
  path: new Refusal(400, 'The :path must begin with "/".'),
  scheme: new Refusal(400, 'The :scheme must be "https" or "http".'),
  connectVersion: new Refusal(400, 'The sec-websocket-version header field must be 13, once.', {
    'Sec-WebSocket-Version': '13',
  }),
  key: new Refusal(400, 'The Sec-WebSocket-Key header field must be the base64 of 16 random bytes, once.'),
  origin: new Refusal(400, 'The Origin header field must be a single origin, once.'),
  protocol: new Refusal(
    400,
    'The Sec-WebSocket-Protocol header field must be a comma-separated list of tokens, each of them once.',
  ),
  extensions: new Refusal(
    400,
    'The Sec-WebSocket-Extensions header field is malformed: see RFC 6455, section 9.1.',
  ),
};

const BASE64 = charSet('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** 16 bytes are 22 characters and two of padding. */
function isKey(key: string): boolean {
  return key.length === 24 && scan(key, 0, BASE64) === 22 && key.endsWith('==');
}

/** As a request-target and an origin are: two origins, or a joined field, have a space between them. */
function isWithoutSpace(text: string): boolean {
  return isFieldValue(text) && !text.includes(' ') && !text.includes('\t');
}

/**
 * Path and query, and the host if it is named with them. RFC 9112 section 3.2.2: "When an origin server receives a request
 * with an absolute-form of request-target, the origin server MUST ignore the received Host header field (if
 * any) and instead use the host information of the request-target."
 */
function readTarget(url: string): Pick<HandshakeOffer, 'url' | 'host'> | undefined {
  if (!isWithoutSpace(url)) return undefined;
  if (url.startsWith('/')) return { url };
  try {
    const absolute = parseWebSocketUrl(url);
    return { url: absolute.resource, host: absolute.host };
  } catch {
    return undefined;
  }
}

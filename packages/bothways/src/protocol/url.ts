import { Url, type ParsedUrl } from './globals.js';

/** A `ws:` or `wss:` URL, taken apart (RFC 6455 section 3). */
export interface WebSocketUrl {
  /** The URL as the WHATWG `url` attribute shows it: with its credentials, so it is not for logs. */
  readonly href: string;
  /** Whether the connection is made over TLS (`wss:`). */
  readonly secure: boolean;
  /** The value of the `Host` header field: the port is left out where it is the scheme's default. */
  readonly host: string;
  /** The name or address to connect to; an IPv6 address is without its brackets. */
  readonly hostname: string;
  /** The port to connect to: 80 for `ws:` and 443 for `wss:` where the URL names none. */
  readonly port: number;
  /** The "resource name" of RFC 6455 section 3, which is the request-target: path and query. */
  readonly resource: string;
  /** The user name, percent-decoded; `''` where there is none. */
  readonly username: string;
  /** The password, percent-decoded; `''` where there is none. */
  readonly password: string;
  /** Scheme, host and port, the port always written: two URLs with the same one are of the same origin. */
  readonly origin: string;
}

const SCHEMES: ReadonlyMap<string, { readonly secure: boolean; readonly defaultPort: number }> = new Map([
  ['ws:', { secure: false, defaultPort: 80 }],
  ['http:', { secure: false, defaultPort: 80 }],
  ['wss:', { secure: true, defaultPort: 443 }],
  ['https:', { secure: true, defaultPort: 443 }],
]);

/**
 * Parses a URL as the WHATWG `WebSocket` constructor does: `http:` means `ws:` and `https:` means `wss:`; any
 * other scheme and any fragment is refused.
 *
 * @param base what a relative URL is relative to.
 * @throws {SyntaxError} when the URL cannot be one of a WebSocket. No message holds the URL itself, which may
 * contain a password.
 */
export function parseWebSocketUrl(input: string, base?: string): WebSocketUrl {
  const url = parseUrl(input, base);
  const scheme = SCHEMES.get(url.protocol);
  if (scheme === undefined) {
    throw new SyntaxError(
      `The scheme of a WebSocket URL is ws or wss (http and https are understood), not "${url.protocol.slice(0, -1)}"`,
    );
  }
  // RFC 6455 section 3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be
  // used on these URIs." The serialisation has a "#" nowhere else, and keeps it before an empty fragment.
  if (url.href.includes('#')) {
    throw new SyntaxError(
      'A WebSocket URL has no fragment: leave out "#" and what follows it, or write "#" as %23',
    );
  }
  const name = scheme.secure ? 'wss:' : 'ws:';
  const port = url.port === '' ? scheme.defaultPort : Number(url.port);
  return {
    href: name + url.href.slice(url.protocol.length),
    secure: scheme.secure,
    host: url.host,
    hostname: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port,
    resource: url.pathname + url.search,
    username: percentDecode(url.username),
    password: percentDecode(url.password),
    origin: `${name}//${url.hostname}:${port}`,
  };
}

function parseUrl(input: string, base: string | undefined): ParsedUrl {
  try {
    return base === undefined ? new Url(input) : new Url(input, base);
  } catch {
    // The platform's error is not kept as the cause: it holds the URL, and that may hold a password.
    throw new SyntaxError(
      base === undefined
        ? 'The WebSocket URL is not valid: write an absolute one, such as wss://example.com/path'
        : 'The WebSocket URL is not valid, or the base that it is relative to is not',
    );
  }
}

/** As it is written where it is not the percent-encoding of UTF-8. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

import { charSet, parseAuthority, quote, scan, type Authority } from './headers.js';

/**
 * Which web pages may open a connection: `'*'` for any; or a list of origins as browsers send them
 * (`https://example.com`, `http://localhost:5173`), which may have a wildcard for every name under a domain
 * (`https://*.example.com`, which is not `https://example.com` itself) and for any port (`http://localhost:*`).
 * Names are in ASCII (`xn--...`). The opaque origin is written `null`, that of local files `file://`.
 */
export type Origins = '*' | readonly string[];

/** Whether a handshake with this `Origin` (`undefined` where there is none) and this `Host` is welcome. */
export type OriginCheck = (origin: string | undefined, host: string) => boolean;

/**
 * The check that RFC 6455 section 10.2 asks of servers that are not for any web page. A browser always sends
 * `Origin`, so a handshake without one is not a browser's and is let through.
 *
 * @param origins when left out, only pages of the same host and port are welcome. Their scheme does not matter,
 * because a proxy that ends TLS may stand in front.
 * @throws {TypeError} when `origins` is not of the form that {@link Origins} describes.
 */
export function createOriginCheck(origins?: Origins): OriginCheck {
  if (origins === undefined) return isSameOrigin;
  if (origins === '*') return () => true;
  if (!Array.isArray(origins)) throw malformed(String(origins));
  const patterns = (origins as readonly unknown[]).map(parsePattern);
  return (origin) => {
    if (origin === undefined) return true;
    const page = parseOrigin(origin);
    return patterns.some((pattern) =>
      typeof pattern === 'string' ? pattern === origin : page !== undefined && matches(pattern, page),
    );
  };
}

/** Origins that have no host, and are compared as they are. */
const WITHOUT_HOST: readonly unknown[] = ['null', 'file://'];

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
]);

/** RFC 3986 section 3.1, whose case does not matter. */
const SCHEME = charSet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-.');

interface Origin extends Authority {
  readonly scheme: string;
}

interface Pattern extends Origin {
  /** `hostname` begins with a dot, and every name that ends with it is meant. */
  readonly anySubdomain: boolean;
  readonly anyPort: boolean;
}

function isSameOrigin(origin: string | undefined, host: string): boolean {
  if (origin === undefined) return true;
  const page = parseOrigin(origin);
  const server = parseAuthority(host);
  return (
    page !== undefined &&
    server !== undefined &&
    DEFAULT_PORTS.has(page.scheme) &&
    page.hostname === server.hostname &&
    // Where `Host` leaves the port out it is the default of whichever scheme the page sees.
    effectivePort(page.scheme, page.port) === effectivePort(page.scheme, server.port)
  );
}

function matches(pattern: Pattern, page: Origin): boolean {
  if (pattern.scheme !== page.scheme) return false;
  if (
    !pattern.anyPort &&
    effectivePort(pattern.scheme, pattern.port) !== effectivePort(page.scheme, page.port)
  ) {
    return false;
  }
  return pattern.anySubdomain
    ? page.hostname.endsWith(pattern.hostname) && page.hostname.length > pattern.hostname.length
    : page.hostname === pattern.hostname;
}

function effectivePort(scheme: string, port: string): string | undefined {
  return port === '' ? DEFAULT_PORTS.get(scheme) : port;
}

/** RFC 6454 section 7.1: `scheme "://" host [ ":" port ]` */
function parseOrigin(text: string): Origin | undefined {
  const colon = text.indexOf('://');
  if (colon < 1 || scan(text, 0, SCHEME) !== colon) return undefined;
  const authority = parseAuthority(text.slice(colon + 3));
  if (authority === undefined) return undefined;
  const { hostname, port } = authority;
  return { scheme: text.slice(0, colon).toLowerCase(), hostname, port };
}

function parsePattern(text: unknown): Pattern | string {
  if (typeof text !== 'string') throw malformed(String(text));
  if (WITHOUT_HOST.includes(text)) return text;
  const anyPort = text.endsWith(':*');
  const origin = parseOrigin(anyPort ? text.slice(0, -2) : text);
  if (origin === undefined || (anyPort && origin.port !== '')) throw malformed(text);
  const anySubdomain = origin.hostname.startsWith('*.');
  const hostname = anySubdomain ? origin.hostname.slice(1) : origin.hostname;
  if (hostname === '.' || hostname.includes('*')) throw malformed(text);
  return { scheme: origin.scheme, hostname, port: origin.port, anySubdomain, anyPort };
}

function malformed(text: string): TypeError {
  return new TypeError(
    `The option "origins" is '*' or a list of origins such as https://example.com, https://*.example.com, ` +
      `http://localhost:* or null, without a path; it cannot have ${quote(text)}`,
  );
}

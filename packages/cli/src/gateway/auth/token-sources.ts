import type { RequestInfo } from 'bothways';
import type { AuthConfig } from '../config/schema.js';

type JwtConfig = Extract<AuthConfig, { type: 'jwt' }>;

/**
 * The tokens of the first source that has any. More than one leaves open who is meant: such a request is refused.
 *
 * @param sources as in the file: `header`, `query:NAME`, `cookie:NAME`, `protocol:PREFIX`.
 */
export function findTokens(sources: readonly string[], request: RequestInfo): readonly string[] {
  for (const source of sources) {
    const colon = source.indexOf(':');
    const kind = colon === -1 ? source : source.slice(0, colon);
    const tokens = READERS[kind]?.(request, source.slice(colon + 1)) ?? [];
    if (tokens.length > 0) return tokens;
  }
  return [];
}

/** A request-target without the parameters that hold tokens: for logs, and for whoever it is handed on to. */
export function redactUrl(url: string, auths: readonly AuthConfig[]): string {
  const names = namesOf('query:', auths);
  const start = url.indexOf('?');
  if (start === -1 || names.length === 0) return url;
  const kept = url
    .slice(start + 1)
    .split('&')
    .filter((pair) => !names.includes(readPair(pair)[0]));
  return kept.length === 0 ? url.slice(0, start) : `${url.slice(0, start)}?${kept.join('&')}`;
}

/** The subprotocols that were offered, without those that are tokens: they are agreed on with nobody. */
export function withoutTokens(protocols: readonly string[], auths: readonly AuthConfig[]): readonly string[] {
  const prefixes = namesOf('protocol:', auths).map(toPrefix);
  return protocols.filter((protocol) => !prefixes.some((prefix) => protocol.startsWith(prefix)));
}

/** Where to look in a request for a token that takes the place of another: URLs are kept in too many logs. */
export function renewalSources(sources: readonly string[]): readonly string[] {
  return ['header', ...sources.filter((source) => source.startsWith('cookie:'))];
}

type Reader = (request: RequestInfo, name: string) => readonly string[];

const READERS: Readonly<Record<string, Reader>> = {
  // RFC 6750 section 2.1; the scheme's case does not matter (RFC 9110 section 11.1).
  header: ({ headers }) => {
    const { authorization = '' } = headers;
    return /^bearer(?: |$)/i.test(authorization) ? [authorization.slice('bearer '.length).trim()] : [];
  },
  query: ({ url }, name) => {
    const start = url.indexOf('?');
    if (start === -1) return [];
    const pairs = url
      .slice(start + 1)
      .split('&')
      .map(readPair);
    return pairs.filter(([key]) => key === name).map(([, value]) => value);
  },
  // A page of a neighbouring name can add a cookie of the same name: then nobody knows which one is meant.
  cookie: ({ headers }, name) => {
    const cookies = (headers['cookie'] ?? '').split(';').map(readCookie);
    return cookies.filter(([key]) => key === name).map(([, value]) => value);
  },
  protocol: ({ protocols }, name) => {
    const prefix = toPrefix(name);
    return protocols.filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length));
  },
};

/** `name=value` of a query, decoded. `redactUrl` and the source read it in the same way, so that none gets through. */
function readPair(pair: string): readonly [name: string, value: string] {
  for (const [name, value] of new URLSearchParams(pair)) return [name, value];
  return ['', ''];
}

/** RFC 6265 section 4.1.1: `cookie-pair`, whose value may be in quotes. */
function readCookie(pair: string): readonly [name: string, value: string] {
  const equals = pair.indexOf('=');
  if (equals === -1) return ['', ''];
  const value = pair.slice(equals + 1).trim();
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return [pair.slice(0, equals).trim(), isQuoted ? value.slice(1, -1) : value];
}

/** `bearer` is for `bearer.TOKEN`. */
function toPrefix(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

function namesOf(kind: 'query:' | 'protocol:', auths: readonly AuthConfig[]): readonly string[] {
  return auths
    .filter((auth): auth is JwtConfig => auth.type === 'jwt')
    .flatMap(({ token }) => token.filter((source) => source.startsWith(kind)))
    .map((source) => source.slice(kind.length));
}

import { createOriginCheck } from 'bothways/protocol';
import { ALGORITHMS, nameRoute, type AuthConfig, type ListenConfig, type RouteConfig } from './schema.js';
import type { Part, Parts } from './parts.js';
import type { Finding, Path } from './problem.js';
import { findSimilar } from './spelling.js';
import { parseUpstream } from './values.js';

/** The protocols that need no module. */
export const PROTOCOLS: readonly string[] = ['stomp', 'xmpp', 'amqp', 'mqtt', 'raw'];

/** What the schema cannot say: what options mean for each other. Reads no file. */
export function checkParts(parts: Parts): Finding[] {
  return [
    ...checkListeners(parts),
    ...[...parts.auth.values()].flatMap(checkAuth),
    ...[...parts.protocols.values()].flatMap(checkProtocol),
    ...parts.routes.flatMap((route) => checkRoute(route, parts)),
    ...checkRouteNames(parts.routes),
    ...checkRoutePlaces(parts.routes),
  ];
}

function checkListeners({ listen, knowsAllListeners, admin }: Parts): Finding[] {
  if (knowsAllListeners && listen.length === 0) {
    return [
      {
        path: ['listen'],
        message: 'is missing: say where clients come in, such as address = "127.0.0.1:8080"',
      },
    ];
  }
  const addresses = admin === undefined ? listen : [...listen, admin];
  return addresses.flatMap((part, index) => {
    const other = addresses
      .slice(0, index)
      .find((before) => isSameAddress(before.value.address, part.value.address));
    if (other === undefined) return [];
    const message = 'is an address that listens already: choose another port';
    return [{ path: [...part.path, 'address'], message }];
  });
}

const EVERY: readonly (string | undefined)[] = [undefined, '0.0.0.0', '::'];

function isSameAddress(one: ListenConfig['address'], other: ListenConfig['address']): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || EVERY.includes(one.host) || EVERY.includes(other.host);
}

/** Fields of one connection (RFC 9110 section 7.6.1), and of a request that the gateway makes itself. */
const NOT_FORWARDED: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function checkAuth({ path, value }: Part<AuthConfig>): Finding[] {
  if (value.type === 'jwt') return checkJwt(path, value);
  if (value.type !== 'callback') return [];
  return value.forward
    .filter((field) => NOT_FORWARDED.includes(field))
    .map((field) => ({
      path: [...path, 'forward'],
      message: `cannot have "${field}", which is not for others`,
    }));
}

function checkJwt(
  path: Path,
  { jwks, secret_file, algorithms = [] }: AuthConfig & { type: 'jwt' },
): Finding[] {
  if ((jwks === undefined) === (secret_file === undefined)) {
    const has = jwks === undefined ? 'has neither "jwks" nor' : 'has both "jwks" and';
    return [
      {
        path,
        message: `${has} "secret_file": give one, the keys of the issuer or a shared secret`,
      },
    ];
  }
  if (jwks !== undefined && /^[a-z][a-z\d+.-]+:\/\//i.test(jwks) && !isHttpUrl(jwks)) {
    return [{ path: [...path, 'jwks'], message: 'must be an http: or https: URL, or a file' }];
  }
  // A public key that is taken for a shared secret lets everybody sign (RFC 8725 section 2.1).
  const fitting = ALGORITHMS.filter(
    (algorithm) => algorithm.startsWith('HS') === (secret_file !== undefined),
  );
  const wrong = algorithms.filter((algorithm) => !fitting.includes(algorithm));
  if (wrong.length === 0) return [];
  const source = jwks === undefined ? 'secret_file' : 'jwks';
  const message = `cannot have ${wrong.join(', ')} together with "${source}": it has ${fitting.join(', ')}`;
  return [{ path: [...path, 'algorithms'], message }];
}

export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function checkProtocol({ path }: Part<unknown>): Finding[] {
  const name = String(path.at(-1));
  return PROTOCOLS.includes(name)
    ? [{ path, message: 'is a protocol that is there already: choose another name' }]
    : [];
}

function checkRoute(route: Part<RouteConfig>, parts: Parts): Finding[] {
  return [
    ...checkUpstream(route),
    ...checkOrigins(route),
    ...checkRouteProtocol(route, parts.protocolNames),
    ...checkRouteAuth(route, parts),
  ];
}

function checkUpstream({ path, value }: Part<RouteConfig>): Finding[] {
  const { upstream = [], choose_upstream, upstream_tls = {}, starttls, protocol } = value;
  const findings: Finding[] = [];
  if (upstream.length > 0 === (choose_upstream !== undefined)) {
    const has = choose_upstream === undefined ? 'has neither "upstream" nor' : 'has both "upstream" and';
    const message = `${has} "choose_upstream": give one, the server or those that a client may choose`;
    findings.push({ path, message });
  }
  if ((upstream_tls.cert === undefined) !== (upstream_tls.key === undefined)) {
    const message = 'has only one of "cert" and "key": give both, or none';
    findings.push({ path: [...path, 'upstream_tls'], message });
  }
  const schemes = [...upstream, ...(choose_upstream?.allow ?? [])].map(
    (url) => parseUpstream(url.replace('*.', ''))?.scheme,
  );
  if (protocol === 'xmpp' && starttls === 'required' && schemes.includes('tls')) {
    const message = 'cannot be "required" with a "tls://" server, which is secured before the stream begins';
    findings.push({ path: [...path, 'starttls'], message });
  }
  return findings;
}

function checkOrigins({ path, value: { origins } }: Part<RouteConfig>): Finding[] {
  if (origins === undefined || origins === '*') return [];
  return origins.flatMap((origin, index) => {
    try {
      createOriginCheck([origin]);
      return [];
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const advice = 'such as "https://example.com", "https://*.example.com" or "http://localhost:*"';
      const message = `must be an origin as browsers send it, ${advice}, not ${JSON.stringify(origin)}`;
      return [{ path: [...path, 'origins', index], message }];
    }
  });
}

function checkRouteProtocol({ path, value, written }: Part<RouteConfig>, own: readonly string[]): Finding[] {
  const known = [...PROTOCOLS, ...own];
  if (!known.includes(value.protocol))
    return [unknownName([...path, 'protocol'], 'protocol', value.protocol, known)];
  const findings: Finding[] = [];
  if (written['starttls'] !== undefined && value.protocol !== 'xmpp') {
    findings.push({
      path: [...path, 'starttls'],
      message: `is for the protocol "xmpp" only, not for "${value.protocol}"`,
    });
  }
  if (written['messages'] !== undefined && value.protocol !== 'raw') {
    findings.push({
      path: [...path, 'messages'],
      message: `is for the protocol "raw" only, not for "${value.protocol}"`,
    });
  }
  return findings;
}

function checkRouteAuth(
  { path, value }: Part<RouteConfig>,
  { authNames, auth, listen, knowsAllListeners }: Parts,
): Finding[] {
  const takesCertificates =
    !knowsAllListeners || listen.some((part) => part.value.tls?.client_ca !== undefined);
  return value.auth.flatMap((name) => {
    const here = [...path, 'auth'];
    if (!authNames.includes(name)) return [unknownName(here, '"auth"', name, authNames)];
    if (auth.get(name)?.value.type !== 'certificate' || takesCertificates) return [];
    const message = `asks by "${name}" for client certificates, but no listener has "tls.client_ca": add it, or no client gets in`;
    return [{ path: here, message }];
  });
}

function unknownName(path: Path, kind: string, name: string, known: readonly string[]): Finding {
  const similar = findSimilar(name, known);
  const all = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`;
  const advice = similar === undefined ? all : `did you mean "${similar}"?`;
  return { path, message: `names no ${kind} that is known, ${JSON.stringify(name)}: ${advice}` };
}

function checkRouteNames(routes: readonly Part<RouteConfig>[]): Finding[] {
  return routes.flatMap(({ path, value: { name } }, index) => {
    const isTaken = name !== undefined && routes.slice(0, index).some((before) => before.value.name === name);
    return isTaken
      ? [{ path: [...path, 'name'], message: `is the name of another route, "${name}": choose another` }]
      : [];
  });
}

/** Of two routes at the same place the second would never be reached. */
function checkRoutePlaces(routes: readonly Part<RouteConfig>[]): Finding[] {
  const taken = new Map<string, RouteConfig>();
  return routes.flatMap(({ path, value }) => {
    const places = (value.hosts ?? ['']).map((host) => `${host}${value.path}`);
    const other = places.map((place) => taken.get(place)).find((route) => route !== undefined);
    for (const place of places) taken.set(place, value);
    if (other === undefined) return [];
    const message = `is the path of the route "${nameRoute(other)}" too, for the same host: choose another, or other "hosts"`;
    return [{ path: [...path, 'path'], message }];
  });
}

import { BlockList, isIP } from 'node:net';
import {
  nameRoute,
  type AuthConfig,
  type GatewayConfig,
  type ListenConfig,
  type RouteConfig,
} from './schema.js';
import { parseUpstream } from './values.js';

/** What works, but is probably not meant: a sentence each. */
export function findWarnings(config: GatewayConfig): string[] {
  const exposed = config.listen.filter(({ address }) => !isLoopback(address.host));
  return [
    ...config.listen.flatMap(warnOfProxies),
    ...warnOfAdmin(config),
    ...Object.entries(config.auth).flatMap(([name, auth]) => warnOfAuth(name, auth)),
    ...config.routes.flatMap((route) => [
      ...warnOfExposure(route, config, exposed),
      ...warnOfPages(route, config),
      ...warnOfNoEffect(route),
    ]),
  ];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether only this machine reaches it. */
function isLoopback(host: string | undefined): boolean {
  if (host === undefined) return false;
  const version = isIP(host);
  return version === 0 ? host === 'localhost' : LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

/** `127.0.0.1:8080`, or `:8080` for all addresses. */
export function formatAddress({ host, port }: ListenConfig['address']): string {
  return `${host?.includes(':') === true ? `[${host}]` : (host ?? '')}:${port}`;
}

function formatListeners(listeners: readonly ListenConfig[]): string {
  return listeners.map(({ address }) => `"${formatAddress(address)}"`).join(' and ');
}

function warnOfProxies({ address, trusted_proxies: proxies }: ListenConfig): string[] {
  const all = proxies.filter((network) => network.endsWith('/0'));
  if (all.length === 0) return [];
  const place = formatAddress(address);
  return [
    `At "${place}" ${all.join(' and ')} trusts everybody as a proxy: any client can say that it has any address.`,
  ];
}

function warnOfAdmin({ admin }: GatewayConfig): string[] {
  if (admin === undefined || isLoopback(admin.address.host)) return [];
  return [
    `Whoever reaches "${formatAddress(admin.address)}" (admin) sees the metrics: it asks nobody who they are.`,
  ];
}

function warnOfAuth(name: string, auth: AuthConfig): string[] {
  const url = auth.type === 'jwt' ? auth.jwks : auth.type === 'callback' ? auth.url : undefined;
  if (url === undefined || !/^http:/i.test(url) || isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, '')))
    return [];
  const risk =
    auth.type === 'jwt'
      ? 'whoever is on the way can exchange the keys'
      : 'whoever is on the way can let anybody in';
  return [`"${name}" asks by http: and not by https:: ${risk}.`];
}

function warnOfExposure(
  route: RouteConfig,
  { auth }: GatewayConfig,
  exposed: readonly ListenConfig[],
): string[] {
  const name = nameRoute(route);
  if (exposed.length === 0) return [];
  if (route.auth.length === 0) {
    return [`Whoever reaches ${formatListeners(exposed)} may use the route "${name}": it has no "auth".`];
  }
  const plain = exposed.filter(({ tls }) => tls === undefined);
  const showsSecrets = route.auth.some((way) => auth[way]?.type !== 'certificate');
  if (plain.length === 0 || !showsSecrets) return [];
  return [
    `The passwords or tokens for the route "${name}" come to ${formatListeners(plain)} without TLS: give it "tls", or let only a proxy that has TLS reach it.`,
  ];
}

/** What browsers add by themselves to what any page asks for. */
function isAmbient(auth: AuthConfig | undefined): boolean {
  if (auth?.type === 'jwt') return auth.token.some((source) => source.startsWith('cookie:'));
  if (auth?.type === 'callback')
    return auth.forward.includes('cookie') || auth.forward.includes('authorization');
  return auth !== undefined;
}

function warnOfPages(route: RouteConfig, { auth }: GatewayConfig): string[] {
  const ways = route.auth.filter((way) => isAmbient(auth[way]));
  if (route.origins !== '*' || ways.length === 0) return [];
  return [
    `Any web page may open the route "${nameRoute(route)}" (origins = "*"), and browsers show for it what "${ways.join('", "')}" asks for (cookies, passwords, certificates): any page can act for its visitor. Name the origins.`,
  ];
}

function warnOfNoEffect(route: RouteConfig): string[] {
  const name = nameRoute(route);
  const warnings: string[] = [];
  const perUser = Object.keys(route.limits).filter((limit) => limit.endsWith('_per_user'));
  if (perUser.length > 0 && route.auth.length === 0) {
    warnings.push(
      `The route "${name}" has no "auth", so nobody is a user there: ${perUser.join(', ')} limits nothing.`,
    );
  }
  const servers = [...(route.upstream ?? []), ...(route.choose_upstream?.allow ?? [])];
  const mayHaveTls = servers.some((url) => parseUpstream(url.replace('*.', ''))?.scheme === 'tls');
  const mayStartTls = route.protocol === 'xmpp' && route.starttls !== 'never';
  if (route.upstream_tls !== undefined && !mayHaveTls && !mayStartTls) {
    warnings.push(
      `The route "${name}" has "upstream_tls", but speaks TLS to no server: write "tls://" for "tcp://".`,
    );
  }
  return warnings;
}

import {
  ALL_LIMITS,
  nameRoute,
  type AuthConfig,
  type GatewayConfig,
  type ListenConfig,
  type RouteConfig,
} from './schema.js';
import { findWarnings, formatAddress } from './warnings.js';

/** What a configuration does, for people: where clients come in, who may go where, and what is doubtful. */
export function explainConfig(config: GatewayConfig): string {
  const { listen, admin, drain, max_connections: most } = config;
  const warnings = findWarnings(config);
  return [
    ...listen.flatMap(explainListener),
    admin === undefined
      ? 'No health, readiness and metrics: there is no "admin".'
      : `Health, readiness and metrics at ${formatAddress(admin.address)}`,
    `At most ${most ?? 'any number of'} connections. Told to leave, it tells the clients over ${formatTime(drain.window)} and waits ${formatTime(drain.timeout)}.`,
    ...config.routes.flatMap((route) => ['', ...explainRoute(route, config)]),
    '',
    ...(warnings.length === 0 ? ['No warnings.'] : warnings.map((warning) => `Warning: ${warning}`)),
    '',
  ].join('\n');
}

function explainListener({
  address,
  tls,
  proxy_protocol: isProxied,
  trusted_proxies: proxies,
}: ListenConfig): string[] {
  const scheme =
    tls === undefined ? 'ws: and http:, without TLS' : `wss: and https:, certificate ${tls.cert}`;
  const lines = [
    `Listens at ${formatAddress(address)}${address.host === undefined ? ' (all addresses)' : ''} for ${scheme}`,
  ];
  if (tls?.client_ca !== undefined) {
    lines.push(
      `  ${tls.require_client_cert ? 'requires' : 'takes'} client certificates signed by ${tls.client_ca}`,
    );
  }
  if (isProxied)
    lines.push('  takes the address of the client from a PROXY header, which every connection must have');
  if (proxies.length > 0)
    lines.push(`  takes the address of the client from X-Forwarded-For of ${proxies.join(', ')}`);
  return lines;
}

function explainRoute(route: RouteConfig, config: GatewayConfig): string[] {
  const { path, hosts } = route;
  const where = `${path}${hosts === undefined ? '' : ` of ${hosts.join(', ')}`}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['who', explainUsers(route, config.auth)],
    ['pages', explainPages(route)],
    ['to', explainServers(route)],
    [
      'sizes',
      `messages to ${formatSize(route.max_message_size)}; the server waits while ${formatSize(route.high_water_mark)} wait for a client`,
    ],
    ['silence', explainSilence(route)],
    ['limits', explainLimits(route)],
    ['also', explainExtras(route)],
    ['recorded', explainRecording(route)],
  ];
  const lines = facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`  ${name.padEnd(9)} ${fact}`]));
  return [`Route ${nameRoute(route)}: ${where} carries ${route.protocol}`, ...lines];
}

function explainUsers({ auth: names }: RouteConfig, auth: GatewayConfig['auth']): string {
  if (names.length === 0) return 'anyone';
  return names.map((name) => `${name} (${explainAuth(auth[name]!)})`).join(', or ');
}

function explainAuth(auth: AuthConfig): string {
  if (auth.type === 'basic') return `name and password in ${auth.users_file}`;
  if (auth.type === 'callback') return `whom ${hidePassword(auth.url)} lets in`;
  if (auth.type === 'certificate') {
    return auth.names === undefined
      ? 'any client certificate'
      : `a client certificate of ${auth.names.join(', ')}`;
  }
  const keys = auth.jwks === undefined ? `the secret in ${auth.secret_file}` : hidePassword(auth.jwks);
  return `a token signed by ${keys}, in ${auth.token.join(' or ')}`;
}

function explainPages({ origins }: RouteConfig): string {
  if (origins === undefined) return 'of the same host and port';
  if (origins === '*') return 'of any origin';
  return origins.length === 0 ? 'none' : origins.join(', ');
}

function explainServers(route: RouteConfig): string {
  const { upstream, choose_upstream: choice, proxy_protocol: version, upstream_tls: tls } = route;
  const servers =
    upstream?.join(', ') ?? `what the parameter "${choice?.parameter}" names of ${choice?.allow.join(', ')}`;
  const turns = (upstream?.length ?? 0) > 1 ? ', in turns' : '';
  const networks = choice?.allow_addresses ?? [];
  return [
    `${servers}${turns}, within ${formatTime(route.connect_timeout)}`,
    ...(networks.length > 0 ? [`also where names lead to ${networks.join(', ')}`] : []),
    ...(route.protocol === 'xmpp' ? [`STARTTLS ${route.starttls}`] : []),
    ...(tls?.ca === undefined ? [] : [`trusts ${tls.ca}`]),
    ...(version === undefined ? [] : [`with a PROXY header of version ${version}`]),
  ].join('; ');
}

function explainSilence(route: RouteConfig): string {
  const { ping_interval: interval, ping_timeout: timeout, idle_timeout: idle, stall_timeout: stall } = route;
  return [
    interval === 0 ? 'no Pings' : `a Ping every ${formatTime(interval)}`,
    ...(interval === 0 || timeout === 0 ? [] : [`cut after ${formatTime(timeout)} without an answer`]),
    ...(idle === 0 ? [] : [`closed after ${formatTime(idle)} without a message`]),
    ...(stall === 0 ? [] : [`ended when the server takes nothing for ${formatTime(stall)}`]),
  ].join(', ');
}

function explainLimits({ limits }: RouteConfig): string {
  const set = ALL_LIMITS.flatMap((name) => {
    const most = limits[name];
    if (most === undefined) return [];
    return `${name.replaceAll('_', ' ')} ${name.startsWith('bytes') ? formatSize(most) : most}`;
  });
  return set.length === 0 ? 'none' : set.join(', ');
}

function explainExtras(route: RouteConfig): string | undefined {
  const extras = [
    ...(route.sessions ? ['sessions'] : []),
    ...(route.compression ? ['compression'] : []),
    ...(route.messages === 'text' ? ['messages to the client are text'] : []),
    ...(route.subprotocols.length > 0 ? [`the subprotocols ${route.subprotocols.join(', ')}`] : []),
  ];
  return extras.length === 0 ? undefined : extras.join(', ');
}

function explainRecording({ recording }: RouteConfig): string | undefined {
  if (recording === undefined) return undefined;
  const { directory, max_bytes: each, max_total_bytes: all, sample, redact } = recording;
  const share = sample === 1 ? 'every connection' : `${sample * 100} % of connections`;
  const secrets = redact ? 'without passwords and tokens' : 'with passwords and tokens';
  return `${share} in ${directory}, to ${formatSize(each)} each and ${formatSize(all)} in all, ${secrets}`;
}

function hidePassword(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.password === '' && parsed.username === '') return url;
  [parsed.username, parsed.password] = ['', ''];
  return parsed.href;
}

/** `64 KiB`, where it is so many; else in bytes. */
export function formatSize(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'];
  const index = units.findIndex((_, at) => bytes % 1024 ** (units.length - at) === 0);
  return index === -1 ? `${bytes} B` : `${bytes / 1024 ** (units.length - index)} ${units[index]}`;
}

/** `90s`, `250ms`. */
export function formatTime(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000}h`;
  if (milliseconds % 60_000 === 0) return `${milliseconds / 60_000}m`;
  return milliseconds % 1_000 === 0 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}

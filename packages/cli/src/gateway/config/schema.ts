import { z } from 'zod';
import { bytes, cidr, duration, hostAndPort, list, name, path, positive, token, upstreamUrl } from './values.js';

/** The certificate of a listener. Files are read again when the configuration is loaded again. */
const listenTls = z.strictObject({
  cert: z.string(),
  key: z.string(),
  /** The authorities whose client certificates are taken. */
  client_ca: z.string().optional(),
  /** Whether every client must have one. */
  require_client_cert: z.boolean().default(false),
});

const listen = z.strictObject({
  address: hostAndPort,
  tls: listenTls.optional(),
  /** Whether each TCP connection begins with a PROXY header (v1 or v2). */
  proxy_protocol: z.boolean().default(false),
  /** Proxies whose `X-Forwarded-For` is believed. */
  trusted_proxies: z.array(cidr).default([]),
});

const admin = z.strictObject({ address: hostAndPort });

const log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Whether each connection gets a line when it ends. */
  access: z.boolean().default(true),
});

const drain = z.strictObject({
  /** Over how long clients are told. */
  window: duration.default(5_000),
  /** How long they have to leave. */
  timeout: duration.default(10_000),
});

/** Where a token is looked for: `header` is `Authorization: Bearer`. */
const tokenSource = z.string().regex(/^(header|query:[\w.-]+|cookie:[\w.-]+|protocol:[\w.-]+)$/, {
  error: 'must be "header", "query:NAME", "cookie:NAME" or "protocol:PREFIX"',
});

const jwtAuth = z.strictObject({
  type: z.literal('jwt'),
  /** A URL, or a file with a JWK Set. */
  jwks: z.string().optional(),
  /** A shared secret in a file (HS256, HS384, HS512), in place of `jwks`. */
  secret_file: z.string().optional(),
  issuer: z.string().optional(),
  audience: list(z.string()).optional(),
  algorithms: z.array(z.string()).optional(),
  token: list(tokenSource).default(['header']),
  /** The claim that says who it is. */
  user_claim: z.string().default('sub'),
  clock_tolerance: duration.default(5_000),
});

const basicAuth = z.strictObject({
  type: z.literal('basic'),
  realm: z.string().default('gateway'),
  /** Lines of `user:hash`, hashes by bcrypt, as `htpasswd -B` writes them. */
  users_file: z.string(),
});

const certificateAuth = z.strictObject({
  type: z.literal('certificate'),
  /** The common names that are taken; all that the authorities have signed, if left out. */
  names: z.array(z.string()).optional(),
});

const callbackAuth = z.strictObject({
  type: z.literal('callback'),
  /** What is asked by GET: 200 to 299 lets in, 401 and 403 do not. */
  url: z.url({ protocol: /^https?$/ }),
  timeout: duration.default(5_000),
  /** The header fields of the handshake that are handed on. */
  forward: z.array(token).default(['authorization', 'cookie', 'origin']),
  /** The header field of the answer that says who it is. */
  user_header: token.default('x-user'),
});

export const auth = z.discriminatedUnion('type', [jwtAuth, basicAuth, certificateAuth, callbackAuth]);

/** Limits of a route; what is left out is not limited. */
const limits = z.strictObject({
  connections: positive.optional(),
  connections_per_address: positive.optional(),
  connections_per_user: positive.optional(),
  /** Of one connection: beyond it, it is slowed down. */
  messages_per_second: positive.optional(),
  bytes_per_second: bytes.optional(),
  /** Of all connections of one address, or one user. */
  messages_per_second_per_address: positive.optional(),
  bytes_per_second_per_address: bytes.optional(),
  messages_per_second_per_user: positive.optional(),
  bytes_per_second_per_user: bytes.optional(),
});

/** How TLS is spoken to the server behind. */
const upstreamTls = z.strictObject({
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  server_name: z.string().optional(),
});

/** Lets the client choose a server, among those that are named here. */
const choice = z.strictObject({
  /** The parameter of the query, such as `upstream`. */
  parameter: z.string().default('upstream'),
  /** What may be chosen: `tcp://10.0.0.1:61613`, `tls://*.brokers.example.com:8883`. */
  allow: z.array(z.string()).min(1),
  /** Addresses that a name may resolve to although they are private, link-local or this machine's. */
  allow_addresses: z.array(cidr).default([]),
});

const recording = z.strictObject({
  directory: z.string(),
  /** Of one recording; it ends there. */
  max_bytes: bytes.default(10 * 1024 * 1024),
  /** Of all in the directory; the oldest go. */
  max_total_bytes: bytes.default(1024 * 1024 * 1024),
  /** The share of connections that are recorded, 0 to 1. */
  sample: z.number().min(0).max(1).default(1),
  /** Whether passwords and tokens are left out. */
  redact: z.boolean().default(true),
});

const route = z.strictObject({
  name: name.optional(),
  path,
  /** The hosts that it is for; any if left out. `*.example.com` is every name below. */
  hosts: z.array(z.string()).optional(),
  /** `stomp`, `xmpp`, `amqp`, `mqtt`, `raw`, or one of `protocols`. */
  protocol: z.string(),
  /** Tokens of `Sec-WebSocket-Protocol` that are taken as well. */
  subprotocols: z.array(token).default([]),
  /** `raw` only: what messages towards the client are. */
  messages: z.enum(['binary', 'text']).default('binary'),
  /** One server, or several that take turns. */
  upstream: list(upstreamUrl).optional(),
  choose_upstream: choice.optional(),
  upstream_tls: upstreamTls.optional(),
  /** XMPP: whether the stream to the server must be secured by STARTTLS, may be, or is not. */
  starttls: z.enum(['required', 'optional', 'never']).default('optional'),
  /** The version of the PROXY header that the server gets. */
  proxy_protocol: z.union([z.literal(1), z.literal(2)]).optional(),
  connect_timeout: duration.default(10_000),
  /** After how long in which the server takes nothing the connection is ended. */
  stall_timeout: duration.default(60_000),
  auth: list(z.string()).default([]),
  origins: z.union([z.literal('*'), z.array(z.string())]).optional(),
  sessions: z.boolean().default(false),
  max_message_size: bytes.default(1024 * 1024),
  /** What waits for a client, at most, before the server behind is slowed down. */
  high_water_mark: bytes.default(64 * 1024),
  ping_interval: duration.default(20_000),
  ping_timeout: duration.default(20_000),
  idle_timeout: duration.default(0),
  compression: z.boolean().default(false),
  limits: limits.prefault({}),
  recording: recording.optional(),
});

/** A protocol of one's own: a module whose default export is a `Subprotocol`. */
const ownProtocol = z.strictObject({ module: z.string() });

export const gatewayConfig = z.strictObject({
  listen: list(listen).default([]),
  admin: admin.optional(),
  log: log.prefault({}),
  drain: drain.prefault({}),
  handshake_timeout: duration.default(10_000),
  max_connections: positive.optional(),
  auth: z.record(name, auth).default({}),
  protocols: z.record(name, ownProtocol).default({}),
  routes: z.array(route).min(1),
});

export type GatewayConfig = z.output<typeof gatewayConfig>;
export type ListenConfig = z.output<typeof listen>;
export type RouteConfig = z.output<typeof route>;
export type RouteLimits = z.output<typeof limits>;
export type AuthConfig = z.output<typeof auth>;
export type RecordingConfig = z.output<typeof recording>;
export type UpstreamTls = z.output<typeof upstreamTls>;
export type UpstreamChoice = z.output<typeof choice>;

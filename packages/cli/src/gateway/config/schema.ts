import { constants } from 'node:buffer';
import { z } from 'zod';
import {
  bytes,
  cidr,
  duration,
  fieldName,
  hostAndPort,
  list,
  name,
  path,
  positive,
  requestHost,
  token,
  upstreamPattern,
  upstreamUrl,
} from './values.js';

/**
 * What a configuration may have. Times are read to milliseconds and sizes to bytes; defaults stand here as the file would
 * have them. The descriptions are shown by editors that use the JSON Schema, and `docs/guide/gateway-configuration.md`
 * says more.
 */

const listenTls = z.strictObject({
  cert: z.string().describe('A file: the certificate and those between it and the root, PEM.'),
  key: z.string().describe('A file: the key of the certificate, PEM, not encrypted.'),
  client_ca: z
    .string()
    .optional()
    .describe('A file: the authorities whose client certificates are taken, PEM.'),
  require_client_cert: z.boolean().prefault(false).describe('Whether every client must have a certificate.'),
});

export const listen = z.strictObject({
  address: hostAndPort.describe('Address and port: "127.0.0.1:8080", or ":8080" for all addresses.'),
  tls: listenTls.optional().describe('Certificates, for wss: and https:. They are read again at a reload.'),
  proxy_protocol: z
    .boolean()
    .prefault(false)
    .describe('Whether each TCP connection begins with a PROXY header.'),
  trusted_proxies: z.array(cidr).prefault([]).describe('Proxies whose X-Forwarded-For is believed.'),
});

export const admin = z.strictObject({
  address: hostAndPort.describe('Address and port of health, readiness and metrics.'),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .prefault('info')
    .describe('The least important lines that are written.'),
  access: z.boolean().prefault(true).describe('Whether each connection gets a line when it ends.'),
});

const drain = z.strictObject({
  window: duration
    .prefault('5s')
    .describe('Over how long clients are told to leave, so that not all come back at once.'),
  timeout: duration.prefault('10s').describe('How long they have to leave after that, before they are cut.'),
});

/** Where a token is looked for: `header` is `Authorization: Bearer`. */
const TOKEN_SOURCE = 'must be "header", "query:NAME", "cookie:NAME" or "protocol:PREFIX"';
const tokenSource = z
  .string({ error: TOKEN_SOURCE })
  .regex(/^(header|query:[\w.-]+|cookie:[\w.-]+|protocol:[\w.-]+)$/, { error: TOKEN_SOURCE });

/** The signatures of RFC 7518 section 3.1 and RFC 8037; `none` is no signature. */
export const ALGORITHMS = [
  ...(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;

const jwtAuth = z.strictObject({
  type: z.literal('jwt'),
  jwks: z.string().optional().describe('The keys of the issuer: a URL, or a file with a JWK Set.'),
  secret_file: z
    .string()
    .optional()
    .describe('A file with a shared secret (HS256 to HS512), in place of "jwks".'),
  issuer: z.string().optional().describe('What "iss" must be; anything if left out.'),
  audience: list(z.string()).optional().describe('What "aud" must have one of; anything if left out.'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .optional()
    .describe('The signatures that are taken; those that fit the keys if left out.'),
  token: list(tokenSource).prefault(['header']).describe('Where a token is looked for, in this order.'),
  user_claim: z.string().prefault('sub').describe('The claim that says who it is.'),
  clock_tolerance: duration.prefault('5s').describe('By how much clocks may differ.'),
});

const basicAuth = z.strictObject({
  type: z.literal('basic'),
  realm: z.string().prefault('gateway').describe('What browsers show when they ask for a password.'),
  users_file: z
    .string()
    .describe('A file: lines of "user:hash", hashes by bcrypt, as "htpasswd -B" writes them.'),
});

const certificateAuth = z.strictObject({
  type: z.literal('certificate'),
  names: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('The common names that are taken; all that the authorities have signed if left out.'),
});

const callbackAuth = z.strictObject({
  type: z.literal('callback'),
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http: or https: URL' })
    .describe('What is asked by GET: 200 to 299 lets in, 401 and 403 do not.'),
  timeout: duration.prefault('5s').describe('How long it may take to answer.'),
  forward: z
    .array(fieldName)
    .prefault(['authorization', 'cookie', 'origin'])
    .describe('The header fields of the handshake that are handed on.'),
  user_header: fieldName.prefault('x-user').describe('The header field of the answer that says who it is.'),
});

export const auth = z.discriminatedUnion('type', [jwtAuth, basicAuth, certificateAuth, callbackAuth], {
  error: ({ input }) =>
    typeof input === 'object' && input !== null && !Array.isArray(input)
      ? 'must be "jwt", "basic", "certificate" or "callback"'
      : 'must be a table',
});

/** What is left out is not limited. */
const limits = z.strictObject({
  connections: positive.optional().describe('Connections of the route.'),
  connections_per_address: positive.optional().describe('Connections of one address.'),
  connections_per_user: positive.optional().describe('Connections of one user.'),
  messages_per_second: positive.optional().describe('Messages of one connection; beyond it is slowed down.'),
  bytes_per_second: bytes.optional().describe('Bytes of one connection; beyond it is slowed down.'),
  messages_per_second_per_address: positive
    .optional()
    .describe('Messages of all connections of one address.'),
  bytes_per_second_per_address: bytes.optional().describe('Bytes of all connections of one address.'),
  messages_per_second_per_user: positive.optional().describe('Messages of all connections of one user.'),
  bytes_per_second_per_user: bytes.optional().describe('Bytes of all connections of one user.'),
});

export const ALL_LIMITS = Object.keys(limits.shape) as (keyof z.output<typeof limits>)[];

const upstreamTls = z.strictObject({
  ca: z
    .string()
    .optional()
    .describe('A file: the authorities that are trusted, PEM; those of the system if left out.'),
  cert: z.string().optional().describe('A file: the certificate that the gateway shows, PEM.'),
  key: z.string().optional().describe('A file: its key, PEM.'),
  server_name: z.string().optional().describe('The name that the certificate of the server must have.'),
});

const choice = z.strictObject({
  parameter: z.string().prefault('upstream').describe('The parameter of the query that has the choice.'),
  allow: z
    .array(upstreamPattern)
    .min(1)
    .describe(
      'What may be chosen: "tcp://10.0.0.1:61613", or "tls://*.example.com:8883" for every name below.',
    ),
  allow_addresses: z
    .array(cidr)
    .prefault([])
    .describe(
      "Addresses that a name may resolve to although they are private, link-local or this machine's.",
    ),
});

const recording = z.strictObject({
  directory: z.string().describe('A folder. It is made if it is not there.'),
  max_bytes: bytes.prefault('10 MiB').describe('The most of one recording; it ends there.'),
  max_total_bytes: bytes.prefault('1 GiB').describe('The most of all in the folder; the oldest go.'),
  sample: z
    .number()
    .min(0)
    .max(1)
    .prefault(1)
    .describe('The share of connections that are recorded, 0 to 1.'),
  redact: z.boolean().prefault(true).describe('Whether passwords and tokens are left out.'),
});

const MESSAGE_SIZE = `must be at most ${constants.MAX_STRING_LENGTH} bytes, which a text may have in this Node`;
const messageSize = bytes.refine((size) => size <= constants.MAX_STRING_LENGTH, { error: MESSAGE_SIZE });

/** What the library keeps for a client that does not read, before it is closed. */
export const MAX_BUFFERED_BYTES = 16 * 2 ** 20;
const highWaterMark = bytes.refine((size) => size <= MAX_BUFFERED_BYTES, {
  error: 'must be at most "16 MiB": a client for whom more waits is closed',
});

export const route = z.strictObject({
  name: name.optional().describe('What logs and metrics call it; its path if left out.'),
  path: path.describe('The path of the URL: "/mqtt", "/mqtt/*" for all below it, "/*" for any.'),
  hosts: z
    .array(requestHost)
    .min(1)
    .optional()
    .describe('The hosts of the URL that it is for: "example.com", "*.example.com". Any if left out.'),
  protocol: z.string().describe('"stomp", "xmpp", "amqp", "mqtt", "raw", or one of "protocols".'),
  subprotocols: z
    .array(token)
    .prefault([])
    .describe('Tokens of Sec-WebSocket-Protocol that are taken as well.'),
  messages: z
    .enum(['binary', 'text'])
    .prefault('binary')
    .describe('"raw" only: what messages towards the client are.'),
  upstream: list(upstreamUrl).optional().describe('One server, or several that take turns.'),
  choose_upstream: choice
    .optional()
    .describe('Lets the client choose a server, among those that are named here.'),
  upstream_tls: upstreamTls.optional().describe('How TLS is spoken to the server.'),
  starttls: z
    .enum(['required', 'optional', 'never'])
    .prefault('optional')
    .describe(
      '"xmpp" only: whether the stream to the server must be secured by STARTTLS, may be, or is not.',
    ),
  proxy_protocol: z
    .union([z.literal(1), z.literal(2)], { error: 'must be 1 or 2' })
    .optional()
    .describe('The version of the PROXY header that the server gets; none if left out.'),
  connect_timeout: duration.prefault('10s').describe('How long connecting to the server may take.'),
  stall_timeout: duration
    .prefault('60s')
    .describe('After how long in which the server takes nothing the connection is ended.'),
  auth: z
    .union([z.string().transform((one) => [one]), z.array(z.string())])
    .prefault([])
    .describe('Who may use it: one of "auth", or several of which one suffices. Anyone if left out.'),
  origins: z
    .union([z.literal('*'), z.array(z.string())], {
      error: 'must be "*", or a list of origins such as "https://example.com"',
    })
    .optional()
    .describe('The web pages that may use it; those of the same host and port if left out.'),
  sessions: z
    .boolean()
    .prefault(false)
    .describe('Whether session clients are taken as well, on any carrier.'),
  max_message_size: messageSize.prefault('1 MiB').describe('The largest message either way.'),
  high_water_mark: highWaterMark
    .prefault('64 KiB')
    .describe('What waits for a client, at most, before the server is slowed down.'),
  ping_interval: duration.prefault('20s').describe('How often the client gets a Ping.'),
  ping_timeout: duration.prefault('20s').describe('How long it may be silent after a Ping before it is cut.'),
  idle_timeout: duration.prefault(0).describe('After how long without a message either way it is closed.'),
  compression: z
    .boolean()
    .prefault(false)
    .describe('Whether messages are compressed for clients that offer it.'),
  limits: limits.prefault({}).describe('What connections, addresses and users may use at most.'),
  recording: recording.optional().describe('Keeps what passes in files.'),
});

export const ownProtocol = z.strictObject({
  module: z.string().describe('A file: a JavaScript module whose default export is a Subprotocol.'),
});

export const gatewayConfig = z.strictObject({
  listen: list(listen).default([]).describe('Where clients come in: one address, or several.'),
  admin: admin.optional().describe('Health, readiness and metrics. Nowhere if left out.'),
  log: log.prefault({}).describe('What is logged, as JSON on standard error.'),
  drain: drain.prefault({}).describe('How the gateway leaves when it is told to (SIGTERM).'),
  handshake_timeout: duration.prefault('10s').describe('How long an opening handshake may take.'),
  max_connections: positive.optional().describe('Connections of all routes; more get 503.'),
  auth: z
    .record(name, auth)
    .prefault({})
    .describe('Ways to show who one is, each under a name that routes use.'),
  protocols: z.record(name, ownProtocol).prefault({}).describe('Protocols of your own, each under its name.'),
  routes: z.array(route).min(1).describe('What is reached at which path.'),
});

export type GatewayConfig = z.output<typeof gatewayConfig>;
export type ListenConfig = z.output<typeof listen>;
export type RouteConfig = z.output<typeof route>;
export type RouteLimits = z.output<typeof limits>;
export type AuthConfig = z.output<typeof auth>;
export type RecordingConfig = z.output<typeof recording>;
export type UpstreamTls = z.output<typeof upstreamTls>;
export type UpstreamChoice = z.output<typeof choice>;

/** What it is called in logs, metrics and messages. */
export function nameRoute({
  name: own,
  path: at,
  hosts = [],
}: Pick<RouteConfig, 'name' | 'path' | 'hosts'>): string {
  return own ?? `${hosts.join(',')}${at}`;
}

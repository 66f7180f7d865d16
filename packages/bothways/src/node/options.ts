import { constants } from 'node:buffer';
import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { isToken } from '../protocol/headers.js';
import type { RequestInfo } from '../protocol/contract.js';
import type { HandshakeRequest } from '../protocol/handshake-server-request.js';
import {
  BOOLEAN,
  COUNT,
  FUNCTION,
  MILLISECONDS,
  SIZE,
  STRING,
  checkOptions,
  isObject,
  wholeNumber,
  type Rule,
} from '../protocol/options.js';
import type { Origins } from '../protocol/origin.js';
import type { Broker } from '../pubsub/broker.js';
import { isFilter } from '../pubsub/filter.js';
import type { HistoryOptions } from '../pubsub/history.js';
import type { CompressionOptions, ServerCompressionOptions } from './compression.js';
import type { Handlers } from './handlers.js';
import type { Decision } from './admission.js';
import type { ConnectionLimits } from './served-connection.js';
import type { ServerSessionOptions } from './session-options.js';

export {
  COUNT,
  FUNCTION,
  MAX_TIMEOUT,
  MILLISECONDS,
  OBJECT,
  STRING,
  checkOptions,
  type Rule,
} from '../protocol/options.js';

/** A server of Node's for HTTP/1.1, HTTP/2, or both. */
export type AnyHttpServer = HttpServer | Http2Server | Http2SecureServer;

/** Options that both ends share. Sizes are bytes, times are milliseconds; 0 switches a time off. */
export interface ConnectionOptions {
  /** The largest message that is accepted, bytes; a larger one closes the connection with 1009. 16 MiB. */
  maxMessageSize?: number | undefined;
  /** `send` returns false while more than this waits to be sent, bytes. 64 KiB. */
  highWaterMark?: number | undefined;
  /** Sending more while this much waits closes the connection with 1013, bytes. 16 MiB. */
  maxBufferedBytes?: number | undefined;
  /** How often a Ping is sent, milliseconds. 20 seconds. */
  pingInterval?: number | undefined;
  /** How long a peer may be silent after a Ping before it is taken for dead, milliseconds. 20 seconds. */
  pingTimeout?: number | undefined;
  /** After how long without a message either way a connection is closed with 1001, milliseconds. 0: never. */
  idleTimeout?: number | undefined;
  /** How long the peer has to do its part of the closing handshake, milliseconds. 5 seconds. */
  closeTimeout?: number | undefined;
  /**
   * Compresses messages by permessage-deflate (RFC 7692) where the peer agrees: `true`, or how. `false`: what is
   * secret must not be compressed together with what somebody else chose, and it takes processor time.
   */
  compression?: boolean | CompressionOptions | undefined;
  /** How long the opening handshake may take, milliseconds. 10 seconds. */
  handshakeTimeout?: number | undefined;
}

export interface ServeOptions<State = unknown> extends ConnectionOptions {
  compression?: boolean | ServerCompressionOptions | undefined;
  /**
   * The TCP port of a server of its own; 0 for any that is free. Without `port` and `server` nothing listens:
   * hand upgrade requests to `handleUpgrade`.
   */
  port?: number | undefined;
  /** The address to listen on. All addresses by default. */
  host?: string | undefined;
  /** An `http`, `https` or `http2` server to live beside, in place of `port`. */
  server?: AnyHttpServer | undefined;
  /** The only path at which a WebSocket can be opened, such as `/live`. Any path by default. */
  path?: string | undefined;
  /** Certificate and key (and all else that Node's `tls` takes) to serve `wss:` on `port`. */
  tls?: (SecureContextOptions & TlsOptions) | undefined;
  /**
   * Whether `port` also takes WebSockets over HTTP/2 (RFC 8441), many on one TCP connection; needs `tls`. `false`: a
   * client whose TLS offers HTTP/2 and that then speaks HTTP/1.1 all the same would be lost.
   */
  http2?: boolean | undefined;
  /**
   * The subprotocols this server speaks, best first; or a function of what was offered that returns one of
   * them, or `undefined` for none. By default none is agreed on.
   */
  protocols?:
    | readonly string[]
    | ((offered: readonly string[], request: RequestInfo) => string | undefined)
    | undefined;
  /** Which pages may connect; by default those of the same host and port. See `Origins`. */
  origins?: Origins | undefined;
  /**
   * Decides about a handshake that is well-formed: returns the connection's `state`, `admit(state, rights)`, or
   * `reject(...)`. What the client sends while it decides is kept for the connection. `socket` is what the request came
   * on: a `TLSSocket` knows the client's certificate; over HTTP/2 it is a stream, whose `session` has the socket.
   */
  accept?:
    ((request: HandshakeRequest, socket: Duplex) => Decision<State> | Promise<Decision<State>>) | undefined;
  /** Carries what is published to servers in other processes, such as `clusterBroker()`. None by default. */
  broker?: Broker | undefined;
  /**
   * What is kept of topics, by filter, for those who ask for it by `recover`; the first filter that has a topic counts.
   * Together with `broker` the broker keeps it, if it can. Nothing by default.
   */
  history?: Readonly<Record<string, HistoryOptions>> | undefined;
  /** How long somebody is shown in a topic whose last connection is lost, milliseconds. 10 seconds by default. */
  presenceGrace?: number | undefined;
  /** How many connections there may be; more are refused with 503. No limit by default. */
  maxConnections?: number | undefined;
  /** How many of them from one IP address; more are refused with 429. No limit by default. */
  maxConnectionsPerAddress?: number | undefined;
  /**
   * Whether clients may open sessions, which outlive their connections, at the same path: `true`, or how they are kept.
   * `false`.
   */
  sessions?: boolean | ServerSessionOptions | undefined;
}

export const COMPRESSION_RULES: Readonly<Record<keyof CompressionOptions, Rule>> = {
  threshold: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  level: wholeNumber(1, 9),
  memLevel: wholeNumber(1, 9),
  windowBits: wholeNumber(8, 15),
  contextTakeover: BOOLEAN,
};

export const SERVER_COMPRESSION_RULES: Readonly<Record<keyof ServerCompressionOptions, Rule>> = {
  ...COMPRESSION_RULES,
  memoryBudget: wholeNumber(0, Number.MAX_SAFE_INTEGER),
};

/** @throws {TypeError} naming the member of the option `compression` that is wrong. */
export function checkCompression(
  { compression }: { compression?: boolean | object | undefined },
  rules: Readonly<Record<string, Rule>>,
): void {
  if (typeof compression === 'object') checkOptions(compression, rules, "The option 'compression'");
}

export const CONNECTION_RULES: Readonly<Record<keyof ConnectionOptions, Rule>> = {
  maxMessageSize: [
    (value: unknown) => SIZE[0](value as never) && (value as number) <= constants.MAX_STRING_LENGTH,
    `a positive whole number of bytes, at most ${constants.MAX_STRING_LENGTH}: a text has to fit into a string`,
  ],
  highWaterMark: SIZE,
  maxBufferedBytes: SIZE,
  pingInterval: MILLISECONDS,
  pingTimeout: MILLISECONDS,
  idleTimeout: MILLISECONDS,
  closeTimeout: MILLISECONDS,
  compression: [
    (value: unknown) => typeof value === 'boolean' || isObject(value),
    'true, false, or an object',
  ],
  handshakeTimeout: MILLISECONDS,
};

export const HANDLER_RULES: Readonly<Record<keyof Handlers, Rule>> = {
  open: FUNCTION,
  message: FUNCTION,
  drain: FUNCTION,
  ping: FUNCTION,
  pong: FUNCTION,
  missed: FUNCTION,
  takeover: FUNCTION,
  join: FUNCTION,
  leave: FUNCTION,
  close: FUNCTION,
  error: FUNCTION,
};

function isBroker(value: unknown): boolean {
  const methods = ['open', 'subscribe', 'unsubscribe', 'publish', 'close'] satisfies (keyof Broker)[];
  return isObject(value) && methods.every((name) => typeof (value as Broker)[name] === 'function');
}

export const SERVE_RULES: Readonly<Record<keyof ServeOptions, Rule>> = {
  ...CONNECTION_RULES,
  port: [
    (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536,
    'a TCP port from 0 to 65535',
  ],
  host: STRING,
  server: [
    (value: unknown) => typeof (value as AnyHttpServer | null)?.on === 'function',
    'a server made by node:http, node:https or node:http2',
  ],
  path: [
    (value: unknown) => typeof value === 'string' && value.startsWith('/') && !/[?#\s]/.test(value),
    'a path that begins with "/" and has no query',
  ],
  tls: [
    (value: unknown) =>
      isObject(value) && ['cert', 'pfx', 'SNICallback', 'pskCallback'].some((name) => name in value),
    'an object with a certificate: `cert` and `key`, or `pfx`',
  ],
  http2: BOOLEAN,
  protocols: [
    (value: unknown) =>
      typeof value === 'function' ||
      (Array.isArray(value) && value.every((each) => typeof each === 'string' && isToken(each))),
    'a list of tokens (RFC 6455 section 4.1), or a function',
  ],
  origins: [
    (value: unknown) => value === '*' || Array.isArray(value),
    '"*", or a list of origins such as "https://example.com" and "https://*.example.com"',
  ],
  accept: FUNCTION,
  broker: [isBroker, 'a broker, such as clusterBroker()'],
  presenceGrace: MILLISECONDS,
  history: [
    (value: unknown) => isObject(value) && Object.entries(value).every(isHistory),
    'an object of filters, each with { messages: 1 to 10,000, age: milliseconds up to a day }',
  ],
  maxConnections: COUNT,
  maxConnectionsPerAddress: COUNT,
  sessions: [(value: unknown) => typeof value === 'boolean' || isObject(value), 'true, false, or an object'],
};

/** The options of an open connection with their defaults. */
export function limitsOf(options: ConnectionOptions): ConnectionLimits {
  const limits = withDefaults(options);
  if (limits.highWaterMark <= limits.maxBufferedBytes) return limits;
  throw new TypeError(
    `The option 'highWaterMark' must be at most 'maxBufferedBytes', ${limits.maxBufferedBytes}, and is ${limits.highWaterMark}`,
  );
}

function withDefaults(options: ConnectionOptions): ConnectionLimits {
  return {
    maxMessageSize: options.maxMessageSize ?? 16 * 1024 * 1024,
    highWaterMark: options.highWaterMark ?? 64 * 1024,
    maxBufferedBytes: options.maxBufferedBytes ?? 16 * 1024 * 1024,
    pingInterval: options.pingInterval ?? 20_000,
    pingTimeout: options.pingTimeout ?? 20_000,
    idleTimeout: options.idleTimeout ?? 0,
    closeTimeout: options.closeTimeout ?? 5_000,
  };
}

export const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

function isHistory([filter, options]: [filter: string, options: unknown]): boolean {
  if (!isFilter(filter) || !isObject(options)) return false;
  const { messages, age, encode, ...others } = options as Record<string, unknown>;
  return (
    isWithin(messages, 10_000) &&
    isWithin(age, 86_400_000) &&
    (encode === undefined || typeof encode === 'function') &&
    Object.keys(others).length === 0
  );
}

function isWithin(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

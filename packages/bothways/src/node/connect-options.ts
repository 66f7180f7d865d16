import type { ClientHttp2Session } from 'node:http2';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { HeaderFields } from '../protocol/handshake.js';
import {
  COMPRESSION_RULES,
  CONNECTION_RULES,
  MILLISECONDS,
  OBJECT,
  STRING,
  checkCompression,
  checkOptions,
  type ConnectionOptions,
  type Rule,
} from './options.js';

export interface ConnectOptions extends ConnectionOptions {
  /** The subprotocols this client speaks, the one it likes best first. */
  protocols?: string | readonly string[] | undefined;
  /** Further header fields of the opening handshake. They are not sent to another origin on a redirect. */
  headers?: HeaderFields | undefined;
  /** The `Origin` header field. None by default: this is not a browser. */
  origin?: string | undefined;
  /** What Node's `tls.connect` takes: `ca`, `cert`, `key`, `servername` and so on. */
  tls?: TlsOptions | undefined;
  /** The path of a Unix socket to connect to, in place of the URL's host and port. */
  socketPath?: string | undefined;
  /** An HTTP proxy to go through by CONNECT, such as `http://user:password@proxy.example:3128`. */
  proxy?: string | URL | undefined;
  /**
   * A session made by `connect` of `node:http2`, in place of a TCP connection: the WebSocket becomes one stream of it
   * (RFC 8441), beside others and ordinary requests. It stays yours: it is neither secured nor closed here.
   */
  http2?: ClientHttp2Session | undefined;
  /** How many redirects are followed; they never lead from `wss:` to `ws:`. 5. */
  maxRedirects?: number | undefined;
  /** How long it may take to be connected, with TLS and the proxy, milliseconds; 0 for no limit. 10 seconds. */
  connectTimeout?: number | undefined;
  /** Ends the attempt to connect, but not the connection. */
  signal?: AbortSignal | undefined;
}

const CONNECT_RULES: Readonly<Record<keyof ConnectOptions, Rule>> = {
  ...CONNECTION_RULES,
  protocols: [
    (value: unknown) => typeof value === 'string' || Array.isArray(value),
    'a subprotocol or a list of them',
  ],
  headers: OBJECT,
  origin: STRING,
  tls: OBJECT,
  socketPath: STRING,
  proxy: [isProxy, 'an http: or https: URL'],
  http2: [
    (value: unknown) => typeof (value as ClientHttp2Session | null)?.request === 'function',
    'a session made by connect() of node:http2',
  ],
  maxRedirects: [
    (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0,
    'a whole number from 0 up',
  ],
  connectTimeout: MILLISECONDS,
  signal: [(value: unknown) => value instanceof AbortSignal, 'an AbortSignal'],
};

/** @throws {TypeError} naming the option that is wrong. */
export function checkConnectOptions(options: ConnectOptions): void {
  checkOptions(options, CONNECT_RULES, 'connect()');
  checkCompression(options, COMPRESSION_RULES);
  for (const name of ['tls', 'socketPath', 'proxy'] as const) {
    if (options.http2 === undefined || options[name] === undefined) continue;
    throw new TypeError(
      `The option '${name}' is for a connection of its own, and 'http2' is one that is there`,
    );
  }
}

/** The subprotocols that are offered, as a list. */
export function protocolsOf({ protocols = [] }: ConnectOptions): readonly string[] {
  return typeof protocols === 'string' ? [protocols] : protocols;
}

function isProxy(value: unknown): boolean {
  if (typeof value !== 'string' && !(value instanceof URL)) return false;
  return URL.canParse(String(value)) && /^https?:/.test(String(value));
}

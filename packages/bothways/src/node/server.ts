import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { NodeInfo } from '../pubsub/nodes.js';
import type { Member } from '../pubsub/presence.js';
import type { TopicRights } from '../pubsub/subscriptions.js';
import { CloseCode, MAX_CLOSE_REASON, isCloseCodeOnWire } from '../protocol/close.js';
import type { Connection, Data, RequestInfo } from '../protocol/contract.js';
import { Refusal } from '../protocol/handshake-server-response.js';
import type { HandshakeRequest } from '../protocol/handshake-server-request.js';
import { acceptUpgrade, readUpgrade } from './accept-http1.js';
import { acceptConnect } from './accept-http2.js';
import { Acceptor, type Gate, type OpenTransport, type OpeningHandshake } from './acceptor.js';
import { ServerCompression, compressionSettingsOf, type CompressionAnswer } from './compression.js';
import { NodeConnection, type Agreement } from './connection.js';
import { report, toError, type ConnectionFunction, type Handlers } from './handlers.js';
import { OwnServer } from './http-server.js';
import {
  DEFAULT_HANDSHAKE_TIMEOUT,
  HANDLER_RULES,
  MAX_TIMEOUT,
  MILLISECONDS,
  OBJECT,
  SERVER_COMPRESSION_RULES,
  SERVE_RULES,
  checkCompression,
  checkOptions,
  limitsOf,
  type AnyHttpServer,
  type Rule,
  type ServeOptions,
} from './options.js';
import { SUBPROTOCOL } from '../session/records.js';
import type { Durability } from '../session/server.js';
import type { ServerSession, SessionOwner } from '../session/server-session.js';
import { addRequestTaker, removeRequestTaker, type AnyRequest, type AnyResponse } from './request-router.js';
import type { ConnectionLimits, ConnectionOwner, ServedConnection } from './served-connection.js';
import { SessionConnection } from './session-connection.js';
import { SessionHttp } from './session-http.js';
import { SessionHub, type HubHost, type OpenSession } from './session-hub.js';
import { checkSessions, type ServerSessionOptions } from './session-options.js';
import { RecordStore } from './session-store.js';
import { addUpgradeTarget, removeUpgradeTarget, type UpgradeTarget } from './upgrade-router.js';
import { ServerTopics, type PublishOptions } from './server-topics.js';

/** How a server closes. Times are milliseconds. */
export interface ServerCloseOptions {
  /** What the clients are told. 1001, "going away". */
  code?: number | undefined;
  reason?: string | undefined;
  /** How long they have to leave before they are cut. 10 seconds. */
  timeout?: number | undefined;
  /** Over how long the Close frames are spread, so that not all clients come back at once. 0: all at once. */
  stagger?: number | undefined;
}

/** What a server has seen since it began, and what it has now. */
export interface ServerMetrics {
  readonly connections: number;
  /** Handshakes whose `accept` has not decided yet. */
  readonly pendingHandshakes: number;
  readonly acceptedHandshakes: number;
  readonly closedConnections: number;
  /** What connections with context takeover may take for compression at the moment, bytes. */
  readonly compressionMemory: number;
  /** Handshakes that were accepted without context takeover because `memoryBudget` was spent. */
  readonly degradedCompressions: number;
}

/** A WebSocket server. Made by `serve`. */
export interface Server<State = unknown> extends AsyncDisposable {
  /** The TCP port; 0 while the server does not listen. */
  readonly port: number;
  /** Where clients on this machine reach the server, such as `ws://localhost:8080/live`. */
  readonly url: string;
  /** The connections that are open or closing, in the order in which they came. */
  readonly connections: ReadonlySet<Connection<State, Buffer>>;

  /**
   * Sends one message to all who subscribed to a topic, and copies it. It is encoded once for all of them, and compressed
   * once for each size of window that was agreed on; for a subscriber with context takeover, by itself. One who
   * does not read is closed with 1013 when more than `maxBufferedBytes` wait for it, and slows nobody else.
   *
   * With a `broker`, the subscribers of the other servers get it too.
   *
   * @throws {TypeError} for what is no topic. {BrokerError} when the broker does not take the message; then nobody has
   * got it.
   */
  publish(topic: string, data: Data, options?: PublishOptions<State>): void;

  /**
   * Who is shown in a topic, at all servers that share the broker, in the order in which they came: whom `join` of a
   * connection has named. A server that has just been started knows those of the others within moments.
   */
  members(topic: string): Member[];

  /** The servers that share the broker, this one first. One that was killed is among them for eight seconds more. */
  readonly nodes: readonly NodeInfo[];

  /**
   * Takes over an upgrade request that was routed by hand, from the `upgrade` event of an HTTP server. Whatever
   * comes of it, the socket belongs to this server from now on.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;

  /**
   * Takes an HTTP request if it is one of a session at this server's path; it is needed only where neither `port` nor
   * `server` was given.
   *
   * @returns false for any other request: answer that yourself.
   */
  handleRequest(request: AnyRequest, response: AnyResponse): boolean;

  /**
   * Replaces the certificate of a server with a port of its own: connections that come from now on get the new one,
   * and those that are open go on. What is left out stays as it is.
   *
   * @throws {TypeError} when the server has no TLS of its own; Node's own error when certificate and key do not fit,
   * and then the old ones stay.
   */
  setSecureContext(tls: NonNullable<ServeOptions['tls']>): void;

  metrics(): ServerMetrics;

  /**
   * Accepts no more connections, tells the clients, waits until they have left, and cuts those who have not
   * after `timeout`. An HTTP server that was handed in goes on. Calling it again returns the same promise.
   */
  close(options?: ServerCloseOptions): Promise<void>;
}

const CLOSE_RULES: Readonly<Record<keyof ServerCloseOptions, Rule>> = {
  code: [
    (value: unknown) => Number.isInteger(value) && isCloseCodeOnWire(value as number),
    '1000 to 1003, 1007 to 1014, or 3000 to 4999',
  ],
  reason: [
    (value: unknown) => typeof value === 'string' && Buffer.byteLength(value) <= MAX_CLOSE_REASON,
    'a string of at most 123 bytes',
  ],
  timeout: MILLISECONDS,
  stagger: MILLISECONDS,
};

/** How long a client of sessions may take between two requests on one TCP connection, milliseconds. */
const KEEP_ALIVE = 30_000;

/** How long a server that closes waits for what is still to be saved of sessions, milliseconds. */
const SAVED_WITHIN = 5_000;

const CLOSING = new Refusal(503, 'The server is closing: try again later.', { 'Retry-After': '5' });
const FULL = new Refusal(503, 'The server has as many connections as it may: try again later.', {
  'Retry-After': '30',
});
const TOO_MANY_FROM_ADDRESS = new Refusal(429, 'There are too many connections from this address.', {
  'Retry-After': '30',
});

class NodeServer<State>
  implements Server<State>, ConnectionOwner<State>, Gate<State>, UpgradeTarget, HubHost
{
  readonly role = 'server';
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<State>;
  readonly #options: ServeOptions<State>;
  readonly #run: ConnectionFunction<State> | undefined;
  readonly #own: OwnServer | undefined;
  readonly #http: AnyHttpServer | undefined;
  readonly #acceptor: Acceptor<State>;
  readonly #compression: ServerCompression | undefined;
  readonly #hub: SessionHub | undefined;
  readonly #requests: SessionHttp | undefined;
  readonly #connections = new Set<ServedConnection<State>>();
  readonly #addresses = new Map<string, number>();
  readonly topics: ServerTopics<State>;
  /** Whether other servers can go on with its sessions. */
  readonly #isDurable: boolean = false;
  #pending = 0;
  #accepted = 0;
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: ServeOptions<State>, handlers: Handlers<State> | ConnectionFunction<State>) {
    this.#options = options;
    this.limits = limitsOf(options);
    this.#run = typeof handlers === 'function' ? handlers : undefined;
    this.handlers = typeof handlers === 'function' ? {} : handlers;
    this.#acceptor = new Acceptor(options, this);
    const compression = compressionSettingsOf(options.compression);
    if (compression !== undefined) this.#compression = new ServerCompression(compression);
    this.topics = new ServerTopics(options, this.handlers, this.#connections, compression !== undefined);
    const { port, server, tls, http2 = false, handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT } = options;
    if (port !== undefined) {
      const keepAlive = (options.sessions ?? false) === false ? 1_000 : KEEP_ALIVE;
      this.#own = new OwnServer(tls, http2, handshakeTimeout, keepAlive, (request, socket, head) =>
        acceptUpgrade(this.#acceptor, request, socket, head),
      );
    }
    const { sessions = false } = options;
    if (sessions !== false) {
      const sessionOptions = sessions === true ? {} : sessions;
      const durability = this.#durabilityOf(sessionOptions);
      this.#isDurable = durability !== undefined;
      // Without a secret of theirs, no server knows the tokens of another.
      const peers = sessionOptions.secret === undefined ? undefined : this.topics.peers;
      this.#hub = new SessionHub(sessionOptions, handshakeTimeout, this, peers, durability);
      this.#requests = new SessionHttp(this.#hub, options.origins, handshakeTimeout, (thrown) =>
        this.failed(toError(thrown)),
      );
    }
    this.#http = this.#own?.http ?? server;
    if (this.#http === undefined) return;
    addUpgradeTarget(this.#http, this);
    if (this.#requests !== undefined) addRequestTaker(this.#http, this.handleRequest);
  }

  async listen(): Promise<void> {
    const { port, host } = this.#options;
    await this.topics.open();
    if (port === undefined) return;
    try {
      await this.#own!.listen(port, host);
    } catch (error) {
      await this.topics.close();
      throw error;
    }
  }

  get port(): number {
    return this.#address?.port ?? 0;
  }

  get url(): string {
    const isSecure =
      this.#options.tls !== undefined || (this.#http !== undefined && 'setSecureContext' in this.#http);
    const address = this.#address?.address ?? '::';
    const isAny = address === '::' || address === '0.0.0.0';
    const host = isAny ? 'localhost' : address.includes(':') ? `[${address}]` : address;
    return `${isSecure ? 'wss' : 'ws'}://${host}:${this.port}${this.#options.path ?? '/'}`;
  }

  get connections(): ReadonlySet<Connection<State, Buffer>> {
    return this.#connections;
  }

  metrics(): ServerMetrics {
    return {
      connections: this.#connections.size,
      pendingHandshakes: this.#pending,
      acceptedHandshakes: this.#accepted,
      closedConnections: this.#accepted - this.#connections.size,
      compressionMemory: this.#compression?.memory ?? 0,
      degradedCompressions: this.#compression?.degraded ?? 0,
    };
  }

  publish(topic: string, data: Data, options: PublishOptions<State> = {}): void {
    this.topics.send(topic, data, options);
  }

  members(topic: string): Member[] {
    return this.topics.members(topic);
  }

  get nodes(): NodeInfo[] {
    return this.topics.nodes;
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    acceptUpgrade(this.#acceptor, readUpgrade(request, socket), socket, head);
  }

  readonly handleRequest = (request: AnyRequest, response: AnyResponse): boolean =>
    this.isForPath(request.url) && this.#requests?.handle(request, response) === true;

  handleConnect(stream: ServerHttp2Stream, rawHeaders: readonly string[]): void {
    acceptConnect(this.#acceptor, stream, rawHeaders);
  }

  setSecureContext(tls: NonNullable<ServeOptions['tls']>): void {
    checkOptions({ tls }, { tls: OBJECT }, 'setSecureContext()');
    if (this.#own === undefined) {
      throw new TypeError('The server has no port of its own: its certificates are those of the HTTP server');
    }
    this.#own.setSecureContext(tls);
  }

  close(options: ServerCloseOptions = {}): Promise<void> {
    checkOptions(options, CLOSE_RULES, 'close()');
    return (this.#closing ??= this.#close(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  isForPath(url: string | undefined): boolean {
    return this.#acceptor.isForPath(url);
  }

  // What the acceptor asks (Gate).

  get closing(): Refusal | undefined {
    return this.#closing === undefined ? undefined : CLOSING;
  }

  admit(address: string): Refusal | undefined {
    const { maxConnections = Infinity, maxConnectionsPerAddress = Infinity } = this.#options;
    const fromAddress = this.#addresses.get(address) ?? 0;
    if (this.closing !== undefined) return this.closing;
    if (this.#connections.size + this.#pending >= maxConnections) return FULL;
    if (fromAddress >= maxConnectionsPerAddress) return TOO_MANY_FROM_ADDRESS;
    this.#pending++;
    this.#addresses.set(address, fromAddress + 1);
    return undefined;
  }

  leave(address: string): void {
    this.#pending--;
    this.#forgetAddress(address);
  }

  agree(request: HandshakeRequest): CompressionAnswer | undefined {
    return this.#compression?.agree(request.extensions);
  }

  open(
    opened: OpenTransport | OpenSession,
    agreement: Agreement,
    state: State,
    rights: TopicRights | undefined,
  ): void {
    this.#pending--;
    this.#accepted++;
    if ('begin' in opened) this.#openSession(opened, agreement, state, rights);
    else this.#openConnection(opened, agreement, state, rights);
  }

  #openSession(
    opened: OpenSession,
    { request, protocol }: Agreement,
    state: State,
    rights: TopicRights | undefined,
  ): void {
    opened.begin(protocol, (session) => {
      const connection = new SessionConnection(session, this, request, protocol, state);
      this.#connections.add(connection);
      if (rights !== undefined) this.topics.grant(connection, rights);
      session.owner = connection;
      if (this.#run !== undefined || this.handlers.open !== undefined) this.#opened(connection);
      return connection;
    });
  }

  #durabilityOf({ durable = false }: ServerSessionOptions): Durability | undefined {
    const { peers } = this.topics;
    const records = this.#options.broker?.records;
    if (!durable || peers === undefined || records === undefined) return undefined;
    const store = new RecordStore(records, peers.id);
    return {
      store,
      restore: (session, saved) => this.#restoreSession(session, saved),
      onFailed: (thrown) => this.failed(toError(thrown)),
    };
  }

  /** Goes on with a session that another server had. */
  #restoreSession(session: ServerSession, saved: Readonly<Record<string, string>>): SessionOwner {
    const { request: requestText = '{}', state = '', protocol = '' } = saved;
    const request = JSON.parse(requestText) as RequestInfo;
    const value = state === '' ? (undefined as State) : (JSON.parse(state) as State);
    const { remoteAddress } = request;
    const connection = new SessionConnection<State>(session, this, request, protocol, value);
    this.#accepted++;
    this.#addresses.set(remoteAddress, (this.#addresses.get(remoteAddress) ?? 0) + 1);
    this.#connections.add(connection);
    session.owner = connection;
    this.topics.restore(connection, saved);
    const { handlers } = this;
    if (handlers.takeover !== undefined) connection.run(() => handlers.takeover!(connection));
    return connection;
  }

  #openConnection(
    transport: OpenTransport,
    agreement: Agreement,
    state: State,
    rights: TopicRights | undefined,
  ): void {
    if (agreement.compression !== undefined) this.#compression!.reserve(agreement.compression);
    const connection = new NodeConnection<State>(transport.socket, this, agreement, state);
    this.#connections.add(connection);
    if (rights !== undefined) this.topics.grant(connection, rights);
    const hasOpening = this.#run !== undefined || this.handlers.open !== undefined;
    const onOpen = hasOpening ? () => this.#opened(connection) : undefined;
    connection.start(transport.greeting, transport.head, onOpen);
  }

  isForSession(request: HandshakeRequest): boolean {
    return this.#hub !== undefined && request.protocols.includes(SUBPROTOCOL);
  }

  refusesCarriers(): Refusal | undefined {
    return this.#hub!.isFull(this.#options.maxConnections ?? Infinity) ? FULL : undefined;
  }

  carry(transport: OpenTransport, request: HandshakeRequest): void {
    try {
      this.#hub!.carry(transport, this.#hub!.visitor(request, transport.socket));
    } catch (thrown) {
      transport.socket.destroy();
      this.failed(toError(thrown));
    }
  }

  // What the sessions ask (HubHost).

  decide(request: HandshakeRequest, handshake: OpeningHandshake<OpenSession>): void {
    this.#acceptor.admit(request, handshake);
  }

  failed(error: Error): void {
    report(this.handlers, error, undefined);
  }

  // What a connection asks (ConnectionOwner).

  remove(connection: ServedConnection<State>): void {
    this.#connections.delete(connection);
    if (connection.compression !== undefined) this.#compression!.release(connection.compression);
    this.#forgetAddress(connection.request.remoteAddress);
    this.topics.remove(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  get #address(): AddressInfo | undefined {
    const address = this.#http?.address();
    return typeof address === 'object' && address !== null ? address : undefined;
  }

  #opened(connection: ServedConnection<State>): void {
    const run = this.#run;
    if (run === undefined) {
      connection.run(() => this.handlers.open!(connection));
      return;
    }
    // Messages that come before the function asks for them wait in the connection.
    connection[Symbol.asyncIterator]();
    connection.run(async () => {
      await run(connection);
      connection.stopIterating();
      connection.close();
    });
  }

  #forgetAddress(address: string): void {
    const count = this.#addresses.get(address)! - 1;
    if (count === 0) this.#addresses.delete(address);
    else this.#addresses.set(address, count);
  }

  async #close(options: ServerCloseOptions): Promise<void> {
    const { code = CloseCode.GOING_AWAY, reason = '', timeout = 10_000, stagger = 0 } = options;
    const http = this.#http;
    this.#acceptor.refuseUndecided(CLOSING);
    // Whoever names a code wants them to end.
    if (this.#isDurable && options.code === undefined) await this.#leaveSessions(timeout);
    let stopped: Promise<void> | undefined;
    // The clients of sessions have to learn that it is over, for which they may have to connect once more.
    if (this.#hub === undefined) {
      stopped = this.#own?.stop();
      this.#own?.dropRequests();
    }
    const cut = setTimeout(
      () => {
        for (const connection of this.#connections) connection.terminate();
        this.#own?.destroyAll();
      },
      Math.min(timeout + stagger, MAX_TIMEOUT),
    );
    const told = this.#tellAll(code, reason, stagger);
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    clearInterval(told);
    await this.#hub?.close();
    await this.#saveLast();
    stopped ??= this.#own?.stop();
    this.#own?.dropRequests();
    await stopped;
    clearTimeout(cut);
    await this.topics.close();
    if (http === undefined) return;
    removeUpgradeTarget(http, this);
    removeRequestTaker(http, this.handleRequest);
  }

  /** Lets other servers go on with the sessions. */
  async #leaveSessions(timeout: number): Promise<void> {
    const { sessions } = this.#hub!;
    await inTime(timeout, (onLeft) => sessions.leave(onLeft));
    this.topics.depart();
    sessions.cut();
  }

  /** What sessions that have ended have published and not saved. */
  async #saveLast(): Promise<void> {
    const { sessions } = this.#hub ?? {};
    if (sessions !== undefined) await inTime(SAVED_WITHIN, (onSaved) => sessions.whenSaved(onSaved));
  }

  /** Closes all connections, at once or evenly spread over `stagger` milliseconds. */
  #tellAll(code: number, reason: string, stagger: number): NodeJS.Timeout | undefined {
    const waiting = [...this.#connections];
    const step = Math.max(50, stagger / waiting.length);
    const share = stagger === 0 ? waiting.length : Math.ceil((waiting.length * step) / stagger);
    const tellSome = (): void => {
      for (const connection of waiting.splice(0, share)) connection.close(code, reason);
    };
    tellSome();
    return waiting.length === 0 ? undefined : setInterval(tellSome, step);
  }
}

/** Waits for something, at most so many milliseconds. */
async function inTime(milliseconds: number, begin: (onDone: () => void) => void): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    late = setTimeout(resolve, milliseconds);
    begin(resolve);
  });
  clearTimeout(late);
}

/** @throws {TypeError} naming what sessions need to go on elsewhere. */
function checkDurable<State>({ broker, sessions }: ServeOptions<State>, handlers: unknown): void {
  const needs = "The member 'durable' of the option 'sessions' needs";
  if (broker?.records === undefined) {
    throw new TypeError(
      `${needs} a 'broker' that keeps records: redisBroker(), or natsBroker() with JetStream`,
    );
  }
  if ((sessions as ServerSessionOptions).secret === undefined) {
    throw new TypeError(`${needs} a 'secret' that all servers have`);
  }
  if (typeof handlers === 'function') {
    throw new TypeError(
      `${needs} an object of handlers: a function cannot go on in its middle at another server`,
    );
  }
}

/**
 * Starts a WebSocket server: on a port of its own, or beside a framework on an HTTP server that exists.
 *
 * @param options see `ServeOptions`; every option has a safe default.
 * @param handlers one object for all connections (fastest), or one function for each connection (clearest).
 * @returns when it listens.
 * @throws {TypeError} at once for an option that does not exist or has a value that is not allowed; Node's own
 * error when it cannot listen, such as `EADDRINUSE`.
 */
export async function serve<State = unknown>(
  options: ServeOptions<State>,
  handlers: Handlers<NoInfer<State>> | ConnectionFunction<NoInfer<State>>,
): Promise<Server<State>> {
  checkOptions(options, SERVE_RULES, 'serve()');
  checkCompression(options, SERVER_COMPRESSION_RULES);
  checkSessions(options.sessions);
  if (options.port !== undefined && options.server !== undefined) {
    throw new TypeError("The options 'port' and 'server' exclude each other: give the one or the other");
  }
  if (options.port === undefined && (options.tls !== undefined || options.host !== undefined)) {
    throw new TypeError("The options 'tls' and 'host' need the option 'port'");
  }
  if (options.broker !== undefined && options.broker.history === undefined && options.history !== undefined) {
    throw new TypeError(
      "The option 'history' needs a broker that keeps it: redisBroker(), or natsBroker() with the option 'jetstream'",
    );
  }
  if (typeof options.sessions === 'object' && options.sessions.durable === true) {
    checkDurable(options, handlers);
  }
  if (options.http2 === true && options.tls === undefined) {
    throw new TypeError(
      "The option 'http2' needs the option 'tls': for HTTP/2 without TLS give a server of node:http2 as 'server'",
    );
  }
  if (typeof handlers !== 'function') checkOptions(handlers, HANDLER_RULES, 'The handler object');
  const server = new NodeServer<State>(options, handlers);
  await server.listen();
  return server;
}

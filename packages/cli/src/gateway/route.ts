import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { reject, serve, type Handlers, type RequestInfo, type Server } from 'bothways';
import { chooseProtocol } from 'bothways/subprotocols';
import type { Bridge } from './bridge.js';
import type { RouteConfig } from './config/schema.js';
import { LocalBrokers } from './local-broker.js';
import type { Traffic } from './metrics.js';
import type { Place } from './router.js';
import type { RouteParts } from './route-parts.js';
import { Refused } from './refusal.js';
import { answerRenewal, isRenewal } from './renewal.js';
import { findClient, openVisit, type Visit } from './visit.js';

/** What the servers of WebSockets are made from: where it changes, a new one is needed. */
function serverOptionsOf(config: RouteConfig) {
  const { max_message_size: maxMessageSize, high_water_mark: highWaterMark } = config;
  return {
    maxMessageSize,
    highWaterMark,
    // Above the mark no more is read from the server behind: what has been read by then fits in.
    maxBufferedBytes: highWaterMark + 2 * maxMessageSize + 131_072,
    pingInterval: config.ping_interval,
    pingTimeout: config.ping_timeout,
    idleTimeout: config.idle_timeout,
    compression: config.compression,
    origins: config.origins,
  };
}

/**
 * One route of the gateway: a place where clients come in, and servers behind it. It goes on while its configuration is
 * replaced: connections that are open keep what they began with.
 */
export class Route implements Place {
  #parts: RouteParts;
  #server: Server<Visit>;
  /** Those that still have connections from before the configuration has changed. */
  readonly #retired = new Set<Server<Visit>>();
  /** By these the sessions of a retired server are reached. */
  readonly #brokers = new LocalBrokers();
  readonly #secret = randomBytes(32);
  readonly #bridges = new Set<Bridge>();
  #passed = { bytesFromClients: 0, bytesFromServers: 0, messagesFromClients: 0, messagesFromServers: 0 };
  #onEmpty: (() => void) | undefined;

  private constructor(parts: RouteParts) {
    this.#parts = parts;
    this.#server = undefined!;
  }

  static async open(parts: RouteParts): Promise<Route> {
    const route = new Route(parts);
    route.#server = await route.#serve(parts);
    return route;
  }

  get config(): RouteConfig {
    return this.#parts.config;
  }

  get name(): string {
    return this.#parts.name;
  }

  get path(): string {
    return this.config.path;
  }

  get hosts(): readonly string[] | undefined {
    return this.config.hosts;
  }

  get parts(): RouteParts {
    return this.#parts;
  }

  get bridges(): ReadonlySet<Bridge> {
    return this.#bridges;
  }

  /** Takes another configuration for what comes from now on. */
  async replace(parts: RouteParts): Promise<void> {
    const isSame =
      isDeepStrictEqual(serverOptionsOf(parts.config), serverOptionsOf(this.config)) &&
      parts.config.sessions === this.config.sessions;
    if (!isSame) {
      const server = await this.#serve(parts);
      this.#retired.add(this.#server);
      this.#server = server;
    }
    this.#parts = parts;
    parts.limiter.configure(parts.config.limits);
    this.#closeEmpty();
  }

  /** Takes nobody in any more, and tells when the last one has gone. */
  retire(onEmpty: () => void): void {
    this.#onEmpty = onEmpty;
    this.#retired.add(this.#server);
    this.#closeEmpty();
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head);
  }

  /** @returns whether the request was for this route: one of a session, or one that renews a token. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#parts.auths.length > 0 && isRenewal(request)) {
      void this.#renew(request, response);
      return true;
    }
    return this.#server.handleRequest(request, response);
  }

  traffic(): Traffic {
    const all = { route: this.name, connections: this.#bridges.size, ...this.#passed };
    for (const bridge of this.#bridges) addTraffic(all, bridge);
    return all;
  }

  /** Takes nobody in any more, and cuts those who have not left after `timeout` milliseconds. */
  async close(timeout: number): Promise<void> {
    const servers = [this.#server, ...this.#retired];
    await Promise.all(servers.map((server) => server.close({ timeout, reason: 'The gateway is leaving' })));
    await this.#parts.flush();
  }

  async #renew(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { context, name } = this.#parts;
    const why = await answerRenewal(request, response, this.#parts, context.expirations);
    if (why !== undefined) context.log.info({ event: 'refused renewal', route: name, why });
  }

  #serve(parts: RouteParts): Promise<Server<Visit>> {
    const { config } = parts;
    const { handshakeTimeout } = parts.context;
    return serve<Visit>(
      {
        ...serverOptionsOf(config),
        handshakeTimeout,
        accept: (request, socket) => this.#accept(request, socket),
        protocols: (offered) => chooseProtocol(parts.subprotocol, offered).protocol,
        ...(config.sessions && { sessions: { secret: this.#secret }, broker: this.#brokers.join() }),
      },
      this.#handlers,
    );
  }

  async #accept(request: RequestInfo, socket: Duplex) {
    const parts = this.#parts;
    const { log, metrics } = parts.context;
    const visit = this.#onEmpty === undefined ? await openVisit(parts, request, socket) : GONE;
    // When the server has heard of it, the last one that it waited for may be decided about.
    if (this.#retired.size > 0) setImmediate(() => this.#closeEmpty());
    if (!(visit instanceof Refused)) return visit;
    const { status, body, headers, why } = visit;
    const { address } = findClient(parts.context, request, socket);
    log.info({ event: 'refused', route: this.name, address, url: parts.redact(request.url), status, why });
    metrics.refused.inc({ route: this.name, status: String(status) });
    return reject(status, body, headers);
  }

  readonly #handlers: Handlers<Visit> = {
    open: (socket) => {
      const bridge = socket.state.open(socket, (ended) => {
        this.#bridges.delete(ended);
        addTraffic(this.#passed, ended);
        this.#closeEmpty();
      });
      this.#bridges.add(bridge);
    },
    message: (socket, message) => socket.state.bridge?.onMessage(message),
    drain: (socket) => socket.state.bridge?.onClientDrain(),
    close: (socket, code, reason) => {
      socket.state.bridge?.onClientClosed(code, reason);
    },
    error: (error) => this.#parts.context.log.error({ event: 'error', route: this.name, err: error }),
  };

  #closeEmpty(): void {
    if (this.#bridges.size === 0) this.#onEmpty?.();
    // Who knocked before the file changed is let in still, unless the route is not in it any more.
    const isGone = this.#onEmpty !== undefined;
    for (const server of this.#retired) {
      if (server.connections.size > 0 || (!isGone && server.metrics().pendingHandshakes > 0)) continue;
      this.#retired.delete(server);
      // Nobody is there any more to be told.
      server.close({ timeout: 0 }).catch((error: unknown) => {
        this.#parts.context.log.error({ event: 'error', route: this.name, err: error });
      });
    }
  }
}

/** As where no route is: it has been taken out of the file. */
const GONE = new Refused(404, 'There is no route here.', 'the route is not in the file any more');

type Passed = Record<
  'bytesFromClients' | 'bytesFromServers' | 'messagesFromClients' | 'messagesFromServers',
  number
>;

function addTraffic(sum: Passed, bridge: Bridge): void {
  sum.bytesFromClients += bridge.bytesFromClient;
  sum.bytesFromServers += bridge.bytesFromServer;
  sum.messagesFromClients += bridge.messagesFromClient;
  sum.messagesFromServers += bridge.messagesFromServer;
}

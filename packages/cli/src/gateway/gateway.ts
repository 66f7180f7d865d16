import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createAuthenticator, type Authenticator } from './authenticate.js';
import { Admin } from './admin.js';
import { compareConfigs, type ConfigDifference } from './config/compare.js';
import { nameRoute, type GatewayConfig } from './config/schema.js';
import { Failure } from '../failure.js';
import { drainBridges } from './drain.js';
import { Expirations } from './expirations.js';
import { Listener, type ListenerHost } from './listener.js';
import { createLog, type Log } from './log.js';
import { GatewayMetrics } from './metrics.js';
import { RETRY_AFTER, Refused } from './refusal.js';
import { Route } from './route.js';
import { RouteParts, loadProtocols, type GatewayContext } from './route-parts.js';
import { Router } from './router.js';

export interface GatewayOptions {
  /** Answers requests that are for no route. */
  readonly onRequest?: RequestListener | undefined;
}

const FULL = new Refused(
  503,
  'The gateway has as many connections as it may: try again later.',
  'max_connections',
  RETRY_AFTER,
);

const LEAVING = new Refused(503, 'The gateway is leaving: try again later.', 'draining', RETRY_AFTER);

/** How long a client that is refused may take to leave, milliseconds. */
const REFUSAL_LINGER = 1_000;

/** Stands between clients of WebSockets and servers that speak over TCP. */
export class Gateway implements ListenerHost, GatewayContext {
  readonly log: Log;
  readonly metrics = new GatewayMetrics(() =>
    [...this.#routes.values(), ...this.#removed].map((route) => route.traffic()),
  );
  readonly expirations = new Expirations();
  readonly handshakeTimeout: number;
  readonly #onRequest: RequestListener;
  #config: GatewayConfig;
  readonly #listeners = new Map<string, Listener>();
  readonly #listenerOf = new WeakMap<object, Listener>();
  #routes = new Map<string, Route>();
  /** Those that are not in the file any more, and have connections still. */
  readonly #removed = new Set<Route>();
  #router = new Router<Route>([]);
  /** The sessions of those that are gone go on by requests. */
  #removedRouter = new Router<Route>([]);
  #ways = new Map<string, Authenticator>();
  #admin: Admin | undefined;
  #adminUrl: string | undefined;
  #connections = 0;
  #isDraining = false;

  private constructor(config: GatewayConfig, options: GatewayOptions) {
    this.#config = config;
    this.log = createLog(config.log.level);
    this.handshakeTimeout = config.handshake_timeout;
    this.#onRequest = options.onRequest ?? answerNotFound;
  }

  /**
   * @throws {Failure} when it cannot listen, or a file of the configuration is of no use.
   */
  static async start(config: GatewayConfig, options: GatewayOptions = {}): Promise<Gateway> {
    const gateway = new Gateway(config, options);
    try {
      await gateway.#apply(config);
      if (config.admin !== undefined) {
        gateway.#admin = new Admin(gateway.metrics.registry, () => !gateway.#isDraining);
        gateway.#adminUrl = await gateway.#admin.open(config.admin.address);
      }
    } catch (error) {
      gateway.log.level = 'silent';
      await gateway.close(0, 0);
      throw error;
    }
    return gateway;
  }

  /** Where it listens. */
  get urls(): string[] {
    return [...this.#listeners.values()].map(({ url }) => url);
  }

  /** Where its health and its metrics are. */
  get adminUrl(): string | undefined {
    return this.#adminUrl;
  }

  /** Connections that are open, and those about which nobody has decided yet. */
  get connections(): number {
    return this.#connections;
  }

  get hasAccessLog(): boolean {
    return this.#config.log.access;
  }

  /**
   * Takes another configuration: for what comes from now on. Connections that are open go on as they began.
   *
   * @throws {Failure} when it is of no use; then all is as it was.
   */
  async reload(config: GatewayConfig): Promise<void> {
    const difference = compareConfigs(this.#config, config);
    try {
      checkListeners(difference);
      await this.#apply(config);
      this.metrics.reloads.inc({ result: 'success' });
      this.log.level = config.log.level;
      this.log.info({ event: 'reloaded', ...difference });
    } catch (error) {
      this.metrics.reloads.inc({ result: 'failure' });
      throw error;
    }
  }

  /** Takes no more connections, tells the clients over `window` milliseconds, and waits for `timeout` more. */
  async close(
    window: number = this.#config.drain.window,
    timeout: number = this.#config.drain.timeout,
  ): Promise<void> {
    this.#isDraining = true;
    this.metrics.draining.set(1);
    const routes = [...this.#routes.values(), ...this.#removed];
    // Clients of sessions take their leave by requests, and those may come over new connections.
    if (!routes.some(({ config }) => config.sessions)) this.#stopListening();
    const bridges = routes.flatMap((route) => [...route.bridges]);
    this.log.info({ event: 'draining', connections: bridges.length });
    await drainBridges(bridges, window);
    await Promise.all(routes.map((route) => route.close(timeout)));
    this.#stopListening();
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()));
    for (const way of this.#ways.values()) way.close();
    this.expirations.close();
    await this.#admin?.close();
    this.log.info({ event: 'closed all' });
    this.log.flush();
  }

  // What the listeners ask (ListenerHost).

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, listener: Listener): void {
    const route = this.#find(request);
    if (this.#isDraining || route === undefined) {
      this.metrics.refused.inc({ route: route?.name ?? '', status: this.#isDraining ? '503' : '404' });
      refuseUpgrade(socket, this.#isDraining);
      return;
    }
    this.#listenerOf.set(socket, listener);
    route.handleUpgrade(request, socket, head);
  }

  onRequest(request: IncomingMessage, response: ServerResponse, listener: Listener): void {
    this.#listenerOf.set(request.socket, listener);
    if (this.#find(request)?.handleRequest(request, response) !== true) this.#onRequest(request, response);
  }

  // What the routes ask (GatewayContext).

  enter(): Refused | undefined {
    if (this.#isDraining) return LEAVING;
    if (this.#connections >= (this.#config.max_connections ?? Infinity)) return FULL;
    this.#connections++;
    return undefined;
  }

  leave(): void {
    this.#connections--;
  }

  listenerOf(socket: object): Listener | undefined {
    return this.#listenerOf.get(socket);
  }

  #stopListening(): void {
    for (const listener of this.#listeners.values()) listener.stop();
  }

  #find({ headers, url = '' }: IncomingMessage): Route | undefined {
    return this.#router.find(headers.host, url) ?? this.#removedRouter.find(headers.host, url);
  }

  /** What is most likely to fail is done before anything is changed: files, protocols, and ports that are taken. */
  async #apply(config: GatewayConfig): Promise<void> {
    const own = await loadProtocols(config);
    const ways = new Map<string, Authenticator>();
    let parts: RouteParts[];
    try {
      for (const [name, auth] of Object.entries(config.auth)) {
        ways.set(name, await createAuthenticator(name, auth));
      }
      parts = config.routes.map(
        (route) => new RouteParts(route, config, this, ways, own, this.#routes.get(nameRoute(route))?.parts),
      );
      await this.#listen(config);
    } catch (error) {
      for (const way of ways.values()) way.close();
      throw error;
    }
    const routes = new Map<string, Route>();
    for (const each of parts) {
      const route = this.#routes.get(each.name) ?? (await Route.open(each));
      await route.replace(each);
      routes.set(each.name, route);
    }
    for (const [name, route] of this.#routes) if (!routes.has(name)) this.#remove(route);
    for (const way of this.#ways.values()) way.close();
    this.#ways = ways;
    this.#routes = routes;
    this.#router = new Router([...routes.values()]);
    this.#config = config;
  }

  /** Opens what is new, and stops what is not named any more. */
  async #listen(config: GatewayConfig): Promise<void> {
    const named = new Map(config.listen.map((listen) => [keyOf(listen), listen]));
    const opened = new Map<string, Listener>();
    try {
      for (const [key, listen] of named) {
        this.#listeners.get(key)?.reload(listen);
        if (this.#listeners.has(key)) continue;
        const listener = new Listener(listen, this.handshakeTimeout, this);
        await listener.open();
        opened.set(key, listener);
      }
    } catch (error) {
      for (const listener of opened.values()) listener.stop();
      throw error;
    }
    for (const [key, listener] of opened) this.#listeners.set(key, listener);
    for (const [key, listener] of this.#listeners) {
      if (named.has(key)) continue;
      listener.stop();
      this.#listeners.delete(key);
    }
  }

  /** A route that is not in the file any more goes when its last connection has. */
  #remove(route: Route): void {
    this.#removed.add(route);
    this.#removedRouter = new Router([...this.#removed]);
    route.retire(() => {
      this.#removed.delete(route);
      this.#removedRouter = new Router([...this.#removed]);
    });
  }
}

/** @throws {Failure} for a change that a listener cannot make while it listens. */
function checkListeners({ needsRestart }: ConfigDifference): void {
  const listeners = needsRestart.filter((setting) => setting.startsWith('listen '));
  if (listeners.length === 0) return;
  throw new Failure(
    `${listeners.join(', ')}: whether it has TLS, client_ca, require_client_cert and proxy_protocol change with a restart only.`,
  );
}

/** What a listener cannot change while it listens. */
function keyOf({ address, tls, proxy_protocol: isProxied }: GatewayConfig['listen'][number]): string {
  return JSON.stringify([
    address,
    isProxied,
    tls === undefined ? undefined : [tls.client_ca, tls.require_client_cert],
  ]);
}

function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  response
    .writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
    .end('There is no route here: WebSockets are opened at the paths of the configuration.\n');
}

function refuseUpgrade(socket: Duplex, isDraining: boolean): void {
  // A client that is refused may be gone already.
  socket.on('error', () => socket.destroy());
  const cut = setTimeout(() => socket.destroy(), REFUSAL_LINGER);
  socket.on('close', () => clearTimeout(cut)).resume();
  const body = isDraining ? 'The gateway is leaving: try again later.\n' : 'There is no route here.\n';
  const [status, more] = isDraining
    ? ['503 Service Unavailable', 'Retry-After: 5\r\n']
    : ['404 Not Found', ''];
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n${more}Connection: close\r\n\r\n${body}`,
  );
}

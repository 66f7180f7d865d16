import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  checkDelay,
  checkDirection,
  checkTime,
  checkWhole,
  type CutOptions,
  type CutResponseOptions,
  type Direction,
  type FaultProxyOptions,
  type ReorderOptions,
  type RequestFaultOptions,
  type StallOptions,
} from './fault-options.js';
import { ArmedFault, Faults, ResponseCut } from './faults.js';
import { ProxiedConnection } from './proxied-connection.js';
import type { ProxyState } from './proxy-state.js';
import { RequestOrder } from './request-order.js';
import { cutSocket, ignoreError } from './sockets.js';
import { UnseenResponses } from './unseen-responses.js';

/**
 * A TCP proxy that passes everything on as it is until it is told to do otherwise: a network whose faults a test chooses.
 * Made by `startFaultProxy`.
 *
 * Faults may be combined, and last until `heal()`. Calling a method again replaces what it said before. A caller's
 * mistake throws a `TypeError` at once; after `close()` the methods have no effect.
 *
 * What is kept is bounded: about 1 MiB for each direction of a connection, and then the sender is read no more.
 */
export class FaultProxy implements AsyncDisposable {
  /** The TCP port it listens on. */
  readonly port: number;
  /** What to use in place of the target's URL: `http://127.0.0.1:PORT`, without a path. */
  readonly url: string;
  readonly #server: Server;
  readonly #state: ProxyState;
  readonly #connect: () => Socket;
  readonly #connections = new Set<ProxiedConnection>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(server: Server, connectTarget: () => Socket) {
    const { port, address, family } = server.address() as AddressInfo;
    this.port = port;
    this.url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    this.#server = server;
    this.#connect = connectTarget;
    this.#state = {
      faults: new Faults(),
      order: new RequestOrder(),
      unseen: new UnseenResponses(connectTarget),
      traffic: { up: 0, down: 0 },
    };
    server.on('connection', (client: Socket) => this.#accept(client));
    server.on('error', ignoreError);
  }

  /** How many clients' connections are open. One counts until both its ends are closed, the client's and the target's. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How much has been passed on to the target over all connections, without requests' duplicates, bytes. */
  get bytesUp(): number {
    return this.#state.traffic.up;
  }

  /** How much has been passed on to clients over all connections, bytes. */
  get bytesDown(): number {
    return this.#state.traffic.down;
  }

  /**
   * Passes on every chunk, and every end of a connection, that much later. The order is kept. Both directions are
   * delayed, so a round trip takes twice as long; opening a connection is not delayed.
   *
   * @param delay milliseconds, or a function that is asked for each chunk, such as `() => 50 * Math.random()`.
   */
  delay(delay: number | (() => number)): void {
    this.#state.faults.delay = checkDelay(delay);
  }

  /** Ends all present connections at once, on both sides, without what still waits. Others can be opened. */
  cut(options: CutOptions = {}): void {
    for (const connection of this.#connections) connection.cut(options.reset ?? true);
  }

  /** Resets new connections as soon as they are opened. Present ones go on. */
  refuse(): void {
    this.#state.faults.isRefusing = true;
  }

  /**
   * Passes nothing on any more, not even that one side has ended or reset a connection: as a network that loses
   * everything. Connections can be opened. After `heal()` all goes on with what waits.
   */
  stall({ direction = 'both' }: StallOptions = {}): void {
    checkDirection(direction, ['up', 'down', 'both']);
    const { stalled } = this.#state.faults;
    if (direction !== 'down') stalled.up = true;
    if (direction !== 'up') stalled.down = true;
  }

  /**
   * Ends one direction of all present connections: behind what has come, the receiver gets a FIN, and what comes later
   * is lost. The other direction goes on. It is not undone by `heal()`.
   */
  halfClose(direction: Direction): void {
    checkDirection(direction, ['up', 'down']);
    for (const connection of this.#connections) connection.halfClose(direction);
  }

  /**
   * Cuts connections in the middle of a response: the first on which the target sends `after` bytes, and with `times`
   * more of them. Counted are the bytes since this call, or since the connection's last HTTP request if that came later.
   * So it also cuts a stream that is under way, and a WebSocket. With `after: 0` it is cut when a response begins.
   *
   * @param options `match` picks the requests whose responses may be cut, also ones that are under way.
   */
  cutResponse(options: CutResponseOptions = {}): void {
    this.#state.faults.responseCut = new ResponseCut(options);
  }

  /**
   * Sends the next request to the target twice: as usual, and once more over a connection of its own, whose response
   * nobody sees. Which arrives first is open. The second has `Connection: close` in place of its own field, so that the
   * target closes the connection behind the response.
   *
   * This and the other faults of requests are for HTTP/1.1 whose bodies have a Content-Length, on connections with
   * nothing else before. While one is armed, what may be a request's beginning is kept until its head is complete.
   */
  duplicateRequest(options: RequestFaultOptions = {}): void {
    this.#state.faults.duplicates = new ArmedFault(options);
  }

  /**
   * Holds the next request until another one, on any other connection, has been passed on and its response has begun;
   * or until `timeout`. One is held at a time.
   *
   * @param options `match` picks the request that is held; any other may overtake it.
   */
  reorderRequests(options: ReorderOptions = {}): void {
    const { faults } = this.#state;
    const timeout = checkTime('timeout', options.timeout ?? 500);
    faults.reorders = new ArmedFault(options);
    faults.holdTimeout = timeout;
  }

  /**
   * Passes the next request on, and then resets the client's connection, so that the client gets no response. The
   * target notices nothing; the request has `Connection: close` in place of its own field, and once the target has
   * answered, its connection ends.
   */
  dropRequest(options: RequestFaultOptions = {}): void {
    this.#state.faults.drops = new ArmedFault(options);
  }

  /** Ends all faults: what waits is passed on at once and in order, and what is armed is no more. */
  heal(): void {
    const { faults, order } = this.#state;
    faults.clear();
    order.release(order.held);
    for (const connection of this.#connections) connection.heal();
  }

  /**
   * Resets all connections, and stops listening.
   *
   * @returns when every socket is closed; calling it again, the same promise.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    const connections = [...this.#connections];
    for (const connection of connections) connection.destroy();
    await Promise.all(connections.map((connection) => connection.closed));
    await this.#state.unseen.close();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#state.faults.isRefusing || this.#closing !== undefined) {
      client.on('error', ignoreError);
      cutSocket(client, true);
      return;
    }
    const connection = new ProxiedConnection(client, this.#connect(), this.#state);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}

/**
 * Starts a proxy between a client and the server under test. Use its `url` (or `port`) in place of the server's, and
 * tell it which faults to make.
 *
 * @example
 * await using proxy = await startFaultProxy({ target: 8080 });
 * const client = await connect(proxy.url.replace('http', 'ws'));
 * proxy.stall(); // from now on nothing arrives
 *
 * @returns when it listens.
 * @throws {TypeError} for an option that is not allowed; the error of `node:net` if it cannot listen.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = typeof options.target === 'number' ? { port: options.target } : options.target;
  const { host: targetHost = '127.0.0.1' } = target;
  const targetPort = checkWhole('target', target.port, 1, 65_535);
  const port = checkWhole('port', options.port ?? 0, 0, 65_535);
  const connectTarget = (): Socket =>
    connect({ host: targetHost, port: targetPort, allowHalfOpen: true, noDelay: true });
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(port, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  return new FaultProxy(server, connectTarget);
}

import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import {
  createServer as createNetServer,
  type AddressInfo,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RequestInfo } from 'bothways';
import { createAddressReader } from './client-address.js';
import { addressUrl, closeServer, listen } from '../http/listen.js';
import { ELSEWHERE, listenFailure } from '../failure.js';
import type { ListenConfig } from './config/schema.js';
import { readProxyHeader, type ProxiedAddresses } from './proxy-protocol.js';

/** Who takes what comes to a listener. */
export interface ListenerHost {
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, listener: Listener): void;
  onRequest(request: IncomingMessage, response: ServerResponse, listener: Listener): void;
}

/** How long a connection is kept for the next request of a session, milliseconds. */
const KEEP_ALIVE = 30_000;

/** One address that the gateway listens on. */
export class Listener {
  config: ListenConfig;
  readonly #http: HttpServer | HttpsServer;
  /** What reads the PROXY headers, where proxies send them. */
  readonly #front: NetServer | undefined;
  readonly #handshakeTimeout: number;
  #readAddress: ReturnType<typeof createAddressReader>;
  /** What proxies said of connections: by the socket that requests come on. */
  readonly #addresses = new WeakMap<object, ProxiedAddresses>();
  /** The same of those whose TLS has not begun, by who has opened them. */
  readonly #undisclosed = new Map<string, ProxiedAddresses>();

  constructor(config: ListenConfig, handshakeTimeout: number, host: ListenerHost) {
    this.config = config;
    this.#readAddress = createAddressReader(config.trusted_proxies);
    this.#handshakeTimeout = handshakeTimeout;
    const timeouts = {
      headersTimeout: handshakeTimeout,
      // Node takes no shorter one, and its own is of 5 minutes.
      requestTimeout: Math.max(handshakeTimeout, 300_000),
      connectionsCheckingInterval: Math.min(30_000, Math.max(handshakeTimeout / 2, 100)),
      keepAliveTimeout: KEEP_ALIVE,
    };
    const { tls } = config;
    if (tls === undefined) {
      this.#http = createServer(timeouts);
    } else {
      const { require_client_cert: isRequired } = tls;
      this.#http = createTlsServer({
        ...timeouts,
        ...readCertificates(config),
        handshakeTimeout,
        requestCert: tls.client_ca !== undefined,
        rejectUnauthorized: isRequired,
      });
      this.#http.on('secureConnection', this.#onSecure);
    }
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      host.onUpgrade(request, socket, head, this),
    );
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) =>
      host.onRequest(request, response, this),
    );
    if (config.proxy_protocol) this.#front = createNetServer(this.#onProxied);
  }

  /** @throws {Failure} when nobody may listen there. */
  async open(): Promise<void> {
    const { host = '::', port } = this.config.address;
    const server = (this.#front ?? this.#http) as HttpServer;
    await listen(server, port, host).catch((error: unknown) => {
      throw listenFailure(error, host, port, ELSEWHERE);
    });
  }

  get url(): string {
    const address = (this.#front ?? this.#http).address() as AddressInfo;
    return addressUrl(this.config.tls === undefined ? 'http' : 'https', address);
  }

  /** What a proxy said about a connection, if one may say something. */
  addressesOf(socket: object): ProxiedAddresses | undefined {
    return this.#addresses.get(socket);
  }

  /**
   * Takes the certificates and what else can be changed while it listens.
   *
   * @throws Node's error when certificate and key do not fit; then all is as it was.
   */
  reload(config: ListenConfig): void {
    if (config.tls !== undefined) (this.#http as HttpsServer).setSecureContext(readCertificates(config));
    this.config = config;
    this.#readAddress = createAddressReader(config.trusted_proxies);
  }

  /** The address of a client, as far as the proxies in front are trusted. */
  readAddress(reached: Pick<RequestInfo, 'remoteAddress' | 'headers'>): string {
    return this.#readAddress(reached);
  }

  /** Listens no more. Connections that are open go on. */
  stop(): void {
    this.#front?.close();
    this.#http.close();
    this.#http.closeIdleConnections();
  }

  /** Cuts what is still there of requests. */
  async close(): Promise<void> {
    if (this.#front === undefined) {
      if (this.#http.listening) await closeServer(this.#http);
    } else {
      this.#front.close();
    }
    this.#http.closeAllConnections();
  }

  readonly #onProxied = (socket: Socket): void => {
    let head: Buffer = Buffer.alloc(0);
    const giveUp = (): void => void socket.destroy();
    socket.on('error', giveUp);
    // For all of the header: who sends a byte now and then is no proxy.
    const timer = this.#handshakeTimeout > 0 ? setTimeout(giveUp, this.#handshakeTimeout) : undefined;
    socket.once('close', () => clearTimeout(timer));
    const onData = (chunk: Buffer): void => {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      let header: ReturnType<typeof readProxyHeader>;
      try {
        header = readProxyHeader(head);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        giveUp();
        return;
      }
      if (header === undefined) return;
      clearTimeout(timer);
      socket.off('data', onData).off('error', giveUp);
      socket.pause();
      if (header.addresses !== undefined) this.#disclose(socket, header.addresses);
      if (head.length > header.length) socket.unshift(head.subarray(header.length));
      this.#http.emit('connection', socket);
      // TLS takes by itself what is there, and would lose what flows before.
      if (this.config.tls === undefined) socket.resume();
    };
    socket.on('data', onData);
  };

  #disclose(socket: Socket, addresses: ProxiedAddresses): void {
    this.#addresses.set(socket, addresses);
    if (this.config.tls === undefined) return;
    const key = keyOf(socket);
    this.#undisclosed.set(key, addresses);
    socket.once('close', () => this.#undisclosed.delete(key));
  }

  readonly #onSecure = (socket: TLSSocket): void => {
    const addresses = this.#undisclosed.get(keyOf(socket));
    if (addresses !== undefined) this.#addresses.set(socket, addresses);
  };
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The files may have changed since the configuration was checked: Node says what is wrong with them. */
function readCertificates({ tls }: ListenConfig): { cert: Buffer; key: Buffer; ca?: Buffer } {
  const { cert, key, client_ca: ca } = tls!;
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
  };
}

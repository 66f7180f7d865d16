import { Server, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer as createHttp2Server,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import { Refusal, formatRefusal } from '../protocol/handshake-server-response.js';
import { Http2Sessions } from './http2-sessions.js';
import { Lobby, type OnHandshake } from './lobby.js';
import { MAX_TIMEOUT, type ServeOptions } from './options.js';

/** How many requests, and so WebSockets, one HTTP/2 session may have open at once; Node sets no limit. */
const MAX_STREAMS = 1000;

/**
 * The HTTP server that `serve({ port })` makes for itself. It opens WebSockets only; every other request is told so.
 */
export class OwnServer {
  readonly http: Server | Http2SecureServer;
  /** As it is now. */
  #tls: ServeOptions['tls'];
  readonly #http2: Http2Sessions | undefined;
  readonly #lobby: Lobby | undefined;
  /** With TLS, every TCP connection: one that never ends its TLS handshake is known to nobody else. */
  readonly #sockets = new Set<Duplex>();

  /**
   * @param handshakeTimeout how long a client may take to send its request, milliseconds; 0 for no limit.
   * @param keepAliveTimeout how long a connection is kept for the next request, milliseconds.
   * @param onHandshake takes the handshakes that come in one piece; the others come as `'upgrade'`, from Node.
   */
  constructor(
    tls: ServeOptions['tls'],
    http2: boolean,
    handshakeTimeout: number,
    keepAliveTimeout: number,
    onHandshake: OnHandshake,
  ) {
    const options = {
      headersTimeout: handshakeTimeout,
      requestTimeout: handshakeTimeout,
      // How often Node looks for those who are too slow; its default of 30 s would make any timeout longer.
      connectionsCheckingInterval: Math.min(1_000, Math.max(100, handshakeTimeout / 4)),
      keepAliveTimeout,
    };
    this.#tls = tls;
    const secure = { handshakeTimeout: handshakeTimeout || MAX_TIMEOUT, ...tls };
    if (tls === undefined) {
      this.http = createServer(options, refuseRequest);
    } else if (http2) {
      const settings = { maxConcurrentStreams: MAX_STREAMS };
      const http = createHttp2Server({ ...secure, allowHTTP1: true, settings }, refuseRequest);
      // Those who speak HTTP/1.1 are served by the same code as in node:http, which reads them from here.
      this.http = Object.assign(http, options);
      this.#http2 = new Http2Sessions(http, handshakeTimeout);
    } else {
      this.http = createSecureServer({ ...secure, ...options }, refuseRequest);
    }
    if (tls !== undefined) {
      this.http.on('connection', (socket: Duplex) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    }
    this.http.on('clientError', refuseNoRequest);
    if (!http2) this.#lobby = new Lobby(this.http, handshakeTimeout, onHandshake, refuseSilence);
  }

  /**
   * Takes another certificate for the connections that come from now on.
   *
   * @throws {TypeError} when the server has no TLS; Node's own error for what is no certificate and key.
   */
  setSecureContext(tls: NonNullable<ServeOptions['tls']>): void {
    if (this.#tls === undefined) throw new TypeError("The server was made without the option 'tls'");
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const next = { ...this.#tls, ...given };
    (this.http as TlsServer).setSecureContext(next);
    this.#tls = next;
  }

  /** Resolves when the server listens; rejects with Node's own error, such as `EADDRINUSE`. */
  listen(port: number, host: string | undefined): Promise<void> {
    const { http } = this;
    return new Promise((resolve, reject) => {
      http.once('error', reject);
      http.listen({ port, host, backlog: 4096 }, () => {
        http.off('error', reject);
        resolve();
      });
    });
  }

  /** Stops listening; resolves when the last connection is gone. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve());
    });
  }

  /** Drops who is no WebSocket. */
  dropRequests(): void {
    // Node's server for both versions has no method of its own for those who speak HTTP/1.1.
    Server.prototype.closeAllConnections.call(this.http);
    this.#lobby?.close();
    this.#http2?.close();
  }

  /** Cuts whoever is still there. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** RFC 9110 section 15.5.22; HTTP/2 has no upgrade to offer (RFC 9113 section 8.6). */
function refuseRequest(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  const isHttp1 = request.httpVersionMajor === 1;
  response.statusCode = isHttp1 ? 426 : 404;
  const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade, close' };
  for (const [name, value] of Object.entries({ ...fields, ...(isHttp1 && upgrade) })) {
    response.setHeader(name, value);
  }
  response.end(
    isHttp1
      ? 'This is a WebSocket endpoint: send "Upgrade: websocket" and "Connection: Upgrade".'
      : 'This is a WebSocket endpoint: send CONNECT with ":protocol: websocket".',
  );
}

const NOT_HTTP = new Refusal(400, 'The request is not well-formed HTTP/1.1.');
const TOO_LARGE = new Refusal(431, "The request's header fields are larger than 16 KiB together.");
const TOO_SLOW = new Refusal(408, 'The request was not complete in time.');

/** What Node's HTTP parser could not make a request of, or not in time; Node's own answer has no word of why. */
function refuseNoRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  const code = error.code ?? '';
  // All else is of the socket or of TLS: there is nobody to answer, or no way.
  const isAboutHttp = /^(HPE|ERR_HTTP)_/.test(code);
  if (!isAboutHttp || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal =
    code === 'HPE_HEADER_OVERFLOW' ? TOO_LARGE : code.endsWith('_TIMEOUT') ? TOO_SLOW : NOT_HTTP;
  end(socket, refusal);
}

/** Nothing came in time. */
function refuseSilence(socket: Duplex): void {
  end(socket, TOO_SLOW);
}

function end(socket: Duplex, refusal: Refusal): void {
  socket.end(formatRefusal(refusal), () => socket.destroy());
}

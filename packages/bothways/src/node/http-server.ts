import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { Refusal, formatRefusal } from '../protocol/handshake-server-response.js';
import { MAX_TIMEOUT, type ServeOptions } from './options.js';

/**
 * The HTTP server that `serve({ port })` makes for itself. It answers upgrades only; every other request is told
 * so.
 */
export class OwnServer {
  readonly http: Server;
  /** With TLS, every TCP connection: one that never ends its TLS handshake is known to nobody else. */
  readonly #sockets = new Set<Duplex>();

  /** @param handshakeTimeout how long a client may take to send its request, milliseconds; 0 for no limit. */
  constructor(tls: ServeOptions['tls'], handshakeTimeout: number) {
    const options = {
      headersTimeout: handshakeTimeout,
      requestTimeout: handshakeTimeout,
      // How often Node looks for those who are too slow; its default of 30 s would make any timeout longer.
      connectionsCheckingInterval: Math.min(1_000, Math.max(100, handshakeTimeout / 4)),
      keepAliveTimeout: 1_000,
    };
    if (tls === undefined) {
      this.http = createServer(options, refuseRequest);
    } else {
      const secure = { handshakeTimeout: handshakeTimeout || MAX_TIMEOUT, ...tls, ...options };
      this.http = createSecureServer(secure, refuseRequest);
      this.http.on('connection', (socket: Duplex) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
    }
    this.http.on('clientError', refuseNoRequest);
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

  /** Stops listening and drops who has not finished a request; resolves when the last connection is gone. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve());
      this.http.closeAllConnections();
    });
  }

  /** Cuts whoever is still there. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** RFC 9110 section 15.5.22. */
function refuseRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, {
    Upgrade: 'websocket',
    Connection: 'Upgrade, close',
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end('This is a WebSocket endpoint: send "Upgrade: websocket" and "Connection: Upgrade".');
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
  socket.end(formatRefusal(refusal), () => socket.destroy());
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { ServeOptions } from './options.js';

/**
 * The HTTP server that `serve({ port })` makes for itself. It answers upgrades only; every other request is told
 * so.
 *
 * @param handshakeTimeout how long a client may take to send its request, milliseconds; 0 for no limit.
 */
export function createOwnServer(tls: ServeOptions['tls'], handshakeTimeout: number): Server {
  const options = {
    headersTimeout: handshakeTimeout,
    requestTimeout: handshakeTimeout,
    // How often Node looks for those who are too slow; its default of 30 s would make any timeout longer.
    connectionsCheckingInterval: Math.min(1_000, Math.max(100, handshakeTimeout / 4)),
    keepAliveTimeout: 1_000,
  };
  return tls === undefined
    ? createServer(options, refuseRequest)
    : createSecureServer(
        { handshakeTimeout: handshakeTimeout || 2 ** 31 - 1, ...tls, ...options },
        refuseRequest,
      );
}

/** Resolves when the server listens; rejects with Node's own error, such as `EADDRINUSE`. */
export function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Stops listening and drops who has not finished a request; resolves when the last connection is gone. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
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

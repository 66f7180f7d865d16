import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** Connections that each server of the demonstration takes at once. */
const MAX_CONNECTIONS = 256;

/** A server of the demonstration. */
export interface TcpServer {
  /** Where it listens, as routes of the gateway name it: `tcp://127.0.0.1:40123`. */
  readonly url: string;
  /** Cuts its connections and listens no more. */
  close(): Promise<void>;
}

/**
 * Listens on a free port of this machine, which nobody else reaches.
 *
 * @param onConnection takes each connection. Its errors are looked after.
 */
export async function listenTcp(onConnection: (socket: Socket) => void): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Who is gone is gone: 'close' follows.
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `tcp://127.0.0.1:${port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

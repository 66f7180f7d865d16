import { listenTcp, type TcpServer } from './tcp-server.js';

/** Sends every byte back. Who does not read is not read from either. */
export function startEchoServer(): Promise<TcpServer> {
  return listenTcp((socket) => {
    socket.pipe(socket);
  });
}

import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** The sockets of this process, the subject's among them: by them the harness sees how much a subject has read. */
const sockets = new Set<Socket>();

const note = (message: unknown): void => void sockets.add((message as { socket: Socket }).socket);
subscribe('net.client.socket', note);
subscribe('net.server.socket', note);

/** The other end, in this process, of a connection between these two ports. */
export function findSocket(localPort: number, remotePort: number): Socket | undefined {
  for (const socket of sockets) {
    if (socket.destroyed) sockets.delete(socket);
    else if (socket.localPort === localPort && socket.remotePort === remotePort) return socket;
  }
  return undefined;
}

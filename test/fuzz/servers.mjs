/** The servers of the targets with sockets: one without compression and one with, for all runs. */
import { connect, serve } from '../../packages/bothways/dist/index.js';
import { must } from './finding.mjs';
import { Watch, inTime } from './tcp.mjs';

export class Servers {
  watch = new Watch();
  #servers = new Map();

  /** An echo server on a port of its own. */
  async get(isCompressing) {
    const present = this.#servers.get(isCompressing);
    if (present !== undefined) return present;
    const server = await serve(
      {
        port: 0,
        host: '127.0.0.1',
        compression: isCompressing && { contextTakeover: true, threshold: 1 },
        maxMessageSize: 1 << 20,
        closeTimeout: 500,
        handshakeTimeout: 2000,
        origins: ['https://example.com', 'http://localhost:8080'],
        protocols: ['chat', 'v2.json'],
      },
      {
        message: (socket, data) => void socket.send(data),
        error: (error) => this.watch.report(error),
      },
    );
    this.#servers.set(isCompressing, server);
    return server;
  }

  /** Nothing was reported, nothing is left, and a client that comes now is served. */
  async checkAlive(server, isCompressing) {
    this.watch.check();
    const socket = await inTime(connect(server.url, { compression: isCompressing }), 'a fresh handshake');
    socket.send('still here');
    const { value } = await inTime(socket[Symbol.asyncIterator]().next(), 'a fresh echo');
    must(value === 'still here', 'a fresh echo is another', String(value));
    socket.close();
    await inTime(socket.closed, 'closing a connection');
    for (const { closed } of server.connections) await inTime(closed, 'forgetting a connection');
    const { connections, pendingHandshakes, compressionMemory } = server.metrics();
    must(connections + pendingHandshakes + compressionMemory === 0, 'something is left of a connection');
    this.watch.check();
  }

  async stop() {
    this.watch.stop();
    for (const server of this.#servers.values()) await server.close({ timeout: 0 });
    this.#servers.clear();
  }
}

import { createRequire } from 'node:module';
import { connect, serve, type Connection, type ConnectionOptions } from 'bothways';
import type { Endpoint, Settings, Subject, Told } from './subject.js';

const { version } = createRequire(import.meta.url)('bothways/package.json') as { version: string };

/** Set up as its guide says: `serve` and `connect` with handlers, and reading waits when a peer does not read. */
export const bothways: Subject = {
  name: 'bothways',
  version,
  note: '`serve()` and `connect()` with handlers and their defaults',

  async serve(settings, told) {
    const options = { port: 0, host: '127.0.0.1', protocols: settings.protocols, ...optionsOf(settings) };
    const server = await serve(
      options,
      handlersOf((socket) => socket.request.url, told),
    );
    return { port: server.port, stop: () => server.close({ timeout: 0 }) };
  },

  connect(port, path, settings, told) {
    const options = { protocols: settings.protocols, ...optionsOf(settings) };
    connect(
      `ws://127.0.0.1:${port}${path}`,
      options,
      handlersOf(() => path, told),
    ).catch((error: unknown) => told.refused(path, error as Error));
  },
};

function optionsOf({ compression, maxMessageSize, closeTimeout }: Settings): ConnectionOptions {
  return {
    maxMessageSize,
    closeTimeout,
    compression: compression === undefined ? false : { ...compression, threshold: 0 },
  };
}

function handlersOf(pathOf: (socket: Connection) => string, told: Told) {
  return {
    open: (socket: Connection): void => told.opened(pathOf(socket), endpointOf(socket)),
    message(socket: Connection, data: string | Uint8Array): void {
      if (!socket.send(data)) socket.pause();
    },
    drain: (socket: Connection): void => socket.resume(),
    close: (socket: Connection, code: number, reason: string): void =>
      told.closed(pathOf(socket), code, reason),
  };
}

function endpointOf(socket: Connection): Endpoint {
  return {
    send: (message) => void socket.send(message),
    ping: (payload) => socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
  };
}

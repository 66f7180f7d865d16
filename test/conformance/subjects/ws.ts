import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer, type PerMessageDeflateOptions, type RawData } from 'ws';
import type { Endpoint, Settings, Subject, Told } from './subject.js';

const { version } = createRequire(import.meta.url)('ws/package.json') as { version: string };

/** Set up as its documentation says: the echo of its README, with `bufferutil`, which it recommends. */
export const ws: Subject = {
  name: 'ws',
  version,
  note: '`WebSocketServer` and `WebSocket` with their defaults, and `bufferutil`',

  async serve(settings, told) {
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      ...optionsOf(settings),
      ...(settings.protocols === undefined
        ? {}
        : {
            handleProtocols: (offered: Set<string>) =>
              settings.protocols!.find((each) => offered.has(each)) ?? false,
          }),
    });
    server.on('connection', (socket, request) => {
      told.opened(request.url!, endpointOf(socket));
      echo(socket, request.url!, told);
    });
    await once(server, 'listening');
    return {
      port: (server.address() as AddressInfo).port,
      stop: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of server.clients) socket.terminate();
        }),
    };
  },

  connect(port, path, settings, told) {
    const protocols = [...(settings.protocols ?? [])];
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, optionsOf(settings));
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
      told.opened(path, endpointOf(socket));
    });
    socket.on('error', (error) => {
      if (!isOpen) told.refused(path, error);
    });
    echo(socket, path, told);
  },
};

function optionsOf({ compression, maxMessageSize, closeTimeout }: Settings) {
  return {
    perMessageDeflate: compression === undefined ? false : deflateOptions(compression),
    ...(maxMessageSize === undefined ? {} : { maxPayload: maxMessageSize }),
    ...(closeTimeout === undefined ? {} : { closeTimeout }),
  };
}

function deflateOptions({
  contextTakeover,
  windowBits,
}: NonNullable<Settings['compression']>): PerMessageDeflateOptions {
  return {
    threshold: 0,
    ...(contextTakeover ? {} : { serverNoContextTakeover: true, clientNoContextTakeover: true }),
    ...(windowBits === undefined ? {} : { serverMaxWindowBits: windowBits, clientMaxWindowBits: windowBits }),
  };
}

function echo(socket: WebSocket, path: string, told: Told): void {
  socket.on('message', (data: RawData, isBinary: boolean) => socket.send(data, { binary: isBinary }));
  // A protocol error of the peer is told here, and then the connection closes.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => told.closed(path, code, reason.toString()));
}

function endpointOf(socket: WebSocket): Endpoint {
  return {
    send: (message) => socket.send(message),
    ping: (payload) => socket.ping(payload),
    close: (code, reason) => socket.close(code, reason),
  };
}

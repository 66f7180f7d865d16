import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { onTestFinished } from 'vitest';
import {
  WebSocket as WsClient,
  WebSocketServer as WsServer,
  type ClientOptions,
  type ServerOptions,
} from 'ws';
import type { AddressInfo } from 'node:net';
import type { Connection } from '../protocol/contract.js';
import { connect } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import type { ConnectionFunction, Handlers } from './handlers.js';
import type { ServeOptions } from './options.js';
import { serve, type Server } from './server.js';
import { Arrivals, settled } from './test-arrivals.js';
import { WireServer } from './test-wire.js';

export type Socket<State = unknown> = Connection<State, Buffer>;

/** A server on a free port of this machine, which ends with the test. */
export async function start<State = unknown>(
  options: ServeOptions<State>,
  handlers: Handlers<NoInfer<State>> | ConnectionFunction<NoInfer<State>> = echo,
): Promise<Server<State>> {
  const server = await serve<State>({ port: 0, host: '127.0.0.1', ...options }, handlers);
  onTestFinished(() => server.close({ timeout: 0 }));
  return server;
}

/** Sends every message back. */
export const echo: Handlers<never> = {
  message: (socket, data) => void socket.send(data),
};

/** A server whose connections come out of `opened`, and whose messages out of `messages`. */
export async function startWatched<State = unknown>(
  options: ServeOptions<State> = {},
  handlers: Handlers<NoInfer<State>> = {},
) {
  const opened = new Arrivals<Socket<State>>();
  const messages = new Arrivals<string | Buffer>();
  const server = await start<State>(options, {
    message: (_socket, data) => messages.push(data),
    ...handlers,
    open(socket) {
      opened.push(socket);
      return handlers.open?.(socket);
    },
  });
  return { server, opened, messages };
}

/** A client, which ends with the test. */
export async function join<State = undefined>(
  target: { readonly url: string } | string,
  options: ConnectOptions = {},
  handlers?: Handlers<State>,
): Promise<Connection<State, Buffer>> {
  const url = typeof target === 'string' ? target : target.url;
  const socket = await connect<State>(url, options, handlers);
  onTestFinished(() => socket.terminate());
  return socket;
}

/** A client and what it receives. */
export async function joinWatched(target: { readonly url: string } | string, options: ConnectOptions = {}) {
  const messages = new Arrivals<string | Buffer>();
  const socket = await join(target, options, { message: (_socket, data) => messages.push(data) });
  return { socket, messages };
}

/** A client whose server is a wire of the test. */
export async function joinWire<State = undefined>(options: ConnectOptions = {}, handlers?: Handlers<State>) {
  const server = await WireServer.listen();
  const joining = join<State>(server, options, handlers);
  const wire = await server.next();
  await wire.answerHandshake();
  return { wire, socket: await joining };
}

/** A client of the `ws` package, open, and what it receives: text as a string, bytes as a Buffer. */
export async function wsJoin(target: { readonly url: string }, options: ClientOptions = {}) {
  const socket = new WsClient(target.url, { perMessageDeflate: false, ...options });
  const messages = new Arrivals<string | Buffer>();
  const closed = new Promise<[code: number, reason: string]>((resolve) =>
    socket.on('close', (code, reason) => resolve([code, reason.toString()])),
  );
  socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return { socket, messages, closed };
}

/** A server of the `ws` package and its connections. */
export async function wsServe(options: ServerOptions = {}) {
  const server = new WsServer({ port: 0, host: '127.0.0.1', ...options });
  const connections = new Arrivals<WsClient>();
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    connections.push(socket);
  });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, url: `ws://127.0.0.1:${port}/`, connections, server };
}

/** Lets an HTTP server listen on a free port until the test ends. */
export async function listening(
  http: HttpServer = createHttpServer(),
): Promise<HttpServer & { port: number }> {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return Object.assign(http, { port: (http.address() as AddressInfo).port });
}

/**
 * Sends messages until the peer takes no more, and neither does the network between; returns how many.
 *
 * @param message makes each of them, from its number.
 */
export async function flood(
  socket: Pick<Socket, 'send' | 'bufferedAmount'>,
  message: (index: number) => Uint8Array,
): Promise<number> {
  let count = 0;
  for (let bytes = 0; ;) {
    for (let isBelow = true; isBelow; count++) {
      const each = message(count);
      bytes += each.length;
      isBelow = socket.send(each);
    }
    if (bytes > 1 << 26) throw new Error('Nothing slowed the sender');
    if ((await settled(() => socket.bufferedAmount, 60)) > 64 * 1024) return count;
  }
}

/** The next warning of this process. */
export async function nextWarning(): Promise<Error> {
  const [warning] = (await once(process, 'warning')) as [Error];
  return warning;
}

import { type Connection, connect, type ConnectOptions, WebSocket } from 'bothways';
import { sendFragments } from './bothways-fragments.js';
import { createInbox, type Open, whatwg } from './conversations.mjs';

/** The two forms of a Bothways client, by the name under which a reader knows them. */
export const bothwaysClients: Readonly<Record<string, Open>> = {
  'connect()': openByConnect(),
  WebSocket: whatwg(WebSocket),
};

/** Opens connections with `connect`, and shows each of them. */
export function openByConnect(
  options: ConnectOptions = {},
  onOpen: (socket: Connection) => void = () => {},
): Open {
  return async (url, protocols) => {
    const pongs = createInbox();
    const handlers = { pong: (_: unknown, payload: Buffer) => pongs.put(payload.toString()) };
    const socket = await connect(url, { ...options, protocols }, handlers);
    onOpen(socket);
    const messages = socket[Symbol.asyncIterator]();
    return {
      protocol: socket.protocol,
      send: (message) => void socket.send(message),
      async receive() {
        const next = await messages.next();
        if (next.done === true) throw new Error('the connection has ended');
        return next.value;
      },
      sendFragments: (message, count) => sendFragments(socket, message, count),
      close: (code, reason) => socket.close(code, reason),
      closed: socket.closed.then(({ code, reason }) => ({ code, reason })),
      async ping(payload) {
        socket.ping(payload);
        return String(await pongs.take());
      },
    };
  };
}

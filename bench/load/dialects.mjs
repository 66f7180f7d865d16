/** What is spoken inside WebSocket messages. A connection of raw bytes speaks none. */

/**
 * @typedef {object} Dialect
 * @property {string} path what to ask for
 * @property {number} greetings how many messages the server sends before the connection is open
 * @property {(index: number) => string | undefined} answer what the client says to each of them
 * @property {(text: string) => string} sent a text as the client sends it
 * @property {(text: string) => string} received the same as it comes back
 */

const SOCKET_IO_EVENT = (text) => `42["message","${text}"]`;

/** @type {Readonly<Record<string, Dialect>>} */
export const DIALECTS = {
  none: {
    path: '/',
    greetings: 0,
    answer: () => undefined,
    sent: (text) => text,
    received: (text) => text,
  },
  /** Engine.IO 4 over WebSocket: `0` opens, `40` joins the main namespace, `42` is an event. */
  socketio: {
    path: '/socket.io/?EIO=4&transport=websocket',
    greetings: 2,
    answer: (index) => (index === 0 ? '40' : undefined),
    sent: SOCKET_IO_EVENT,
    received: SOCKET_IO_EVENT,
  },
  /** SockJS 0.3 over WebSocket: `o` opens, `a[...]` is an array of messages. */
  sockjs: {
    path: '/echo/000/benchmark/websocket',
    greetings: 1,
    answer: () => undefined,
    sent: (text) => `["${text}"]`,
    received: (text) => `a["${text}"]`,
  },
};

import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect } from 'bothways';
import { WebSocket } from 'ws';

/** A server that misbehaves as the first line of a connection says. */
export async function startFaultyServer(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk: Buffer) => BEHAVIOURS[chunk.toString('latin1').split('\n')[0]!]?.(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

const FRAME = 'MESSAGE\n\nhello\0';

const BEHAVIOURS: Readonly<Record<string, (socket: Socket) => void>> = {
  ECHO: (socket) => void socket.write(FRAME),
  CLOSE: (socket) => void socket.end(FRAME),
  HALF: (socket) => void socket.end('MESSAGE\n\nhal'),
  RESET: (socket) => void socket.write('MESSAGE\n\nhal', () => socket.resetAndDestroy()),
  LARGE: (socket) => void socket.write(`MESSAGE\n\n${'x'.repeat(20_000)}\0`),
  FLOOD: (socket) => void socket.write(FRAME.repeat(2_000_000)),
  DEAF: (socket) => void socket.pause(),
};

/** What a client sees of a fault, and what the log says: the close code, who ended it, and why. */
export interface Fault {
  readonly name: string;
  readonly code: number;
  readonly by: 'client' | 'server' | 'gateway';
  readonly why: RegExp;
  /**
   * Makes one connection end this way.
   *
   * @param query is added to its URL, by which the log knows it.
   * @returns the close code that the client saw.
   */
  run(host: string, query: string): Promise<number>;
}

async function ask(url: string, line: string): Promise<number> {
  const socket = await connect(url, { protocols: ['v12.stomp'], highWaterMark: 1 << 20 });
  socket.send(`${line}\n\n\0`);
  return (await socket.closed).code;
}

/** The TCP connection below a WebSocket of `ws`. */
function socketOf(client: WebSocket): Socket {
  // oxlint-disable-next-line no-underscore-dangle -- there is no other way to it
  return (client as unknown as { _socket: Socket })._socket;
}

/** A client without any care, which sends what it is told. */
async function raw(url: string, act: (socket: WebSocket) => void): Promise<number> {
  const socket = new WebSocket(url, ['v12.stomp'], { perMessageDeflate: false });
  socket.on('error', () => {});
  await once(socket, 'open');
  act(socket);
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

/** One of each, for routes /stomp (to the faulty server), /nobody and /mute (to whom nobody answers). */
export const FAULTS: readonly Fault[] = [
  {
    name: 'the server refuses',
    code: 1014,
    by: 'server',
    why: /cannot be reached: connect ECONNREFUSED/,
    run: (host, query) => ask(`ws://${host}/nobody${query}`, 'ECHO'),
  },
  {
    name: 'the server hangs before it is connected',
    code: 1014,
    by: 'server',
    why: /did not answer within 300 ms/,
    run: (host, query) => ask(`ws://${host}/mute${query}`, 'ECHO'),
  },
  {
    name: 'the server closes cleanly',
    code: 1000,
    by: 'server',
    why: /The server closed the connection/,
    run: (host, query) => ask(`ws://${host}/stomp${query}`, 'CLOSE'),
  },
  {
    name: 'the server leaves in the middle of a message',
    code: 1014,
    by: 'server',
    why: /in the middle of a message/,
    run: (host, query) => ask(`ws://${host}/stomp${query}`, 'HALF'),
  },
  {
    name: 'the server resets in the middle of a message',
    code: 1014,
    by: 'server',
    // Node takes a reset for an end where it comes together with the last bytes.
    why: /broke off|in the middle of a message/,
    run: (host, query) => ask(`ws://${host}/stomp${query}`, 'RESET'),
  },
  {
    name: 'the server sends a message larger than the limit',
    code: 1014,
    by: 'gateway',
    why: /larger than maxMessageSize, 10000 bytes/,
    run: (host, query) => ask(`ws://${host}/stomp${query}`, 'LARGE'),
  },
  {
    name: 'the server never reads',
    code: 1014,
    by: 'server',
    why: /takes nothing/,
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => {
        socket.send('DEAF\n\n\0');
        for (let index = 0; index < 1_000; index++) socket.send(`SEND\n\n${'x'.repeat(9_000)}\0`);
      }),
  },
  {
    name: 'the client vanishes',
    code: 1006,
    by: 'client',
    why: /./,
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => {
        socket.send('ECHO\n\n\0');
        socket.on('message', () => socket.terminate());
      }),
  },
  {
    name: 'the client sends garbage',
    code: 1002,
    by: 'gateway',
    why: /./,
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => socket.send('SEND\ncontent-length:x\n\n\0')),
  },
  {
    name: 'the client breaks the framing of WebSocket',
    code: 1002,
    by: 'client',
    why: /./,
    // An unmasked frame with a reserved bit.
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => {
        socketOf(socket).write(Buffer.from([0xf1, 0x01, 0x41]));
      }),
  },
  {
    name: 'the client sends a message larger than the limit',
    code: 1009,
    by: 'client',
    why: /./,
    run: (host, query) => raw(`ws://${host}/stomp${query}`, (socket) => socket.send('x'.repeat(20_000))),
  },
  {
    name: 'the client never reads',
    code: 1006,
    by: 'client',
    why: /./,
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => {
        socket.send('FLOOD\n\n\0');
        socket.pause();
        // It sees the end of what it has not read when it is cut.
        socketOf(socket).once('error', () => {});
        setTimeout(() => socket.resume(), 1_500);
      }),
  },
  {
    name: 'the client ends in the middle of a message',
    code: 1000,
    by: 'client',
    why: /./,
    run: (host, query) =>
      raw(`ws://${host}/stomp${query}`, (socket) => {
        socket.send('SEND\n\nhalf');
        socket.close(1000);
      }),
  },
];

/** The configuration that the faults are for. */
export function faultyConfig(port: number, freePort: number): string {
  const limits = 'max_message_size = 10000\nconnect_timeout = "300ms"\nstall_timeout = "300ms"';
  const pings = 'ping_interval = "300ms"\nping_timeout = "300ms"';
  const route = (path: string, upstream: string): string =>
    `[[routes]]\npath = "${path}"\nprotocol = "stomp"\nupstream = "${upstream}"\n${limits}\n${pings}\n`;
  return [
    'handshake_timeout = "500ms"\n',
    route('/stomp', `tcp://127.0.0.1:${port}`),
    route('/nobody', `tcp://127.0.0.1:${freePort}`),
    route('/mute', `tls://127.0.0.1:${port}`),
  ].join('');
}

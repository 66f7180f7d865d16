import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { acceptFor } from '../../packages/bothways/src/node/test-wire.js';

/**
 * A server that does what the query of the URL says, right or wrong:
 *
 * - `answer` is sent in place of a 101, `field` within it (both several times, as lines); `silent` sends nothing,
 *   and `accept` is a wrong Sec-WebSocket-Accept;
 * - `first` are bytes, in hexadecimal digits, right behind the 101;
 * - `reply` are bytes in answer to the first bytes that come after it;
 * - then the connection ends by `end`, with a FIN or (`reset`) a RST, after the last of them;
 * - `deaf` reads nothing at all behind the handshake.
 */
export class CrookedServer {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async listen(): Promise<CrookedServer> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      // Whoever is cut off resets the connection.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
      readHead(socket, (head) => obey(socket, head));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CrookedServer(server, sockets);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function readHead(socket: Socket, onHead: (head: string) => void): void {
  let head = '';
  const onData = (chunk: Buffer): void => {
    head += chunk.toString('latin1');
    if (!head.endsWith('\r\n\r\n')) return;
    socket.off('data', onData);
    onHead(head);
  };
  socket.on('data', onData);
}

function obey(socket: Socket, head: string): void {
  const [, target = '/'] = head.split(' ');
  const asked = new URL(target, 'http://127.0.0.1').searchParams;
  if (asked.has('silent')) return;
  if (asked.has('answer')) {
    socket.end(`${asked.getAll('answer').join('\r\n')}\r\n\r\n`);
    return;
  }
  const response = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${asked.get('accept') ?? acceptFor(head)}`,
    ...asked.getAll('field'),
  ];
  const first = Buffer.from(asked.get('first') ?? '', 'hex');
  socket.write(Buffer.concat([Buffer.from(`${response.join('\r\n')}\r\n\r\n`, 'latin1'), first]));
  if (asked.has('deaf')) {
    socket.pause();
  } else if (asked.has('reply')) {
    socket.once('data', () => {
      socket.write(Buffer.from(asked.get('reply')!, 'hex'));
      finish(socket, asked.get('end'));
    });
  } else {
    finish(socket, asked.get('end'));
  }
}

function finish(socket: Socket, how: string | null): void {
  // A FIN comes behind all that was written; so must a RST, or it would be lost.
  if (how === 'reset') socket.write('', () => socket.resetAndDestroy());
  else if (how !== null) socket.end();
  socket.resume();
}

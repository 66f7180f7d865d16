/** A server for the clients that are measured: it does no more than count what comes and answer it. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** The bytes that all messages consist of: what a client sends, and what it gets. */
export const FROM_CLIENT = 'c';
export const FROM_SERVER = 's';
const CHECK_EVERY = 64;
/** So many answers are encoded in one piece. */
const MOST_AT_ONCE = 256;

export class Echoes {
  count = 0;
  /** @type {Error | undefined} */
  error;
  #server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  #sockets = new Set();
  #size;
  #frameSize;
  #answers;
  #answerSize;
  #opcode;

  constructor({ size, text }) {
    const extended = size < 126 ? 0 : size < 65_536 ? 2 : 8;
    this.#size = size;
    this.#frameSize = 2 + extended + 4 + size;
    this.#opcode = text ? 1 : 2;
    const answer = Buffer.alloc(2 + extended + size, FROM_SERVER);
    answer[0] = 0x80 | this.#opcode;
    answer[1] = extended === 0 ? size : extended === 2 ? 126 : 127;
    if (extended === 2) answer.writeUInt16BE(size, 2);
    if (extended === 8) answer.writeBigUInt64BE(BigInt(size), 2);
    this.#answerSize = answer.length;
    this.#answers = Buffer.concat(Array.from({ length: size > 4096 ? 4 : MOST_AT_ONCE }, () => answer));
  }

  async listen() {
    this.#server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
    await once(this.#server, 'listening');
    return this.#server.address().port;
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let head = '';
    let pending = 0;
    socket.on('data', (chunk) => {
      if (head !== undefined) {
        head += chunk.latin1Slice();
        if (!head.endsWith('\r\n\r\n')) return;
        socket.write(handshakeOf(head));
        head = undefined;
        return;
      }
      // All frames have one length, so they need no parsing; those that begin a chunk are looked at now and then.
      if (pending === 0) this.#look(chunk);
      pending += chunk.length;
      const whole = Math.floor(pending / this.#frameSize);
      pending -= whole * this.#frameSize;
      this.count += whole;
      for (let left = whole; left > 0; left -= MOST_AT_ONCE)
        this.#answer(socket, Math.min(left, MOST_AT_ONCE));
    });
  }

  #answer(socket, count) {
    const most = this.#answers.length / this.#answerSize;
    for (let left = count; left > 0; left -= most) {
      socket.write(this.#answers.subarray(0, Math.min(left, most) * this.#answerSize));
    }
  }

  #look(chunk) {
    if (chunk[0] !== (0x80 | this.#opcode) || (chunk[1] & 0x80) === 0) {
      // A Close frame ends a client's part.
      if ((chunk[0] & 0x0f) !== 8) this.#fail(`a frame that begins with ${chunk[0]}, ${chunk[1]} came`);
      return;
    }
    if (this.count % CHECK_EVERY !== 0 || chunk.length < this.#frameSize) return;
    const start = this.#frameSize - this.#size;
    for (let at = start; at < this.#frameSize; at++) {
      const byte = chunk[at] ^ chunk[start - 4 + ((at - start) & 3)];
      if (byte !== FROM_CLIENT.charCodeAt(0)) return this.#fail('a message came with another content');
    }
  }

  #fail(message) {
    this.error ??= new Error(message);
  }
}

function handshakeOf(head) {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

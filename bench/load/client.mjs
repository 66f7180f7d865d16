/** A WebSocket client that does no more than a load generator needs. */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';
import { encodeClose, encodePong, encodeText } from './frames.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEAD_END = '\r\n\r\n';
/** Every browser offers it; whether the server accepts is up to it. */
const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n';
const RSV1 = 0x40;
const CLOSE = 8;
const PING = 9;
/** The longest header that a server may send; that of masked frames, which bare sockets send back, is 14. */
const MAX_HEADER = 14;

/** All sockets read into the same memory: what they read is dealt with before the next one reads. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** A few handshakes with their answers, made in advance. */
const KEYS = Array.from({ length: 16 }, () => {
  const key = randomBytes(16).toString('base64');
  return {
    key,
    accept: createHash('sha1')
      .update(key + GUID)
      .digest('base64'),
  };
});
let made = 0;

/**
 * One connection. It counts messages as they arrive, cut anywhere, without an object for each, and compares the
 * content of every `checkEvery`th with what was expected.
 */
export class Client {
  /** Messages that have arrived whole. */
  received = 0;
  /** Called with the number of messages that one read completed. */
  onMessages = (_client, _count) => {};
  /** @type {Error | undefined} */
  error;

  #source;
  #checkEvery;
  #echoesRaw;
  #deflated;
  #dialect;
  #greetings = 0;
  #socket;
  #sent = 0;
  #isOpen = false;
  #isLeaving = false;
  #head = '';
  #key = KEYS[made++ % KEYS.length];
  #opened;
  #gone;

  // The frame that is being read.
  #cut = Buffer.allocUnsafe(MAX_HEADER);
  #cutLength = 0;
  #left = 0;
  #opcode = 0;
  #isLast = false;
  #isInFrame = false;
  /** Bytes of the message so far, and what they must be, if they are looked at. */
  #offset = 0;
  #expected;
  /** The pieces of a compressed message that is looked at. */
  #pieces = [];
  #control;

  /**
   * @param {{ port: number, localAddress?: string, echoesRaw: boolean, deflated?: boolean, tls?: boolean, dialect: object, source: object, checkEvery: number }} options
   */
  constructor({ port, localAddress, echoesRaw, deflated = false, tls = false, dialect, source, checkEvery }) {
    this.#source = source;
    this.#checkEvery = checkEvery;
    this.#echoesRaw = echoesRaw;
    this.#deflated = deflated;
    this.#dialect = dialect;
    this.opened = new Promise((resolve, reject) => (this.#opened = { resolve, reject }));
    this.gone = new Promise((resolve) => (this.#gone = resolve));
    const target = { host: '127.0.0.1', port, localAddress, noDelay: true };
    if (tls) {
      this.#socket = connectTls({ ...target, rejectUnauthorized: false });
      this.#socket.on('data', (chunk) => this.#read(chunk, chunk.length));
    } else {
      const callback = (length, buffer) => this.#read(buffer, length);
      this.#socket = connect({ ...target, onread: { buffer: READ_BUFFER, callback } });
    }
    this.#socket.on(tls ? 'secureConnect' : 'connect', () => this.#socket.write(this.#request(port)));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('close', () => {
      if (!this.#isLeaving) this.#fail(new Error('the server closed a connection'));
      this.#gone();
    });
  }

  /** Sends the next messages of the source, in one write. */
  send(count) {
    this.#socket.write(this.#source.frames(this.#sent, count));
    this.#sent += count;
  }

  /** Sends a frame that is not from the source. */
  sendFrame(frame) {
    this.#socket.write(frame);
  }

  /** Whether it is open and nothing went wrong. */
  get isUsable() {
    return this.#isOpen && !this.#isLeaving;
  }

  /** Messages that were sent and have not come back. */
  get inFlight() {
    return this.#sent - this.received;
  }

  /** Leaves politely; `gone` resolves when the socket has closed. */
  leave() {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (this.#echoesRaw) this.#socket.end();
    else this.#socket.end(encodeClose());
    setTimeout(() => this.#socket.destroy(), 3_000).unref();
  }

  #request(port) {
    return (
      `GET ${this.#dialect.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.#key.key}\r\n${DEFLATE}\r\n`
    );
  }

  #read(buffer, length) {
    if (this.#isLeaving) return true;
    const before = this.received;
    let at = this.#isOpen ? 0 : this.#readHead(buffer, length);
    while (at < length)
      at = this.#isInFrame ? this.#readPayload(buffer, at, length) : this.#readHeader(buffer, at, length);
    if (this.received > before) this.onMessages(this, this.received - before);
    return true;
  }

  #readHead(buffer, length) {
    const before = this.#head.length;
    this.#head += buffer.latin1Slice(0, length);
    const end = this.#head.indexOf(HEAD_END);
    if (end === -1) return length;
    const head = this.#head.slice(0, end);
    this.#head = '';
    const isDeflated = /^sec-websocket-extensions: permessage-deflate/im.test(head);
    const isAccepted = head.startsWith('HTTP/1.1 101') && head.includes(this.#key.accept);
    if (this.#echoesRaw || (isAccepted && isDeflated === this.#deflated)) {
      this.#isOpen = true;
      if (this.#echoesRaw || this.#dialect.greetings === 0) this.#opened.resolve(this);
    } else {
      this.#fail(new Error(`the handshake was answered with ${head.split('\r\n', 1)[0]}`));
    }
    return end + HEAD_END.length - before;
  }

  #readHeader(buffer, at, length) {
    if (this.#cutLength === 0) {
      const used = this.#parseHeader(buffer, at, length);
      if (used > 0) return at + used;
    }
    this.#cut[this.#cutLength++] = buffer[at];
    if (this.#parseHeader(this.#cut, 0, this.#cutLength) > 0) this.#cutLength = 0;
    return at + 1;
  }

  /** @returns {number} the header's length, or 0 when it is not whole */
  #parseHeader(bytes, at, end) {
    if (end - at < 2) return 0;
    const first = bytes[at];
    const second = bytes[at + 1];
    let size = second & 0x7f;
    let used = 2;
    if (size === 126) {
      used = 4;
      if (end - at < used) return 0;
      size = (bytes[at + 2] << 8) | bytes[at + 3];
    } else if (size === 127) {
      used = 10;
      if (end - at < used) return 0;
      size = bytes.readUInt32BE(at + 6);
    }
    if ((second & 0x80) !== 0) used += 4;
    if (end - at < used) return 0;
    this.#begin(first, size);
    return used;
  }

  #begin(first, size) {
    const opcode = first & 0x0f;
    this.#opcode = opcode;
    this.#isLast = (first & 0x80) !== 0;
    this.#left = size;
    this.#isInFrame = true;
    if (opcode >= CLOSE) return this.#beginControl(size);
    if (opcode !== 0) {
      this.#offset = 0;
      const isChecked = this.received % this.#checkEvery === 0 && this.#greetings === this.#dialect.greetings;
      this.#expected = isChecked ? this.#source?.expected(this.received) : undefined;
      if (this.#deflated && (first & RSV1) === 0) this.#fail(new Error('a message came back uncompressed'));
      this.#pieces = [];
      if (this.#source !== undefined && opcode !== this.#source.opcode)
        this.#fail(new Error(`a message came back with opcode ${opcode}`));
    }
    if (size === 0) this.#finish();
  }

  #beginControl(size) {
    if (this.#opcode === CLOSE) this.#fail(new Error('the server sent a Close frame'));
    this.#control = Buffer.alloc(size);
    if (size === 0) this.#finish();
  }

  #readPayload(buffer, at, length) {
    const end = Math.min(length, at + this.#left);
    this.#left -= end - at;
    if (this.#opcode >= CLOSE) {
      buffer.copy(this.#control, this.#control.length - this.#left - (end - at), at, end);
    } else {
      const expected = this.#expected;
      const offset = this.#offset;
      this.#offset = offset + end - at;
      if (this.#deflated) {
        if (expected !== undefined) this.#pieces.push(Buffer.from(buffer.subarray(at, end)));
      } else if (expected !== undefined && !isSame(buffer, at, end, expected, offset)) {
        this.#fail(new Error(`message ${this.received} came back with another content`));
      }
    }
    if (this.#left === 0) this.#finish();
    return end;
  }

  #finish() {
    this.#isInFrame = false;
    if (this.#opcode === PING) this.#socket.write(encodePong(this.#control));
    if (this.#opcode >= CLOSE || !this.#isLast) return;
    if (this.#greetings < this.#dialect.greetings && !this.#echoesRaw) return this.#greet();
    if (this.#deflated) {
      if (this.#expected !== undefined) this.#checkDeflated();
      this.received++;
      return;
    }
    const size = this.#expected === undefined ? this.#source.size : this.#expected.length;
    if (this.#offset !== size)
      this.#fail(new Error(`message ${this.received} came back with another length`));
    this.received++;
  }

  /** What the server says before the connection is open by the rules of its dialect, answered. */
  #greet() {
    const answer = this.#dialect.answer(this.#greetings++);
    if (answer !== undefined) this.#socket.write(encodeText(answer));
    if (this.#greetings === this.#dialect.greetings) this.#opened.resolve(this);
  }

  #checkDeflated() {
    const options = { finishFlush: constants.Z_SYNC_FLUSH };
    if (inflateRawSync(Buffer.concat(this.#pieces), options).equals(this.#expected)) return;
    this.#fail(new Error(`message ${this.received} came back with another content`));
  }

  #fail(error) {
    if (this.error !== undefined || this.#isLeaving) return;
    this.error = error;
    this.#opened.reject(error);
    this.#isLeaving = true;
    this.#socket.destroy();
  }
}

function isSame(buffer, at, end, expected, offset) {
  const to = offset + end - at;
  return to <= expected.length && buffer.compare(expected, offset, to, at, end) === 0;
}

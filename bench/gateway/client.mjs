/** A WebSocket client that sees a stream of bytes, and not how it is divided into messages: proxies divide it anew. */
import { connect } from 'node:net';
import { encodePong } from '../load/frames.mjs';

const PING = 9;
const FIRST_CONTROL = 8;

/** All sockets read into the same memory: what they read is dealt with before the next one reads. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

export class StreamClient {
  /** Messages that have come back whole. */
  received = 0;
  /** @type {(client: StreamClient, count: number) => void} */
  onMessages = () => {};
  /** @type {Error | undefined} */
  error;

  #source;
  #socket;
  #sent = 0;
  #bytes = 0;
  /** Bytes of the answer to what is said first that are still to come. */
  #greeting;
  #response = '';
  #isOpen = false;
  #isLeaving = false;
  #header = Buffer.alloc(10);
  #headerLength = 0;
  #left = 0;
  /** The payload of a control frame. */
  #control;
  #resolve;
  #reject;

  /**
   * @param {number} port
   * @param {import('./source.mjs').Source} source
   * @param {boolean} token whether the token of `Sec-WebSocket-Protocol` is offered
   */
  constructor(port, source, token) {
    this.#source = source;
    this.#greeting = source.hello?.answer.length ?? 0;
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const callback = (length, buffer) => {
      this.#read(buffer.subarray(0, length));
      return true;
    };
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: READ_BUFFER, callback },
    });
    this.#socket.on('connect', () =>
      this.#socket.write(requestOf(port, token ? source.protocol : undefined)),
    );
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('a connection was closed')));
  }

  get inFlight() {
    return this.#sent - this.received;
  }

  /** Sends the next messages, in one write. */
  send(count) {
    this.#socket.write(this.#source.frames(this.#sent, count));
    this.#sent += count;
  }

  leave() {
    this.#isLeaving = true;
    this.#socket.destroy();
  }

  #read(bytes) {
    if (this.#isLeaving) return;
    let at = this.#isOpen ? 0 : this.#readResponse(bytes);
    while (at < bytes.length)
      at = this.#left > 0 ? this.#readPayload(bytes, at) : this.#readHeader(bytes, at);
    const whole = Math.floor(this.#bytes / this.#source.size) - this.received;
    this.received += whole;
    if (whole > 0) this.onMessages(this, whole);
  }

  #readResponse(bytes) {
    const before = this.#response.length;
    this.#response += bytes.latin1Slice();
    const end = this.#response.indexOf('\r\n\r\n');
    if (end === -1) return bytes.length;
    if (!this.#response.startsWith('HTTP/1.1 101')) this.#fail(new Error(this.#response));
    this.#isOpen = true;
    if (this.#source.hello === undefined) this.#resolve(this);
    else this.#socket.write(this.#source.hello.frame);
    return end + 4 - before;
  }

  #readHeader(bytes, at) {
    this.#header[this.#headerLength++] = bytes[at];
    const short = this.#headerLength < 2 ? 0 : this.#header[1];
    const length = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (this.#headerLength < length) return at + 1;
    this.#headerLength = 0;
    if (length === 2) this.#left = short;
    else this.#left = length === 4 ? this.#header.readUInt16BE(2) : this.#header.readUInt32BE(6);
    const opcode = this.#header[0] & 0x0f;
    if (opcode >= FIRST_CONTROL) this.#beginControl(opcode);
    return at + 1;
  }

  #beginControl(opcode) {
    if (opcode !== PING) this.#fail(new Error(`a frame with opcode ${opcode} came`));
    if (this.#left > 0) this.#control = Buffer.alloc(this.#left);
    else this.#socket.write(encodePong(Buffer.alloc(0)));
  }

  #readPayload(bytes, at) {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    if (this.#control !== undefined) this.#readControl(bytes, at, end);
    else if (this.#greeting > 0) this.#readGreeting(bytes, at, end);
    else {
      if (!this.#source.matches(bytes, at, end, this.#bytes))
        this.#fail(new Error('other bytes came back than were sent'));
      this.#bytes += end - at;
    }
    return end;
  }

  #readControl(bytes, at, end) {
    bytes.copy(this.#control, this.#control.length - this.#left - (end - at), at, end);
    if (this.#left > 0) return;
    this.#socket.write(encodePong(this.#control));
    this.#control = undefined;
  }

  #readGreeting(bytes, at, end) {
    const { answer } = this.#source.hello;
    const from = answer.length - this.#greeting;
    this.#greeting -= end - at;
    if (!answer.subarray(from, from + end - at).equals(bytes.subarray(at, end)))
      this.#fail(new Error('the server answers otherwise'));
    else if (this.#greeting === 0) this.#resolve(this);
  }

  #fail(error) {
    if (this.error !== undefined || this.#isLeaving) return;
    this.error = error;
    this.#reject(error);
    this.leave();
  }
}

function requestOf(port, protocol) {
  const token = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return (
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${token}\r\n`
  );
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { deferred } from './test-arrivals.js';

/** A frame as it was on the wire, its payload unmasked. */
export interface Frame {
  readonly fin: boolean;
  /** RSV1 to RSV3, as three bits. */
  readonly rsv: number;
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

/** The key of RFC 6455 section 1.3, and what answers it. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const SAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** A peer that is nothing but a byte stream, and that obeys no rule of its own. */
export class Wire {
  readonly stream: Duplex;
  /** How large each read was, bytes. */
  readonly reads: number[] = [];
  /** Resolves when the other end has sent its FIN, or the connection is gone. */
  readonly ended: Promise<void>;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;
  error: Error | undefined;
  #chunks: Buffer[] = [];
  #length = 0;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(stream: Duplex) {
    this.stream = stream;
    const end = deferred();
    const close = deferred();
    this.ended = end.promise;
    this.gone = close.promise;
    const onEnd = (): void => {
      this.#isEnded = true;
      end.resolve();
      this.#wake();
    };
    stream.on('data', (chunk: Buffer) => {
      this.reads.push(chunk.length);
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    stream.on('error', (error) => (this.error = error));
    stream.on('end', onEnd);
    stream.on('close', () => {
      onEnd();
      close.resolve();
    });
    onTestFinished(() => void stream.destroy());
  }

  /** A client, connected to a port of this machine. It keeps its side open until it is told to end. */
  static async connect(port: number): Promise<Wire> {
    const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const wire = new Wire(socket);
    await once(socket, 'connect');
    return wire;
  }

  /** A client whose opening handshake has been accepted. */
  static async upgraded(port: number, fields: Fields = {}, target = '/'): Promise<Wire> {
    const wire = await Wire.connect(port);
    wire.write(upgradeRequest(fields, `GET ${target} HTTP/1.1`));
    const head = await wire.head();
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`The handshake was refused: ${head}`);
    return wire;
  }

  /** Writes text as ISO 8859-1, bytes as they are. */
  write(content: string | Uint8Array): void {
    this.stream.write(typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
  }

  end(): void {
    this.stream.end();
  }

  /** Ends the connection with a RST. */
  reset(): void {
    (this.stream as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
  }

  /** Stops reading, so that TCP slows the other end. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** How many bytes came that nobody took. */
  get waiting(): number {
    return this.#length;
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<Buffer> {
    while (this.#length < count) await this.#more(`${count} bytes`);
    const all = this.#join();
    this.#keep(all.subarray(count));
    return all.subarray(0, count);
  }

  /** The head of an HTTP message, up to and with its empty line. */
  async head(): Promise<string> {
    for (;;) {
      const all = this.#join();
      const end = all.indexOf('\r\n\r\n');
      if (end !== -1) {
        this.#keep(all.subarray(end + 4));
        return all.toString('latin1', 0, end + 4);
      }
      await this.#more('a head of HTTP');
    }
  }

  /** All that comes until the other end is done. */
  async rest(): Promise<Buffer> {
    await this.ended;
    const all = this.#join();
    this.#keep(Buffer.alloc(0));
    return all;
  }

  async frame(): Promise<Frame> {
    const [first = 0, second = 0] = await this.take(2);
    let length = second & 0x7f;
    if (length === 126) length = (await this.take(2)).readUInt16BE();
    else if (length === 127) length = Number((await this.take(8)).readBigUInt64BE());
    const isMasked = (second & 0x80) !== 0;
    const key = isMasked ? await this.take(4) : Buffer.alloc(4);
    const payload = Buffer.from(await this.take(length));
    if (isMasked) for (let at = 0; at < length; at++) payload[at]! ^= key[at & 3]!;
    return { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode: first & 15, isMasked, payload };
  }

  /** The next frame's payload, which must be a message of text in one frame. */
  async text(): Promise<string> {
    const { fin, opcode, payload } = await this.frame();
    if (!fin || opcode !== 1) throw new Error(`A text message was expected, not opcode ${opcode}`);
    return payload.toString();
  }

  /** The code and the reason of the next frame, which must be Close. */
  async close(): Promise<{ code: number | undefined; reason: string }> {
    const { opcode, payload } = await this.frame();
    if (opcode !== 8) throw new Error(`A Close frame was expected, not opcode ${opcode}: ${String(payload)}`);
    return readClose(payload);
  }

  /** On the server's side of a connection: reads the request's head and answers it with a 101. */
  async answerHandshake(fields = '', behind: Uint8Array = Buffer.alloc(0)): Promise<string> {
    const head = await this.head();
    const response =
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptFor(head)}\r\n${fields}\r\n`;
    this.write(Buffer.concat([Buffer.from(response), behind]));
    return head;
  }

  #join(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #keep(rest: Buffer): void {
    this.#chunks = [rest];
    this.#length = rest.length;
  }

  async #more(what: string): Promise<void> {
    if (this.#isEnded) {
      const got = this.#join().subarray(0, 200).toString('latin1');
      throw new Error(`The other end closed before it sent ${what}; what came is ${JSON.stringify(got)}`);
    }
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

export function readClose(payload: Buffer): { code: number | undefined; reason: string } {
  return {
    code: payload.length === 0 ? undefined : payload.readUInt16BE(),
    reason: payload.subarray(2).toString(),
  };
}

/** What `Sec-WebSocket-Accept` must be for the request with this head. */
export function acceptFor(head: string): string {
  const key = /^sec-websocket-key: *(.*)\r$/im.exec(head)?.[1] ?? '';
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** A server of TCP connections that the test talks by itself. */
export class WireServer {
  readonly port: number;
  readonly url: string;
  readonly #waiting: Wire[] = [];
  readonly #readers: ((wire: Wire) => void)[] = [];

  private constructor(port: number) {
    this.port = port;
    this.url = `ws://127.0.0.1:${port}/`;
  }

  static async listen(): Promise<WireServer> {
    const tcp = createServer({ allowHalfOpen: true, noDelay: true });
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    onTestFinished(() => void tcp.close());
    const server = new WireServer((tcp.address() as AddressInfo).port);
    tcp.on('connection', (socket) => server.#came(new Wire(socket)));
    return server;
  }

  /** The next connection, in the order in which they come. */
  async next(): Promise<Wire> {
    return this.#waiting.shift() ?? (await new Promise((resolve) => this.#readers.push(resolve)));
  }

  #came(wire: Wire): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#waiting.push(wire);
    else reader(wire);
  }
}

/** Header fields that replace those of a good request; `undefined` leaves one out, a list repeats it. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

export function upgradeRequest(fields: Fields = {}, line = 'GET / HTTP/1.1'): string {
  const all: Fields = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': SAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
    ...fields,
  };
  let request = `${line}\r\n`;
  for (const [name, value] of Object.entries(all)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) request += `${name}: ${each}\r\n`;
  }
  return `${request}\r\n`;
}

/** The bytes that hexadecimal digits stand for; white space is for the reader. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');
}

/** Bytes that hardly compress, always the same. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, seed = 1; at < length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    bytes[at] = seed >>> 16;
  }
  return bytes;
}

/** One frame of a server: `first` is the first byte, `0x81` a text. */
export function serverFrame(first: number, payload: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([header(first, bytes.length, 0), bytes]);
}

/** One frame of a client, masked. */
export function clientFrame(first: number, payload: string | Uint8Array = ''): Buffer {
  const bytes = Buffer.from(payload);
  const key = hex('37 fa 21 3d');
  for (let at = 0; at < bytes.length; at++) bytes[at]! ^= key[at & 3]!;
  return Buffer.concat([header(first, bytes.length, 0x80), key, bytes]);
}

/** The payload of a Close frame. */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

function header(first: number, length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.from([first, maskBit | length]);
  if (length < 65_536) return Buffer.from([first, maskBit | 126, length >> 8, length & 0xff]);
  const long = Buffer.from([first, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}

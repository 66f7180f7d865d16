/** Frames of a client, encoded before the clock runs. */
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import { numberedText } from '../servers/control.mjs';
import { DIALECTS } from './dialects.mjs';

const FIN = 0x80;
const RSV1 = 0x40;
const MASK = 0x80;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PONG = 10;

/** One masked frame (RFC 6455 section 5.2). */
export function encodeFrame(opcode, payload) {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const start = 2 + extended + 4;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FIN | opcode;
  frame[1] = MASK | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  const key = randomBytes(4);
  key.copy(frame, start - 4);
  for (let at = 0; at < length; at++) frame[start + at] = payload[at] ^ key[at & 3];
  return frame;
}

export const encodeText = (text) => encodeFrame(TEXT, Buffer.from(text));
export const encodeClose = () => encodeFrame(CLOSE, Buffer.from([0x03, 0xe8]));
export const encodePong = (payload) => encodeFrame(PONG, payload);

/** A frame, and what must come back for it. */
function frameOf(opcode, payload, echoesRaw, back = payload) {
  const frame = encodeFrame(opcode, payload);
  return { frame, payload: echoesRaw ? frame.subarray(frame.length - payload.length) : back };
}

/**
 * An endless stream of messages of one size: some different ones in a ring, laid out so that any run of them,
 * up to the ring's size, is one piece of memory and goes out in one write.
 */
export class Ring {
  #count;
  #frames;
  #frameSize;
  #payloads;

  /**
   * @param {{ size: number, count: number, text: boolean, echoesRaw: boolean, dialect: object }} options
   * `echoesRaw`: the server sends bytes back as they are, so what comes back is still masked
   */
  constructor({ size, count, text, echoesRaw, dialect }) {
    const frames = Array.from({ length: count }, () => {
      if (!text) return frameOf(BINARY, randomBytes(size), echoesRaw);
      const said = randomBytes(size).toString('base64').slice(0, size);
      const back = Buffer.from(dialect.received(said));
      return frameOf(TEXT, Buffer.from(dialect.sent(said)), echoesRaw, back);
    });
    this.opcode = text ? TEXT : BINARY;
    this.size = frames[0].payload.length;
    this.#count = count;
    this.#frameSize = frames[0].frame.length;
    this.#payloads = frames.map(({ payload }) => payload);
    this.#frames = Buffer.concat([...frames, ...frames].map(({ frame }) => frame));
  }

  /** The frames of messages `index` to `index + length - 1`. */
  frames(index, length) {
    const from = (index % this.#count) * this.#frameSize;
    return this.#frames.subarray(from, from + length * this.#frameSize);
  }

  /** What must come back as message `index`. */
  expected(index) {
    return this.#payloads[index % this.#count];
  }
}

/** An endless stream of JSON texts of one size, each compressed by itself (RFC 7692 section 7.2.1). */
export class DeflatedRing {
  opcode = TEXT;
  size = undefined;
  #count;
  #frames;
  #texts;

  constructor(size, count) {
    this.#count = count;
    this.#texts = Array.from({ length: count }, (_, index) => jsonText(size, index));
    const frames = this.#texts.map((text) => {
      const deflated = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
      return encodeFrame(RSV1 | TEXT, deflated.subarray(0, -4));
    });
    // Any run of up to `count` frames, whatever their lengths.
    this.#frames = frames.map((_, from) =>
      frames.map((__, length) => {
        const run = Array.from({ length: length + 1 }, (___, at) => frames[(from + at) % count]);
        return Buffer.concat(run);
      }),
    );
  }

  frames(index, length) {
    return this.#frames[index % this.#count][length - 1];
  }

  expected(index) {
    return this.#texts[index % this.#count];
  }
}

/** A list of records such as an application sends, cut at `size` bytes. */
function jsonText(size, seed) {
  const records = [];
  for (let at = 0, length = 0; length < size; at++) {
    const id = ((at + 1) * 7919 * (seed + 3)) % 100_003;
    const record = { id, name: `user ${id % 997}`, price: (id * 31) % 10_000, ok: id % 3 === 0 };
    records.push(record);
    length += JSON.stringify(record).length;
  }
  return Buffer.from(JSON.stringify(records).slice(0, size));
}

/** Messages that say whose they are and which: no two connections send the same. */
export class OwnMessages {
  #owner;
  #echoesRaw;
  #sent;

  constructor(owner, echoesRaw) {
    this.opcode = TEXT;
    this.size = undefined;
    this.#owner = owner;
    this.#echoesRaw = echoesRaw;
  }

  frames(index) {
    const text = `message ${index} of connection ${this.#owner}`.padEnd(
      24 + ((this.#owner * 7 + index) % 200),
      '.',
    );
    const payload = Buffer.from(text);
    const frame = encodeFrame(TEXT, payload);
    // One is in flight at a time, so one is all there is to remember.
    this.#sent = this.#echoesRaw ? frame.subarray(frame.length - payload.length) : payload;
    return frame;
  }

  expected() {
    return this.#sent;
  }
}

/** What a `publish` server sends: see `numberedMessage` of the servers. Nothing is sent from here. */
export class NumberedMessages {
  #recent;

  #dialect;

  constructor(size, dialect) {
    this.#dialect = dialect;
    this.opcode = dialect === DIALECTS.none ? BINARY : TEXT;
    this.size = dialect === DIALECTS.none ? size : this.expected(0).length;
    this.#recent = Array.from({ length: 64 }, () => Buffer.alloc(size, 'b'));
  }

  expected(index) {
    if (this.opcode === TEXT) return Buffer.from(this.#dialect.received(numberedText(index)));
    const message = this.#recent[index % this.#recent.length];
    message.writeUInt32LE(index, 0);
    return message;
  }
}

/**
 * The frame codec of the harness (RFC 6455 section 5.2). It shares nothing with the library, and it writes whatever
 * it is told to: frames that no endpoint may send are what many cases are about.
 */

/** Which end the subject of a case is; the harness is the other one. */
export type Role = 'server' | 'client';

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly fin: boolean;
  /** RSV1, RSV2 and RSV3 as three bits: 4, 2 and 1. */
  readonly rsv: number;
  /** Whether it is masked; left out, by whoever has to mask. */
  readonly masked?: boolean | undefined;
  /** The masking key; left out, another one for each frame. */
  readonly key?: Buffer | undefined;
  /** In how many bits the length is written, 7, 16 or 64; left out, in as few as can be. */
  readonly lengthBits?: number | undefined;
  /** The length in the header, if that is not the payload's. */
  readonly announced?: bigint | undefined;
}

export type FrameOptions = Partial<Omit<Frame, 'opcode' | 'payload'>>;

export function frame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Frame {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  return { fin: true, rsv: 0, ...options, opcode, payload: bytes };
}

export interface EncodedFrame {
  readonly bytes: Buffer;
  /** Where the payload begins. */
  readonly payloadAt: number;
}

/** @param isMasked whether the sender is a client. */
export function encodeFrame(given: Frame, isMasked: boolean): EncodedFrame {
  const length = given.announced ?? BigInt(given.payload.length);
  const bits = given.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const mask = given.masked ?? isMasked;
  const extended = bits === 7 ? 0 : bits / 8;
  const payloadAt = 2 + extended + (mask ? 4 : 0);
  const bytes = Buffer.allocUnsafe(payloadAt + given.payload.length);
  bytes[0] = (given.fin ? 0x80 : 0) | (given.rsv << 4) | given.opcode;
  bytes[1] = (mask ? 0x80 : 0) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127);
  if (bits === 16) bytes.writeUInt16BE(Number(length), 2);
  if (bits === 64) bytes.writeBigUInt64BE(length, 2);
  bytes.set(given.payload, payloadAt);
  if (mask) {
    const key = given.key ?? nextKey();
    bytes.set(key, payloadAt - 4);
    applyMask(bytes.subarray(payloadAt), key);
  }
  return { bytes, payloadAt };
}

/** A frame as it came from the subject, unmasked. */
export interface ReadFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly payload: Buffer;
  readonly key: Buffer | undefined;
  readonly header: Buffer;
}

/** Takes the subject's bytes apart. A header that no endpoint may write is told to `onFault` in words. */
export class FrameReader {
  readonly #onFrame: (read: ReadFrame) => void;
  readonly #onFault: (what: string) => void;
  readonly #isMasked: boolean;
  #chunks: Buffer[] = [];
  #length = 0;
  #needed = 2;

  /** @param isMasked whether the subject is a client, whose frames must be masked. */
  constructor(isMasked: boolean, onFrame: (read: ReadFrame) => void, onFault: (what: string) => void) {
    this.#isMasked = isMasked;
    this.#onFrame = onFrame;
    this.#onFault = onFault;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const used = this.#read(bytes);
      const rest = bytes.subarray(used);
      this.#chunks = [rest];
      this.#length = rest.length;
      if (used === 0) return;
    }
  }

  /** Whether the last frame is not whole. */
  get isInFrame(): boolean {
    return this.#length > 0;
  }

  /** Reads one frame if it is whole, and otherwise notes how much it takes; returns how many bytes were used. */
  #read(bytes: Buffer): number {
    this.#needed = 2;
    if (bytes.length < 2) return 0;
    const second = bytes[1]!;
    const extended = (second & 0x7f) === 126 ? 2 : (second & 0x7f) === 127 ? 8 : 0;
    const masked = (second & 0x80) !== 0;
    const payloadAt = 2 + extended + (masked ? 4 : 0);
    this.#needed = payloadAt;
    if (bytes.length < payloadAt) return 0;
    const wide =
      extended === 8
        ? bytes.readBigUInt64BE(2)
        : BigInt(extended === 2 ? bytes.readUInt16BE(2) : second & 0x7f);
    const length = Number(wide);
    this.#needed = payloadAt + length;
    if (bytes.length < payloadAt + length) return 0;
    this.#needed = 2;

    if (masked !== this.#isMasked) this.#onFault(masked ? 'a masked frame' : 'a frame without a mask');
    if ((extended === 2 && length < 126) || (extended === 8 && length < 65_536)) {
      this.#onFault(`a length of ${length} in ${extended * 8} bits`);
    }
    const payload = bytes.subarray(payloadAt, payloadAt + length);
    const key = masked ? Buffer.from(bytes.subarray(payloadAt - 4, payloadAt)) : undefined;
    if (key !== undefined) applyMask(payload, key);
    const first = bytes[0]!;
    this.#onFrame({
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      opcode: first & 0x0f,
      payload,
      key,
      header: bytes.subarray(0, payloadAt),
    });
    return payloadAt + length;
  }
}

/** RFC 6455 section 5.3: "transformed-octet-i = original-octet-i XOR masking-key-octet-j". */
function applyMask(bytes: Uint8Array, key: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = bytes[at]! ^ key[at & 3]!;
}

let seed = 0x9e37_79b9;

/** Keys that differ from frame to frame. (What a server reads need not be unpredictable.) */
function nextKey(): Buffer {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0;
  const key = Buffer.alloc(4);
  key.writeInt32BE(seed ^ (seed >>> 15));
  return key;
}

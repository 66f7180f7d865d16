import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { mask } from './mask.js';
import { FIN, headerLength, writeHeader } from './frame.js';
import type { Platform } from './platform.js';

/** The bytes that hexadecimal digits stand for; white space is for the reader. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'));
}

/** Bytes as pairs of hexadecimal digits with a space between. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    .toString('hex')
    .replaceAll(/..(?=.)/g, '$& ');
}

/** `count` bytes in which neighbours, and bytes 256 apart, differ. */
export function pattern(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => at + (at >>> 8));
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces));
}

export interface FrameFields {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  /** Whether this is the last fragment; it is unless told. */
  readonly fin?: boolean;
  /** The masking key, 32 bits whose lowest byte comes first. */
  readonly key?: number | undefined;
}

/** One frame as it goes over the wire. */
export function frame({ opcode, payload = new Uint8Array(0), fin = true, key }: FrameFields): Uint8Array {
  const start = headerLength(payload.length, key !== undefined);
  const bytes = new Uint8Array(start + payload.length);
  writeHeader(bytes, 0, (fin ? FIN : 0) | opcode, payload.length, key);
  bytes.set(payload, start);
  if (key !== undefined) mask(bytes, start, bytes.length, key, 0);
  return bytes;
}

/** A platform and the bytes that its transport would deliver. */
export interface TestPlatform<Bytes extends Uint8Array = Uint8Array> extends Platform<Bytes> {
  readonly name: string;
  /** Whether the transport uses the memory of a chunk again. */
  readonly lendsChunks: boolean;
  /** A copy of `bytes` as a chunk of the transport, at an odd offset in memory that others use as well. */
  chunk(bytes: Uint8Array): Bytes;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Nothing but `Uint8Array` and the encoding standard; new memory is full of rubbish. */
export const plainPlatform: TestPlatform = {
  name: 'plain Uint8Array',
  lendsChunks: false,
  isUtf8: (bytes) => decode(bytes) !== undefined,
  decodeUtf8: (bytes, start, end) => decode(bytes.subarray(start, end)),
  encodeUtf8: (text) => encoder.encode(text),
  allocate: (size) => new Uint8Array(size).fill(0xa5),
  view: (bytes, start, end) => new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start),
  copy: (bytes, start, end) => bytes.slice(start, end),
  chunk(bytes) {
    const chunk = new Uint8Array(bytes.length + 7).fill(0x5a).subarray(3, bytes.length + 3);
    chunk.set(bytes);
    return chunk;
  },
};

/** Node's `Buffer`, whose `slice` is a view and whose small ones share a pool. */
export const bufferPlatform: TestPlatform<Buffer> = {
  name: 'Node Buffer',
  lendsChunks: false,
  isUtf8,
  decodeUtf8: (bytes, start, end) =>
    isUtf8(bytes.subarray(start, end)) ? asBuffer(bytes).toString('utf8', start, end) : undefined,
  encodeUtf8: (text) => Buffer.from(text),
  allocate: (size) => Buffer.allocUnsafe(size).fill(0xa5),
  view: (bytes, start, end) => asBuffer(bytes).subarray(start, end),
  copy: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  chunk(bytes) {
    const chunk = Buffer.allocUnsafe(bytes.length + 7)
      .fill(0x5a)
      .subarray(3, bytes.length + 3);
    chunk.set(bytes);
    return chunk;
  },
};

/** The same, whose chunks are lent. */
const lendingPlatform: TestPlatform<Buffer> = {
  ...bufferPlatform,
  name: 'Node Buffer with chunks that are lent',
  lendsChunks: true,
};

export const PLATFORMS: readonly TestPlatform[] = [plainPlatform, bufferPlatform, lendingPlatform];

/** What was asked of a platform. */
export interface PlatformCounts {
  /** The sizes that were allocated, in order. */
  readonly allocated: number[];
  /** How many bytes each `isUtf8` looked at, in order. */
  readonly checked: number[];
  /** How many bytes each `decodeUtf8` looked at, in order. */
  readonly decoded: number[];
}

/** A platform that counts what is asked of it: work can be bounded without a clock. */
export function countingPlatform(platform: TestPlatform = plainPlatform): TestPlatform & PlatformCounts {
  const allocated: number[] = [];
  const checked: number[] = [];
  const decoded: number[] = [];
  return {
    ...platform,
    allocated,
    checked,
    decoded,
    allocate(size) {
      allocated.push(size);
      return platform.allocate(size);
    },
    isUtf8(bytes) {
      checked.push(bytes.length);
      return platform.isUtf8(bytes);
    },
    decodeUtf8(bytes, start, end) {
      decoded.push(end - start);
      return platform.decodeUtf8(bytes, start, end);
    },
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Any text: characters of 1, 2, 3 and 4 bytes, as many of each. */
export function anyText(minLength: number, maxLength: number): fc.Arbitrary<string> {
  const character = fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0x7ff }),
    fc.integer({ min: 0x800, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0xffff }),
    fc.integer({ min: 0x1_0000, max: 0x10_ffff }),
  );
  return fc.array(character, { minLength, maxLength }).map((codes) => String.fromCodePoint(...codes));
}

/** Bytes in the hands of the protocol are the platform's own: the transport's chunks, or what it allocated. */
function asBuffer(bytes: Uint8Array): Buffer {
  if (!Buffer.isBuffer(bytes)) throw new TypeError('These bytes are not from this platform');
  return bytes;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * What is not UTF-8, with the index of the first byte that cannot be right; the sequence's length where every
 * byte may be right and the end of the text is what is wrong. The numbers are those of Markus Kuhn's "UTF-8
 * decoder capability and stress test".
 */
export const MALFORMED_UTF8: readonly (readonly [name: string, digits: string, firstBad: number])[] = [
  ['2.1.5 five bytes, U+200000', 'f8 88 80 80 80', 0],
  ['2.1.6 six bytes, U+4000000', 'fc 84 80 80 80 80', 0],
  ['2.2.4 last of four bytes, U+1FFFFF', 'f7 bf bf bf', 0],
  ['2.2.5 last of five bytes, U+3FFFFFF', 'fb bf bf bf bf', 0],
  ['2.2.6 last of six bytes, U+7FFFFFFF', 'fd bf bf bf bf bf', 0],
  ['2.3.5 one above U+10FFFF', 'f4 90 80 80', 1],
  ['3.1.1 first continuation byte alone', '80', 0],
  ['3.1.2 last continuation byte alone', 'bf', 0],
  ['3.1.8 seven continuation bytes', '80 bf 80 bf 80 bf 80', 0],
  ['3.2.1 start of two bytes, then a space', 'df 20', 1],
  ['3.2.2 start of three bytes, then a space', 'ef 20', 1],
  ['3.2.3 start of four bytes, then a space', 'f3 20', 1],
  ['3.3.1 two bytes, U+0000, last one missing', 'c0', 0],
  ['3.3.2 three bytes, U+0000, last one missing', 'e0 80', 1],
  ['3.3.3 four bytes, U+0000, last one missing', 'f0 80 80', 1],
  ['3.3.6 two bytes, U+07FF, last one missing', 'df', 1],
  ['3.3.7 three bytes, U+FFFF, last one missing', 'ef bf', 2],
  ['3.3.8 four bytes, last one missing', 'f3 bf bf', 3],
  ['3.3 four bytes, the last two missing', 'f4 8f', 2],
  ['3.3 four bytes, the last three missing', 'f0', 1],
  ['3.5.1 impossible byte fe', 'fe', 0],
  ['3.5.2 impossible byte ff', 'ff', 0],
  ['3.5.3 impossible bytes', 'fe fe ff ff', 0],
  ['4.1.1 slash in two bytes', 'c0 af', 0],
  ['4.1.2 slash in three bytes', 'e0 80 af', 1],
  ['4.1.3 slash in four bytes', 'f0 80 80 af', 1],
  ['4.2.1 last overlong form of two bytes', 'c1 bf', 0],
  ['4.2.2 last overlong form of three bytes', 'e0 9f bf', 1],
  ['4.2.3 last overlong form of four bytes', 'f0 8f bf bf', 1],
  ['4.3.1 U+0000 in two bytes', 'c0 80', 0],
  ['4.3.2 U+0000 in three bytes', 'e0 80 80', 1],
  ['4.3.3 U+0000 in four bytes', 'f0 80 80 80', 1],
  ['5.1.1 surrogate U+D800', 'ed a0 80', 1],
  ['5.1.3 surrogate U+DBFF', 'ed af bf', 1],
  ['5.1.4 surrogate U+DC00', 'ed b0 80', 1],
  ['5.1.7 surrogate U+DFFF', 'ed bf bf', 1],
  ['5.2.1 surrogates U+D800 U+DC00', 'ed a0 80 ed b0 80', 1],
  ['a third byte that is none', 'e2 82 28', 2],
  ['a fourth byte that is none', 'f0 9f 98 c0', 3],
  ['a continuation byte too many', 'e2 82 ac 80', 3],
  ['a lead byte of the range above', 'f5 80 80 80', 0],
];

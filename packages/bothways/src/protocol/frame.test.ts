import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FIN,
  MASK,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER,
  Opcode,
  RSV1,
  RSV2,
  RSV3,
  headerLength,
  readKey,
  readUint32,
  writeHeader,
} from './frame.js';
import { hex, toHex } from './test-platform.js';

const KEY = hex('37 fa 21 3d');

/** RFC 6455 section 5.2 at every border of the three encodings. */
const LENGTHS: readonly (readonly [length: number, unmasked: string, masked: string])[] = [
  [0, '82 00', '82 80'],
  [1, '82 01', '82 81'],
  [125, '82 7d', '82 fd'],
  [126, '82 7e 00 7e', '82 fe 00 7e'],
  [127, '82 7e 00 7f', '82 fe 00 7f'],
  [255, '82 7e 00 ff', '82 fe 00 ff'],
  [256, '82 7e 01 00', '82 fe 01 00'],
  [65_535, '82 7e ff ff', '82 fe ff ff'],
  [65_536, '82 7f 00 00 00 00 00 01 00 00', '82 ff 00 00 00 00 00 01 00 00'],
  [2 ** 31 - 1, '82 7f 00 00 00 00 7f ff ff ff', '82 ff 00 00 00 00 7f ff ff ff'],
  [2 ** 31, '82 7f 00 00 00 00 80 00 00 00', '82 ff 00 00 00 00 80 00 00 00'],
  [2 ** 32 - 1, '82 7f 00 00 00 00 ff ff ff ff', '82 ff 00 00 00 00 ff ff ff ff'],
  [2 ** 32, '82 7f 00 00 00 01 00 00 00 00', '82 ff 00 00 00 01 00 00 00 00'],
  [2 ** 32 + 5, '82 7f 00 00 00 01 00 00 00 05', '82 ff 00 00 00 01 00 00 00 05'],
  [0x1_2345_6789_abcd, '82 7f 00 01 23 45 67 89 ab cd', '82 ff 00 01 23 45 67 89 ab cd'],
  [2 ** 53 - 1, '82 7f 00 1f ff ff ff ff ff ff', '82 ff 00 1f ff ff ff ff ff ff'],
];

/** The examples of RFC 6455 section 5.7, headers only. */
const EXAMPLES: readonly (readonly [
  name: string,
  firstByte: number,
  length: number,
  key: boolean,
  string,
])[] = [
  ['a single-frame unmasked text message', FIN | Opcode.TEXT, 5, false, '81 05'],
  ['a single-frame masked text message', FIN | Opcode.TEXT, 5, true, '81 85 37 fa 21 3d'],
  ['the first fragment of an unmasked text message', Opcode.TEXT, 3, false, '01 03'],
  ['its last fragment', FIN | Opcode.CONTINUATION, 2, false, '80 02'],
  ['an unmasked Ping', FIN | Opcode.PING, 5, false, '89 05'],
  ['the masked Pong that answers it', FIN | Opcode.PONG, 5, true, '8a 85 37 fa 21 3d'],
  ['256 bytes of binary', FIN | Opcode.BINARY, 256, false, '82 7e 01 00'],
  ['64 KiB of binary', FIN | Opcode.BINARY, 65_536, false, '82 7f 00 00 00 00 00 01 00 00'],
];

describe('the header of a frame', () => {
  it.each(LENGTHS)('of %d bytes is written in the fewest bytes', (length, unmasked, masked) => {
    expect(written(0x82, length)).toBe(unmasked);
    expect(written(0x82, length, readKey(KEY, 0))).toBe(`${masked} 37 fa 21 3d`);
  });

  it.each(LENGTHS)('of %d bytes takes the room that headerLength foretells', (length, unmasked) => {
    const bytes = hex(unmasked).length;
    expect(headerLength(length, false)).toBe(bytes);
    expect(headerLength(length, true)).toBe(bytes + 4);
  });

  it.each(EXAMPLES)('is the one of RFC 6455 section 5.7 for %s', (_, firstByte, length, masked, expected) => {
    expect(written(firstByte, length, masked ? readKey(KEY, 0) : undefined)).toBe(expected);
  });

  it('is written at the offset, and nothing around it is touched', () => {
    const target = new Uint8Array(12).fill(0xee);
    expect(writeHeader(target, 3, 0x81, 126, readKey(KEY, 0))).toBe(11);
    expect(toHex(target)).toBe('ee ee ee 81 fe 00 7e 37 fa 21 3d ee');
  });

  it('is masked by the key 0 as well: a key of zeros is a key', () => {
    expect(written(0x81, 0, 0)).toBe('81 80 00 00 00 00');
  });

  it('is never longer than MAX_HEADER', () => {
    expect(headerLength(Number.MAX_SAFE_INTEGER, true)).toBe(MAX_HEADER);
  });

  it('can be read back with its key, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 0xff }),
        fc.oneof(fc.nat({ max: 70_000 }), fc.maxSafeNat()),
        fc.integer(),
        (firstByte, length, key) => {
          const unmasked = new Uint8Array(MAX_HEADER);
          const end = writeHeader(unmasked, 0, firstByte, length);
          expect(readByTheBook(unmasked)).toEqual({ firstByte, length, masked: false, end });
          const masked = new Uint8Array(MAX_HEADER);
          expect(writeHeader(masked, 0, firstByte, length, key)).toBe(end + 4);
          expect(readByTheBook(masked)).toEqual({ firstByte, length, masked: true, end: end + 4 });
          expect(readKey(masked, end)).toBe(key);
        },
      ),
    );
  });
});

describe('readKey', () => {
  it.each([
    ['00 00 00 00', 0],
    ['01 00 00 00', 1], // the first byte is the lowest
    ['00 01 00 00', 0x100],
    ['00 00 01 00', 0x1_0000],
    ['00 00 00 01', 0x100_0000],
    ['37 fa 21 3d', 0x3d21fa37],
    ['ff ff ff ff', -1], // 32 bits, as an integer with a sign
  ])('reads %s as %d', (digits, key) => {
    expect(readKey(hex(digits), 0)).toBe(key);
    expect(readKey(hex(`ee ee ${digits}`), 2)).toBe(key);
  });
});

describe('readUint32', () => {
  it.each([
    ['00 00 00 00', 0],
    ['00 00 00 01', 1],
    ['00 00 01 00', 0x100],
    ['00 01 00 00', 0x1_0000],
    ['01 00 00 00', 0x100_0000],
    ['7f ff ff ff', 2 ** 31 - 1],
    ['80 00 00 00', 2 ** 31], // never negative
    ['ff ff ff ff', 2 ** 32 - 1],
    ['12 34 56 78', 0x12345678],
  ])('reads %s as %d', (digits, value) => {
    expect(readUint32(hex(digits), 0)).toBe(value);
    expect(readUint32(hex(`ee ee ee ${digits}`), 3)).toBe(value);
  });
});

describe('the constants', () => {
  it('are those of RFC 6455 sections 5.2 and 5.5', () => {
    expect({ FIN, RSV1, RSV2, RSV3, MASK }).toEqual({
      FIN: 0b1000_0000,
      RSV1: 0b0100_0000,
      RSV2: 0b0010_0000,
      RSV3: 0b0001_0000,
      MASK: 0b1000_0000,
    });
    expect(Opcode).toEqual({ CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 });
    expect(MAX_CONTROL_PAYLOAD).toBe(125);
    expect(MAX_HEADER).toBe(14);
  });
});

function written(firstByte: number, length: number, key?: number): string {
  const target = new Uint8Array(MAX_HEADER);
  return toHex(target.subarray(0, writeHeader(target, 0, firstByte, length, key)));
}

/** The header by the words of RFC 6455 section 5.2 and with the integers of `DataView`. */
function readByTheBook(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer);
  const masked = view.getUint8(1) >= 128;
  const seven = view.getUint8(1) % 128;
  const length = seven === 127 ? Number(view.getBigUint64(2)) : seven === 126 ? view.getUint16(2) : seven;
  const end = 2 + (seven === 127 ? 8 : seven === 126 ? 2 : 0) + (masked ? 4 : 0);
  return { firstByte: view.getUint8(0), length, masked, end };
}

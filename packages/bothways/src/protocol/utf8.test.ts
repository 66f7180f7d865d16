import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UTF8_INVALID, UTF8_START, checkUtf8, incompleteTail } from './utf8.js';
import { MALFORMED_UTF8, anyText, hex, toHex } from './test-platform.js';

/** Table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences". */
const WELL_FORMED = `
  00..7f
  c2..df  80..bf
  e0..e0  a0..bf  80..bf
  e1..ec  80..bf  80..bf
  ed..ed  80..9f  80..bf
  ee..ef  80..bf  80..bf
  f0..f0  90..bf  80..bf  80..bf
  f1..f3  80..bf  80..bf  80..bf
  f4..f4  80..8f  80..bf  80..bf`
  .trim()
  .split('\n')
  .map((row) =>
    Array.from(row.matchAll(/(..)\.\.(..)/g), ([, from, to]) => [byte(from!), byte(to!)] as const),
  );

/** Both sides of every border in table 3-7. */
const BORDERS = hex(`
  00 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 f7 f8 fb fc fd fe ff`);

/** Kuhn's test, sections 1, 2 and 5.3: what is right at the borders of what is right. */
const VALID: readonly (readonly [name: string, digits: string])[] = [
  ['nothing', ''],
  ['1 "κόσμε"', 'ce ba e1 bd b9 cf 83 ce bc ce b5'],
  ['2.1.1 U+0000', '00'],
  ['2.1.2 U+0080', 'c2 80'],
  ['2.1.3 U+0800', 'e0 a0 80'],
  ['2.1.4 U+10000', 'f0 90 80 80'],
  ['2.2.1 U+007F', '7f'],
  ['2.2.2 U+07FF', 'df bf'],
  ['2.2.3 U+FFFF', 'ef bf bf'],
  ['2.3.1 U+D7FF', 'ed 9f bf'],
  ['2.3.2 U+E000', 'ee 80 80'],
  ['2.3.3 U+FFFD', 'ef bf bd'],
  ['2.3.4 U+10FFFF', 'f4 8f bf bf'],
  ['5.3.1 the noncharacter U+FFFE', 'ef bf be'],
  ['5.3.3 the noncharacters U+FDD0 and U+FDEF', 'ef b7 90 ef b7 af'],
  ['5.3.4 the noncharacter U+1FFFE', 'f0 9f bf be'],
  ['a byte order mark, which is a character like others', 'ef bb bf'],
];

describe('checkUtf8', () => {
  it.each(VALID)('takes %s', (_, digits) => {
    const bytes = hex(digits);
    expect(checkUtf8(bytes, 0, bytes.length, UTF8_START)).toBe(UTF8_START);
  });

  it.each(MALFORMED_UTF8)('notices %s (%s) at byte %d', (_, digits, firstBad) => {
    const bytes = hex(digits);
    for (let end = 0; end <= bytes.length; end++) {
      expect(checkUtf8(bytes, 0, end, UTF8_START) === UTF8_INVALID).toBe(end > firstBad);
    }
    expect(checkUtf8(bytes, 0, bytes.length, UTF8_START)).not.toBe(UTF8_START);
  });

  it.each(MALFORMED_UTF8)('notices %s (%s) at byte %d from a state of each byte', (_, digits, firstBad) => {
    expect(firstBadBytewise(hex(digits))).toBe(firstBad);
    expect(firstBadBytewise(hex(`e2 82 ac ${digits} 41`))).toBe(3 + firstBad);
  });

  it('takes every Unicode scalar value, and no surrogate', () => {
    const wrong: string[] = [];
    for (let codePoint = 0; codePoint <= 0x10_ffff; codePoint++) {
      const bytes = encodeByFormula(codePoint);
      const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
      const state = checkUtf8(bytes, 0, bytes.length, UTF8_START);
      if (state !== (isSurrogate ? UTF8_INVALID : UTF8_START)) wrong.push(codePoint.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  it('agrees with table 3-7 about every sequence of up to four bytes at its borders', () => {
    const wrong: string[] = [];
    const bytes = new Uint8Array(4);
    for (const first of BORDERS) {
      bytes[0] = first;
      for (const second of BORDERS) {
        bytes[1] = second;
        for (const third of BORDERS) {
          bytes[2] = third;
          for (const fourth of BORDERS) {
            bytes[3] = fourth;
            if (checkUtf8(bytes, 0, 4, UTF8_START) !== stateByTable(bytes)) wrong.push(toHex(bytes));
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('agrees with the platform about any bytes, cut anywhere', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.array(fc.constantFrom(...BORDERS), { maxLength: 8 }).map((values) => Uint8Array.from(values)),
      anyText(0, 12).map((text) => Uint8Array.from(Buffer.from(text))),
    );
    fc.assert(
      fc.property(bytes, fc.nat({ max: 12 }), (text, cut) => {
        const middle = Math.min(cut, text.length);
        const state = checkUtf8(text, 0, middle, UTF8_START);
        const end = state === UTF8_INVALID ? state : checkUtf8(text, middle, text.length, state);
        expect(end === UTF8_START).toBe(isUtf8(text));
        expect(end).toBe(checkUtf8(text, 0, text.length, UTF8_START));
      }),
      { numRuns: 500 },
    );
  });

  it('looks at nothing before the start and nothing from the end on', () => {
    expect(checkUtf8(hex('ff c3 a9 ff'), 1, 3, UTF8_START)).toBe(UTF8_START);
    expect(checkUtf8(hex('ff'), 0, 0, UTF8_START)).toBe(UTF8_START);
    expect(checkUtf8(hex('ff ff'), 1, 1, UTF8_START)).toBe(UTF8_START);
  });

  it('does not mend what is invalid, whatever byte comes', () => {
    const mending: number[] = [];
    for (let next = 0; next < 256; next++) {
      if (checkUtf8(Uint8Array.of(next), 0, 1, UTF8_INVALID) !== UTF8_INVALID) mending.push(next);
    }
    expect(mending).toEqual([]);
  });

  it('keeps the state over a piece without bytes', () => {
    const inside = checkUtf8(hex('f0 9f'), 0, 2, UTF8_START);
    expect(inside).not.toBe(UTF8_START);
    expect(inside).not.toBe(UTF8_INVALID);
    expect(checkUtf8(hex(''), 0, 0, inside)).toBe(inside);
    expect(checkUtf8(hex(''), 0, 0, UTF8_INVALID)).toBe(UTF8_INVALID);
  });
});

describe('incompleteTail', () => {
  it.each([
    ['', 0],
    ['41', 0],
    ['c3', 1], // the first of two
    ['c3 a9', 2], // complete, but nobody has counted yet
    ['c3 a9 41', 0],
    ['41 e2', 1],
    ['41 e2 82', 2],
    ['41 e2 82 ac', 3],
    ['e2 80', 2], // the lowest continuation byte
    ['f0 bf 80', 3],
    ['f0', 1],
    ['f0 9f', 2],
    ['f0 9f 98', 3],
    ['f0 9f 98 80', 0], // four are complete or wrong
    ['f0 9f 98 80 80', 0],
    ['80', 0],
    ['80 80', 0],
    ['80 80 80', 0],
    ['41 80 80', 0],
    ['bf', 0],
    ['c0', 1], // the lowest that is no continuation byte
    ['ff', 1],
    ['7f', 0],
    ['c3 c3', 1],
    ['e2 82 c3', 1],
  ])('of %s is %d bytes', (digits, length) => {
    const bytes = hex(digits);
    expect(incompleteTail(bytes, 0, bytes.length)).toBe(length);
  });

  it('looks at nothing before the start and nothing from the end on', () => {
    const bytes = hex('f0 9f 98 80 c3');
    expect(incompleteTail(bytes, 1, 3)).toBe(0);
    expect(incompleteTail(bytes, 2, 4)).toBe(0);
    expect(incompleteTail(bytes, 0, 3)).toBe(3);
    expect(incompleteTail(bytes, 0, 4)).toBe(0);
    expect(incompleteTail(bytes, 4, 4)).toBe(0);
  });

  it('leaves whole characters before it, wherever a text is cut', () => {
    const text = anyText(1, 10);
    fc.assert(
      fc.property(text, fc.nat(), (string, cut) => {
        const bytes = Uint8Array.from(Buffer.from(string));
        const end = cut % (bytes.length + 1);
        const whole = end - incompleteTail(bytes, 0, end);
        expect(isUtf8(bytes.subarray(0, whole))).toBe(true);
        expect(checkUtf8(bytes, whole, bytes.length, UTF8_START)).toBe(UTF8_START);
      }),
    );
  });
});

function byte(digits: string): number {
  return Number.parseInt(digits, 16);
}

/** The index of the first byte that makes the state invalid; the length when none does. */
function firstBadBytewise(bytes: Uint8Array): number {
  let state = UTF8_START;
  for (let at = 0; at < bytes.length; at++) {
    state = checkUtf8(bytes, at, at + 1, state);
    if (state === UTF8_INVALID) return at;
  }
  return bytes.length;
}

/** The state after `bytes` by table 3-7: what the first row that still fits asks of the next byte. */
function stateByTable(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const row = WELL_FORMED.find(([first]) => within(bytes[at]!, first!));
    if (row === undefined) return UTF8_INVALID;
    for (const [index, range] of row.entries()) {
      if (at + index === bytes.length) return ((row.length - index) << 16) | (range[0] << 8) | range[1];
      if (!within(bytes[at + index]!, range)) return UTF8_INVALID;
    }
    at += row.length;
  }
  return UTF8_START;
}

function within(value: number, [from, to]: readonly [number, number]): boolean {
  return value >= from && value <= to;
}

/** The bit pattern of RFC 3629 section 3, for surrogates too. */
function encodeByFormula(codePoint: number): Uint8Array {
  const next = (shift: number) => 0x80 | ((codePoint >> shift) & 0x3f);
  if (codePoint < 0x80) return Uint8Array.of(codePoint);
  if (codePoint < 0x800) return Uint8Array.of(0xc0 | (codePoint >> 6), next(0));
  if (codePoint < 0x1_0000) return Uint8Array.of(0xe0 | (codePoint >> 12), next(6), next(0));
  return Uint8Array.of(0xf0 | (codePoint >> 18), next(12), next(6), next(0));
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Closing,
  isCount,
  isNumbered,
  parseLine,
  parseLines,
  parseSocketMessage,
  toLine,
  toSocketMessage,
  type AnyRecord,
  type Base64,
} from './records.js';

const BASE64: Base64 = {
  encode: (bytes) => Buffer.from(bytes).toString('base64'),
  decode: (text) => (/^[\w+/]*={0,2}$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined),
};

/** Any text without lone surrogates. */
const anyText = fc.string({ unit: 'binary' });
const anyRecord = fc.oneof(
  anyText,
  fc.uint8Array(),
  fc.maxSafeNat(),
  fc.record({ seq: fc.maxSafeNat(), token: anyText }),
  fc
    .tuple(
      fc.oneof(fc.constantFrom(1000, 1001, 1011, 1013), fc.integer({ min: 3000, max: 4999 })),
      anyText.filter((text) => Buffer.byteLength(text) <= 123),
    )
    .map(([code, reason]) => new Closing(code, reason)),
);

describe('A record as a line', () => {
  it.each<[AnyRecord, string]>([
    ['Hello', '"Hello"'],
    ['', '""'],
    ['a\nb\r"\u2028', '"a\\nb\\r\\"\u2028"'],
    [new Uint8Array([72, 105]), '["SGk="]'],
    [new Uint8Array(), '[""]'],
    [17, '17'],
    [new Closing(1000, ''), '{"close":1000}'],
    [new Closing(4000, 'why'), '{"close":4000,"reason":"why"}'],
    [{ seq: 2 }, '{"seq":2}'],
  ])('of %j is %s', (record, line) => {
    expect(toLine(record, BASE64)).toBe(`${line}\n`);
    expect(parseLine(line, BASE64)).toEqual(record);
  });

  it('is one line, and is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(anyRecord), (records) => {
        const lines = records.map((record) => toLine(record, BASE64));
        for (const line of lines) expect(line.slice(0, -1)).not.toMatch(/[\r\n]/);
        expect(parseLines(lines.join(''), 100, BASE64)).toEqual(records);
      }),
    );
  });

  it('has U+FFFD for a lone surrogate, as a WebSocket has', () => {
    expect(toLine('a\ud800b', BASE64)).toBe('"a\ufffdb"\n');
  });

  it.each([
    '',
    'null',
    'true',
    '-1',
    '1.5',
    '1e400',
    '9007199254740992',
    '[]',
    '["a","b"]',
    '[1]',
    '[["SGk="]]',
    '["%"]',
    '{',
    'hello',
    "'a'",
    '{"close":"1000"}',
    '{"close":-1}',
    '{"close":5000}',
    '{"close":1000.5}',
    '{"close":null}',
    '{"close":1005}',
    '{"close":1015}',
    '{"close":2999}',
    '{"close":1000,"reason":1}',
    `{"close":1000,"reason":"${'a'.repeat(124)}"}`,
    `{"close":1000,"reason":"${'é'.repeat(62)}"}`,
  ])('is not %s', (line) => {
    expect(parseLine(line, BASE64)).toBeUndefined();
    expect(parseLines(`"before"\n${line}\n"behind"\n`, 100, BASE64)).toBeUndefined();
  });

  it('has to be whole', () => {
    expect(parseLines('"a"\n"b"', 100, BASE64)).toBeUndefined();
    expect(parseLines('"a"', 100, BASE64)).toBeUndefined();
    expect(parseLines('"a"\n', 100, BASE64)).toEqual(['a']);
    expect(parseLines('', 100, BASE64)).toEqual([]);
    expect(parseLines('\n', 100, BASE64)).toBeUndefined();
    expect(parseLines('1\n2\n3\n', 3, BASE64)).toEqual([1, 2, 3]);
    expect(parseLines('1\n2\n3\n4\n', 3, BASE64)).toBeUndefined();
  });

  it('does not take what its prototype says for a close', () => {
    const record = parseLine('{"__proto__":{"close":1000}}', BASE64);
    expect(record).not.toBeInstanceOf(Closing);
    expect(isNumbered(record!)).toBe(false);
  });

  it('never throws, whatever the text is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const record = parseLine(text, BASE64);
        expect(record === undefined || parseLine(toLine(record, BASE64), BASE64) !== undefined).toBe(true);
      }),
    );
  });
});

describe('A record as a message of a WebSocket', () => {
  it.each<[AnyRecord, string]>([
    ['Hello', '.Hello'],
    ['', '.'],
    ['.{1', '..{1'],
    [17, '17'],
    [0, '0'],
    [new Closing(1000, ''), '{"close":1000}'],
    [{ token: 'a.b' }, '{"token":"a.b"}'],
  ])('of %j is %s', (record, message) => {
    expect(toSocketMessage(record)).toBe(message);
    expect(parseSocketMessage(message)).toEqual(record);
  });

  it('is the bytes themselves, where it is bytes', () => {
    const bytes = new Uint8Array([0x7b, 0x7d]);
    expect(toSocketMessage(bytes)).toBe(bytes);
    expect(parseSocketMessage(bytes)).toBe(bytes);
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(parseSocketMessage(toSocketMessage(record))).toEqual(record);
      }),
    );
  });

  it.each([
    '',
    ' .a',
    '"a"',
    '["SGk="]',
    '-1',
    '1.5',
    '1e3',
    ' 1',
    '01',
    '9007199254740992',
    '99999999999999999',
    '{',
    '{}}',
    'hello',
    '{"close":99999}',
  ])('is not %j', (message) => {
    expect(parseSocketMessage(message)).toBeUndefined();
  });
});

describe('A count', () => {
  it.each([0, 1, 2 ** 53 - 1])('may be %d', (value) => expect(isCount(value)).toBe(true));

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Infinity, '1', null, undefined, 1n, []])('is not %s', (value) =>
    expect(isCount(value)).toBe(false),
  );
});

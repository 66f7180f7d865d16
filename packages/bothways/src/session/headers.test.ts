import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClientHeader, readServerHeader } from './headers.js';
import { Closing, parseLine, type AnyRecord } from './records.js';

const LEAST = { gen: 1, ack: 0, seq: 1 };
const KEY = 'A'.repeat(22);
const BASE64 = { encode: () => '', decode: () => undefined };
/** What is no number of the protocol. */
const NO_NUMBERS = [-1, 1.5, '1', null, true, Number.NaN, 2 ** 53, [1], {}];

describe('The header of a client', () => {
  it.each([
    LEAST,
    { gen: 2 ** 53 - 1, ack: 2 ** 53 - 1, seq: 2 ** 53 - 1 },
    { ...LEAST, open: KEY, protocols: ['a', 'b'], window: 65_536 },
    { ...LEAST, open: 'a-_9'.repeat(32), protocols: [] },
    { ...LEAST, token: 'a.b', heartbeat: 1, wait: 0, pending: true, stream: 'lines' },
    { ...LEAST, stream: 'events', pending: false, wait: 1e9 },
  ])('may be %j', (header) => {
    expect(readClientHeader(header)).toEqual(header);
  });

  it('is read without the members that nobody knows', () => {
    expect(readClientHeader({ ...LEAST, future: [1], ticket: 1, maxMessage: 'x' })).toEqual(LEAST);
  });

  it.each(['gen', 'ack', 'seq'])('needs %s, as a number of the protocol', (name) => {
    for (const value of [...NO_NUMBERS, undefined]) {
      expect(readClientHeader({ ...LEAST, [name]: value })).toBeUndefined();
    }
    const { [name as 'gen']: _left, ...rest } = LEAST;
    expect(readClientHeader(rest)).toBeUndefined();
  });

  it('counts generations and messages from 1', () => {
    expect(readClientHeader({ ...LEAST, gen: 0 })).toBeUndefined();
    expect(readClientHeader({ ...LEAST, seq: 0 })).toBeUndefined();
  });

  it.each([
    ['open', [1, '', 'A'.repeat(21), 'A'.repeat(129), `${KEY}=`, `${KEY}\n`, [KEY], null]],
    ['protocols', ['a', [1], { length: 0 }, Array.from({ length: 33 }, () => 'a'), null]],
    ['token', [1, null, ['a']]],
    ['window', [...NO_NUMBERS, 0, 65_535]],
    ['heartbeat', [...NO_NUMBERS, 0]],
    ['wait', NO_NUMBERS],
    ['pending', [0, 1, 'true', null]],
    ['stream', ['', 'LINES', true, null, 1]],
  ] as const)('is none when %s is wrong', (name, values: readonly unknown[]) => {
    for (const value of values) {
      expect(readClientHeader({ ...LEAST, [name]: value })).toBeUndefined();
    }
  });

  it.each<[string, AnyRecord | undefined]>([
    ['nothing', undefined],
    ['a text', 'text'],
    ['bytes', Buffer.from('{}')],
    ['an acknowledgement', 1],
    ['a close', new Closing(1000, '')],
    ['an empty control record', {}],
  ])('is not %s', (_what, record) => {
    expect(readClientHeader(record)).toBeUndefined();
    expect(readServerHeader(record)).toBeUndefined();
  });

  it('takes nothing from a prototype, neither of a record nor of its own', () => {
    const lines = [
      '{"__proto__":{"gen":1,"ack":0,"seq":1}}',
      '{"gen":1,"ack":0,"seq":1,"__proto__":{"open":"AAAAAAAAAAAAAAAAAAAAAA","wait":5}}',
      '{"gen":1,"ack":0,"seq":1,"constructor":{"prototype":{"wait":5}}}',
    ];
    const [none, ...some] = lines.map((line) => readClientHeader(parseLine(line, BASE64)));
    expect(none).toBeUndefined();
    for (const header of some) {
      expect(header).toEqual(LEAST);
      expect(header!.wait).toBeUndefined();
      expect(Object.getPrototypeOf(header)).toBe(Object.prototype);
    }
    expect(({} as { wait?: unknown }).wait).toBeUndefined();
  });

  it('never makes anything throw, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const header = readClientHeader(parseLine(json, BASE64));
        expect(header === undefined || header.gen > 0).toBe(true);
      }),
    );
  });
});

describe('The header of a server', () => {
  it.each([
    LEAST,
    { ...LEAST, session: 's', token: 't', protocol: '', window: 65_536, maxMessage: 1, heartbeat: 1 },
    { ...LEAST, ticket: 'x' },
  ])('may be %j', (header) => {
    expect(readServerHeader(header)).toEqual(header);
  });

  it.each([
    ['session', [1, null]],
    ['token', [1, null]],
    ['protocol', [1, null, ['a']]],
    ['window', [...NO_NUMBERS, 0, 65_535]],
    ['maxMessage', [...NO_NUMBERS, 0]],
    ['heartbeat', [...NO_NUMBERS, 0]],
    ['ticket', [1, null]],
  ] as const)('is none when %s is wrong', (name, values: readonly unknown[]) => {
    for (const value of values) {
      expect(readServerHeader({ ...LEAST, [name]: value })).toBeUndefined();
    }
  });
});

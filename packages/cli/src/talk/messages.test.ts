import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boardSize,
  cleanName,
  limits,
  MessageError,
  parseClientMessage,
  parseServerMessage,
} from './messages.js';

const parse = (message: unknown) => parseClientMessage(JSON.stringify(message));
const stroke = { type: 'stroke', id: 'a1', color: 2, width: 20, points: [1, 2, 50] };

function closeCode(text: string): number | undefined {
  try {
    parseClientMessage(text);
    return undefined;
  } catch (error) {
    if (error instanceof MessageError) return error.closeCode;
    throw error;
  }
}

describe('what a page may send', () => {
  it.each([
    { type: 'hello', name: 'Ada', key: '0123456789abcdef' },
    { type: 'rename', name: 'Grace' },
    { type: 'say', ref: 'r1', text: 'Good morning' },
    { type: 'typing', on: true },
    { type: 'cursor', at: [0, boardSize.height] },
    { type: 'cursor', at: null },
    stroke,
    { type: 'points', id: 'a1', points: [1, 2, 50, 3, 4, 50] },
    { type: 'end', id: 'a1' },
    { type: 'undo' },
    { type: 'clear' },
    { type: 'restore' },
    { type: 'ping', n: 7 },
  ])('is taken as it is: $type', (message) => {
    expect(parse(message)).toEqual(message);
  });

  it('loses the fields that belong to no message', () => {
    expect(parse({ type: 'undo', extra: 'x', __proto__: null })).toEqual({ type: 'undo' });
  });

  it('is cleaned of control characters, but keeps its lines', () => {
    const said = parse({ type: 'say', ref: 'r', text: '  one\u0007\r\n\u001B[2Jtwo\t3  ' });
    expect(said).toMatchObject({ text: 'one\n[2Jtwo\t3' });
  });
});

describe('what a page may not send', () => {
  it.each(['', 'hello', '{', 'null', '[]', '"text"', '12'])('is malformed (1007): %s', (text) => {
    expect(closeCode(text)).toBe(1007);
  });

  it.each<[string, unknown]>([
    ['no type', {}],
    ['an unknown type', { type: 'shout' }],
    ['a type from the prototype', { type: 'toString' }],
    ['an empty name', { type: 'rename', name: ' \u200B ' }],
    ['a long name', { type: 'rename', name: 'x'.repeat(limits.nameLength + 1) }],
    ['a name that is no text', { type: 'rename', name: 7 }],
    ['a short key', { type: 'hello', name: 'Ada', key: 'short' }],
    ['a key with other characters', { type: 'hello', name: 'Ada', key: '0123456789abcde/' }],
    ['an empty text', { type: 'say', ref: 'r', text: ' \n ' }],
    ['a long text', { type: 'say', ref: 'r', text: 'x'.repeat(limits.textLength + 1) }],
    ['no reference', { type: 'say', text: 'x' }],
    ['a colour that is not there', { ...stroke, color: 6 }],
    ['a colour between two', { ...stroke, color: 1.5 }],
    ['a width beyond the widest', { ...stroke, width: 1000 }],
    ['a point outside the board', { ...stroke, points: [boardSize.width + 1, 0, 50] }],
    ['a point without a pressure', { ...stroke, points: [1, 2] }],
    ['no points', { ...stroke, points: [] }],
    ['points that are text', { ...stroke, points: ['1', '2', '3'] }],
    ['too many points', { ...stroke, points: Array<number>(3 * (limits.pointsPerMessage + 1)).fill(1) }],
    ['a cursor in three dimensions', { type: 'cursor', at: [1, 2, 3] }],
    ['typing perhaps', { type: 'typing', on: 'maybe' }],
    ['a ping that counts backwards', { type: 'ping', n: -1 }],
  ])('is against the rules (1008): %s', (_what, message) => {
    expect(closeCode(JSON.stringify(message))).toBe(1008);
  });

  it('never causes another error than that', () => {
    const types = fc.constantFrom('hello', 'rename', 'say', 'cursor', 'stroke', 'points', 'ping', 'end');
    const message = fc.tuple(
      types,
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.jsonValue(),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(message, ([type, fields, name, points]) => {
        const code = closeCode(JSON.stringify({ ...fields, type, name, points }));
        expect([undefined, 1007, 1008]).toContain(code);
      }),
    );
  });

  it('has a reason that fits into a Close frame', () => {
    const tooMuchPressure = { ...stroke, points: [1, 2, 101] };
    expect(() => parse(tooMuchPressure)).toThrow(/^.{1,123}$/);
  });
});

describe('a name', () => {
  it('stands on one line, without what does not show', () => {
    expect(cleanName(' Ada\u202E \n Love\u200Blace\u0000 ')).toBe('Ada Lovelace');
  });

  it('keeps the joiners that emoji and scripts need', () => {
    expect(cleanName('👩‍🔬 علی‌رضا')).toBe('👩‍🔬 علی‌رضا');
  });
});

describe('what the server sends', () => {
  it('is taken when it is an object with a type', () => {
    expect(parseServerMessage('{"type":"pong","n":1}')).toEqual({ type: 'pong', n: 1 });
  });

  it.each(['', '[]', '{}'])('is refused otherwise: %s', (text) => {
    expect(() => parseServerMessage(text)).toThrow(MessageError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../protocol/test-platform.js';
import { MessageSplitter, rawSubprotocol } from './index.js';
import { endsIn } from './test-finding.js';
import { cut, cuts } from './test-streams.js';

const text = rawSubprotocol([], { text: true });

/** Of one to four bytes of UTF-8: the first and the last of each, and a byte order mark. */
const characters = fc.constantFrom(
  '\0',
  '\u007f',
  '\u0080',
  '\u07ff',
  '\u0800',
  '\ufeff',
  '\uffff',
  '\u{10000}',
  '\u{10ffff}',
);

describe('a raw subprotocol', () => {
  it('has the tokens that it is given, and does without', () => {
    expect(rawSubprotocol(['binary'])).toMatchObject({
      name: 'raw',
      protocols: ['binary'],
      isTokenOptional: true,
      sends: 'binary',
      acceptsText: false,
    });
    expect(text).toMatchObject({ protocols: [], sends: 'text-if-utf8', acceptsText: true });
  });

  it('takes each piece of bytes for a message', () => {
    const finder = rawSubprotocol().fromServer();
    expect(endsIn(finder, 'ff 00 0a')).toEqual({ ends: [3], isWithin: false });
    expect(endsIn(finder, 'c3')).toEqual({ ends: [1], isWithin: false });
    expect(endsIn(rawSubprotocol().fromClient(), '')).toEqual({ ends: [], isWithin: false });
  });

  it.each([
    ['a character that is complete', '61 c3 a9', [3], false],
    ['the first byte of two', '61 c3', [1], true],
    ['two bytes of three', '61 e2 82', [1], true],
    ['three bytes of four', '61 f0 9f 98', [1], true],
    ['all bytes of four', '61 f0 9f 98 80', [5], false],
    ['nothing else than part of a character', 'f0 9f', [], true],
    ['a byte that begins no character', '61 ff', [2], false],
    ['a byte that would make it longer than it has to be', '61 c0', [2], false],
    ['a continuation that nothing began', '61 80', [2], false],
    ['nothing', '', [], false],
  ])('of text cuts what ends with %s between characters', (_, digits, ends, isWithin) => {
    expect(endsIn(text.fromServer(), digits)).toEqual({ ends, isWithin });
  });

  it('of text does not wait for the rest of a character that goes on with something else', () => {
    const finder = text.fromServer();
    expect(endsIn(finder, 'e2 82')).toEqual({ ends: [], isWithin: true });
    expect(endsIn(finder, '61 62')).toEqual({ ends: [2], isWithin: false });
  });

  it('of text makes messages that are UTF-8 of all that is UTF-8, however it is cut', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.string({ unit: characters }), cuts, (content, lengths) => {
        const splitter = new MessageSplitter(text.fromServer(), 4_000);
        const messages: string[] = [];
        for (const piece of cut(new TextEncoder().encode(content), lengths)) {
          splitter.push(piece, (message) => messages.push(decoder.decode(message)));
        }
        expect(messages.join('')).toBe(content);
        expect(messages).not.toContain('');
        expect(splitter.isWithin).toBe(false);
        expect(splitter.bufferedBytes).toBe(0);
      }),
    );
  });

  it('of text keeps no more than a character of what is not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), cuts, (bytes, lengths) => {
        const splitter = new MessageSplitter(text.fromServer(), 50);
        let length = 0;
        for (const piece of cut(bytes, lengths)) {
          splitter.push(piece, (message) => (length += message.length));
          expect(splitter.bufferedBytes).toBeLessThan(4);
        }
        expect(length + splitter.bufferedBytes).toBe(bytes.length);
      }),
    );
  });

  it('of text puts a character together that comes in three pieces', () => {
    const splitter = new MessageSplitter(text.fromServer(), 50);
    const messages: Uint8Array[] = [];
    for (const digits of ['e2', '82', 'ac']) splitter.push(hex(digits), (message) => messages.push(message));
    expect(messages).toEqual([hex('e2 82 ac')]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatExtensions,
  MAX_EXTENSION_ITEMS,
  parseExtensions,
  type ExtensionOffer,
  type ExtensionParameter,
} from './extension.js';

const offer = (name: string, ...parameters: ExtensionParameter[]): ExtensionOffer => ({ name, parameters });

describe('parseExtensions', () => {
  it.each<[string, ExtensionOffer[]]>([
    ['foo', [offer('foo')]],
    ['foo, bar', [offer('foo'), offer('bar')]],
    // The examples of RFC 6455 section 9.1.
    ['bar; baz=2', [offer('bar', ['baz', '2'])]],
    ['foo, bar; baz=2', [offer('foo'), offer('bar', ['baz', '2'])]],
    ['deflate-stream', [offer('deflate-stream')]],
    [
      'mux; max-channels=4; flow-control, deflate-stream',
      [offer('mux', ['max-channels', '4'], ['flow-control', true]), offer('deflate-stream')],
    ],
    // RFC 7692 section 7.1.
    [
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10,permessage-deflate',
      [
        offer('permessage-deflate', ['client_max_window_bits', true], ['server_max_window_bits', '10']),
        offer('permessage-deflate'),
      ],
    ],
  ])('reads %j', (value, offers) => {
    expect(parseExtensions(value)).toEqual(offers);
  });

  it('allows spaces and tabs between any two elements', () => {
    expect(parseExtensions('\t foo ;\ta = 1 ; b\t= "2" , bar\t')).toEqual([
      offer('foo', ['a', '1'], ['b', '2']),
      offer('bar'),
    ]);
  });

  it.each([
    ['foo; a="10"', '10'],
    ['foo; a="\\1\\0"', '10'],
    ['foo; a="1\\0"', '10'],
    ['foo; a="\\a\\b\\c"', 'abc'],
  ])('unescapes the quoted string of %j', (value, expected) => {
    expect(parseExtensions(value)).toEqual([offer('foo', ['a', expected])]);
  });

  it('keeps the order and the repetition of parameters', () => {
    expect(parseExtensions('foo; b=1; a; b=2; b')).toEqual([
      offer('foo', ['b', '1'], ['a', true], ['b', '2'], ['b', true]),
    ]);
  });

  it('is not impressed by the names of Object.prototype', () => {
    expect(parseExtensions('constructor; __proto__=x, __proto__; constructor')).toEqual([
      offer('constructor', ['__proto__', 'x']),
      offer('__proto__', ['constructor', true]),
    ]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each([',foo,bar', 'foo,bar,', 'foo, ,\t,bar', ' , foo,bar , '])('skips empty elements: %j', (value) => {
    expect(parseExtensions(value)).toEqual([offer('foo'), offer('bar')]);
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \t '],
    ['a comma', ','],
    ['only commas', ' , ,'],
    ['two names', 'foo bar'],
    ['a semicolon without a parameter', 'foo;'],
    ['an empty parameter', 'foo;;a'],
    ['a parameter without an extension', ';a'],
    ['an equals sign without a value', 'foo; a='],
    ['an equals sign without a name', 'foo; =a'],
    ['a value for an extension', 'foo=1'],
    ['two equals signs', 'foo; a==1'],
    ['two values', 'foo; a=1 2'],
    ['a text after a quoted string', 'foo; a="1"2'],
    ['a quoted name', '"foo"'],
    ['an empty quoted string', 'foo; a=""'],
    ['a quoted string that is no token', 'foo; a="1 2"'],
    ['white space at the start of a quoted string', 'foo; a=" 1"'],
    ['white space at the end of a quoted string', 'foo; a="1 "'],
    ['a quoted comma', 'foo; a="1,2"'],
    ['an escaped quotation mark', 'foo; a="\\""'],
    ['an escaped backslash', 'foo; a="\\\\"'],
    ['an escaped space', 'foo; a="\\ "'],
    ['an unterminated quoted string', 'foo; a="1'],
    ['a quotation mark at the end', 'foo; a="'],
    ['a backslash at the end', 'foo; a="1\\'],
    ['an obs-text', 'f\xf6\xf6'],
    ['a folded line', 'foo,\r\n bar'],
    ['a NUL', 'foo\0'],
    ['a NUL in quotes', 'foo; a="\0"'],
  ])('refuses %s', (_, value) => {
    expect(parseExtensions(value)).toBeUndefined();
  });

  it('reads as many extensions and parameters as the limit says, and not one more', () => {
    const others = MAX_EXTENSION_ITEMS - 1;
    expect(parseExtensions(`a${',a'.repeat(others)}`)).toHaveLength(64);
    expect(parseExtensions(`a${',a'.repeat(others + 1)}`)).toBeUndefined();
    expect(parseExtensions(`a${','.repeat(others)}`)).toHaveLength(1);
    expect(parseExtensions(`a${','.repeat(others + 1)}`)).toBeUndefined();
    expect(parseExtensions(`a;b${';b'.repeat(others)}`)?.[0]?.parameters).toHaveLength(64);
    expect(parseExtensions(`a;b${';b'.repeat(others + 1)}`)).toBeUndefined();
  });

  it('reads back whatever was written', () => {
    const token = fc.oneof(
      fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/),
      fc.constantFrom('__proto__', 'constructor', 'toString'),
    );
    const parameter = fc.tuple(token, fc.oneof(token, fc.constant<true>(true)));
    const one = fc.record({ name: token, parameters: fc.array(parameter, { maxLength: 8 }) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 8 }), (offers) => {
        expect(parseExtensions(formatExtensions(offers))).toEqual(offers);
      }),
    );
  });

  it('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      'a',
      'b1',
      '"',
      '\\',
      ';',
      ',',
      '=',
      ' ',
      '\t',
      '\r\n',
      '\0',
      'é',
      '\u212a',
    );
    const almost = fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), almost), (text) => {
        const offers = parseExtensions(text);
        expect(offers && parseExtensions(formatExtensions(offers))).toEqual(offers);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['spaces', `a${' '.repeat(14_000)}b`],
    ['parameters', `a${';b'.repeat(7000)}`],
    ['quotation marks', `a;b=${'"'.repeat(14_000)}`],
    ['escapes', `a;b="${'\\a'.repeat(7000)}`],
    ['backslashes', `a;b="${'\\'.repeat(14_000)}`],
    ['extensions', 'a,'.repeat(7000)],
    ['unterminated quoted strings', 'a;b="'.repeat(2800)],
  ])('is fast on 14 kB of %s', (_, value) => {
    expect(parseExtensions(value)).toBeUndefined();
    expect(measure(() => parseExtensions(value))).toBeLessThan(5);
  });
});

describe('formatExtensions', () => {
  it('writes extensions as in RFC 6455', () => {
    expect(formatExtensions([offer('foo'), offer('bar', ['baz', '2'], ['x', true])])).toBe(
      'foo, bar; baz=2; x',
    );
    expect(formatExtensions([])).toBe('');
  });

  it.each([
    ['name', offer('a b')],
    ['name', offer('')],
    ['parameter', offer('a', ['b\r\nX: y', true])],
    ['value', offer('a', ['b', '1\r\n'])],
    ['value', offer('a', ['b', ''])],
  ])('refuses a %s that is no token', (_, bad) => {
    expect(() => formatExtensions([bad])).toThrow(TypeError);
  });
});

/** The best of ten runs, in milliseconds: what else the machine does is not the parser's fault. */
function measure(run: () => unknown): number {
  const times = Array.from({ length: 10 }, () => {
    const started = performance.now();
    run();
    return performance.now() - started;
  });
  return Math.min(...times);
}

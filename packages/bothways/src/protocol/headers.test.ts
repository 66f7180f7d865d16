import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  charSet,
  hasToken,
  isFieldValue,
  isToken,
  parseAuthority,
  parseTokenList,
  quote,
  scan,
  scanToken,
  skipWhitespace,
  toHeaderRecord,
} from './headers.js';

/** RFC 9110 section 5.6.2, written out once more. */
const TCHAR = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;

describe('isToken', () => {
  it('agrees with RFC 9110 about every character', () => {
    for (let code = 0; code < 0x180; code++) {
      const character = String.fromCharCode(code);
      expect(isToken(character), `U+${code.toString(16)}`).toBe(TCHAR.test(character));
    }
  });

  it.each([
    ['v12.stomp', true],
    ['', false],
    ['a b', false],
    ['ab ', false],
    ['a,b', false],
    ['a\u2028', false],
  ])('of %j is %s', (text, expected) => {
    expect(isToken(text)).toBe(expected);
  });
});

describe('isFieldValue', () => {
  it('refuses every control character but HTAB, and what is no byte', () => {
    for (let code = 0; code < 0x180; code++) {
      const allowed = code === 9 || (code >= 0x20 && code <= 0xff && code !== 0x7f);
      expect(isFieldValue(`a${String.fromCharCode(code)}b`), `U+${code.toString(16)}`).toBe(allowed);
    }
  });

  it('lets an empty value be one', () => {
    expect(isFieldValue('')).toBe(true);
  });
});

describe('hasToken', () => {
  it.each([
    'upgrade',
    'Upgrade',
    'UPGRADE',
    'keep-alive, Upgrade',
    'Upgrade,keep-alive',
    'a,\tupgrade \t,b',
    ',, ,upgrade',
    'bad token, upgrade',
    '"quoted", upgrade',
  ])('finds the member in %j', (value) => {
    expect(hasToken(value, 'upgrade')).toBe(true);
  });

  it.each([
    '',
    ' ',
    ',',
    'upgrades',
    'xupgrade',
    'up grade',
    'upgrade x',
    'x upgrade',
    'upgrade/1',
    'upgrade;q=1',
    'keep-alive',
    'upgradE\0',
    'upgrad',
  ])('does not find it in %j', (value) => {
    expect(hasToken(value, 'upgrade')).toBe(false);
  });

  it('folds the case of ASCII only: the Kelvin sign is no k', () => {
    expect(hasToken('WEBSOC\u212aET', 'websocket')).toBe(false);
    expect('WEBSOC\u212aET'.toLowerCase()).toBe('websocket');
  });
});

describe('parseTokenList', () => {
  it.each([
    ['chat', ['chat']],
    ['chat, superchat', ['chat', 'superchat']],
    [' \tchat\t,superchat ', ['chat', 'superchat']],
    ['a,A', ['a', 'A']],
    ['__proto__,constructor', ['__proto__', 'constructor']],
  ])('reads %j', (value, expected) => {
    expect(parseTokenList(value)).toEqual(expected);
  });

  it.each([
    ['nothing', ''],
    ['only white space', ' \t'],
    ['only a comma', ','],
    ['an empty element at the start', ',a'],
    ['an empty element in the middle', 'a, ,b'],
    ['an empty element at the end', 'a,'],
    ['a space inside', 'a b'],
    ['a duplicate', 'a, b, a'],
    ['a quoted string', '"a"'],
    ['a separator', 'a;b'],
    ['an obs-text', 'a\xe9'],
    ['a folded line', 'a,\r\n b'],
    ['a bare line feed', 'a\nb'],
    ['a NUL', 'a\0'],
    ['a DEL', 'a\x7f'],
  ])('refuses %s', (_, value) => {
    expect(parseTokenList(value)).toBeUndefined();
  });

  it('reads back whatever list of different tokens was written', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/), { minLength: 1 }),
        fc.stringMatching(/^[ \t]{0,3},[ \t]{0,3}$/),
        (tokens, separator) => {
          expect(parseTokenList(tokens.join(separator))).toEqual(tokens);
        },
      ),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const tokens = parseTokenList(text);
        expect(tokens === undefined || tokens.every(isToken)).toBe(true);
      }),
    );
  });

  it.each([
    ['spaces', `a${' '.repeat(14_000)}b`],
    ['commas', ','.repeat(14_000)],
    ['spaces and commas', ' ,'.repeat(7000)],
    ['3000 tokens', Array.from({ length: 3000 }, (_, index) => index.toString(36)).join(',')],
  ])('is fast on 14 kB of %s', (_, value) => {
    expect(measure(() => parseTokenList(value))).toBeLessThan(5);
    expect(measure(() => hasToken(value, 'websocket'))).toBeLessThan(5);
  });
});

describe('parseAuthority', () => {
  it.each([
    ['example.com', 'example.com', ''],
    ['EXAMPLE.com:8080', 'example.com', '8080'],
    ['example.com:', 'example.com', ''],
    ['127.0.0.1:80', '127.0.0.1', '80'],
    ['[::1]', '[::1]', ''],
    ['[2001:DB8::1.2.3.4]:443', '[2001:db8::1.2.3.4]', '443'],
  ])('reads %s', (text, hostname, port) => {
    expect(parseAuthority(text)).toEqual({ hostname, port });
  });

  it.each([
    '',
    ':80',
    'a b',
    'a, b',
    'a,b',
    'user@a',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'a:8x',
    'a:80:80',
    'a:-1',
    '[::1',
    '[]',
    '[::1]x',
    '[gggg]',
    '::1',
    'a\xe9',
    'a\r\nb',
  ])('refuses %j', (text) => {
    expect(parseAuthority(text)).toBeUndefined();
  });
});

describe('toHeaderRecord', () => {
  it('lower-cases names and joins what is repeated, cookies by a semicolon', () => {
    const record = toHeaderRecord(['Host', 'a', 'X-A', '1', 'x-a', '2', 'Cookie', 'a=1', 'COOKIE', 'b=2']);
    expect({ ...record }).toEqual({ host: 'a', 'x-a': '1, 2', cookie: 'a=1; b=2' });
  });

  it('lets fields be named like members of Object.prototype', () => {
    const record = toHeaderRecord(['__proto__', 'a', 'constructor', 'b', '__PROTO__', 'c']);
    expect(Object.getPrototypeOf(record)).toBeNull();
    expect(Object.entries(record)).toEqual([
      ['__proto__', 'a, c'],
      ['constructor', 'b'],
    ]);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('ignores a name without a value at the end of a list that was cut', () => {
    expect(Object.entries(toHeaderRecord(['a', 'b', 'c']))).toEqual([['a', 'b']]);
  });
});

describe('quote', () => {
  it('shows printable ASCII as it is and everything else as an escape', () => {
    expect(quote('a b~')).toBe('"a b~"');
    expect(quote('\r\n\0\x1b\x7f\x9b"\\é\u202e')).toBe(
      '"\\u000d\\u000a\\u0000\\u001b\\u007f\\u009b\\u0022\\u005c\\u00e9\\u202e"',
    );
  });

  it('cuts what is long', () => {
    expect(quote('x'.repeat(100))).toBe(`"${'x'.repeat(100)}"`);
    expect(quote('x'.repeat(101))).toBe(`"${'x'.repeat(100)}..."`);
  });
});

describe('the scans', () => {
  it('stop at the first character that does not belong, and at the end', () => {
    expect(scanToken('ab c', 0)).toBe(2);
    expect(scanToken('ab', 2)).toBe(2);
    expect(skipWhitespace(' \t x', 0)).toBe(3);
    expect(skipWhitespace('  ', 0)).toBe(2);
    expect(scan('abcd', 1, charSet('cb'))).toBe(3);
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

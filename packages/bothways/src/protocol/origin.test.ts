import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOriginCheck, type Origins } from './origin.js';

const allows = (origins: Origins | undefined, origin: string | undefined, host = 'server.example'): boolean =>
  createOriginCheck(origins)(origin, host);

describe('without the option, a page of the same host and port', () => {
  it.each([
    ['https://example.com', 'example.com'],
    ['http://example.com', 'example.com'],
    ['https://example.com', 'EXAMPLE.COM'],
    ['https://example.com', 'example.com:443'],
    ['https://example.com:443', 'example.com'],
    ['http://example.com', 'example.com:80'],
    ['http://localhost:5173', 'localhost:5173'],
    ['https://[::1]:8443', '[::1]:8443'],
    ['http://127.0.0.1', '127.0.0.1:'],
  ])('is let through: %s on %s', (origin, host) => {
    expect(allows(undefined, origin, host)).toBe(true);
  });

  it.each([
    ['https://evil.example', 'example.com'],
    ['https://a.example.com', 'example.com'],
    ['https://example.com', 'a.example.com'],
    ['https://example.com.evil.example', 'example.com'],
    ['https://example.com:8443', 'example.com'],
    ['https://example.com', 'example.com:8443'],
    ['https://example.com', 'example.com:80'],
    ['http://localhost:5173', 'localhost:8080'],
    ['null', 'example.com'],
    ['null', 'null'],
    ['', 'example.com'],
    ['example.com', 'example.com'],
    ['://example.com', 'example.com'],
    ['https://example.com/', 'example.com'],
    ['https://user@example.com', 'example.com'],
    ['https://example.com, https://evil.example', 'example.com'],
    ['file://', 'example.com'],
    ['chrome-extension://example', 'example'],
    ['h@ttp://example.com', 'example.com'],
    ['https://example.com', ''],
    ['https://example.com', 'example.com, evil.example'],
  ])('and no other: not %s on %s', (origin, host) => {
    expect(allows(undefined, origin, host)).toBe(false);
  });
});

describe('with a list', () => {
  it.each<[string[], string]>([
    [['https://example.com'], 'https://example.com'],
    [['https://EXAMPLE.com'], 'https://example.com'],
    [['HTTPS://example.com:443'], 'https://example.com'],
    [['http://example.com'], 'http://example.com:80'],
    [['https://a.example', 'https://b.example:8443'], 'https://b.example:8443'],
    [['https://*.example.com'], 'https://a.example.com'],
    [['https://*.example.com'], 'https://a.b.example.com'],
    [['https://*.example.com:8443'], 'https://a.example.com:8443'],
    [['https://*.example.com:*'], 'https://a.example.com:1234'],
    [['http://localhost:*'], 'http://localhost'],
    [['http://localhost:*'], 'http://localhost:5173'],
    [['http://[::1]:*'], 'http://[::1]:3000'],
    [['null'], 'null'],
    [['file://'], 'file://'],
    [['capacitor://localhost'], 'capacitor://localhost'],
    [['x://localhost'], 'x://localhost'],
    [['chrome-extension://abcdef'], 'chrome-extension://abcdef'],
  ])('%j lets %s through', (origins, origin) => {
    expect(allows(origins, origin)).toBe(true);
  });

  it.each<[string[], string]>([
    [[], 'https://example.com'],
    [['https://example.com'], 'http://example.com'],
    [['https://example.com'], 'https://example.com:8443'],
    [['https://example.com'], 'https://a.example.com'],
    [['https://example.com'], 'https://example.com.evil.example'],
    [['https://example.com'], 'https://example.com/'],
    [['https://example.com'], 'https://example.com@evil.example'],
    [['https://example.com'], 'null'],
    [['https://example.com'], ''],
    [['https://*.example.com'], 'https://example.com'],
    [['https://*.example.com'], 'https://.example.com'],
    [['https://*.example.com'], 'https://evilexample.com'],
    [['https://*.example.com'], 'http://a.example.com'],
    [['https://*.example.com'], 'https://a.example.com:8443'],
    [['https://*.example.com'], 'https://evil.example/.example.com'],
    [['https://*.example.com'], 'https://evil.example#.example.com'],
    [['https://*.example.com'], 'https://evil.example\\.example.com'],
    [['http://localhost:*'], 'https://localhost:5173'],
    [['http://localhost:*'], 'http://localhost.evil.example:5173'],
    [['http://localhost:*'], 'http://localhost:5173x'],
    [['null'], 'file://'],
    [['null'], 'https://null'],
    [['file://'], 'null'],
    [['capacitor://localhost'], 'http://localhost'],
  ])('%j does not let %s through', (origins, origin) => {
    expect(allows(origins, origin)).toBe(false);
  });

  it('the same origin is let through only if it is in the list', () => {
    expect(allows(['https://other.example'], 'https://server.example', 'server.example')).toBe(false);
  });
});

it.each<[Origins | undefined]>([[undefined], ['*'], [['https://example.com']], [[]]])(
  'a handshake without Origin is not a browser, so %j lets it through',
  (origins) => {
    expect(allows(origins, undefined)).toBe(true);
  },
);

it.each(['https://evil.example', 'null', '', 'nonsense \0'])('the asterisk lets %j through', (origin) => {
  expect(allows('*', origin)).toBe(true);
});

describe('a pattern that could never match is refused at once', () => {
  it.each([
    '',
    '*',
    'example.com',
    '*.example.com',
    'https://',
    'https://example.com/',
    'https://example.com/path',
    'https://user@example.com',
    'https://example.com:x',
    'https://example.com:80:*',
    'https://*',
    'https://*.',
    'https://*.*.example.com',
    'https://a*.example.com',
    'https://a.*.com',
    '*://example.com',
    '://example.com',
    'https://bücher.example',
    'https://example.com, https://b.example',
    'NULL',
  ])('such as %j', (pattern) => {
    expect(() => createOriginCheck([pattern])).toThrow(TypeError);
    expect(() => createOriginCheck([pattern])).toThrow('The option "origins" is \'*\' or a list of origins');
  });

  it('and so is what is neither a list nor an asterisk, or holds no strings', () => {
    // @ts-expect-error one origin is a list of one
    expect(() => createOriginCheck('https://a')).toThrow('it cannot have "https://a"');
    // @ts-expect-error a number is no origin
    expect(() => createOriginCheck([42])).toThrow('it cannot have "42"');
  });
});

it('no origin and no host make a check throw', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.domain());
  for (const origins of [undefined, ['https://*.example.com', 'http://localhost:*', 'null']]) {
    const check = createOriginCheck(origins);
    fc.assert(
      fc.property(text, text, (origin, host) => {
        expect(check(origin, host)).toBeTypeOf('boolean');
      }),
    );
  }
});

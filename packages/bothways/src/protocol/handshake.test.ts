import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { acceptKey, checkHandshakeHeaders, checkHeaderFields } from './handshake.js';

const sha1Base64 = (text: string): string => createHash('sha1').update(text).digest('base64');

describe('acceptKey', () => {
  it("answers the key of RFC 6455's own example with its value", () => {
    expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==', sha1Base64)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it('hashes the key as it came and the GUID, and nothing else', () => {
    expect(acceptKey('key', (text) => `<${text}>`)).toBe('<key258EAFA5-E914-47DA-95CA-C5AB0DC85B11>');
  });
});

describe.each([
  ['checkHandshakeHeaders', checkHandshakeHeaders],
  ['checkHeaderFields', checkHeaderFields],
])('%s', (_, check) => {
  it('gives a pair for each value, in order', () => {
    expect(check({ 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'], 'x-empty': '', 'x-none': [] })).toEqual([
      ['X-A', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['x-empty', ''],
    ]);
  });

  it.each(['', 'a b', 'a:', 'X-A\r\nX-B', 'é', 'a\0'])('refuses the name %j', (name) => {
    expect(() => check({ [name]: 'x' })).toThrow(TypeError);
    expect(() => check({ [name]: 'x' })).toThrow('cannot have the name');
  });

  it.each(['a\r\nSet-Cookie: b', 'a\nb', 'a\rb', '\0', '\x7f', '\x1b', '€'])(
    'refuses the value %j',
    (value) => {
      expect(() => check({ 'X-Name': value })).toThrow(TypeError);
      expect(() => check({ 'X-Name': ['fine', value] })).toThrow('"X-Name"');
    },
  );

  it('refuses a value that is no string', () => {
    // @ts-expect-error a number is no header field's value
    expect(() => check({ 'X-Name': 1 })).toThrow('"X-Name"');
    // @ts-expect-error a field that is not to be sent is left out
    expect(() => check({ 'X-Name': undefined })).toThrow(TypeError);
  });
});

describe('checkHandshakeHeaders', () => {
  it.each([
    'Connection',
    'UPGRADE',
    'Sec-WebSocket-Key',
    'sec-websocket-accept',
    'Sec-WebSocket-Version',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    'Sec-WebSocket-Anything',
    'Content-Length',
    'Transfer-Encoding',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
  ])('refuses %s, which is the handshake’s own', (name) => {
    expect(() => checkHandshakeHeaders({ [name]: 'x' })).toThrow(TypeError);
    expect(() => checkHandshakeHeaders({ [name]: 'x' })).toThrow(`"${name}" belongs to the handshake`);
  });

  it('leaves all others to the application', () => {
    const names = ['Cookie', 'Authorization', 'Host', 'Origin', 'Sec-Fetch-Site', 'Set-Cookie'];
    const given = Object.fromEntries(names.map((name) => [name, 'x']));
    expect(checkHandshakeHeaders(given)).toEqual(Object.entries(given));
  });
});

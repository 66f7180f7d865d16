import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  chooseProtocol,
  formatHandshakeResponse,
  formatRefusal,
  Refusal,
} from './handshake-server-response.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const sha1Base64 = (text: string): string => createHash('sha1').update(text).digest('base64');

describe('formatHandshakeResponse', () => {
  it('answers the example of RFC 6455', () => {
    expect(formatHandshakeResponse({ key: KEY, protocol: 'chat' }, sha1Base64)).toBe(
      'HTTP/1.1 101 Switching Protocols\r\n' +
        'Upgrade: websocket\r\n' +
        'Connection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
        'Sec-WebSocket-Protocol: chat\r\n' +
        '\r\n',
    );
  });

  it('writes nothing for what was not agreed on', () => {
    const shortest = formatHandshakeResponse({ key: KEY }, sha1Base64);
    expect(shortest.split('\r\n')).toHaveLength(6);
    const nothing = { key: KEY, protocol: '', extensions: [], headers: {} };
    expect(formatHandshakeResponse(nothing, sha1Base64)).toBe(shortest);
  });

  it('writes the extensions and the application’s header fields', () => {
    const response = formatHandshakeResponse(
      {
        key: KEY,
        extensions: [{ name: 'permessage-deflate', parameters: [['server_max_window_bits', '10']] }],
        headers: { 'X-A': 'é', 'Set-Cookie': ['a=1', 'b=2'] },
      },
      sha1Base64,
    );
    expect(
      response.endsWith(
        'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n' +
          'X-A: é\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n',
      ),
    ).toBe(true);
  });

  it.each([
    ['a subprotocol', { protocol: 'a\r\nX: y' }],
    ['a subprotocol with a space', { protocol: 'a b' }],
    ['an extension', { extensions: [{ name: 'a\r\nX: y', parameters: [] }] }],
    ['a header field’s value', { headers: { 'X-A': 'a\r\nX: y' } }],
    ['a header field’s name', { headers: { 'X-A: b\r\nX': 'y' } }],
    ['a header field that is the handshake’s own', { headers: { 'sec-websocket-accept': 'x' } }],
    ['a header field that announces a body', { headers: { 'Content-Length': '5' } }],
  ])('refuses the injection of %s', (_, more) => {
    expect(() => formatHandshakeResponse({ key: KEY, ...more }, sha1Base64)).toThrow(TypeError);
  });
});

describe('formatRefusal', () => {
  it('writes the whole response, with the reason as its body', () => {
    expect(formatRefusal(new Refusal(405, 'Use GET.', { Allow: 'GET' }))).toBe(
      'HTTP/1.1 405 Method Not Allowed\r\n' +
        'Connection: close\r\n' +
        'Content-Length: 8\r\n' +
        'X-Content-Type-Options: nosniff\r\n' +
        'Content-Type: text/plain; charset=utf-8\r\n' +
        'Allow: GET\r\n' +
        '\r\n' +
        'Use GET.',
    );
  });

  it('offers the upgrade of a 426 and closes', () => {
    const response = formatRefusal(new Refusal(426, 'x', { Upgrade: 'websocket', Connection: 'Upgrade' }));
    expect(response.match(/^connection:.*$/gim)).toEqual(['Connection: close, Upgrade']);
    expect(response).toContain('\r\nUpgrade: websocket\r\n');
  });

  it.each(['', 'a', 'é', '€', '😀', '\ud800', '\x7f', '\x80', '\u07ff\u0800\uffff\u{10000}'])(
    'counts the bytes of %j',
    (body) => {
      const [head, sent] = formatRefusal(new Refusal(403, body)).split('\r\n\r\n');
      expect(sent).toBe(body);
      expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
    },
  );

  it('lets the application choose the type of its body, and add header fields', () => {
    const headers = { 'content-type': 'application/json', 'Set-Cookie': ['a=1', 'b=2'] };
    const response = formatRefusal(new Refusal(401, '{}', headers));
    expect(response.match(/^content-type:.*$/gim)).toEqual(['content-type: application/json']);
    expect(response).toContain('\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n');
  });

  it.each([
    [400, 'HTTP/1.1 400 Bad Request'],
    [431, 'HTTP/1.1 431 Request Header Fields Too Large'],
    [503, 'HTTP/1.1 503 Service Unavailable'],
    [418, 'HTTP/1.1 418 '],
    [300, 'HTTP/1.1 300 '],
    [599, 'HTTP/1.1 599 '],
  ])('has the status line of %d', (status, line) => {
    expect(formatRefusal(new Refusal(status, 'x')).split('\r\n')[0]).toBe(line);
  });

  it.each([0, 101, 200, 299, 600, 403.5, Number.NaN])(
    'refuses the status %j, which is no refusal',
    (status) => {
      expect(() => formatRefusal(new Refusal(status, 'x'))).toThrow(RangeError);
    },
  );

  it.each(['Content-Length', 'transfer-encoding'])('refuses %s, which follows from the body', (name) => {
    expect(() => formatRefusal(new Refusal(403, 'x', { [name]: '1' }))).toThrow(TypeError);
  });

  it.each([
    { 'X-A': 'a\r\nX: y' },
    { 'X-A: b\r\nX': 'y' },
    { Connection: 'a\nX: y' },
    { 'Content-Type': 'a\r\n' },
  ])('refuses the injection of %j', (headers) => {
    expect(() => formatRefusal(new Refusal(403, 'x', headers))).toThrow(TypeError);
  });
});

describe('chooseProtocol', () => {
  it.each([
    [['a', 'b'], ['b', 'a'], 'b'],
    [['a', 'b'], ['c', 'a'], 'a'],
    [['a'], ['A'], ''],
    [[], ['a'], ''],
    [['a'], [], ''],
  ])('of what was offered, %j, and is supported, %j, it is %j', (offered, supported, chosen) => {
    expect(chooseProtocol(offered, supported)).toBe(chosen);
  });
});

import { describe, expect, it } from 'vitest';
import { buildHandshakeRequest, type HandshakeRequestOptions } from './handshake-client-request.js';
import { parseWebSocketUrl } from './url.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

function build(
  more: Partial<HandshakeRequestOptions> = {},
  url = 'ws://server.example.com/chat',
): [string, string][] {
  return buildHandshakeRequest({ url: parseWebSocketUrl(url), key: KEY, protocols: [], ...more });
}

const valueOf = (name: string, pairs: [string, string][]): string[] =>
  pairs.filter((pair) => pair[0].toLowerCase() === name).map((pair) => pair[1]);

describe('buildHandshakeRequest', () => {
  it('asks for what RFC 6455 needs, and no more', () => {
    expect(build()).toEqual([
      ['Host', 'server.example.com'],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Key', KEY],
      ['Sec-WebSocket-Version', '13'],
    ]);
  });

  it('adds subprotocols, extensions, the origin and the application’s header fields, in this order', () => {
    const pairs = build({
      protocols: ['chat', 'superchat'],
      extensions: [{ name: 'permessage-deflate', parameters: [['client_max_window_bits', true]] }],
      origin: 'http://example.com',
      headers: { Cookie: 'a=1', 'X-A': ['1', '2'] },
    });
    expect(pairs.slice(5)).toEqual([
      ['Sec-WebSocket-Protocol', 'chat, superchat'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'],
      ['Origin', 'http://example.com'],
      ['Cookie', 'a=1'],
      ['X-A', '1'],
      ['X-A', '2'],
    ]);
  });

  it('leaves out extensions when there are none', () => {
    expect(build({ extensions: [] })).toEqual(build());
  });

  it.each([
    ['ws://example.com:80/', 'example.com'],
    ['ws://example.com:8080/', 'example.com:8080'],
    ['wss://[::1]/', '[::1]'],
  ])('names the host of %s', (url, host) => {
    expect(build({}, url)[0]).toEqual(['Host', host]);
  });

  it('puts the application’s Host first, in place of its own', () => {
    const pairs = build({ headers: { 'X-A': '1', host: 'other.example' } });
    expect(pairs[0]).toEqual(['Host', 'other.example']);
    expect(valueOf('host', pairs)).toEqual(['other.example']);
    expect(valueOf('x-a', pairs)).toEqual(['1']);
  });

  it.each([
    // RFC 7617 section 2.
    ['ws://Aladdin:open%20sesame@example.com/', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    // RFC 7617 section 2.1.
    ['ws://test:123%C2%A3@example.com/', 'Basic dGVzdDoxMjPCow=='],
    ['ws://user@example.com/', 'Basic dXNlcjo='],
    ['ws://:password@example.com/', 'Basic OnBhc3N3b3Jk'],
  ])('sends the credentials of %s', (url, authorization) => {
    expect(valueOf('authorization', build({}, url))).toEqual([authorization]);
  });

  it('sends the application’s Authorization rather than the URL’s credentials', () => {
    const pairs = build({ headers: { authorization: 'Bearer x' } }, 'ws://user:secret@example.com/');
    expect(valueOf('authorization', pairs)).toEqual(['Bearer x']);
  });

  it('takes the origin from the header fields as well, but not from both', () => {
    expect(valueOf('origin', build({ headers: { origin: 'http://a' } }))).toEqual(['http://a']);
    expect(() => build({ origin: 'http://a', headers: { Origin: 'http://b' } })).toThrow(TypeError);
    expect(() => build({ origin: 'http://a', headers: { Origin: 'http://b' } })).toThrow(
      '"Origin" is given twice',
    );
  });

  it('refuses an origin that would end its line', () => {
    expect(() => build({ origin: 'http://a\r\nX: y' })).toThrow(TypeError);
  });

  it.each([{ Connection: 'close' }, { 'Sec-WebSocket-Key': KEY }, { 'X-A': 'a\r\nX: y' }, { 'a b': 'c' }])(
    'refuses the header fields %j and names the field',
    (headers) => {
      expect(() => build({ headers })).toThrow(TypeError);
      expect(() => build({ headers })).toThrow(Object.keys(headers)[0]!);
    },
  );

  it('refuses an extension that is no token', () => {
    expect(() => build({ extensions: [{ name: 'a b', parameters: [] }] })).toThrow(TypeError);
  });

  it.each([[['']], [['a b']], [['a,b']], [['é']], [['a\r\n']], [['fine', '\0']]])(
    'refuses the subprotocols %j as the WHATWG WebSocket does',
    (protocols) => {
      expect(() => build({ protocols })).toThrow(SyntaxError);
      expect(() => build({ protocols })).toThrow('is not valid');
    },
  );

  it.each([[['a', 'a']], [['a', 'b', 'A']]])('refuses %j, where one comes twice', (protocols) => {
    expect(() => build({ protocols })).toThrow(SyntaxError);
    expect(() => build({ protocols })).toThrow('is given twice');
  });
});

import { describe, expect, it } from 'vitest';
import { HandshakeError } from './errors.js';
import { buildConnectRequest, type HandshakeRequestOptions } from './handshake-client-request.js';
import { checkConnectResponse } from './handshake-client-response.js';
import { HandshakeRequest, readConnectRequest } from './handshake-server-request.js';
import { Refusal } from './handshake-server-response.js';
import { parseWebSocketUrl } from './url.js';

type Pair = readonly [name: string, value: string];

/** The example of RFC 8441 section 5.1. */
const EXAMPLE: readonly Pair[] = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'https'],
  [':path', '/chat'],
  [':authority', 'server.example.com'],
  ['sec-websocket-protocol', 'chat, superchat'],
  ['sec-websocket-extensions', 'permessage-deflate'],
  ['sec-websocket-version', '13'],
  ['origin', 'http://www.example.com'],
];

const without = (name: string): Pair[] => EXAMPLE.filter((pair) => pair[0] !== name);
const having = (name: string, ...values: string[]): Pair[] => [
  ...without(name),
  ...values.map((value): Pair => [name, value]),
];

function read(pairs: readonly Pair[]): HandshakeRequest | Refusal {
  const rawHeaders = pairs.flat();
  return readConnectRequest({
    method: 'CONNECT',
    httpVersion: '2.0',
    url: '',
    rawHeaders,
    remoteAddress: '192.0.2.1',
  });
}

describe('readConnectRequest', () => {
  it('reads the example of RFC 8441', () => {
    const request = read(EXAMPLE);
    expect(request).toMatchObject({
      method: 'CONNECT',
      url: '/chat',
      host: 'server.example.com',
      key: '',
      origin: 'http://www.example.com',
      protocols: ['chat', 'superchat'],
      extensions: [{ name: 'permessage-deflate', parameters: [] }],
      remoteAddress: '192.0.2.1',
    });
  });

  it('has the authority among its header fields as the host, and no pseudo-header field', () => {
    const { headers } = read(EXAMPLE) as HandshakeRequest;
    expect(headers['host']).toBe('server.example.com');
    expect(Object.keys(headers).filter((name) => name.startsWith(':'))).toEqual([]);
    const both = read([...EXAMPLE, ['host', 'server.example.com']]) as HandshakeRequest;
    expect(both.headers['host']).toBe('server.example.com');
  });

  it('takes the host for a missing authority', () => {
    expect(read([...without(':authority'), ['host', 'a.example']])).toMatchObject({ host: 'a.example' });
  });

  it('needs neither subprotocols nor extensions nor an origin', () => {
    const few = EXAMPLE.filter(([name]) => name.startsWith(':') || name === 'sec-websocket-version');
    expect(read(few)).toMatchObject({ protocols: [], extensions: [], origin: undefined });
  });

  it.each<[string, Pair[], number]>([
    ['without an authority', without(':authority'), 400],
    ['with a malformed authority', having(':authority', 'a b'), 400],
    ['with a host that is not the authority', [...EXAMPLE, ['host', 'other.example']], 400],
    ['without a path', without(':path'), 400],
    ['with a path that is none', having(':path', '*'), 400],
    ['with a space in the path', having(':path', '/a b'), 400],
    ['without a scheme', without(':scheme'), 400],
    ['with a scheme that is not of HTTP', having(':scheme', 'ftp'), 400],
    ['without a version', without('sec-websocket-version'), 400],
    ['with another version', having('sec-websocket-version', '8'), 400],
    ['with two origins', having('origin', 'http://a', 'http://b'), 400],
    ['with subprotocols that are no tokens', having('sec-websocket-protocol', 'a b'), 400],
    ['with malformed extensions', having('sec-websocket-extensions', 'a;'), 400],
    ['with a control character', having('origin', 'a\x01'), 400],
  ])('refuses a request %s', (_, pairs, status) => {
    const refusal = read(pairs);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ status });
  });

  it('says which version it wants', () => {
    expect((read(having('sec-websocket-version', '8')) as Refusal).headers).toEqual({
      'Sec-WebSocket-Version': '13',
    });
  });
});

const build = (more: Partial<HandshakeRequestOptions> = {}, url = 'wss://server.example.com/chat?a=1') =>
  buildConnectRequest({ url: parseWebSocketUrl(url), protocols: [], ...more });

describe('buildConnectRequest', () => {
  it('asks for what RFC 8441 needs, in lower case and without a key', () => {
    expect(build({ protocols: ['chat'], origin: 'http://a.example', headers: { 'X-A': '1' } })).toEqual([
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':path', '/chat?a=1'],
      [':authority', 'server.example.com'],
      ['sec-websocket-version', '13'],
      ['sec-websocket-protocol', 'chat'],
      ['origin', 'http://a.example'],
      ['x-a', '1'],
    ]);
  });

  it('has the scheme of the URL, and the host that is given', () => {
    const pairs = build({ headers: { Host: 'other.example' } }, 'ws://server.example.com:81/');
    expect(pairs).toContainEqual([':scheme', 'http']);
    expect(pairs).toContainEqual([':authority', 'other.example']);
  });
});

describe('checkConnectResponse', () => {
  const SENT = {
    protocols: ['chat'],
    extensionsOffered: [{ name: 'permessage-deflate', parameters: [] }],
  };
  const check = (status: number, pairs: readonly Pair[] = [['sec-websocket-protocol', 'chat']]) =>
    checkConnectResponse({ status, rawHeaders: pairs.flat() }, SENT);

  it.each([200, 204, 299])('takes the status %d', (status) => {
    expect(check(status)).toEqual({ protocol: 'chat', extensions: [] });
  });

  it('ignores what an intermediary left of HTTP/1.1', () => {
    const pairs: Pair[] = [
      ['sec-websocket-accept', 'stray'],
      ['sec-websocket-protocol', 'chat'],
      ['sec-websocket-extensions', 'permessage-deflate'],
    ];
    expect(check(200, pairs)).toMatchObject({ extensions: [{ name: 'permessage-deflate' }] });
  });

  it.each<[string, number, readonly Pair[], string]>([
    ['the status 101', 101, [], 'ERR_HANDSHAKE_STATUS'],
    ['the status 300', 300, [], 'ERR_HANDSHAKE_STATUS'],
    ['no subprotocol', 200, [], 'ERR_HANDSHAKE_PROTOCOL'],
    ['another subprotocol', 200, [['sec-websocket-protocol', 'x']], 'ERR_HANDSHAKE_PROTOCOL'],
    [
      'an extension that was not offered',
      200,
      [
        ['sec-websocket-protocol', 'chat'],
        ['sec-websocket-extensions', 'foo'],
      ],
      'ERR_HANDSHAKE_EXTENSIONS',
    ],
  ])('fails %s', (_, status, pairs, code) => {
    const error = check(status, pairs);
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ code, status });
  });
});

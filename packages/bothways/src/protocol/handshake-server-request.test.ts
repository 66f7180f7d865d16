import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HandshakeRequest, readHandshakeRequest, type RequestHead } from './handshake-server-request.js';
import { Refusal } from './handshake-server-response.js';

type Pair = readonly [name: string, value: string];

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The example of RFC 6455 section 1.3. */
const EXAMPLE: readonly Pair[] = [
  ['Host', 'server.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Origin', 'http://example.com'],
  ['Sec-WebSocket-Protocol', 'chat, superchat'],
  ['Sec-WebSocket-Version', '13'],
];

const without = (name: string): Pair[] => EXAMPLE.filter((pair) => pair[0] !== name);

/** The example with other values in place of those of one field. */
const having = (name: string, ...values: string[]): Pair[] => [
  ...without(name),
  ...values.map((value): Pair => [name, value]),
];

function head(pairs: readonly Pair[] = EXAMPLE, line: Partial<RequestHead> = {}): RequestHead {
  const rawHeaders = pairs.flat();
  return { method: 'GET', httpVersion: '1.1', url: '/chat', rawHeaders, remoteAddress: '192.0.2.1', ...line };
}

function accepted(pairs?: readonly Pair[], line?: Partial<RequestHead>): HandshakeRequest {
  const result = readHandshakeRequest(head(pairs, line));
  if (result instanceof Refusal) throw new Error(`refused: ${result.status} ${result.reason}`);
  return result;
}

function refused(pairs?: readonly Pair[], line?: Partial<RequestHead>): Refusal {
  const result = readHandshakeRequest(head(pairs, line));
  if (!(result instanceof Refusal)) throw new Error('accepted');
  return result;
}

describe('a proper opening handshake', () => {
  it('is read as in the example of RFC 6455', () => {
    const request = accepted();
    expect(request).toBeInstanceOf(HandshakeRequest);
    expect(request).toMatchObject({
      method: 'GET',
      url: '/chat',
      host: 'server.example.com',
      key: KEY,
      origin: 'http://example.com',
      protocols: ['chat', 'superchat'],
      extensions: [],
      remoteAddress: '192.0.2.1',
    });
  });

  it('needs neither an Origin nor subprotocols nor extensions', () => {
    const optional = new Set(['Origin', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions']);
    const request = accepted(EXAMPLE.filter(([name]) => !optional.has(name)));
    expect(request).toMatchObject({ origin: undefined, protocols: [], extensions: [] });
  });

  it('does not care about the case of names', () => {
    expect(accepted(EXAMPLE.map(([name, value]) => [name.toUpperCase(), value])).key).toBe(KEY);
    expect(accepted(EXAMPLE.map(([name, value]) => [name.toLowerCase(), value])).key).toBe(KEY);
  });

  it('may spread its lists over several lines', () => {
    const request = accepted([
      ...EXAMPLE,
      ['Sec-WebSocket-Protocol', 'v12.stomp'],
      ['Sec-WebSocket-Extensions', 'foo; a=1'],
      ['Sec-WebSocket-Extensions', 'bar; b="2", baz'],
    ]);
    expect(request.protocols).toEqual(['chat', 'superchat', 'v12.stomp']);
    expect(request.extensions).toEqual([
      { name: 'foo', parameters: [['a', '1']] },
      { name: 'bar', parameters: [['b', '2']] },
      { name: 'baz', parameters: [] },
    ]);
  });

  it('has its header fields by lower-case name, made once and without a prototype', () => {
    const request = accepted([...EXAMPLE, ['X-A', '1'], ['x-a', '2'], ['__proto__', 'x']]);
    expect(request.headers['sec-websocket-key']).toBe(KEY);
    expect(request.headers['x-a']).toBe('1, 2');
    expect(request.headers['__proto__']).toBe('x');
    expect(request.headers['tostring']).toBeUndefined();
    expect(Object.getPrototypeOf(request.headers)).toBeNull();
    expect(request.headers).toBe(request.headers);
  });
});

describe('the request line', () => {
  it.each(['POST', 'HEAD', 'TRACE', 'PUT', 'OPTIONS', 'CONNECT', 'get', ''])(
    'with the method %j is refused with 405 and what is allowed',
    (method) => {
      expect(refused(EXAMPLE, { method })).toMatchObject({ status: 405, headers: { Allow: 'GET' } });
    },
  );

  it.each(['1.0', '0.9', '9.9', '2.0', '1.2', ''])(
    'with HTTP version %j is refused with 505',
    (httpVersion) => {
      expect(refused(EXAMPLE, { httpVersion }).status).toBe(505);
    },
  );

  it.each(['1.0', '1.1', '9.9'])(
    'without an Upgrade is refused with 426, over HTTP %s too',
    (httpVersion) => {
      expect(refused(without('Upgrade'), { httpVersion }).status).toBe(426);
    },
  );

  it.each(['/', '/a?b=c', '//', '/%00%zz', '/\xff', '/a#b', `/${'x'.repeat(8192)}`])(
    'may have the target %j',
    (url) => {
      expect(accepted(EXAMPLE, { url })).toMatchObject({ url, host: 'server.example.com' });
    },
  );

  it.each([
    ['http://other.example/a?b', '/a?b', 'other.example'],
    ['https://other.example:8443', '/', 'other.example:8443'],
    ['ws://other.example:80/a', '/a', 'other.example'],
  ])('may have the absolute target %s, whose host counts', (url, path, host) => {
    expect(accepted(EXAMPLE, { url })).toMatchObject({ url: path, host });
  });

  it.each([
    '',
    '*',
    '?',
    'a',
    'example.com:80',
    'http://[::1',
    'ftp://a/',
    'http://a/#b',
    '/a b',
    '/a\tb',
    '/a\r\nb',
    '/\0',
    '/\x7f',
    '/\u2028',
  ])('with the target %j is refused with 400', (url) => {
    expect(refused(EXAMPLE, { url }).status).toBe(400);
  });
});

describe('Host', () => {
  it.each(['example.com', 'example.com:8080', '[::1]:80', '127.0.0.1', 'EXAMPLE.com'])(
    'may be %s',
    (host) => {
      expect(accepted(having('Host', host)).host).toBe(host);
    },
  );

  it.each([
    ['missing', []],
    ['empty', ['']],
    ['repeated', ['a', 'a']],
    ['repeated and empty', ['', '']],
    ['repeated, once empty', ['a', '']],
    ['a list', ['a,b']],
    ['a URL', ['http://a']],
    ['with credentials', ['user@a']],
    ['with a port that is no number', ['a:b']],
    ['with a path', ['a/b']],
  ])('is refused with 400 when it is %s', (_, values) => {
    expect(refused(having('Host', ...values))).toMatchObject({
      status: 400,
      reason: expect.stringMatching('Host'),
    });
  });

  it('is needed with an absolute target, too', () => {
    expect(refused(without('Host'), { url: 'http://a/' }).status).toBe(400);
  });
});

describe('Upgrade', () => {
  it.each([[['WebSocket']], [['h2c, websocket']], [['h2c', 'websocket']], [['websocket', '']]])(
    'may be %j',
    (values) => {
      expect(accepted(having('Upgrade', ...values)).key).toBe(KEY);
    },
  );

  it.each([
    [[]],
    [['']],
    [['h2c']],
    [['websockets']],
    [['websocket/13']],
    [['web', 'socket']],
    [['"websocket"']],
  ])('is refused with 426 and what to upgrade to when it is %j', (values) => {
    const refusal = refused(having('Upgrade', ...values));
    expect(refusal.status).toBe(426);
    expect(refusal.headers).toEqual({ Upgrade: 'websocket', Connection: 'Upgrade' });
  });
});

describe('Connection', () => {
  it.each([
    [['upgrade']],
    [['keep-alive, Upgrade']],
    [['keep-alive', 'UPGRADE']],
    [['Upgrade,HTTP2-Settings']],
  ])('may be %j', (values) => {
    expect(accepted(having('Connection', ...values)).key).toBe(KEY);
  });

  it.each([[[]], [['']], [['keep-alive']], [['close']], [['upgrades']], [['up', 'grade']]])(
    'is refused with 400 when it is %j',
    (values) => {
      const refusal = refused(having('Connection', ...values));
      expect(refusal).toMatchObject({ status: 400, reason: expect.stringMatching('Connection') });
    },
  );
});

describe('Sec-WebSocket-Version', () => {
  it.each([
    [[]],
    [['']],
    [['12']],
    [['99']],
    [['abc']],
    [['013']],
    [['13.0']],
    [['13, 13']],
    [['13', '13']],
    [['8', '13']],
  ])('is refused with 426 and the version to use when it is %j', (values) => {
    const refusal = refused(having('Sec-WebSocket-Version', ...values));
    expect(refusal.status).toBe(426);
    expect(refusal.headers).toEqual({
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
    });
  });
});

describe('Sec-WebSocket-Key', () => {
  it.each([KEY, 'AAAAAAAAAAAAAAAAAAAAAA==', '+/+/+/+/+/+/+/+/+/+/+w==', 'AAAAAAAAAAAAAAAAAAAAAB=='])(
    'may be %s, whose last bits do not matter',
    (key) => {
      expect(accepted(having('Sec-WebSocket-Key', key)).key).toBe(key);
    },
  );

  it.each([
    ['missing', []],
    ['empty', ['']],
    ['of 15 bytes', ['AAAAAAAAAAAAAAAAAAAA']],
    ['of 17 bytes', ['AAAAAAAAAAAAAAAAAAAAAAA=']],
    ['of 18 bytes', ['AAAAAAAAAAAAAAAAAAAAAAAA']],
    ['without padding', ['AAAAAAAAAAAAAAAAAAAAAA']],
    ['in the alphabet of URLs', ['-_-_-_-_-_-_-_-_-_-_-w==']],
    ['padded in the middle', ['AAAAAAAAAAAAAAAAAAAA==AA']],
    ['no base64', ['!!!!!!!!!!!!!!!!!!!!!!==']],
    ['junk', ['junk']],
    ['there twice', [KEY, KEY]],
  ])('is refused with 400 when it is %s', (_, values) => {
    const refusal = refused(having('Sec-WebSocket-Key', ...values));
    expect(refusal).toMatchObject({ status: 400, reason: expect.stringMatching('Sec-WebSocket-Key') });
  });
});

describe('Origin', () => {
  it.each(['http://example.com', 'null', 'https://[::1]:8443', 'file://', ''])('may be %j', (origin) => {
    expect(accepted(having('Origin', origin)).origin).toBe(origin);
  });

  it.each([
    [['http://a', 'http://b']],
    [['http://a', 'http://a']],
    [['http://a http://b']],
    [['', '']],
    [['a\tb']],
  ])('is refused with 400 when it is %j', (values) => {
    const refusal = refused(having('Origin', ...values));
    expect(refusal).toMatchObject({ status: 400, reason: expect.stringMatching('Origin') });
  });
});

describe('a body', () => {
  it.each<[string, Pair[]]>([
    ['Content-Length', [['Content-Length', '5']]],
    [
      'two Content-Lengths',
      [
        ['Content-Length', '0'],
        ['Content-Length', '5'],
      ],
    ],
    [
      'two equal Content-Lengths',
      [
        ['Content-Length', '0'],
        ['Content-Length', '0'],
      ],
    ],
    ['an odd Content-Length', [['Content-Length', '+0']]],
    ['an empty Content-Length', [['Content-Length', '']]],
    ['Transfer-Encoding', [['Transfer-Encoding', 'chunked']]],
    ['an empty Transfer-Encoding', [['Transfer-Encoding', '']]],
    [
      'both',
      [
        ['Content-Length', '0'],
        ['Transfer-Encoding', 'identity'],
      ],
    ],
  ])('is refused with 400: %s', (_, pairs) => {
    const refusal = refused([...EXAMPLE, ...pairs]);
    expect(refusal).toMatchObject({ status: 400, reason: expect.stringMatching('no body') });
  });

  it('of no bytes is none', () => {
    expect(accepted([...EXAMPLE, ['Content-Length', '0']]).key).toBe(KEY);
  });
});

describe('Sec-WebSocket-Protocol and Sec-WebSocket-Extensions', () => {
  it.each([
    [['']],
    [['chat, chat']],
    [['chat', 'chat']],
    [['chat,,superchat']],
    [['chat', '']],
    [['evil name']],
    [['evil,\r\n name']],
    [['evil\nSet-Cookie: a=b']],
    [['evil\0']],
    [['evil\x7f']],
    [['<evil>']],
  ])('the subprotocols %j are refused with 400 and not repeated', (values) => {
    const refusal = refused(having('Sec-WebSocket-Protocol', ...values));
    expect(refusal.status).toBe(400);
    expect(JSON.stringify(refusal)).not.toMatch(/chat|evil/);
  });

  it.each([[['']], [['evil;']], [['evil', 'a b']], [['evil; a="']], [['evil\0']], [['evil; b=<>']]])(
    'the extensions %j are refused with 400 and not repeated',
    (values) => {
      const refusal = refused(having('Sec-WebSocket-Extensions', ...values));
      expect(refusal.status).toBe(400);
      expect(JSON.stringify(refusal)).not.toMatch(/evil/);
    },
  );

  it('an empty field beside another one offers nothing', () => {
    const request = accepted(having('Sec-WebSocket-Extensions', 'foo', ''));
    expect(request.extensions.map(({ name }) => name)).toEqual(['foo']);
  });

  it('extensions named like members of Object.prototype are offers like any other', () => {
    const request = accepted(having('Sec-WebSocket-Extensions', 'constructor, __proto__; toString=1'));
    expect(request.extensions.map(({ name }) => name)).toEqual(['constructor', '__proto__']);
  });
});

describe('a control character', () => {
  const used = [...EXAMPLE.map(([name]) => name), 'Sec-WebSocket-Extensions', 'Content-Length'];

  it.each(used)('is refused with 400 in %s', (name) => {
    for (const control of ['\r', '\n', '\0', '\x7f']) {
      const refusal = refused([...EXAMPLE, [name, `a${control}b`]]);
      expect(refusal).toMatchObject({ status: 400, reason: expect.stringMatching('control character') });
    }
  });
});

/** The example with so many header fields. */
const padded = (count: number): Pair[] => [
  ...EXAMPLE,
  ...Array.from({ length: count - EXAMPLE.length }, (_, index): Pair => [`x-${index}`, '']),
];

describe('a list of header fields that Node may have cut', () => {
  it('is refused with 431, because what is missing might matter', () => {
    expect(accepted(padded(999)).key).toBe(KEY);
    expect(refused(padded(1000)).status).toBe(431);
    expect(refused(padded(1100)).status).toBe(431);
  });

  it('is read without an Upgrade and whatever else is missing', () => {
    for (let length = 0; length < EXAMPLE.length * 2; length++) {
      const rawHeaders = EXAMPLE.flat().slice(0, length);
      expect(readHandshakeRequest(head([], { rawHeaders }))).toBeInstanceOf(Refusal);
    }
  });
});

describe('whatever comes', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('a', '"', '\\', ';', ',', '=', ' ', '\t', '\r\n', '\0', '\xff'), {
        maxLength: 30,
      })
      .map((parts) => parts.join('')),
    fc.constantFrom('websocket', 'Upgrade', '13', KEY, 'GET', '1.1', '/', 'example.com', '__proto__'),
  );
  const name = fc.oneof(fc.constantFrom(...EXAMPLE.map((pair) => pair[0])), text);

  it('nothing is thrown, and a refusal is one line with a status of an error', () => {
    const line = fc.record({ method: text, httpVersion: text, url: text }, { requiredKeys: [] });
    const changes = fc.array(fc.tuple(name, text), { maxLength: 6 });
    fc.assert(
      fc.property(line, changes, fc.boolean(), fc.nat(20), (changed, pairs, whole, cut) => {
        const given = head(whole ? [...EXAMPLE, ...pairs] : pairs, changed);
        const result = readHandshakeRequest({ ...given, rawHeaders: given.rawHeaders.slice(0, cut * 2 - 1) });
        expect(isOneLineRefusal(result) || isReadable(result)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['Sec-WebSocket-Protocol', ' '.repeat(14_000)],
    ['Sec-WebSocket-Protocol', 'a,'.repeat(7000)],
    ['Sec-WebSocket-Extensions', `a${' '.repeat(14_000)}b`],
    ['Sec-WebSocket-Extensions', 'a;b="'.repeat(2800)],
    ['Sec-WebSocket-Extensions', `a${';b'.repeat(7000)}`],
    ['Upgrade', ' ,'.repeat(7000)],
    ['Connection', `a${'\t'.repeat(14_000)}b`],
    ['Host', 'a:'.repeat(7000)],
    ['Origin', ','.repeat(14_000)],
  ])('14 kB in %s are answered at once', (field, value) => {
    const given = head(having(field, value));
    expect(measure(() => readHandshakeRequest(given))).toBeLessThan(5);
  });
});

function isOneLineRefusal(result: HandshakeRequest | Refusal): boolean {
  if (!(result instanceof Refusal)) return false;
  return result.status >= 400 && result.status < 600 && /^[ -~]+$/.test(result.reason);
}

function isReadable(result: HandshakeRequest | Refusal): boolean {
  return result instanceof HandshakeRequest && result.headers['sec-websocket-version'] === '13';
}

/** The best of ten runs, in milliseconds: what else the machine does is not the parser's fault. */
function measure(run: () => unknown): number {
  const times = Array.from({ length: 10 }, () => {
    const started = performance.now();
    run();
    return performance.now() - started;
  });
  return Math.min(...times);
}

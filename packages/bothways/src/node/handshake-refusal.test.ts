import { describe, expect, it } from 'vitest';
import { reject } from './rejection.js';
import { start, startWatched } from './test-server.js';
import { SAMPLE_KEY, Wire, clientFrame, upgradeRequest, type Fields } from './test-wire.js';

interface Response {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Reads all that a server answers until it closes: it must be one response, whole. */
async function onlyResponse(wire: Wire): Promise<Response> {
  const all = (await wire.rest()).toString();
  expect(all.match(/HTTP\/1\.1 \d{3} /g)).toHaveLength(1);
  const end = all.indexOf('\r\n\r\n') + 4;
  const head = all.slice(0, end);
  const chunk = /^([0-9a-f]+)\r\n(.*)\r\n0\r\n\r\n$/.exec(all.slice(end));
  const body = chunk?.[2] ?? all.slice(end);
  expect(head).toMatch(/^connection: (.*, )?close(,.*)?\r$/im);
  const length = chunk === null ? /^content-length: (\d+)\r$/im.exec(head)?.[1] : `0x${chunk[1]}`;
  // Node's own answer to what is no HTTP has neither length nor body.
  expect(body.length).toBe(Number(length ?? 0));
  return { status: Number(head.slice(9, 12)), head, body };
}

async function answerTo(request: string | Uint8Array, options = {}): Promise<Response> {
  const server = await start({ path: '/', ...options });
  const wire = await Wire.connect(server.port);
  wire.write(request);
  return onlyResponse(wire);
}

const KEY = 'Sec-WebSocket-Key';
const VERSION = 'Sec-WebSocket-Version';
const PROTOCOL = 'Sec-WebSocket-Protocol';
const EXTENSIONS = 'Sec-WebSocket-Extensions';

const BAD_FIELDS: readonly (readonly [what: string, fields: Fields, status: number, reason: RegExp])[] = [
  ['an Upgrade to another protocol', { Upgrade: 'h2c' }, 426, /send "Upgrade: websocket"/],
  ['an Upgrade that only begins like websocket', { Upgrade: 'websocket2' }, 426, /send "Upgrade: websocket"/],
  ['no Upgrade', { Upgrade: undefined }, 426, /send "Upgrade: websocket"/],
  ['no Connection', { Connection: undefined }, 426, /send "Upgrade: websocket"/],
  ['a Connection without Upgrade', { Connection: 'keep-alive' }, 426, /send "Upgrade: websocket"/],
  ['a Host that is empty', { Host: '' }, 400, /Host header field/],
  ['a Host with a path', { Host: 'a/b' }, 400, /Host header field/],
  ['a Host twice', { Host: ['a', 'a'] }, 400, /Host header field/],
  ['no version', { [VERSION]: undefined }, 426, /must be 13, once/],
  ['version 12', { [VERSION]: '12' }, 426, /must be 13, once/],
  ['version 99', { [VERSION]: '99' }, 426, /must be 13, once/],
  ['a version that is no number', { [VERSION]: 'abc' }, 426, /must be 13, once/],
  ['the version twice', { [VERSION]: ['13', '13'] }, 426, /must be 13, once/],
  ['no key', { [KEY]: undefined }, 400, /Sec-WebSocket-Key/],
  ['an empty key', { [KEY]: '' }, 400, /Sec-WebSocket-Key/],
  ['a key of 15 bytes', { [KEY]: 'dGhlIHNhbXBsZSBub25j' }, 400, /Sec-WebSocket-Key/],
  ['a key of 17 bytes', { [KEY]: 'dGhlIHNhbXBsZSBub25jZTE=' }, 400, /Sec-WebSocket-Key/],
  ['a key that is not base64', { [KEY]: '!!!!!!!!!!!!!!!!!!!!!!==' }, 400, /Sec-WebSocket-Key/],
  ['the key twice', { [KEY]: [SAMPLE_KEY, SAMPLE_KEY] }, 400, /Sec-WebSocket-Key/],
  ['an empty subprotocol', { [PROTOCOL]: '' }, 400, /Sec-WebSocket-Protocol/],
  ['a subprotocol twice', { [PROTOCOL]: 'chat, chat' }, 400, /Sec-WebSocket-Protocol/],
  ['a subprotocol twice in two fields', { [PROTOCOL]: ['chat', 'chat'] }, 400, /Sec-WebSocket-Protocol/],
  ['a subprotocol with a space', { [PROTOCOL]: 'chat room' }, 400, /Sec-WebSocket-Protocol/],
  ['an empty member among subprotocols', { [PROTOCOL]: 'chat,,room' }, 400, /Sec-WebSocket-Protocol/],
  ['a subprotocol with a byte above 0x7f', { [PROTOCOL]: 'ch\xe4t' }, 400, /Sec-WebSocket-Protocol/],
  ['an empty extension', { [EXTENSIONS]: ';' }, 400, /Sec-WebSocket-Extensions/],
  ['an extension with an open quote', { [EXTENSIONS]: 'a; b="c' }, 400, /Sec-WebSocket-Extensions/],
  ['an extension parameter without a value', { [EXTENSIONS]: 'a; b=' }, 400, /Sec-WebSocket-Extensions/],
  ['two origins', { Origin: 'http://a http://b' }, 400, /Origin header field/],
  ['the origin twice', { Origin: ['http://127.0.0.1', 'http://127.0.0.1'] }, 400, /Origin header field/],
  ['a foreign origin', { Origin: 'http://evil.example' }, 403, /origin may not connect/],
  ['the opaque origin', { Origin: 'null' }, 403, /origin may not connect/],
  ['the same host at another port', { Origin: 'http://127.0.0.1:1' }, 403, /origin may not connect/],
  [
    'a body of no known length',
    { 'Transfer-Encoding': 'gzip' },
    400,
    /^An opening handshake has no body|^The request is not well-formed/,
  ],
  ['a NUL in a field', { [PROTOCOL]: 'a\0b' }, 400, /^The request is not well-formed HTTP/],
  ['a DEL in a field', { [PROTOCOL]: 'a\x7fb' }, 400, /^The request is not well-formed HTTP/],
  [
    'a line that goes on after a fold',
    { [PROTOCOL]: 'a,\r\n b' },
    400,
    /^The request is not well-formed HTTP/,
  ],
  [
    'a bare LF in a field',
    { [PROTOCOL]: 'a\nSet-Cookie: b' },
    400,
    /Sec-WebSocket-Protocol|^The request is not well-formed/,
  ],
];

const BAD_LINES: readonly (readonly [line: string, status: number])[] = [
  ['POST / HTTP/1.1', 405],
  ['HEAD / HTTP/1.1', 405],
  ['TRACE / HTTP/1.1', 405],
  ['OPTIONS * HTTP/1.1', 405],
  ['GET / HTTP/1.0', 505],
  ['GET / HTTP/9.9', 400],
  ['GET * HTTP/1.1', 400],
  ['GET // HTTP/1.1', 404],
  ['GET ? HTTP/1.1', 400],
  ['GET http://[::1 HTTP/1.1', 400],
  ['GET ftp://127.0.0.1/ HTTP/1.1', 400],
  ['GET /\xff HTTP/1.1', 400],
  ['GET /%00%zz HTTP/1.1', 404],
  ['GET /other HTTP/1.1', 404],
  [`GET /${'a'.repeat(8_192)} HTTP/1.1`, 404],
];

describe('A handshake that cannot be accepted', () => {
  it.each(BAD_FIELDS)(
    'because of %s gets one response that says why',
    async (_what, fields, status, reason) => {
      const { status: answered, head, body } = await answerTo(upgradeRequest(fields));
      expect(answered).toBe(status);
      expect(body).toMatch(reason);
      expect(body).not.toContain('\n');
      expect(head + body).not.toMatch(/evil|chat|Set-Cookie/);
    },
  );

  it.each(BAD_LINES)('because of "%s" gets %i', async (line, status) => {
    expect((await answerTo(upgradeRequest({}, line))).status).toBe(status);
  });

  it('has the version that is spoken in the answer to another one', async () => {
    const { head } = await answerTo(upgradeRequest({ [VERSION]: '8' }));
    expect(head).toMatch(/^sec-websocket-version: 13\r$/im);
    expect(head).toMatch(/^upgrade: websocket\r$/im);
    expect(head).toMatch(/^connection: close, Upgrade\r$/im);
  });

  it('has the method that is allowed in the answer to another one', async () => {
    expect((await answerTo(upgradeRequest({}, 'POST / HTTP/1.1'))).head).toMatch(/^allow: GET\r$/im);
  });

  it.each([990, 1_100, 5_000])(
    'or can, but does not crash the server with %i header fields',
    async (count) => {
      const server = await start({});
      const wire = await Wire.connect(server.port);
      const many: Record<string, string> = {};
      for (let index = 0; index < count; index++) many[`a${index}`] = '';
      wire.write(upgradeRequest(many));
      const status = Number((await wire.head()).slice(9, 12));
      expect([101, 400, 431]).toContain(status);
      expect(status === 101).toBe(count === 990);
      await Wire.upgraded(server.port);
    },
  );

  it('because of a header field of 128 KiB gets 431', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest({ 'X-Large': 'a'.repeat(128 * 1024) }));
    expect((await wire.take(12)).toString()).toBe('HTTP/1.1 431');
  });
});

describe('What comes behind a refused handshake', () => {
  const pipelined = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';

  it.each([
    ['a request', upgradeRequest({ [VERSION]: '8' }) + pipelined],
    ['frames', upgradeRequest({ [VERSION]: '8' }) + clientFrame(0x81, 'hello').toString('latin1')],
    [
      'the body that a length announces',
      upgradeRequest({ 'Content-Length': `${pipelined.length}` }) + pipelined,
    ],
    ['a chunked body', `${upgradeRequest({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n${pipelined}`],
    [
      'a body of both lengths',
      `${upgradeRequest({ 'Content-Length': '4', 'Transfer-Encoding': 'chunked' })}0\r\n\r\n${pipelined}`,
    ],
    ['a body of two lengths', upgradeRequest({ 'Content-Length': ['4', '33'] }) + pipelined],
    ['the body of another method', upgradeRequest({ 'Content-Length': '4' }, 'POST / HTTP/1.1') + pipelined],
  ])('gets no answer, be it %s', async (_what, bytes) => {
    const { status } = await answerTo(bytes);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  it('does not take the answer away, however much it is', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest({ [VERSION]: '8' }));
    wire.write(Buffer.alloc(4 << 20));
    const { status } = await onlyResponse(wire);
    expect(status).toBe(426);
    wire.end();
    await wire.gone;
    expect(wire.error).toBeUndefined();
  });

  it('does not keep the connection for a client that never closes', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest({ [VERSION]: '8' }));
    await wire.ended;
    // This end stays open on purpose: what is sent reaches nobody in the end.
    const timer = setInterval(() => wire.write('a'), 50);
    await wire.gone;
    clearInterval(timer);
    expect(wire.error).toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) as string });
  });
});

describe('A header field of a rejection', () => {
  it.each([
    [{ 'X-A': 'a\r\nSet-Cookie: b=c' }],
    [{ 'X-A': 'a\nb' }],
    [{ 'X-A': 'a\0' }],
    [{ 'X-A': 'caf\u00e9 \u20ac' }],
    [{ 'X A': 'a' }],
    [{ 'X-A\r\nSet-Cookie': 'a' }],
    [{ 'Content-Length': '0' }],
    [{ 'transfer-encoding': 'chunked' }],
  ])('cannot be %j', async (headers) => {
    expect(() => reject(401, '', headers as Record<string, string>)).toThrow(TypeError);
  });

  it('that cannot be sent ends the handshake with 500, and with nothing of the field', async () => {
    const errors: Error[] = [];
    const server = await start(
      { accept: ({ headers }) => reject(401, 'no', { 'X-Echo': `${headers['x-user']}\r\nSet-Cookie: b=c` }) },
      { error: (error) => void errors.push(error) },
    );
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest({ 'X-User': 'me' }));
    const { status, head, body } = await onlyResponse(wire);
    expect(status).toBe(500);
    expect(head + body).not.toMatch(/Set-Cookie|me\b/);
    expect(errors).toEqual([expect.any(TypeError)]);
  });

  it.each([200, 101, 299, 600, 0, 403.5, NaN])('needs a status that refuses, not %d', async (status) => {
    expect(() => reject(status)).toThrow(RangeError);
  });
});

describe('A refused handshake', () => {
  it('calls no handler', async () => {
    const { server, opened } = await startWatched({ accept: () => reject(403) });
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest());
    await onlyResponse(wire);
    expect(opened.items).toEqual([]);
    expect(server.metrics()).toEqual({
      connections: 0,
      pendingHandshakes: 0,
      acceptedHandshakes: 0,
      closedConnections: 0,
      compressionMemory: 0,
      degradedCompressions: 0,
    });
  });
});

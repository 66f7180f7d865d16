import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HandshakeError } from '../protocol/errors.js';
import { connect } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import { Arrivals } from './test-arrivals.js';
import { join, joinWire, start, startWatched } from './test-server.js';
import { WireServer, acceptFor, closePayload, serverFrame, type Wire } from './test-wire.js';

const MS = 'a whole number of milliseconds from 0 to 2147483647';

const WRONG: readonly (readonly [name: string, values: readonly unknown[], allowed: string])[] = [
  ['protocols', [1, {}, null], 'a subprotocol or a list of them'],
  ['headers', ['a', null], 'an object'],
  ['origin', ['', 1, null], 'a string that is not empty'],
  ['tls', [true, null], 'an object'],
  ['socketPath', ['', 1, null], 'a string that is not empty'],
  ['proxy', ['proxy.example', 'socks5://a', 1, {}, null], 'an http: or https: URL'],
  ['maxRedirects', [-1, 1.5, Infinity, '1', null], 'a whole number from 0 up'],
  ['connectTimeout', [-1, '1', Infinity, null], MS],
  ['signal', [{}, null, true], 'an AbortSignal'],
  ['maxMessageSize', [0, -1, 1.5, Infinity], 'a positive whole number of bytes'],
  ['handshakeTimeout', [-1, '1'], MS],
  ['pingInterval', [-1, '1'], MS],
];

const WRONG_CASES = WRONG.flatMap(([name, values, allowed]) =>
  values.map((value) => [name, value, allowed] as const),
);

async function errorOf(attempt: Promise<unknown>): Promise<Error> {
  return attempt.then(
    () => new Error('It was no error'),
    (error: Error) => error,
  );
}

/** Connects to a wire that answers as `answer` does. */
async function answered(answer: (wire: Wire, head: string) => void, options: ConnectOptions = {}) {
  const server = await WireServer.listen();
  const attempt = errorOf(join(server, options));
  const wire = await server.next();
  answer(wire, await wire.head());
  return { wire, error: await attempt };
}

function switching(head: string, fields: Record<string, string | undefined> = {}): string {
  const all = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptFor(head),
    ...fields,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`;
}

describe('The options of connect()', () => {
  it.each(WRONG_CASES)('refuse %s: %j with what is allowed', async (name, value, allowed) => {
    const error = await errorOf(connect('ws://127.0.0.1:1', { [name]: value }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(`'${name}' must be ${allowed}`);
  });

  it('refuse what is not an option', async () => {
    const error = await errorOf(connect('ws://127.0.0.1:1', { protocol: 'a' } as ConnectOptions));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("'protocol'");
  });

  it('refuse a handler that is none', async () => {
    const error = await errorOf(connect('ws://127.0.0.1:1', {}, { onmessage() {} } as object));
    expect(error).toBeInstanceOf(TypeError);
  });

  it.each([
    ['', SyntaxError],
    ['127.0.0.1', SyntaxError],
    ['ftp://127.0.0.1', SyntaxError],
    ['ws://127.0.0.1/#fragment', SyntaxError],
    ['ws://', SyntaxError],
  ])('refuse the URL %j', async (url, kind) => {
    expect(await errorOf(connect(url))).toBeInstanceOf(kind);
  });

  it.each([
    [{ protocols: 'a b' }, SyntaxError],
    [{ protocols: ['a', 'A'] }, SyntaxError],
    [{ headers: { 'X-A': 'a\r\nX-B: b' } }, TypeError],
    [{ headers: { 'X A': 'a' } }, TypeError],
    [{ headers: { 'Sec-WebSocket-Key': 'a' } }, TypeError],
    [{ headers: { Connection: 'close' } }, TypeError],
    [{ headers: { Origin: 'http://a' }, origin: 'http://b' }, TypeError],
    [{ origin: 'http://a\r\nX-B: b' }, TypeError],
  ])('refuse %j before anything is sent', async (options, kind) => {
    expect(await errorOf(connect('ws://127.0.0.1:1', options))).toBeInstanceOf(kind);
  });
});

async function requestOf(url: (port: number) => string, options: ConnectOptions = {}): Promise<string> {
  const server = await WireServer.listen();
  const attempt = join(url(server.port), options).catch((error: unknown) => error);
  const wire = await server.next();
  const head = await wire.head();
  wire.end();
  await attempt;
  return head;
}

describe('The request of connect()', () => {
  it('is what RFC 6455 asks for', async () => {
    const head = await requestOf((each) => `ws://127.0.0.1:${each}/live?room=1&b=%20`);
    expect(head).toMatch(/^GET \/live\?room=1&b=%20 HTTP\/1\.1\r\n/);
    expect(head).toMatch(/^host: 127\.0\.0\.1:\d+\r$/im);
    expect(head).toMatch(/^upgrade: websocket\r$/im);
    expect(head).toMatch(/^connection: upgrade\r$/im);
    expect(head).toMatch(/^sec-websocket-version: 13\r$/im);
    expect(head).toMatch(/^sec-websocket-key: [A-Za-z0-9+/]{22}==\r$/im);
    expect(head).not.toMatch(/^(origin|sec-websocket-protocol|sec-websocket-extensions|authorization):/im);
  });

  it('has a new key each time', async () => {
    const keys = [];
    for (let index = 0; index < 3; index++) {
      const head = await requestOf((port) => `http://127.0.0.1:${port}`);
      keys.push(/^sec-websocket-key: (.*)\r$/im.exec(head)![1]);
    }
    expect(new Set(keys).size).toBe(3);
  });

  it('has the application’s header fields, subprotocols and origin', async () => {
    const head = await requestOf((port) => `ws://127.0.0.1:${port}`, {
      headers: { Cookie: 'a=b', 'X-List': ['1', '2'], Host: 'virtual.example' },
      protocols: ['v12.stomp', 'v11.stomp'],
      origin: 'https://example.com',
    });
    expect(head).toMatch(/^cookie: a=b\r$/im);
    expect(head.match(/^x-list: .*$/gim)).toEqual(['X-List: 1', 'X-List: 2']);
    expect(head.match(/^host: .*$/gim)).toEqual(['Host: virtual.example']);
    expect(head).toMatch(/^sec-websocket-protocol: v12\.stomp, v11\.stomp\r$/im);
    expect(head).toMatch(/^origin: https:\/\/example\.com\r$/im);
  });

  it('has the user of the URL, unless the application gives another', async () => {
    expect(await requestOf((port) => `ws://me:p%20w@127.0.0.1:${port}`)).toMatch(
      /^authorization: Basic bWU6cCB3\r$/im,
    );
    const head = await requestOf((port) => `ws://me:p%20w@127.0.0.1:${port}`, {
      headers: { Authorization: 'Bearer x' },
    });
    expect(head.match(/^authorization: .*$/gim)).toEqual(['Authorization: Bearer x']);
  });
});

describe('connect()', () => {
  it('agrees on a subprotocol', async () => {
    const server = await start({ protocols: ['b', 'a'] });
    expect((await join(server, { protocols: ['a', 'b'] })).protocol).toBe('b');
    expect((await join(server, { protocols: 'a' })).protocol).toBe('a');
    expect((await join(server)).protocol).toBe('');
  });

  it('delivers what came right behind the 101, after open', async () => {
    const calls = new Arrivals<unknown>();
    const server = await WireServer.listen();
    const joining = join(
      server,
      {},
      {
        open: () => calls.push('open'),
        message: (_socket, data) => calls.push(data),
        close: (_socket, code) => calls.push(code),
      },
    );
    const wire = await server.next();
    const behind = [serverFrame(0x81, 'a'), serverFrame(0x82, 'b'), serverFrame(0x88, closePayload(4000))];
    await wire.answerHandshake('', Buffer.concat(behind));
    wire.end();
    await joining;
    expect(await calls.take(4)).toEqual(['open', 'a', Buffer.from('b'), 4000]);
  });

  it('keeps what came right behind the 101 for whoever iterates later', async () => {
    const server = await WireServer.listen();
    const joining = join(server);
    const wire = await server.next();
    await wire.answerHandshake('', Buffer.concat([serverFrame(0x81, 'a'), serverFrame(0x88)]));
    wire.end();
    const received: unknown[] = [];
    for await (const message of await joining) received.push(message);
    expect(received).toEqual(['a']);
  });

  it('fails the connection with 1002 when the server masks', async () => {
    const { wire, socket } = await joinWire();
    wire.write(Buffer.from('818537fa213d7f9f4d5158', 'hex'));
    expect((await wire.close()).code).toBe(1002);
    wire.end();
    expect(await socket.closed).toMatchObject({
      code: 1002,
      wasClean: false,
      error: { code: 'ERR_MASK_FORBIDDEN' },
    });
  });

  it('fails the connection with 1009 when a message is larger than maxMessageSize', async () => {
    const { wire, socket } = await joinWire({ maxMessageSize: 3 });
    wire.write(serverFrame(0x81, 'four'));
    expect((await wire.close()).code).toBe(1009);
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 1009, error: { limit: 'maxMessageSize', value: 3 } });
  });

  it('passes by other informational responses', async () => {
    const server = await WireServer.listen();
    const joining = join(server);
    const wire = await server.next();
    wire.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    await wire.answerHandshake();
    expect((await joining).readyState).toBe(1);
  });

  it('reaches a Unix socket', async () => {
    const directory = mkdtempSync(joinPath(tmpdir(), 'bothways-socket-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const socketPath = joinPath(directory, 'socket');
    const http = createServer();
    const { server, opened } = await startWatched({ port: undefined, host: undefined, server: http });
    http.listen(socketPath);
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const socket = await join('ws://name.example/live?a', { socketPath });
    const { request } = await opened.next();
    expect([request.url, request.headers['host'], request.remoteAddress]).toEqual([
      '/live?a',
      'name.example',
      '',
    ]);
    expect(server.port).toBe(0);
    socket.close();
    await socket.closed;
  });

  it('says which Unix socket it cannot reach', async () => {
    const error = await errorOf(connect('ws://name.example', { socketPath: '/nowhere/socket' }));
    expect(error).toMatchObject({ code: 'ERR_CONNECT', cause: { code: 'ENOENT' } });
    expect(error.message).toContain('/nowhere/socket');
  });

  it('says where nobody listens', async () => {
    const error = await errorOf(connect('ws://127.0.0.1:1/'));
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ code: 'ERR_CONNECT', status: 0, cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain('127.0.0.1:1');
  });
});

describe('An answer that is no 101', () => {
  it('is in the error, with its body', async () => {
    const { wire, error } = await answered((each) => {
      each.write('HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 8\r\n\r\nNot you.');
    });
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_STATUS', status: 403, body: 'Not you.' });
    expect(error).toMatchObject({ headers: { 'x-why': 'because' } });
    await wire.ended;
  });

  it('is cut where its body is long', async () => {
    const { wire, error } = await answered((each) => {
      each.write(`HTTP/1.1 500 Broken\r\n\r\n${'a'.repeat(1 << 20)}`);
    });
    expect((error as HandshakeError).body).toBe('a'.repeat(4_096));
    await wire.gone;
  });

  it('may break off in its body', async () => {
    const { error } = await answered((each) => {
      each.write('HTTP/1.1 500 Broken\r\nContent-Length: 100\r\n\r\nhalf');
      each.end();
    });
    expect(error).toMatchObject({ status: 500, body: 'half' });
  });

  it('is not waited for where its body does not come', async () => {
    const { wire, error } = await answered((each) => {
      each.write('HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf');
    });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_STATUS', status: 503, body: 'half' });
    await wire.ended;
  });

  it.each([200, 204, 304, 400, 401, 404, 426, 503])('fails with status %i', async (status) => {
    const { error } = await answered((wire) => {
      wire.write(`HTTP/1.1 ${status} Whatever\r\nContent-Length: 0\r\n\r\n`);
      wire.end();
    });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_STATUS', status });
  });

  it.each([
    ['nothing at all', ''],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['half a head', 'HTTP/1.1 101 Swi'],
  ])('fails when it is %s', async (_what, bytes) => {
    const { error } = await answered((wire) => {
      wire.write(bytes);
      wire.end();
    });
    expect(error).toMatchObject({ code: 'ERR_HANDSHAKE_RESPONSE', status: 0 });
  });
});

describe('A 101 that does not answer the request', () => {
  it.each([
    [
      'a wrong accept',
      { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' },
      {},
      'ERR_HANDSHAKE_ACCEPT',
    ],
    ['no accept', { 'Sec-WebSocket-Accept': undefined }, {}, 'ERR_HANDSHAKE_ACCEPT'],
    ['another upgrade', { Upgrade: 'h2c' }, {}, 'ERR_HANDSHAKE_UPGRADE'],
    ['no upgrade', { Upgrade: undefined }, {}, 'ERR_HANDSHAKE_UPGRADE'],
    ['no connection', { Connection: undefined }, {}, 'ERR_HANDSHAKE_CONNECTION'],
    ['a subprotocol nobody offered', { 'Sec-WebSocket-Protocol': 'a' }, {}, 'ERR_HANDSHAKE_PROTOCOL'],
    ['another subprotocol', { 'Sec-WebSocket-Protocol': 'b' }, { protocols: 'a' }, 'ERR_HANDSHAKE_PROTOCOL'],
    ['no subprotocol', {}, { protocols: 'a' }, 'ERR_HANDSHAKE_PROTOCOL'],
    ['an extension', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }, {}, 'ERR_HANDSHAKE_EXTENSIONS'],
  ])('but has %s fails, and TCP is closed', async (_what, fields, options, code) => {
    const { wire, error } = await answered((each, head) => each.write(switching(head, fields)), {
      handshakeTimeout: 1_000,
      ...options,
    });
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ code, status: 101 });
    await wire.ended;
  });
});

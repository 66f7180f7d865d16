import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  request,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer, WebSocket as WsClient } from 'ws';
import { Arrivals } from '../../packages/bothways/src/node/test-arrivals.js';
import { type Proxy, recommended, startForwardProxy, startHaproxy, startNginx } from './proxies.js';
import { portOf } from './start.js';

// What stands behind the proxies: `/stream` leaves its response to the test, every other path answers at once with
// what came, and a WebSocket is left to the test as well.

const streams = new Arrivals<ServerResponse>();
const sockets = new Arrivals<WebSocket>();
let target: number;
let stopServer: () => Promise<unknown>;

interface Seen {
  readonly httpVersion: string;
  readonly host: string | undefined;
  readonly upgrade: string | null;
  readonly length: number;
}

beforeAll(async () => {
  const server = createServer((asked, response) => void answer(asked, response));
  new WebSocketServer({ server }).on('connection', sockets.push);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target = portOf(server);
  stopServer = () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    return closed;
  };
});

afterAll(() => stopServer());

beforeEach(() => {
  streams.items.length = 0;
  sockets.items.length = 0;
});

async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
  if (asked.url?.startsWith('/stream') === true) {
    streams.push(response);
    return;
  }
  const { httpVersion, headers } = asked;
  const length = (await textOf(asked)).length;
  const seen: Seen = { httpVersion, host: headers.host, upgrade: headers.upgrade ?? null, length };
  response.end(JSON.stringify(seen));
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk as string;
  return text;
}

async function use<Started extends Proxy>(starting: Promise<Started>): Promise<Started> {
  const proxy = await starting;
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** The status of a request, and what the server saw of it if it came there. */
async function ask(proxy: Proxy, body = '', options: RequestOptions = {}) {
  const asking = request(`${proxy.url}/`, { method: body === '' ? 'GET' : 'POST', ...options });
  asking.end(body);
  asking.on('error', () => {}); // such as that not all of the body was wanted; `once` tells of it before the answer
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const text = await textOf(response);
  return {
    status: response.statusCode,
    seen: response.statusCode === 200 ? (JSON.parse(text) as Seen) : undefined,
  };
}

/** A response of which the test holds both ends. */
async function openStream(proxy: Proxy, headers: Record<string, string> = {}, options: RequestOptions = {}) {
  const events = new Arrivals<string>();
  const asking = request(`${proxy.url}/stream`, options);
  asking.once('error', () => events.push('cut'));
  asking.once('response', (response: IncomingMessage) => {
    events.push(String(response.statusCode));
    response.setEncoding('utf8').on('data', events.push);
    response.once('end', () => events.push('end')).once('error', () => events.push('cut'));
  });
  asking.end();
  onTestFinished(() => void asking.destroy());
  const stream = await streams.next();
  onTestFinished(() => void stream.destroy());
  for (const [name, value] of Object.entries(headers)) stream.setHeader(name, value);
  return { events, stream };
}

/** Resolves when the text is with the system. */
function write(stream: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

async function expectPrompt(proxy: Proxy, headers?: Record<string, string>, options?: RequestOptions) {
  const { events, stream } = await openStream(proxy, headers, options);
  await write(stream, 'first');
  expect(await events.take(2)).toEqual(['200', 'first']);
  await write(stream, 'second');
  expect(await events.next()).toBe('second');
  await write(stream, 'third');
  expect(await events.next()).toBe('third');
  stream.end();
  expect(await events.next()).toBe('end');
}

async function expectHeldBack(proxy: Proxy, headers?: Record<string, string>) {
  const { events, stream } = await openStream(proxy, headers);
  await write(stream, 'first');
  await ask(proxy);
  await write(stream, 'second');
  // Whoever has dealt with a whole request that came later has seen what came before, and kept it. (HAProxy keeps
  // each chunk for 200 ms anyway; that it keeps it for longer is seen where it cuts.)
  await ask(proxy);
  expect(events.items).toEqual([]);
  stream.end();
  expect(await events.take(3)).toEqual(['200', 'firstsecond', 'end']);
}

/** How long a chunk takes, at best, in milliseconds. */
async function fastestChunk(proxy: Proxy): Promise<number> {
  const { events, stream } = await openStream(proxy);
  let fastest = Infinity;
  for (let count = 0; count < 5; count++) {
    const before = performance.now();
    stream.write('chunk');
    while ((await events.next()) !== 'chunk');
    fastest = Math.min(fastest, performance.now() - before);
  }
  return fastest;
}

/** Opens a WebSocket: both of its ends. */
async function open(proxy: Proxy) {
  const client = new WsClient(proxy.url.replace('http', 'ws'));
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  return { client, server: await sockets.next() };
}

async function expectWebSocket(proxy: Proxy) {
  const { client, server } = await open(proxy);
  client.send('question');
  expect(String((await once(server, 'message'))[0])).toBe('question');
  server.send('answer');
  expect(String((await once(client, 'message'))[0])).toBe('answer');
  client.close(4001);
  expect((await once(server, 'close'))[0]).toBe(4001);
}

/** The server sees an ordinary request, and answers it. */
async function expectNoWebSocket(proxy: Proxy) {
  const client = new WsClient(proxy.url.replace('http', 'ws'));
  client.on('error', () => {});
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
  expect(JSON.parse(await textOf(response))).toMatchObject({ upgrade: null });
  client.terminate();
}

/** A silent WebSocket is cut, and meanwhile one on which the server pings is not. */
async function expectOnlySilentWebSocketCut(proxy: Proxy) {
  const before = performance.now();
  const lively = await open(proxy);
  const interval = setInterval(() => lively.server.ping(), 300);
  onTestFinished(() => clearInterval(interval));
  const silent = await open(proxy);
  const cut = await Promise.all([once(silent.client, 'close'), once(silent.server, 'close')]);
  expect(cut.map(([code]) => code as number)).toEqual([1006, 1006]);
  expect(performance.now() - before).toBeGreaterThan(900);
  for (let count = 0; count < 3; count++) await once(lively.client, 'ping');
  expect(lively.client.readyState).toBe(WsClient.OPEN);
}

/** A tunnel through a forward proxy, to the server of this test unless told otherwise. */
async function openTunnel(proxy: Proxy, port = target) {
  const asking = request({
    port: proxy.port,
    host: '127.0.0.1',
    method: 'CONNECT',
    path: `127.0.0.1:${port}`,
  });
  asking.end();
  const [response, socket] = (await once(asking, 'connect')) as [IncomingMessage, Socket];
  onTestFinished(() => void socket.destroy());
  return { status: response.statusCode, socket };
}

const unbuffered = { 'X-Accel-Buffering': 'no' };

describe('nginx', () => {
  test('by default lets no WebSocket through, and forgets the Host', async () => {
    const proxy = await use(startNginx('default', target));
    await expectNoWebSocket(proxy);
    expect((await ask(proxy)).seen).toMatchObject({ httpVersion: '1.0', host: `127.0.0.1:${target}` });
  });

  test('by default holds a stream back, unless it is told by X-Accel-Buffering', async () => {
    const proxy = await use(startNginx('default', target));
    await expectHeldBack(proxy);
    await expectPrompt(proxy, unbuffered);
  });

  test('by default refuses a request of more than 1 MiB', async () => {
    const proxy = await use(startNginx('default', target));
    expect(await ask(proxy, 'x'.repeat(1_500_000))).toMatchObject({ status: 413 });
  });

  test('as recommended lets all through: WebSockets, streams, the Host, large requests', async () => {
    const proxy = await use(startNginx('recommended', target));
    await expectWebSocket(proxy);
    await expectPrompt(proxy);
    const large = 2 * 16 * 1024 * 1024 + 65_536;
    expect(await ask(proxy, 'x'.repeat(large))).toEqual({
      status: 200,
      seen: { httpVersion: '1.1', host: `127.0.0.1:${proxy.port}`, upgrade: null, length: large },
    });
  });

  test('as recommended, but with a short wait, cuts a WebSocket that is silent, and none with heartbeats', async () => {
    const proxy = await use(startNginx('recommended', target, { cutAfterSeconds: 1 }));
    await expectOnlySilentWebSocketCut(proxy);
  });

  test('when it is hostile lets no WebSocket through, and holds back every stream', async () => {
    const proxy = await use(startNginx('hostile', target));
    await expectNoWebSocket(proxy);
    await expectHeldBack(proxy, unbuffered);
  });

  test('when it is hostile cuts what is silent, and what it had held back is lost', async () => {
    const proxy = await use(startNginx('hostile', target, { cutAfterSeconds: 1 }));
    const before = performance.now();
    const silent = await openStream(proxy);
    const begun = await openStream(proxy);
    await write(begun.stream, 'lost');
    expect(await silent.events.next()).toBe('504');
    expect(performance.now() - before).toBeGreaterThan(900);
    expect(await begun.events.take(2)).toEqual(['200', 'cut']);
  });
});

describe('HAProxy', () => {
  test('by default lets WebSockets and streams through', async () => {
    const proxy = await use(startHaproxy('default', target));
    await expectWebSocket(proxy);
    await expectPrompt(proxy);
    expect((await ask(proxy)).seen).toMatchObject({ httpVersion: '1.1', host: `127.0.0.1:${proxy.port}` });
  });

  test('by default takes 200 ms over each chunk of a stream, and as recommended none', async () => {
    const slow = await use(startHaproxy('default', target));
    const fast = await use(startHaproxy('recommended', target));
    expect(await fastestChunk(slow)).toBeGreaterThan(150);
    expect(await fastestChunk(fast)).toBeLessThan(100);
  });

  test('as recommended lets all through: WebSockets, streams, the Host, large requests', async () => {
    const proxy = await use(startHaproxy('recommended', target));
    await expectWebSocket(proxy);
    await expectPrompt(proxy);
    const large = 2 * 16 * 1024 * 1024 + 65_536;
    expect(await ask(proxy, 'x'.repeat(large))).toEqual({
      status: 200,
      seen: { httpVersion: '1.1', host: `127.0.0.1:${proxy.port}`, upgrade: null, length: large },
    });
  });

  test.each(['default', 'recommended'] as const)(
    'as %s, but with a short wait, cuts a WebSocket that is silent, and none with heartbeats',
    async (mode) => {
      const proxy = await use(startHaproxy(mode, target, { cutAfterSeconds: 1 }));
      await expectOnlySilentWebSocketCut(proxy);
    },
  );

  test('when it is hostile lets no WebSocket through, and holds back every stream', async () => {
    const proxy = await use(startHaproxy('hostile', target));
    await expectNoWebSocket(proxy);
    await expectHeldBack(proxy, unbuffered);
  });

  test('when it is hostile cuts what is silent, and what it had held back is lost', async () => {
    const proxy = await use(startHaproxy('hostile', target, { cutAfterSeconds: 1 }));
    const before = performance.now();
    const silent = await openStream(proxy);
    const begun = await openStream(proxy);
    await write(begun.stream, 'lost');
    expect(await silent.events.next()).toBe('504');
    expect(performance.now() - before).toBeGreaterThan(900);
    expect(await begun.events.next()).toBe('504');
  });
});

describe('the forward proxy', () => {
  test('carries a WebSocket through a tunnel, and counts it', async () => {
    const proxy = await use(startForwardProxy());
    const { socket, status } = await openTunnel(proxy);
    expect(status).toBe(200);
    const client = new WsClient(`ws://127.0.0.1:${target}/`, { createConnection: () => socket });
    onTestFinished(() => client.terminate());
    await once(client, 'open');
    const server = await sockets.next();
    client.send('question');
    expect(String((await once(server, 'message'))[0])).toBe('question');
    expect([proxy.tunnels, proxy.requests]).toEqual([1, 0]);
    server.terminate();
    expect((await once(client, 'close'))[0]).toBe(1006);
  });

  test('carries requests for whole URLs, their bodies and streams, and counts them', async () => {
    const proxy = await use(startForwardProxy());
    const through = { path: `http://127.0.0.1:${target}/`, headers: { Host: `127.0.0.1:${target}` } };
    expect((await ask(proxy, 'body', through)).seen).toMatchObject({
      host: `127.0.0.1:${target}`,
      length: 4,
    });
    await expectPrompt(proxy, {}, { ...through, path: `${through.path}stream` });
    expect([proxy.tunnels, proxy.requests]).toEqual([0, 2]);
  });

  test('tells a server that the client has gone, and a client that the server has', async () => {
    const proxy = await use(startForwardProxy());
    const through = { path: `http://127.0.0.1:${target}/stream` };
    const asking = request(proxy.url, through).on('error', () => {});
    asking.end();
    const left = await streams.next();
    asking.destroy();
    await once(left, 'close');
    const { events, stream } = await openStream(proxy, {}, through);
    await write(stream, 'first');
    expect(await events.take(2)).toEqual(['200', 'first']);
    stream.destroy();
    expect(await events.next()).toBe('cut');
  });

  test('answers 502 when there is no server, and 400 to what is for no server', async () => {
    const proxy = await use(startForwardProxy());
    const gone = await use(startForwardProxy());
    await gone.stop();
    expect((await openTunnel(proxy, gone.port)).status).toBe(502);
    expect((await ask(proxy, '', { path: `http://127.0.0.1:${gone.port}/` })).status).toBe(502);
    expect((await ask(proxy, '', { path: '/' })).status).toBe(400);
  });
});

test.each([
  ['nginx', () => startNginx('default', target)],
  ['HAProxy', () => startHaproxy('default', target)],
  ['the forward proxy', () => startForwardProxy()],
])('%s is gone when it has been stopped, with what went through it', async (_, starting) => {
  const proxy = await use<Proxy>(starting());
  const socket = connect(proxy.port, '127.0.0.1').resume();
  await once(socket, 'connect');
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await Promise.all([closed, proxy.stop()]);
  await expect(once(connect(proxy.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
  await proxy.stop();
});

test.each(['nginx', 'haproxy'] as const)('the guide recommends for %s what was tested here', (name) => {
  const guide = readFileSync(new URL('../../docs/guide/carriers.md', import.meta.url), 'utf8');
  expect(guide).toContain(`\`\`\`text\n${recommended[name]}\n\`\`\``);
});

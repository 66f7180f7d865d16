import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectHttp2, createServer } from 'node:http2';
import { createSecureServer, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, serve, type Connection } from 'bothways';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket as WsClient } from 'ws';
import { createCertificate } from '../peers/certificate.js';
import { Arrivals } from '../../packages/bothways/src/node/test-arrivals.js';
import { freePort, start, temporaryDirectory } from '../peers/start.js';

// WebSockets over HTTP/2 (RFC 8441) with those who speak it: Chromium, HAProxy in both directions, libwebsockets.

const echo = { message: (socket: Connection, data: string | Buffer) => void socket.send(data) };
const disposables: AsyncDisposable[] = [];
let certificate: { cert: string; key: string };

beforeAll(async () => {
  certificate = await createCertificate();
});

afterAll(async () => {
  for (const disposable of disposables.toReversed()) await disposable[Symbol.asyncDispose]();
});

/** What ends when all tests have. */
function keep<Kept extends AsyncDisposable>(kept: Kept): Kept {
  disposables.push(kept);
  return kept;
}

async function openSession(url: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(url, { ca: certificate.cert });
  await once(session, 'connect');
  keep({
    [Symbol.asyncDispose]: async () => {
      if (session.destroyed) return;
      session.close();
      await once(session, 'close');
    },
  });
  return session;
}

async function exchange(socket: Connection, messages: readonly (string | Buffer)[]): Promise<void> {
  for (const message of messages) socket.send(message);
  const iterator = socket[Symbol.asyncIterator]();
  for (const message of messages) expect((await iterator.next()).value).toEqual(message);
}

const MESSAGES = ['text', 'ünïcode ✓', Buffer.from([0, 1, 255]), '', 'x'.repeat(300_000)];

describe('Chromium on an origin of HTTP/2', () => {
  let browser: Browser;
  let page: Page;
  let live: string;
  let sessions = 0;
  const methods: string[] = [];
  const opened = new Arrivals<Connection>();

  beforeAll(async () => {
    const http = createSecureServer({ ...certificate, allowHTTP1: true }, (_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><title>HTTP/2</title><p>An ordinary page');
    });
    http.on('session', () => sessions++);
    keep(
      await serve(
        { server: http, path: '/live', protocols: ['chat'], compression: { threshold: 0 } },
        {
          ...echo,
          open(socket) {
            methods.push(socket.request.method);
            opened.push(socket);
          },
        },
      ),
    );
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    live = `wss://${host}/live`;
    keep({ [Symbol.asyncDispose]: async () => void http.close() });
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
    });
    keep({ [Symbol.asyncDispose]: () => browser.close() });
    page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`https://${host}/`);
  }, 60_000);

  test('opens WebSockets as streams of the connection that brought the page', async () => {
    const before = sessions;
    const seen = await page.evaluate(
      async ({ url, messages }) => {
        const sockets = Array.from({ length: 10 }, () => new WebSocket(url, 'chat'));
        return Promise.all(
          sockets.map(
            (socket) =>
              new Promise((resolve) => {
                const received: unknown[] = [];
                socket.addEventListener('open', () => {
                  for (const message of messages) socket.send(message);
                });
                socket.addEventListener('message', ({ data }) => {
                  if (received.push(data) === messages.length) socket.close(4001, 'done');
                });
                socket.addEventListener('close', ({ code, reason, wasClean }) => {
                  const { protocol, extensions } = socket;
                  resolve({ received, code, reason, wasClean, protocol, extensions });
                });
              }),
          ),
        );
      },
      { url: live, messages: TEXTS },
    );
    expect(seen).toHaveLength(10);
    for (const each of seen) {
      expect(each).toMatchObject({
        received: TEXTS,
        code: 4001,
        reason: 'done',
        wasClean: true,
        protocol: 'chat',
      });
      expect((each as { extensions: string }).extensions).toContain('permessage-deflate');
    }
    expect(methods).toEqual(Array.from({ length: 10 }, () => 'CONNECT'));
    expect(sessions).toBe(before);
    for (let count = 0; count < 10; count++) await (await opened.next()).closed;
  });

  test('sees the close of the server, and a connection that is cut', async () => {
    const closing = page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, 'chat');
          socket.addEventListener('close', ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
        }),
      live,
    );
    (await opened.next()).close(4002, 'go');
    expect(await closing).toEqual([4002, 'go', true]);
    const cut = page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, 'chat');
          socket.addEventListener('close', ({ code, wasClean }) => resolve([code, wasClean]));
        }),
      live,
    );
    (await opened.next()).terminate();
    expect(await cut).toEqual([1006, false]);
  });

  test('is refused where nobody may be', async () => {
    const code = await page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url);
          socket.addEventListener('close', (event) => resolve(event.code));
        }),
      live.replace('/live', '/elsewhere'),
    );
    expect(code).toBe(1006);
  });

  test('and who speaks HTTP/1.1 only is served on the same port', async () => {
    const socket = new WsClient(live, 'chat', { ca: certificate.cert });
    await once(socket, 'open');
    socket.send('over HTTP/1.1');
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(data.toString()).toBe('over HTTP/1.1');
    expect(methods.at(-1)).toBe('GET');
    socket.close();
    await once(socket, 'close');
  });
});

const TEXTS = MESSAGES.filter((message) => typeof message === 'string');

describe('HAProxy', () => {
  let towardsHttp2: number;
  let towardsHttp1: number;
  const methods: string[] = [];

  beforeAll(async () => {
    const http = createServer();
    keep(
      await serve(
        { server: http },
        {
          ...echo,
          open(socket) {
            methods.push(socket.request.method);
          },
        },
      ),
    );
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    keep({ [Symbol.asyncDispose]: async () => void http.close() });
    const http2Port = (http.address() as AddressInfo).port;
    const plain = keep(await serve({ port: 0, host: '127.0.0.1' }, echo));
    [towardsHttp2, towardsHttp1] = [await freePort(), await freePort()];
    const directory = keep(await temporaryDirectory());
    const config = join(directory.path, 'haproxy.cfg');
    await writeFile(
      config,
      `global
  stats socket ${join(directory.path, 'admin.sock')}
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend of-http1
  bind 127.0.0.1:${towardsHttp2}
  default_backend http2
backend http2
  server bothways 127.0.0.1:${http2Port} proto h2
frontend of-http2
  bind 127.0.0.1:${towardsHttp1} proto h2
  default_backend http1
backend http1
  server bothways 127.0.0.1:${plain.port}
`,
    );
    const haproxy = start({
      name: 'haproxy',
      command: '/usr/sbin/haproxy',
      args: ['-W', '-db', '-f', config],
      install: 'apt-get install -y --no-install-recommends haproxy',
    });
    keep({ [Symbol.asyncDispose]: () => haproxy.stop() });
    await haproxy.line('its ports', (line) => line.includes('Loading success') || undefined);
  }, 60_000);

  test('turns what comes over HTTP/1.1 into HTTP/2 towards a Bothways server', async () => {
    const socket = await connect(`ws://127.0.0.1:${towardsHttp2}/`, { compression: { threshold: 0 } });
    await exchange(socket, MESSAGES);
    expect(methods).toEqual(['CONNECT']);
    socket.close(4001, 'done');
    expect(await socket.closed).toMatchObject({ code: 4001, wasClean: true });
  });

  test('turns what a Bothways client sends over HTTP/2 into HTTP/1.1', async () => {
    const session = await openSession(`http://127.0.0.1:${towardsHttp1}`);
    const url = `ws://127.0.0.1:${towardsHttp1}/`;
    const sockets = await Promise.all([connect(url, { http2: session }), connect(url, { http2: session })]);
    for (const socket of sockets) {
      await exchange(socket, MESSAGES);
      socket.close(4001, 'done');
      expect(await socket.closed).toMatchObject({ code: 4001, wasClean: true });
    }
  });
});

test('libwebsockets serves a Bothways client over HTTP/2', async () => {
  const directory = keep(await temporaryDirectory());
  const [cert, key] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
  await writeFile(cert, certificate.cert);
  await writeFile(key, certificate.key);
  const port = await freePort();
  const peer = start({
    name: 'libwebsockets-test-server',
    command: '/usr/bin/libwebsockets-test-server',
    args: [`--port=${port}`, '--interface=lo', '--ssl', `--ssl-cert=${cert}`, `--ssl-key=${key}`, '-d', '15'],
    install: 'apt-get install -y --no-install-recommends libwebsockets-test-server',
  });
  keep({ [Symbol.asyncDispose]: () => peer.stop() });
  await peer.line('OPERATIONAL', (line) => line.includes('-> OPERATIONAL') || undefined);
  const session = await openSession(`https://127.0.0.1:${port}`);
  const socket = await connect(`wss://127.0.0.1:${port}/`, {
    http2: session,
    protocols: ['lws-mirror-protocol'],
  });
  await exchange(socket, ['one', 'two']);
  socket.close(1000, 'done');
  expect(await socket.closed).toMatchObject({ code: 1000, wasClean: true });
});

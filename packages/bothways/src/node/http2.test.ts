import { once } from 'node:events';
import {
  connect as connectHttp2,
  constants,
  createSecureServer,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { reject } from './rejection.js';
import { serve } from './server.js';
import { Arrivals, deferred, turns, until } from './test-arrivals.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import { echo, flood, join, start, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload } from './test-wire.js';
import type { ServeOptions } from './options.js';
import type { ConnectionFunction, Handlers } from './handlers.js';
import { WebSocketStream } from './websocket-stream.js';

let certificate: Certificate;

beforeAll(() => {
  certificate = createCertificate('DNS:localhost,IP:127.0.0.1');
});

/** A session that ends with the test. */
async function openSession(port: number, scheme: 'http' | 'https' = 'http'): Promise<ClientHttp2Session> {
  const session = connectHttp2(`${scheme}://localhost:${port}`, { ca: certificate.cert });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

async function listen(server: Http2Server | Http2SecureServer): Promise<number> {
  server.listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server beside one of `node:http2` without TLS, and a session with it. */
async function startBeside<State = unknown>(
  options: ServeOptions<State> = {},
  handlers: Handlers<NoInfer<State>> | ConnectionFunction<NoInfer<State>> = echo,
) {
  const http = createServer();
  const server = await serve<State>({ server: http, ...options }, handlers);
  onTestFinished(() => server.close({ timeout: 0 }));
  const port = await listen(http);
  return { http, server, port, session: await openSession(port), url: `ws://localhost:${port}/` };
}

/** A request for a WebSocket, by hand; its answer's header fields, and its stream. */
async function request(session: ClientHttp2Session, fields: Record<string, string> = {}) {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/',
      'sec-websocket-version': '13',
      ...fields,
    },
    { endStream: false },
  );
  const wire = new Wire(stream);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { headers, stream, wire };
}

/** The status of an ordinary request, and the body. */
async function get(session: ClientHttp2Session, fields: Record<string, string> = {}) {
  const stream = session.request({ ':path': '/', ...fields });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk as string;
  return { headers, body };
}

/** How a stream ended: the code of RST_STREAM, 0 for none. */
async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  if (!stream.closed || !stream.destroyed) await once(stream, 'close');
  return stream.rstCode;
}

describe('A server beside one of node:http2', () => {
  it('opens a WebSocket on a stream, with frames masked one way only', async () => {
    const { session } = await startBeside();
    const { headers, wire } = await request(session);
    expect(headers[':status']).toBe(200);
    expect(headers).not.toHaveProperty('sec-websocket-accept');
    wire.write(clientFrame(0x81, 'over HTTP/2'));
    expect(await wire.frame()).toMatchObject({ opcode: 1, isMasked: false });
  });

  it('ends the stream after the closing handshake, and leaves the session', async () => {
    const { session } = await startBeside();
    const { wire, stream } = await request(session);
    wire.write(clientFrame(0x88, closePayload(1000)));
    expect(await wire.close()).toMatchObject({ code: 1000 });
    await wire.ended;
    stream.end();
    expect(await resetCode(stream)).toBe(constants.NGHTTP2_NO_ERROR);
    expect((await request(session)).headers[':status']).toBe(200);
  });

  it('carries many WebSockets and ordinary requests on one TCP connection', async () => {
    const { http, session, url } = await startBeside({ path: '/live' });
    http.on('request', (_request, response) => response.end('an ordinary page'));
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => join(`${url}live`, { http2: session })),
    );
    for (const [index, socket] of sockets.entries()) socket.send(`message ${index}`);
    const answers = await Promise.all(sockets.map((socket) => socket[Symbol.asyncIterator]().next()));
    expect(answers.map(({ value }) => value)).toEqual(sockets.map((_, index) => `message ${index}`));
    expect((await get(session)).body).toBe('an ordinary page');
    const [connections] = await new Promise<[number]>((resolve) =>
      http.getConnections((_, count) => resolve([count])),
    );
    expect(connections).toBe(1);
  });

  it('agrees on subprotocols and compression as over HTTP/1.1', async () => {
    const { session, url } = await startBeside({ protocols: ['b', 'a'], compression: { threshold: 0 } });
    const socket = await join(url, { http2: session, protocols: ['a', 'b'], compression: { threshold: 0 } });
    expect(socket.protocol).toBe('b');
    expect(socket.extensions).toContain('permessage-deflate');
    for (const message of ['x'.repeat(100_000), 'short', '']) {
      socket.send(message);
      expect((await socket[Symbol.asyncIterator]().next()).value).toBe(message);
    }
  });

  it('hands what the request was to `accept` and to the handlers', async () => {
    const opened = new Arrivals<Socket<string>>();
    const { session, url } = await startBeside<string>(
      { accept: (asked) => `${asked.method} ${asked.url} ${asked.headers['x-a']}` },
      { open: (socket) => opened.push(socket) },
    );
    await join(`${url}live?a=1`, { http2: session, headers: { 'X-A': 'yes' } });
    const socket = await opened.next();
    expect(socket.state).toBe('CONNECT /live?a=1 yes');
    expect(socket.request.remoteAddress).toMatch(/127\.0\.0\.1|::1/);
  });

  it.each<[string, ServeOptions, Record<string, string>, number]>([
    ['for another path', { path: '/live' }, {}, 404],
    ['from a page of another origin', {}, { origin: 'https://evil.example' }, 403],
    ['that is malformed', {}, { 'sec-websocket-version': '8' }, 400],
    ['for which there is no room', { maxConnections: 1 }, {}, 503],
    [
      'that `accept` rejects',
      { accept: () => reject(401, 'Who?', { Connection: 'x', 'X-A': '1' }) },
      {},
      401,
    ],
    ['on which `accept` fails', { accept: () => Promise.reject(new Error('broken')) }, {}, 500],
  ])('refuses a request %s', async (_, options, fields, status) => {
    const { session, url } = await startBeside(options, { error() {} });
    if (status === 503) await join(url, { http2: session });
    const { headers, wire } = await request(session, fields);
    expect(headers[':status']).toBe(status);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['x-a']).toBe(status === 401 ? '1' : undefined);
    expect(headers).not.toHaveProperty('connection');
    await wire.ended;
  });

  it('says that a stream was reset: 1006 for who is left, RST_STREAM with CANCEL from who cuts', async () => {
    const closed = new Arrivals<number>();
    const opened = new Arrivals<Socket>();
    const { session } = await startBeside(
      {},
      { open: (socket) => opened.push(socket), close: (_socket, code) => closed.push(code) },
    );
    const first = await request(session);
    await opened.next();
    first.stream.close(constants.NGHTTP2_CANCEL);
    expect(await closed.next()).toBe(1006);
    const second = await request(session);
    (await opened.next()).terminate();
    expect(await resetCode(second.stream)).toBe(constants.NGHTTP2_CANCEL);
    expect(await closed.next()).toBe(1006);
    const third = await request(session);
    await opened.next();
    third.stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    expect(await closed.next()).toBe(1006);
    expect((await request(session)).headers[':status']).toBe(200);
  });

  it('joins the flow control of the stream to backpressure, and one reader who waits holds up no other', async () => {
    const opened = new Arrivals<Socket>();
    const { session } = await startBeside({ highWaterMark: 1000 }, { open: (socket) => opened.push(socket) });
    const slow = await request(session);
    slow.stream.pause();
    const socket = await opened.next();
    const sent = await flood(socket, () => Buffer.alloc(10_000));
    // The window of the stream, and what waits here.
    expect(sent).toBeLessThan(30);
    const quick = await request(session);
    (await opened.next()).send('quick');
    expect(await quick.wire.text()).toBe('quick');
    expect(socket.bufferedAmount).toBeGreaterThan(1000);
    slow.stream.resume();
    await socket.ready;
    expect(socket.bufferedAmount).toBeLessThanOrEqual(1000);
  });

  it('stops the peer when it does not read itself', async () => {
    const opened = new Arrivals<Socket>();
    const { session, url } = await startBeside({}, { open: (socket) => opened.push(socket) });
    const client = await join(url, { http2: session });
    const socket = await opened.next();
    socket.pause();
    for (let count = 0; count < 100; count++) client.send(Buffer.alloc(10_000, count));
    expect(client.bufferedAmount).toBeGreaterThan(500_000);
    const other = await join(url, { http2: session });
    other.ping();
    socket.resume();
    await client.ready;
    expect(client.bufferedAmount).toBeLessThanOrEqual(65_536);
  });

  it('leaves other CONNECT requests to who listens for them, and answers them if nobody does', async () => {
    const { http, session } = await startBeside();
    http.on('request', (_request, response) => response.end());
    expect((await request(session, { ':protocol': 'connect-udp' })).headers[':status']).toBe(501);
    const plain = session.request({ ':method': 'CONNECT', ':authority': 'a.example:1' });
    const [headers] = (await once(plain, 'response')) as [IncomingHttpHeaders];
    expect(headers[':status']).toBe(405);
    http.on('connect', (asked, response) => {
      if (asked.headers[':protocol'] !== 'websocket') response.writeHead(202).end();
    });
    const theirs = await request(session, { ':protocol': 'connect-udp' });
    expect(theirs.headers[':status']).toBe(202);
    expect((await request(session)).headers[':status']).toBe(200);
  });

  it('leaves paths that are not its own to who listens for streams', async () => {
    for (const isCompatible of [false, true]) {
      const { http, session } = await startBeside({ path: '/live' });
      if (isCompatible) http.on('request', (_request, response) => response.end());
      expect((await request(session, { ':path': '/other' })).headers[':status']).toBe(404);
      http.on('stream', (stream, headers) => {
        if (headers[':path'] === '/other') stream.respond({ ':status': 202 });
      });
      expect((await request(session, { ':path': '/other' })).headers[':status']).toBe(202);
      expect((await request(session, { ':path': '/live' })).headers[':status']).toBe(200);
    }
  });

  it.each([
    ['accepted', true],
    ['refused', reject(401)],
  ])('leaves alone what somebody else has answered before it is %s', async (_, decision) => {
    const gate = deferred();
    const { http, server, session } = await startBeside({
      accept: async () => {
        await gate.promise;
        return decision;
      },
    });
    http.on('stream', (stream) => {
      stream.respond({ ':status': 202 });
      stream.write('theirs');
    });
    const { headers, stream } = await request(session);
    expect(headers[':status']).toBe(202);
    gate.resolve();
    await until(() => server.metrics().pendingHandshakes === 0);
    expect(server.metrics().connections).toBe(0);
    stream.write('still theirs');
    await turns();
    expect([stream.closed, stream.rstCode]).toEqual([false, 0]);
  });

  it('refuses with all that was given, less what HTTP/2 does not have', async () => {
    const headers = {
      Location: ['/a', '/b'],
      TE: 'gzip',
      'HTTP2-Settings': 'AAMAAABkAAQAAP__',
      Upgrade: 'other',
      'Set-Cookie': ['a=1', 'b=2'],
      Vary: ['one', 'two'],
    };
    const { session, server } = await startBeside({ accept: () => reject(303, '', headers) });
    const answer = (await request(session)).headers;
    expect(answer).toMatchObject({
      ':status': 303,
      location: '/a, /b',
      vary: 'one, two',
      'set-cookie': ['a=1', 'b=2'],
    });
    for (const name of ['te', 'http2-settings', 'upgrade']) expect(answer).not.toHaveProperty(name);
    expect(server.metrics().pendingHandshakes).toBe(0);
  });

  it('closes its WebSockets and leaves the HTTP server, which then opens none', async () => {
    const { http, server, session } = await startBeside();
    http.on('request', (_request, response) => response.end('still there'));
    const { wire, stream } = await request(session);
    const closing = server.close();
    expect(await wire.close()).toMatchObject({ code: 1001 });
    wire.write(clientFrame(0x88, closePayload(1001)));
    stream.end();
    await closing;
    expect((await get(session)).body).toBe('still there');
    expect((await request(session)).headers[':status']).toBe(405);
  });
});

describe('A server on a port of its own, with http2', () => {
  it('speaks HTTP/2 and HTTP/1.1 on one port', async () => {
    const server = await start({ tls: certificate, http2: true, host: 'localhost' });
    const session = await openSession(server.port, 'https');
    const over2 = await join(server.url, { http2: session });
    const over1 = await join(server.url, { tls: { ca: certificate.cert } });
    expect([over2.request.method, over1.request.method]).toEqual(['CONNECT', 'GET']);
    for (const socket of [over2, over1]) {
      socket.send('hello');
      expect((await socket[Symbol.asyncIterator]().next()).value).toBe('hello');
    }
    expect(server.connections.size).toBe(2);
    expect((await get(session)).headers[':status']).toBe(404);
    await server.close();
    expect((await over2.closed).code).toBe(1001);
    expect((await over1.closed).code).toBe(1001);
  });

  it('closes a session in which nothing is open, and none in which something is', async () => {
    const server = await start({ tls: certificate, http2: true, host: 'localhost', handshakeTimeout: 100 });
    const busy = await openSession(server.port, 'https');
    const socket = await join(server.url, { http2: busy });
    const idle = await openSession(server.port, 'https');
    await once(idle, 'close');
    expect(busy.closed).toBe(false);
    socket.close();
    await once(busy, 'close');
  });

  it('cuts who speaks HTTP/1.1 and does not finish the request', async () => {
    const server = await start({ tls: certificate, http2: true, host: 'localhost', handshakeTimeout: 100 });
    const socket = connectTls({ port: server.port, host: 'localhost', ca: certificate.cert });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
    let answer = '';
    for await (const chunk of socket.setEncoding('latin1')) answer += chunk as string;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('needs TLS', async () => {
    await expect(serve({ port: 0, http2: true }, {})).rejects.toThrow("'http2' needs the option 'tls'");
  });
});

describe('connect() over HTTP/2', () => {
  it('says that the server takes no such requests', async () => {
    const http = createServer((_request, response) => response.end());
    const session = await openSession(await listen(http));
    await expect(join('ws://localhost/', { http2: session })).rejects.toMatchObject({ code: 'ERR_HTTP2' });
  });

  it('waits for a session that is not there yet', async () => {
    const { url, port } = await startBeside();
    const session = connectHttp2(`http://localhost:${port}`);
    onTestFinished(() => session.destroy());
    const sockets = await Promise.all(Array.from({ length: 20 }, () => join(url, { http2: session })));
    sockets[19]!.send('there');
    expect((await sockets[19]![Symbol.asyncIterator]().next()).value).toBe('there');
  });

  it('says that the session is gone, or never comes about', async () => {
    const { session, url, port } = await startBeside();
    session.destroy();
    await expect(join(url, { http2: session })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    const used = await openSession(port);
    await join(url, { http2: used });
    used.close();
    await expect(join(url, { http2: used })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    const never = connectHttp2('http://127.0.0.1:1');
    never.on('error', () => {});
    await expect(join(url, { http2: never })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('has the status and the body of a refusal', async () => {
    const { session, url } = await startBeside({ accept: () => reject(401, 'Who are you?') });
    await expect(join(url, { http2: session })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_STATUS',
      status: 401,
      body: 'Who are you?',
    });
  });

  it('is cancelled in time, and resets its stream', async () => {
    const asked = new Arrivals<void>();
    const { session, url, server } = await startBeside({
      accept: () => {
        asked.push();
        return new Promise(() => {});
      },
    });
    const controller = new AbortController();
    const attempt = join(url, { http2: session, signal: controller.signal });
    await asked.next();
    controller.abort(new Error('Never mind'));
    await expect(attempt).rejects.toThrow('Never mind');
    await expect(join(url, { http2: session, handshakeTimeout: 50 })).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    expect(server.metrics().acceptedHandshakes).toBe(0);
  });

  it('says that the session was lost: 1006', async () => {
    const { session, url } = await startBeside();
    const socket = await join(url, { http2: session });
    session.destroy();
    expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'network' });
  });

  it.each([{ tls: {} }, { socketPath: '/tmp/none' }, { proxy: 'http://127.0.0.1:1' }])(
    'does not go together with %j',
    async (option) => {
      const { session, url } = await startBeside();
      await expect(join(url, { http2: session, ...option })).rejects.toThrow(TypeError);
    },
  );
});

describe('setSecureContext()', () => {
  it.each([false, true])('changes the certificate of new connections only (http2: %s)', async (http2) => {
    const [old, renewed] = [createCertificate('IP:127.0.0.1'), createCertificate('IP:127.0.0.1')];
    const server = await start({ tls: { cert: old.cert, key: old.key }, http2, host: 'localhost' });
    const before = await join(server.url, { tls: { ca: old.cert } });
    server.setSecureContext({ cert: renewed.cert, key: renewed.key });
    await expect(join(server.url, { tls: { ca: old.cert } })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    const after = await join(server.url, { tls: { ca: renewed.cert } });
    for (const socket of [before, after]) {
      socket.send('still here');
      expect((await socket[Symbol.asyncIterator]().next()).value).toBe('still here');
    }
    expect(() => server.setSecureContext({ cert: 'none' })).toThrow(/PEM/);
    // What is left out stays as it is, and not as it was at first.
    server.setSecureContext({ minVersion: 'TLSv1.3', cert: undefined });
    expect((await join(server.url, { tls: { ca: renewed.cert } })).readyState).toBe(1);
  });

  it('is refused where there is no TLS, or where it is of the HTTP server', async () => {
    const plain = await start({});
    expect(() => plain.setSecureContext({})).toThrow(TypeError);
    const beside = await serve({ server: createSecureServer() }, {});
    expect(() => beside.setSecureContext({})).toThrow(TypeError);
    expect(() => plain.setSecureContext(null as never)).toThrow(TypeError);
  });
});

async function inMicrotasks(count: number, action: () => void): Promise<void> {
  for (let index = 0; index < count; index++) await Promise.resolve();
  action();
}

describe('A WebSocketStream over HTTP/2', () => {
  // Each of these is another point between the answer's arrival and the open stream.
  it.each(Array.from({ length: 16 }, (_, index) => index))(
    'is closed, or was never open, when it is closed %i microtasks after the answer',
    async (count) => {
      const opened = new Arrivals<Socket>();
      const { session, url } = await startBeside({}, { open: opened.push });
      const makeRequest = session.request.bind(session);
      session.request = (...args) => {
        const made = makeRequest(...args);
        made.once('response', () => void inMicrotasks(count, () => stream.close()));
        return made;
      };
      const stream = new WebSocketStream(url, { http2: session });
      const isOpened = await stream.opened.then(
        () => true,
        () => false,
      );
      const connection = await opened.next();
      expect(await connection.closed).toMatchObject({ wasClean: isOpened });
      const closed: unknown = await stream.closed.catch((thrown: unknown) => thrown);
      expect(closed).toMatchObject({ closeCode: isOpened ? 1005 : 1006 });
    },
  );
});

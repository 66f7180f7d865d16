import { once } from 'node:events';
import { IncomingMessage, createServer as createHttpServer, get } from 'node:http';
import { createServer as createHttpsServer, get as httpsGet } from 'node:https';
import type { Socket as TcpSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { serve } from './server.js';
import { turns } from './test-arrivals.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import { join, joinWatched, listening, start, wsJoin } from './test-server.js';
import { SAMPLE_KEY, Wire, clientFrame, upgradeRequest } from './test-wire.js';

let certificate: Certificate;

beforeAll(() => {
  certificate = createCertificate('DNS:localhost,IP:127.0.0.1');
});

async function echoes(url: string, tls?: object): Promise<unknown> {
  const { socket, messages } = await joinWatched(url, tls === undefined ? {} : { tls });
  socket.send('through');
  return messages.next();
}

/** Two ends of one stream, in memory: what one writes the other reads, as the same bytes. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [1, 0].map(
    (other) =>
      new Duplex({
        read() {},
        write(chunk, _encoding, callback) {
          ends[other]!.push(chunk);
          callback();
        },
        final(callback) {
          ends[other]!.push(null);
          callback();
        },
      }),
  );
  return [ends[0]!, ends[1]!];
}

async function body(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

describe('A server on a port of its own', () => {
  it('says which port it got and where it is', async () => {
    const server = await start({ path: '/live' });
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`ws://127.0.0.1:${server.port}/live`);
    expect(await echoes(server.url)).toBe('through');
  });

  it.each(['0.0.0.0', '::', undefined])('is at localhost when it listens on %s', async (host) => {
    const server = await start({ host });
    expect(server.url).toBe(`ws://localhost:${server.port}/`);
    expect(await echoes(server.url)).toBe('through');
  });

  it('puts an IPv6 address into brackets', async () => {
    const server = await start({ host: '::1' });
    expect(server.url).toBe(`ws://[::1]:${server.port}/`);
    expect(await echoes(server.url)).toBe('through');
  });

  it('listens at the given address only', async () => {
    const server = await start({ host: '127.0.0.1' });
    await expect(join(`ws://127.0.0.2:${server.port}`)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('rejects with EADDRINUSE when the port is taken', async () => {
    const { port } = await start({});
    const second = serve({ port, host: '127.0.0.1' }, {});
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', port });
  });

  it('speaks TLS when it is given a certificate', async () => {
    const server = await start({ tls: { cert: certificate.cert, key: certificate.key } });
    expect(server.url).toBe(`wss://127.0.0.1:${server.port}/`);
    expect(await echoes(server.url, { ca: certificate.cert })).toBe('through');
  });

  it('tells an ordinary request that it wants an upgrade', async () => {
    const server = await start({});
    const [response] = (await once(get(`http://127.0.0.1:${server.port}/`), 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(426);
    expect(response.headers).toMatchObject({
      upgrade: 'websocket',
      connection: 'Upgrade, close',
      'content-type': 'text/plain; charset=utf-8',
    });
    expect(await body(response)).toContain('WebSocket endpoint');
  });

  it('closes the TCP connection after it told so', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 426 /);
  });

  it('accepts a client that is slow to send its request, within handshakeTimeout', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    for (const character of upgradeRequest()) wire.write(character);
    expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it.each(['', 'GET / HTTP/1.1\r\nHost: a\r\nUpg'])(
    'cuts a client that has sent only %j after handshakeTimeout',
    async (beginning) => {
      const server = await start({ handshakeTimeout: 150 });
      const wire = await Wire.connect(server.port);
      wire.write(beginning);
      expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 408 |^$/);
    },
  );

  it('cuts a client that does not begin with TLS after handshakeTimeout', { timeout: 5_000 }, async () => {
    const tls = { cert: certificate.cert, key: certificate.key };
    const server = await start({ tls, handshakeTimeout: 150 });
    const wire = await Wire.connect(server.port);
    await wire.ended;
    expect(wire.waiting).toBe(0);
  });

  it('goes on when a request is no HTTP at all', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write('\x16\x03\x01\x00\xa5\x01\r\n\r\n');
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await echoes(server.url)).toBe('through');
  });
});

describe('A server beside an HTTP server', () => {
  it('leaves ordinary requests to it', async () => {
    const http = await listening(createHttpServer((_request, response) => response.end('a page')));
    const server = await start({ port: undefined, host: undefined, server: http, path: '/live' });
    expect(server.port).toBe(http.port);
    expect(server.url).toBe(`ws://127.0.0.1:${http.port}/live`);
    expect(await echoes(server.url)).toBe('through');
    const request = get(`http://127.0.0.1:${http.port}/live`);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await body(response)).toBe('a page');
  });

  it('can live beside https', async () => {
    const { cert, key } = certificate;
    const https = await listening(
      createHttpsServer({ cert, key }, (_request, response) => response.end('a page')),
    );
    const server = await start({ port: undefined, host: undefined, server: https });
    expect(server.url).toBe(`wss://127.0.0.1:${https.port}/`);
    expect(await echoes(server.url, { ca: cert })).toBe('through');
    const request = httpsGet(`https://127.0.0.1:${https.port}/`, { ca: cert, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(await body(response)).toBe('a page');
  });

  it('has port 0 until the HTTP server listens', async () => {
    const http = createHttpServer();
    const server = await start({ port: undefined, host: undefined, server: http });
    expect(server.port).toBe(0);
    const { port } = await listening(http);
    expect(server.port).toBe(port);
  });

  it('can share it with servers at other paths', async () => {
    const http = await listening();
    const beside = { port: undefined, host: undefined, server: http };
    const one = await start({ ...beside, path: '/one' }, { open: (socket) => void socket.send('one') });
    const two = await start({ ...beside, path: '/two' }, { open: (socket) => void socket.send('two') });
    expect(await (await wsJoin({ url: `${one.url}?with=query` })).messages.next()).toBe('one');
    expect(await (await wsJoin(two)).messages.next()).toBe('two');
    expect([one.connections.size, two.connections.size]).toEqual([1, 1]);
  });

  it.each(['/', '/livery', '/live/', '/LIVE', '//live', '/a/live'])(
    'is not at %s but at its path',
    async (target) => {
      const http = await listening();
      await start({ port: undefined, host: undefined, server: http, path: '/live' });
      const wire = await Wire.connect(http.port);
      wire.write(upgradeRequest({}, `GET ${target} HTTP/1.1`));
      expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 404 /);
    },
  );

  it('takes a request-target that is an absolute URL', async () => {
    const server = await start({ path: '/live' });
    const wire = await Wire.upgraded(server.port, {}, `http://127.0.0.1:${server.port}/live?a`);
    wire.write(clientFrame(0x81, 'through'));
    expect(await wire.text()).toBe('through');
  });

  it('finds the one of several servers that an absolute URL is for', async () => {
    const http = await listening();
    const beside = { port: undefined, host: undefined, server: http };
    await start({ ...beside, path: '/one' }, { open: (socket) => void socket.send('one') });
    await start({ ...beside, path: '/two' }, { open: (socket) => void socket.send('two') });
    const wire = await Wire.connect(http.port);
    wire.write(upgradeRequest({}, `GET http://127.0.0.1:${http.port}/two HTTP/1.1`));
    expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(await wire.text()).toBe('two');
  });

  it('answers 404 at a path that none of several servers has', { timeout: 5_000 }, async () => {
    const http = await listening();
    const beside = { port: undefined, host: undefined, server: http };
    await start({ ...beside, path: '/one' });
    await start({ ...beside, path: '/two' });
    const wire = await Wire.connect(http.port);
    wire.write(upgradeRequest({}, 'GET /three HTTP/1.1'));
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('leaves another path to whoever else listens for upgrades', async () => {
    const http = await listening();
    await start({ port: undefined, host: undefined, server: http, path: '/live' });
    http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {});
      if (request.url === '/other') socket.end('HTTP/1.1 200 OK\r\n\r\nanother protocol');
    });
    const wire = await Wire.connect(http.port);
    wire.write(upgradeRequest({}, 'GET /other HTTP/1.1'));
    expect((await wire.rest()).toString()).toBe('HTTP/1.1 200 OK\r\n\r\nanother protocol');
  });
});

describe('A server that is handed upgrades', () => {
  it('takes over the socket and the bytes behind the request', async () => {
    const http = await listening();
    const server = await start({ port: undefined, host: undefined });
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head));
    const wire = await Wire.connect(http.port);
    wire.write(Buffer.concat([Buffer.from(upgradeRequest()), clientFrame(0x81, 'early')]));
    expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(await wire.text()).toBe('early');
    expect(server.port).toBe(0);
    expect(server.connections.size).toBe(1);
  });

  it('takes a stream that is no socket, and leaves alone what that has taken', async () => {
    const server = await start({ port: undefined, host: undefined }, {});
    const [near, far] = pair();
    const request = new IncomingMessage(near as unknown as TcpSocket);
    const fields = { Host: 'a', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13' };
    request.rawHeaders = Object.entries({ ...fields, 'Sec-WebSocket-Key': SAMPLE_KEY }).flat();
    Object.assign(request, { method: 'GET', url: '/', httpVersion: '1.1' });
    server.handleUpgrade(request, near, Buffer.alloc(0));
    const [socket] = server.connections;
    // The other end does not read meanwhile, so all of it waits where it was written.
    for (let index = 0; index < 20; index++) {
      socket!.send(`message ${index}`);
      await turns(1);
    }
    const wire = new Wire(far);
    expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
    for (let index = 0; index < 20; index++) expect(await wire.text()).toBe(`message ${index}`);
  });

  it('refuses what is no handshake', async () => {
    const http = await listening();
    const server = await start({ port: undefined, host: undefined, path: '/live' });
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head));
    const wire = await Wire.connect(http.port);
    wire.write(upgradeRequest({}, 'GET /elsewhere HTTP/1.1'));
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 404 /);
  });
});

import { createServer, type Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { HandshakeError } from '../protocol/errors.js';
import { reject, type Rejection } from './rejection.js';
import { Arrivals, deferred, settled, turns, until } from './test-arrivals.js';
import { createCertificate } from './test-certificate.js';
import { join, listening, nextWarning, start, startWatched, wsJoin } from './test-server.js';
import { attended } from './test-session.js';
import { Wire, clientFrame, upgradeRequest } from './test-wire.js';

/** A server whose `accept` decides when the test does: each handshake comes out of `asked`. */
async function startUndecided(options = {}, handlers = {}) {
  const asked = new Arrivals<(state: string | Rejection | Error) => void>();
  const watched = await startWatched<string>(
    {
      accept: () => {
        const decision = deferred<string | Rejection>();
        asked.push((state) => (state instanceof Error ? decision.reject(state) : decision.resolve(state)));
        return decision.promise;
      },
      ...options,
    },
    handlers,
  );
  return { ...watched, asked };
}

async function asking(port: number, behind: Uint8Array = Buffer.alloc(0)): Promise<Wire> {
  const wire = await Wire.connect(port);
  wire.write(Buffer.concat([Buffer.from(upgradeRequest()), behind]));
  return wire;
}

describe('accept', () => {
  it.each([
    ['at once', () => 'mine'],
    ['later', async () => Promise.resolve('mine')],
  ])('gives the connection its state %s', async (_when, accept) => {
    const { server, opened } = await startWatched<string>({ accept });
    await join(server);
    expect((await opened.next()).state).toBe('mine');
  });

  it('gets the socket, which knows the certificate of the client', async () => {
    const { cert, key } = createCertificate('DNS:localhost,IP:127.0.0.1');
    const seen = new Arrivals<unknown>();
    const server = await start({
      tls: { cert, key, ca: cert, requestCert: true },
      sessions: true,
      accept: (_request, socket) => seen.push((socket as TLSSocket).getPeerCertificate().subject.CN),
    });
    const tls = { ca: cert, cert, key };
    await join(server.url, { tls });
    for (const carrier of ['polling', 'websocket'] as const)
      await attended(server, { scheme: 'https', carriers: [carrier], tls });
    expect(await seen.take(3)).toEqual(['bothways test', 'bothways test', 'bothways test']);
  });

  it('sees the request', async () => {
    const seen = new Arrivals<unknown>();
    const server = await start({
      accept: ({ method, url, headers, origin, protocols, remoteAddress }) => {
        seen.push({ method, url, cookie: headers['cookie'], origin, protocols, remoteAddress });
      },
    });
    const url = `${server.url}room?id=1`;
    const origin = `http://127.0.0.1:${server.port}`;
    await join(url, { headers: { Cookie: 'a=b' }, origin, protocols: [] });
    expect(await seen.next()).toEqual({
      method: 'GET',
      url: '/room?id=1',
      cookie: 'a=b',
      origin,
      protocols: [],
      remoteAddress: '127.0.0.1',
    });
  });

  it.each([
    [
      'at once',
      () => reject(401, 'Who are you?', { 'WWW-Authenticate': 'Basic', 'Set-Cookie': ['a=1', 'b=2'] }),
    ],
    [
      'later',
      async () =>
        Promise.resolve(
          reject(401, 'Who are you?', { 'WWW-Authenticate': 'Basic', 'Set-Cookie': ['a=1', 'b=2'] }),
        ),
    ],
  ])('can refuse with a status, a body and header fields %s', async (_when, accept) => {
    const server = await start({ accept });
    const error = await join(server).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({
      code: 'ERR_HANDSHAKE_STATUS',
      status: 401,
      body: 'Who are you?',
      headers: { 'www-authenticate': 'Basic', 'set-cookie': 'a=1, b=2', connection: 'close' },
    });
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 0, acceptedHandshakes: 0 });
  });

  it('refuses with a body whose length is counted in bytes', async () => {
    const server = await start({ accept: () => reject(403, 'Nein, danke schön 🙂') });
    await expect(join(server)).rejects.toMatchObject({ body: 'Nein, danke schön 🙂' });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('The users are gone');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('The users are gone'))],
  ])('that %s ends the handshake with 500 and is told to the error handler', async (_how, accept) => {
    const errors = new Arrivals<[Error, unknown]>();
    const server = await start({ accept }, { error: (...told) => errors.push(told) });
    await expect(join(server)).rejects.toMatchObject({ status: 500 });
    expect(await errors.next()).toEqual([new Error('The users are gone'), undefined]);
    expect(server.metrics().pendingHandshakes).toBe(0);
  });

  it('that throws becomes a warning of the process where nobody handles errors', async () => {
    const server = await start({ accept: async () => Promise.reject(new Error('The users are gone')) }, {});
    const warning = nextWarning();
    await expect(join(server)).rejects.toMatchObject({ status: 500 });
    expect(await warning).toMatchObject({ message: 'The users are gone' });
  });

  it('that takes longer than handshakeTimeout is answered for with 503', async () => {
    const { server, opened, asked } = await startUndecided({ handshakeTimeout: 50 });
    const wire = await asking(server.port);
    const decide = await asked.next();
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: \d/i);
    expect(server.metrics().pendingHandshakes).toBe(0);
    decide('too late');
    await turns();
    expect(opened.items).toEqual([]);
  });

  it('that fails after its time is over is still told to the error handler', async () => {
    const errors = new Arrivals<Error>();
    const { server, asked } = await startUndecided({ handshakeTimeout: 30 }, { error: errors.push });
    const wire = await asking(server.port);
    const decide = await asked.next();
    await wire.rest();
    decide(new Error('gone'));
    expect(await errors.next()).toEqual(new Error('gone'));
    expect(server.metrics().pendingHandshakes).toBe(0);
  });

  it('may take as long as it likes when handshakeTimeout is 0', async () => {
    const { server, asked } = await startUndecided({ handshakeTimeout: 0 });
    const wire = await asking(server.port);
    const decide = await asked.next();
    await new Promise((resolve) => setTimeout(resolve, 150));
    decide('at last');
    expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
  });
});

describe('While accept decides', () => {
  it('what the client sends is kept, in order', async () => {
    const { server, messages, asked } = await startUndecided();
    const wire = await asking(server.port, Buffer.concat([clientFrame(0x81, '0'), clientFrame(0x81, '1')]));
    const decide = await asked.next();
    for (let index = 2; index < 10; index++) wire.write(clientFrame(0x81, `${index}`));
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 1, connections: 0 });
    decide('yes');
    expect(await messages.take(10)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 0, connections: 1, acceptedHandshakes: 1 });
  });

  it('TCP slows a client that sends megabytes, and all of it arrives', async () => {
    const http: HttpServer = await listening(createServer());
    const sockets = new Arrivals<TcpSocket>();
    http.on('connection', sockets.push);
    const { messages, asked } = await startUndecided({ port: undefined, host: undefined, server: http });
    const { port } = http as HttpServer & { port: number };
    const wire = await asking(port);
    const decide = await asked.next();
    const count = 256;
    for (let index = 0; index < count; index++) wire.write(clientFrame(0x82, Buffer.alloc(65_536, index)));
    const atServer = await sockets.next();
    expect(await settled(() => atServer.bytesRead)).toBeLessThan(1 << 20);
    expect(atServer.readableLength).toBeLessThan(1 << 18);
    decide('yes');
    const arrived = (await messages.take(count)) as Buffer[];
    expect(arrived.map((message) => message.length)).toEqual(Array.from({ length: count }, () => 65_536));
    expect(arrived.every((message, index) => message[0] === index && message[65_535] === index)).toBe(true);
  });

  it.each(['reset', 'end'] as const)('the client may vanish by %s', { timeout: 5_000 }, async (how) => {
    const { server, asked } = await startUndecided({ maxConnections: 1 });
    const wire = await asking(server.port);
    const decide = await asked.next();
    wire[how]();
    if (how === 'reset') await wire.gone;
    await turns(20);
    decide('too late');
    await until(() => server.connections.size === 0 && server.metrics().pendingHandshakes === 0);
    wire.stream.destroy();
    const next = await asking(server.port);
    (await asked.next())('yes');
    expect(await next.head()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('a client that vanished and is refused then ends nothing', async () => {
    const { server, asked } = await startUndecided();
    const wire = await asking(server.port);
    const decide = await asked.next();
    wire.reset();
    await wire.gone;
    await turns(20);
    decide(reject(403));
    await until(() => server.metrics().pendingHandshakes === 0);
    expect(server.metrics().acceptedHandshakes).toBe(0);
  });
});

describe('The limits of connections', () => {
  it('refuse one more than maxConnections with 503, until one has gone', async () => {
    const server = await start({ maxConnections: 2 });
    const first = await wsJoin(server);
    await wsJoin(server);
    await expect(join(server)).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '30' } });
    first.socket.terminate();
    await until(() => server.connections.size === 1);
    await join(server);
    expect(server.connections.size).toBe(2);
  });

  it('count handshakes that accept has not decided yet', async () => {
    const { server, asked } = await startUndecided({ maxConnections: 1 });
    const first = await asking(server.port);
    const decide = await asked.next();
    await expect(join(server)).rejects.toMatchObject({ status: 503 });
    decide(reject(403));
    await first.rest();
    const second = await asking(server.port);
    (await asked.next())('yes');
    expect(await second.head()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('refuse one more than maxConnectionsPerAddress with 429, and only from there', async () => {
    const server = await start({ maxConnectionsPerAddress: 2, host: '0.0.0.0' });
    const here = { url: `ws://127.0.0.1:${server.port}` };
    const first = await wsJoin(here);
    await wsJoin(here);
    await expect(join(here)).rejects.toMatchObject({ status: 429, headers: { 'retry-after': '30' } });
    await wsJoin(here, { localAddress: '127.0.0.3' });
    first.socket.close();
    await first.closed;
    await until(() => server.connections.size === 2);
    await join(here);
  });

  it.each([
    ['refused', () => reject(403)],
    [
      'broken',
      () => {
        throw new Error('no');
      },
    ],
    ['slow', () => new Promise<never>(() => {})],
  ])('give back the place of a %s handshake', async (_how, accept) => {
    const seen: boolean[] = [];
    const options = { maxConnections: 1, maxConnectionsPerAddress: 1, handshakeTimeout: 30 };
    const server = await start(
      { ...options, accept: () => (seen.push(true) > 2 ? 'yes' : accept()) },
      { error() {} },
    );
    for (let attempt = 0; attempt < 2; attempt++) {
      const status = await join(server).catch((error: HandshakeError) => error.status);
      expect([403, 500, 503]).toContain(status);
    }
    await join(server);
    expect(seen).toHaveLength(3);
  });

  it('give back the place where the protocols function throws', async () => {
    let calls = 0;
    const protocols = (): string => {
      if (++calls === 1) throw new Error('no');
      return 'a';
    };
    const server = await start({ maxConnections: 1, protocols }, { error() {} });
    await expect(join(server, { protocols: 'a' })).rejects.toMatchObject({ status: 500 });
    expect((await join(server, { protocols: 'a' })).protocol).toBe('a');
  });
});

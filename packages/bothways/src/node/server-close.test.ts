import { createServer, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { RequestInfo } from '../protocol/contract.js';
import { serve } from './server.js';
import { Arrivals, deferred, turns, until } from './test-arrivals.js';
import { flood, join, listening, start, startWatched, wsJoin } from './test-server.js';
import { Wire, clientFrame, closePayload, upgradeRequest } from './test-wire.js';

async function statusOf(port: number): Promise<number> {
  const wire = await Wire.connect(port);
  wire.write(upgradeRequest());
  const status = Number((await wire.head()).slice(9, 12));
  wire.end();
  return status;
}

async function page(port: number): Promise<number | undefined> {
  const request = get({ port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe('close of a server', () => {
  it('tells all clients 1001, and resolves when they have left', async () => {
    const { server, opened } = await startWatched();
    const clients = await Promise.all([wsJoin(server), wsJoin(server), join(server)]);
    const sockets = await opened.take(3);
    await server.close();
    expect(server.connections.size).toBe(0);
    expect(await Promise.all(clients.slice(0, 2).map(({ closed }) => closed))).toEqual([
      [1001, ''],
      [1001, ''],
    ]);
    for (const socket of sockets) {
      expect(await socket.closed).toEqual({ code: 1001, reason: '', wasClean: true, initiator: 'local' });
    }
  });

  it('can say why', async () => {
    const server = await start({});
    const { closed } = await wsJoin(server);
    await server.close({ code: 1012, reason: 'moving' });
    expect(await closed).toEqual([1012, 'moving']);
  });

  it.each([
    [{ code: 1005 }, 'code'],
    [{ code: 999 }, 'code'],
    [{ code: '1000' }, 'code'],
    [{ code: 1000.5 }, 'code'],
    [{ reason: 'é'.repeat(62) }, 'reason'],
    [{ reason: 1 }, 'reason'],
    [{ timeout: -1 }, 'timeout'],
    [{ stagger: '1' }, 'stagger'],
    [{ delay: 1 }, 'delay'],
  ])('throws a TypeError for %j and closes nothing', async (options, name) => {
    const server = await start({});
    const client = await join(server);
    expect(() => server.close(options as object)).toThrow(TypeError);
    expect(() => server.close(options as object)).toThrow(`'${name}'`);
    await turns();
    expect(client.readyState).toBe(1);
  });

  it('a second time is the same', async () => {
    const server = await start({});
    expect(server.close()).toBe(server.close({ code: 1000 }));
    await server.close();
  });

  it('is what disposing of it does', async () => {
    const server = await serve({ port: 0, host: '127.0.0.1' }, {});
    const { closed } = await wsJoin(server);
    await server[Symbol.asyncDispose]();
    expect(await closed).toEqual([1001, '']);
    await expect(join(server.url)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('cuts those who have not left after its timeout', async () => {
    const { server, opened } = await startWatched({ closeTimeout: 10_000 });
    const silent = await Wire.upgraded(server.port);
    const deaf = await Wire.upgraded(server.port);
    deaf.pause();
    const sockets = await opened.take(2);
    await flood(sockets[1]!, () => Buffer.alloc(65_536));
    await server.close({ timeout: 50 });
    expect((await silent.close()).code).toBe(1001);
    for (const socket of sockets)
      expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'local' });
  });

  it('spreads the news over its stagger, in the order in which the clients came', async () => {
    const server = await start({});
    const told: [index: number, at: number][] = [];
    const clients = [];
    for (let index = 0; index < 4; index++) {
      const client = await wsJoin(server);
      client.socket.on('close', () => told.push([index, performance.now()]));
      clients.push(client);
    }
    const begun = performance.now();
    await server.close({ stagger: 400 });
    await Promise.all(clients.map(({ closed }) => closed));
    expect(told.map(([index]) => index)).toEqual([0, 1, 2, 3]);
    // One every 50 ms, the first at once.
    expect(told[3]![1] - begun).toBeGreaterThan(140);
    expect(told[1]![1] - begun).toBeGreaterThan(45);
  });

  it('gives clients that are told late their whole timeout', async () => {
    const server = await start({ closeTimeout: 10_000 });
    const wires = [await Wire.upgraded(server.port), await Wire.upgraded(server.port)];
    const [, last] = server.connections;
    const closing = server.close({ stagger: 100, timeout: 1_000 });
    for (const wire of wires) {
      expect((await wire.close()).code).toBe(1001);
      wire.write(clientFrame(0x88, closePayload(1001)));
      wire.end();
    }
    await closing;
    expect(await last!.closed).toMatchObject({ wasClean: true });
  });

  it('resolves when there is nobody', async () => {
    const server = await start({});
    await server.close({ stagger: 60_000, timeout: 60_000 });
    expect(server.port).toBe(0);
  });

  it('drops those who have not sent a request yet', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    wire.write('GET / HTTP/1.1\r\n');
    await until(() => wire.stream.writableLength === 0);
    await server.close();
    expect(await wire.rest()).toHaveLength(0);
  });

  it('may be called by a handler', async () => {
    const { server } = await startWatched({}, { message: () => void server.close() });
    const { socket, closed } = await wsJoin(server);
    socket.send('stop');
    expect(await closed).toEqual([1001, '']);
    await server.close();
  });

  it('ends the functions of its connections', async () => {
    const ended = deferred();
    const server = await start({}, async (socket) => {
      for await (const message of socket) socket.send(message);
      ended.resolve();
    });
    await wsJoin(server);
    await server.close();
    await ended.promise;
    expect(server.connections.size).toBe(0);
  });
});

async function startUndecided(options = {}) {
  const asked = deferred<(state: unknown) => void>();
  const accept = () => new Promise<unknown>((resolve) => asked.resolve(resolve));
  const { server, opened } = await startWatched({ accept, ...options });
  const wire = await Wire.connect(server.port);
  wire.write(upgradeRequest());
  return { server, opened, wire, decide: await asked.promise };
}

describe('A server that closes while a handshake is undecided', () => {
  it('refuses it with 503', async () => {
    const { server, opened, wire, decide } = await startUndecided();
    const closing = server.close({ timeout: 10_000 });
    decide('yes');
    expect((await wire.rest()).toString()).toMatch(/^HTTP\/1\.1 503 [^]*retry-after/i);
    wire.end();
    await closing;
    expect(opened.items).toEqual([]);
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 0, acceptedHandshakes: 0 });
  });

  it('does not wait for it longer than its timeout', async () => {
    const { server } = await startUndecided({ handshakeTimeout: 15_000 });
    const begun = performance.now();
    await server.close({ timeout: 50 });
    expect(performance.now() - begun).toBeLessThan(6_000);
  });
});

describe('A server that closes beside an HTTP server', () => {
  it('refuses handshakes with 503 meanwhile, and the HTTP server goes on', async () => {
    const http = await listening(createServer((_request, response) => response.end('a page')));
    const asked: string[] = [];
    const accept = ({ url }: RequestInfo): void => void asked.push(url);
    const server = await start({ port: undefined, host: undefined, server: http, accept });
    const wire = await Wire.upgraded(http.port);
    const closing = server.close();
    expect(await statusOf(http.port)).toBe(503);
    expect(asked).toEqual(['/']);
    expect(await page(http.port)).toBe(200);
    await wire.close();
    wire.write(clientFrame(0x88, closePayload(1001)));
    wire.end();
    await closing;
    expect(await page(http.port)).toBe(200);
    expect(http.listenerCount('upgrade')).toBe(0);
  });

  it('makes room for another one', async () => {
    const http = await listening();
    const beside = { port: undefined, host: undefined, server: http };
    const first = await start(beside, {});
    await first.close();
    const second = await start(beside, { open: (socket) => void socket.send('second') });
    expect(await (await wsJoin(second)).messages.next()).toBe('second');
  });
});

describe('metrics', () => {
  it('count what is and what was', async () => {
    const gate = new Arrivals<() => void>();
    const { server } = await startWatched({
      accept: ({ url }) =>
        url === '/later' ? new Promise<void>((resolve) => gate.push(resolve)) : undefined,
    });
    const first = await wsJoin(server);
    await wsJoin(server);
    const wire = await Wire.connect(server.port);
    wire.write(upgradeRequest({}, 'GET /later HTTP/1.1'));
    const decide = await gate.next();
    const counts = { connections: 2, pendingHandshakes: 1, acceptedHandshakes: 2, closedConnections: 0 };
    expect(server.metrics()).toMatchObject(counts);
    decide();
    await wire.head();
    expect(server.metrics()).toMatchObject({
      ...counts,
      connections: 3,
      pendingHandshakes: 0,
      acceptedHandshakes: 3,
    });
    first.socket.terminate();
    await until(() => server.connections.size === 2);
    expect(server.metrics()).toMatchObject({ connections: 2, acceptedHandshakes: 3, closedConnections: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import type { Origins } from '../protocol/origin.js';
import { Arrivals } from './test-arrivals.js';
import { join, start, startWatched, wsJoin, wsServe } from './test-server.js';
import { Wire, upgradeRequest } from './test-wire.js';

const PROTOCOL = 'Sec-WebSocket-Protocol';

async function protocolAnswered(port: number, offered: string | undefined): Promise<string | undefined> {
  const wire = await Wire.connect(port);
  wire.write(upgradeRequest({ [PROTOCOL]: offered }));
  const head = await wire.head();
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  return /^sec-websocket-protocol: (.*)\r$/im.exec(head)?.[1];
}

describe('The subprotocol', () => {
  it.each([
    ['the first of the server that the client has too', ['a', 'b'], 'c, b, a', 'a'],
    ['none where there is none in common', ['a', 'b'], 'c', undefined],
    ['none where the client offers none', ['a'], undefined, undefined],
    ['none where the server speaks none', undefined, 'a', undefined],
    ['none where the case differs', ['A'], 'a', undefined],
    ['one whose name every object has', ['constructor'], 'constructor', 'constructor'],
  ])('is %s', async (_what, protocols, offered, answered) => {
    const { server, opened } = await startWatched({ protocols });
    expect(await protocolAnswered(server.port, offered)).toBe(answered);
    expect((await opened.next()).protocol).toBe(answered ?? '');
  });

  it('may be chosen by a function, which sees what was offered and the request', async () => {
    const seen = new Arrivals<unknown>();
    const server = await start({
      protocols: (offered, request) => {
        seen.push([offered, request.url]);
        return offered[1];
      },
    });
    const socket = await join(server, { protocols: ['a', 'b', 'c'] });
    expect(socket.protocol).toBe('b');
    expect(await seen.next()).toEqual([['a', 'b', 'c'], '/']);
  });

  it.each([undefined, ''])('is none where the function returns %j', async (chosen) => {
    const server = await start({ protocols: () => chosen });
    expect(await protocolAnswered(server.port, 'a')).toBeUndefined();
  });

  it('is not asked for where nothing was offered', async () => {
    let calls = 0;
    const server = await start({ protocols: () => `${++calls}` });
    expect(await protocolAnswered(server.port, undefined)).toBeUndefined();
    expect(calls).toBe(0);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      'broken',
    ],
    ['chooses what was not offered', () => 'b', 'not offered'],
    ['breaks the header line', () => 'a\r\nSet-Cookie: b', 'not offered'],
  ])('ends the handshake with 500 where the function %s', async (_how, protocols, message) => {
    const errors = new Arrivals<Error>();
    const server = await start({ protocols }, { error: errors.push });
    await expect(join(server, { protocols: 'a' })).rejects.toMatchObject({ status: 500 });
    expect((await errors.next()).message).toContain(message);
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 0, acceptedHandshakes: 0 });
  });
});

async function statusFor(
  port: number,
  origin: string | undefined,
  host = `127.0.0.1:${port}`,
): Promise<number> {
  const wire = await Wire.connect(port);
  wire.write(upgradeRequest({ Origin: origin, Host: host }));
  return Number((await wire.head()).slice(9, 12));
}

describe('The origin of a page', () => {
  it('must be that of the server by default', async () => {
    const { port } = await start({});
    expect(await statusFor(port, undefined)).toBe(101);
    expect(await statusFor(port, `http://127.0.0.1:${port}`)).toBe(101);
    expect(await statusFor(port, `https://127.0.0.1:${port}`)).toBe(101);
    expect(await statusFor(port, `http://127.0.0.1`)).toBe(403);
    expect(await statusFor(port, `http://localhost:${port}`)).toBe(403);
    expect(await statusFor(port, 'null')).toBe(403);
    expect(await statusFor(port, 'https://shop.example', 'shop.example')).toBe(101);
  });

  it.each([
    ['*', 'https://any.example', 101],
    [['https://a.example', 'https://*.b.example', 'http://localhost:*'], 'https://a.example', 101],
    [['https://a.example', 'https://*.b.example', 'http://localhost:*'], 'https://x.y.b.example', 101],
    [['https://a.example', 'https://*.b.example', 'http://localhost:*'], 'http://localhost:5173', 101],
    [['https://a.example', 'https://*.b.example', 'http://localhost:*'], 'https://b.example', 403],
    [['https://a.example', 'https://*.b.example', 'http://localhost:*'], 'http://a.example', 403],
    [
      ['https://a.example', 'https://*.b.example', 'http://localhost:*'],
      'https://a.example.evil.example',
      403,
    ],
    [['https://a.example'], undefined, 101],
    [['null'], 'null', 101],
    [[], 'https://a.example', 403],
  ])('with the option %j may be %s: %i', async (origins, origin, status) => {
    const { port } = await start({ origins: origins as Origins });
    expect(await statusFor(port, origin)).toBe(status);
  });

  it('is refused before accept is asked', async () => {
    let calls = 0;
    const { port } = await start({ accept: () => ++calls });
    expect(await statusFor(port, 'https://evil.example')).toBe(403);
    expect(calls).toBe(0);
  });
});

describe('A connection', () => {
  it('has the request that opened it, at both ends', async () => {
    const { server, opened } = await startWatched({});
    const options = { headers: { 'X-User': 'me' }, protocols: ['a', 'b'] };
    const wire = await Wire.upgraded(server.port, { ...options.headers, [PROTOCOL]: 'a, b' }, '/room?id=1');
    expect((await opened.next()).request).toMatchObject({
      method: 'GET',
      url: '/room?id=1',
      headers: { 'x-user': 'me', upgrade: 'websocket', host: '127.0.0.1' },
      origin: undefined,
      protocols: ['a', 'b'],
      remoteAddress: '127.0.0.1',
    });
    wire.end();
    const peer = await wsServe();
    const client = await join(`${peer.url}room?id=1`, {
      headers: options.headers,
      origin: 'http://a.example',
    });
    expect(client.request).toMatchObject({
      method: 'GET',
      url: '/room?id=1',
      headers: {
        'x-user': 'me',
        upgrade: 'websocket',
        host: `127.0.0.1:${peer.port}`,
        origin: 'http://a.example',
      },
      origin: 'http://a.example',
      protocols: [],
      remoteAddress: '127.0.0.1',
    });
  });

  it('may be sent header fields with the names that every object has', async () => {
    const { server, opened } = await startWatched({});
    await Wire.upgraded(server.port, { constructor: 'a', toString: 'b', __proto__x: 'c' });
    const { headers } = (await opened.next()).request;
    expect([headers['constructor'], headers['tostring']]).toEqual(['a', 'b']);
    expect(headers['valueof']).toBeUndefined();
    expect(Object.getPrototypeOf(headers)).toBeNull();
  });

  it('has a state that is the application’s to change', async () => {
    const { server, opened } = await startWatched<{ name: string }>({ accept: () => ({ name: 'first' }) });
    await join(server);
    const socket = await opened.next();
    socket.state.name = 'second';
    socket.state = { name: 'third' };
    expect([...server.connections].map((each) => each.state)).toEqual([{ name: 'third' }]);
  });

  it('has no state at the server without accept, and none at the client', async () => {
    const { server, opened } = await startWatched({});
    expect((await join(server)).state).toBeUndefined();
    expect((await opened.next()).state).toBeUndefined();
  });

  it('agrees on no extension where none is spoken', async () => {
    const { server, opened } = await startWatched({});
    const { socket } = await wsJoin(server, { perMessageDeflate: true });
    expect(socket.extensions).toBe('');
    expect((await opened.next()).extensions).toBe('');
  });
});

import { connect as connectTcp } from 'node:net';
import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { connect } from './connect.js';
import { reject } from './rejection.js';
import { serve } from './server.js';
import { until } from './test-arrivals.js';
import { join, start, wsJoin } from './test-server.js';
import { createCertificate } from './test-certificate.js';
import { Wire, clientFrame } from './test-wire.js';
import { WebSocket } from './websocket.js';

describe('A connection function that waits for a peer who does not read', () => {
  it('is let go when the connection is closed, and the connection is cut after closeTimeout', async () => {
    const returned = new EventEmitter();
    const finished = once(returned, 'return');
    const server = await start({ closeTimeout: 100 }, async (socket) => {
      for await (const message of socket) {
        await socket.ready;
        socket.send(message);
      }
      returned.emit('return');
    });
    const wire = await Wire.upgraded(server.port);
    wire.pause();
    const [socket] = server.connections;
    const frame = clientFrame(0x82, Buffer.alloc(16_384));
    for (let count = 0; count < 800; count++) wire.write(frame);
    await until(() => socket!.bufferedAmount > 65_536);
    socket!.close(4000);
    const { initiator } = await socket!.closed;
    expect(initiator).toBe('local');
    await finished;
  });
});

describe('accept', () => {
  it('may return the promise of any library', async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a promise of another library is what is tested
    const thenable = { then: (decide: (decision: unknown) => void) => decide(reject(401)) };
    const server = await start({ accept: () => thenable as never });
    await expect(join(server)).rejects.toMatchObject({ status: 401 });
    expect(server.connections.size).toBe(0);
  });
});

describe('close of a server', () => {
  it('spreads even a few clients over the whole of stagger', async () => {
    const server = await start({});
    const clients = await Promise.all([1, 2, 3].map(() => wsJoin(server)));
    const begin = performance.now();
    const times = clients.map(({ closed }) => closed.then(() => performance.now() - begin));
    await server.close({ stagger: 600 });
    expect(Math.max(...(await Promise.all(times)))).toBeGreaterThan(350);
  });

  it('waits as long as a timeout can be, whatever the stagger', async () => {
    const server = await start({});
    const client = await wsJoin(server);
    await server.close({ timeout: 2 ** 31 - 1, stagger: 50 });
    expect((await client.closed)[0]).toBe(1001);
  });
});

describe('close of a server with TLS', () => {
  it('cuts a client that never ends its TLS handshake', async () => {
    const { cert, key } = createCertificate('IP:127.0.0.1');
    const server = await serve({ port: 0, host: '127.0.0.1', tls: { cert, key }, handshakeTimeout: 0 }, {});
    const silent = connectTcp(server.port, '127.0.0.1');
    silent.on('error', () => {});
    await once(silent, 'connect');
    await Promise.all([server.close({ timeout: 50 }), once(silent, 'close')]);
    expect(silent.destroyed).toBe(true);
  });
});

describe('A WebSocket', () => {
  it('takes its subprotocols from any iterable', async () => {
    const server = await start({ protocols: ['second'] });
    const socket = new WebSocket(server.url, new Set(['first', 'second']) as never);
    await once(socket, 'open');
    expect(socket.protocol).toBe('second');
    socket.close();
  });
});

describe('connect', () => {
  it.each([null, 0, 'why'])('rejects with the reason %j of its signal', async (reason) => {
    const { createServer } = await import('node:net');
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const controller = new AbortController();
    const attempt = connect(`wss://127.0.0.1:${port}/`, { signal: controller.signal });
    await once(silent, 'connection');
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
    silent.close();
  });
});

describe('Options', () => {
  it('that contradict each other are refused', async () => {
    const options = { highWaterMark: 2_000, maxBufferedBytes: 1_000 };
    await expect(serve(options, {})).rejects.toThrow(
      /'highWaterMark' must be at most 'maxBufferedBytes', 1000/,
    );
  });

  it('and handlers that are left out are missed by name', async () => {
    await expect(serve({}, undefined as never)).rejects.toThrow(/^The handler object takes an object whose/);
    await expect(serve(null as never, {})).rejects.toThrow(/^serve\(\) takes an object whose members may be/);
  });

  it('cannot promise messages that no string can hold', async () => {
    await expect(serve({ maxMessageSize: 2 ** 40 }, {})).rejects.toThrow(/'maxMessageSize' must be/);
  });
});

describe('A request that is no HTTP', () => {
  it('gets a line that says so', async () => {
    const server = await start({});
    const socket = connectTcp(server.port, '127.0.0.1');
    socket.end('NOT HTTP AT ALL\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 [^]*The request is not well-formed HTTP\/1\.1\.$/);
  });
});

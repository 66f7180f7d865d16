import { createServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ConnectionFunction, Handlers } from './handlers.js';
import { Arrivals, deferred, settled, turns } from './test-arrivals.js';
import { flood, join, joinWire, listening, start, startWatched, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload, serverFrame } from './test-wire.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const NUMBERED = (index: number): Buffer => Buffer.alloc(32 * KIB, index);

/** A server whose own end of TCP can be looked at. */
async function startMeasured(handlers: Handlers | ConnectionFunction) {
  const http = await listening(createServer());
  const sockets = new Arrivals<TcpSocket>();
  http.on('connection', sockets.push);
  const server = await start({ port: undefined, host: undefined, server: http }, handlers);
  const wire = await Wire.upgraded(http.port);
  return { server, wire, tcp: await sockets.next() };
}

function isNumbered(messages: readonly (string | Buffer)[]): boolean {
  return messages.every((message, index) => message[0] === (index & 255) && message.length === 32 * KIB);
}

describe('pause', () => {
  it('stops the sender by TCP, and resume loses nothing', async () => {
    const { server, opened, messages } = await startWatched();
    const client = await join(server);
    const socket = await opened.next();
    socket.pause();
    const count = await flood(client, NUMBERED);
    expect(messages.items).toEqual([]);
    socket.resume();
    await client.ready;
    expect(isNumbered(await messages.take(count))).toBe(true);
  });

  it('stops a server in the same way', async () => {
    const { server, opened } = await startWatched();
    const messages = new Arrivals<string | Buffer>();
    const client = await join(server, {}, { message: (_socket, data) => messages.push(data) });
    const socket = await opened.next();
    client.pause();
    const count = await flood(socket, NUMBERED);
    expect(messages.items).toEqual([]);
    client.resume();
    await socket.ready;
    expect(isNumbered(await messages.take(count))).toBe(true);
  });

  it('holds back the rest of what was read already, whatever it is', async () => {
    const seen = new Arrivals<string>();
    const { server, opened } = await startWatched(
      {},
      {
        message(socket, data) {
          seen.push(String(data));
          if (data === 'pause') socket.pause();
        },
        ping: () => seen.push('ping'),
        close: (_socket, code) => seen.push(`close ${code}`),
      },
    );
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    const frames = ['a', 'pause', 'b', 'pause', 'c'].map((text) => clientFrame(0x81, text));
    wire.write(Buffer.concat([...frames, clientFrame(0x89), clientFrame(0x88, closePayload(4000))]));
    expect(await seen.take(2)).toEqual(['a', 'pause']);
    await turns(10);
    expect(seen.items).toEqual([]);
    socket.resume();
    expect(seen.items).toEqual([]);
    expect(await seen.take(2)).toEqual(['b', 'pause']);
    socket.resume();
    socket.pause();
    await turns(10);
    expect(seen.items).toEqual([]);
    socket.resume();
    expect(await seen.take(2)).toEqual(['c', 'ping']);
    wire.end();
    expect(await seen.next()).toBe('close 4000');
  });

  it('in open holds back what came behind the handshake', async () => {
    const { server, opened, messages } = await startWatched({}, { open: (socket) => socket.pause() });
    const wire = await Wire.connect(server.port);
    const request = Buffer.from(
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    wire.write(Buffer.concat([request, clientFrame(0x81, 'early')]));
    await wire.head();
    wire.write(clientFrame(0x81, 'late'));
    const socket = await opened.next();
    await turns(10);
    expect(messages.items).toEqual([]);
    socket.resume();
    expect(await messages.take(2)).toEqual(['early', 'late']);
  });

  it('does not keep the closing handshake from its end when it came before close', async () => {
    const messages: unknown[] = [];
    const { wire, socket } = await joinWire(
      { closeTimeout: 2_000 },
      { message: (_socket, data) => void messages.push(data) },
    );
    socket.pause();
    wire.write(Buffer.concat([serverFrame(0x81, 'unwanted'), serverFrame(0x88, closePayload(4001))]));
    socket.close(4000);
    expect(await wire.close()).toEqual({ code: 4000, reason: '' });
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 4001, wasClean: true });
    expect(messages).toEqual([]);
  });

  it('does not keep the closing handshake from its end when it comes after close', async () => {
    const { wire, socket } = await joinWire({ closeTimeout: 2_000 }, { message() {} });
    socket.close(4000);
    socket.pause();
    expect(await wire.close()).toEqual({ code: 4000, reason: '' });
    wire.write(serverFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });
});

describe('A connection that is read by iteration', () => {
  it('slows the sender while nobody asks for more', async () => {
    const gate = deferred();
    const received: (string | Buffer)[] = [];
    const server = await start({}, async (socket) => {
      await gate.promise;
      for await (const message of socket) received.push(message);
    });
    const client = await join(server);
    const count = await flood(client, NUMBERED);
    gate.resolve();
    await client.ready;
    client.close();
    await client.closed;
    expect(received).toHaveLength(count);
    expect(isNumbered(received)).toBe(true);
  });

  it.each([
    ['large messages', clientFrame(0x82, Buffer.alloc(32 * KIB))],
    ['empty messages', Buffer.concat(Array.from({ length: 5_000 }, () => clientFrame(0x82)))],
  ])('keeps no more than the high-water mark of %s', async (_what, bytes) => {
    const { wire, tcp } = await startMeasured(() => new Promise<void>(() => {}));
    for (let sent = 0; sent < 16 * MIB; sent += bytes.length) wire.write(bytes);
    expect(await settled(() => tcp.bytesRead)).toBeLessThan(300 * KIB);
    expect(wire.stream.writableLength).toBeGreaterThan(MIB);
  });

  it('delivers every one of many empty messages in the end', async () => {
    const gate = deferred();
    let count = 0;
    const done = deferred();
    const { wire } = await startMeasured(async (socket) => {
      await gate.promise;
      for await (const message of socket) if (message === '' && ++count === 100_000) done.resolve();
    });
    wire.write(Buffer.concat(Array.from({ length: 100_000 }, () => clientFrame(0x81))));
    await turns(20);
    gate.resolve();
    await done.promise;
    expect(count).toBe(100_000);
  });

  it('can be left by break and asked again, and loses nothing', async () => {
    const { server, opened } = await startWatched();
    const client = await join(server);
    const socket = await opened.next();
    for (let index = 0; index < 6; index++) socket.send(`${index}`);
    const first: unknown[] = [];
    for await (const message of client) {
      first.push(message);
      if (first.length === 2) break;
    }
    socket.close();
    const second: unknown[] = [];
    for await (const message of client) second.push(message);
    expect([first, second]).toEqual([
      ['0', '1'],
      ['2', '3', '4', '5'],
    ]);
  });

  it('slows the sender after break', async () => {
    const { server, opened } = await startWatched();
    const client = await join(server);
    const socket = await opened.next();
    socket.send('first');
    for await (const message of client) if (message === 'first') break;
    const count = await flood(socket, NUMBERED);
    const rest: (string | Buffer)[] = [];
    for await (const message of client) if (rest.push(message) === count) break;
    expect(isNumbered(rest)).toBe(true);
  });

  it('gives several readers one message each, in order', async () => {
    const { server, opened } = await startWatched();
    const client = await join(server);
    const iterator = client[Symbol.asyncIterator]();
    const reads = [iterator.next(), iterator.next(), iterator.next()];
    const socket = await opened.next();
    socket.send('a');
    socket.send('b');
    socket.close();
    expect(await Promise.all(reads)).toEqual([
      { value: 'a', done: false },
      { value: 'b', done: false },
      { value: undefined, done: true },
    ]);
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  it('may have handlers for all but messages', async () => {
    const closes = new Arrivals<number>();
    const { server, opened } = await startWatched();
    const client = await join(server, {}, { close: (_socket, code) => closes.push(code) });
    const socket = await opened.next();
    for (let index = 0; index < 3; index++) socket.send(`${index}`);
    socket.close(4000);
    expect(await closes.next()).toBe(4000);
    const received: unknown[] = [];
    for await (const message of client) received.push(message);
    expect(received).toEqual(['0', '1', '2']);
  });

  it('ends when the connection is lost, after what had come', async () => {
    const { wire, socket } = await joinWire();
    wire.write(serverFrame(0x81, 'the last'));
    wire.end();
    expect((await socket.closed).code).toBe(1006);
    const received: unknown[] = [];
    for await (const message of socket) received.push(message);
    expect(received).toEqual(['the last']);
  });

  it('goes on reading after close, so that the closing handshake ends, whoever fills it', async () => {
    const { wire, socket } = await joinWire({ closeTimeout: 2_000 });
    socket.close(4000);
    await wire.close();
    for (let index = 0; index < 20; index++) wire.write(serverFrame(0x82, NUMBERED(index)));
    wire.write(serverFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });

  it('is closed cleanly when its function returns in the middle of a stream', async () => {
    const server = await start({ closeTimeout: 2_000 }, async (socket: Socket) => {
      for await (const message of socket) if (message.length > 0) break;
    });
    const wire = await Wire.upgraded(server.port);
    const [connection] = server.connections;
    for (let index = 0; index < 20; index++) wire.write(clientFrame(0x82, NUMBERED(index)));
    expect((await wire.close()).code).toBe(1000);
    wire.write(clientFrame(0x88, closePayload(1000)));
    wire.end();
    expect(await connection!.closed).toMatchObject({ code: 1000, wasClean: true });
  });
});

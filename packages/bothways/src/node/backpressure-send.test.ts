import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Arrivals, repeatWhile, settled, turns, until } from './test-arrivals.js';
import { flood, join, joinWire, start, startWatched, wsJoin, type Socket } from './test-server.js';
import { Wire, clientFrame } from './test-wire.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = Buffer.alloc(64 * KIB, 7);

/** Sends to a peer that does not read until it has to wait; returns how many messages it took. */
function fill(socket: Socket): number {
  return (
    repeatWhile(
      () => socket.send(CHUNK),
      () => {},
    ) + 1
  );
}

async function take(wire: Wire, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const { opcode, payload } = await wire.frame();
    expect([opcode, payload.equals(CHUNK)]).toEqual([2, true]);
  }
}

/** A server's connection to a peer that does not read. */
async function startSlow(options = {}, handlers = {}) {
  const { server, opened } = await startWatched(options, handlers);
  const wire = await Wire.upgraded(server.port);
  wire.pause();
  return { server, wire, socket: await opened.next() };
}

describe('A connection whose peer does not read', () => {
  it('says so by send, and that it is over by drain, once', async () => {
    const drained: number[] = [];
    const drains = new Arrivals<void>();
    const { wire, socket } = await startSlow(
      {},
      {
        drain(each: Socket) {
          drained.push(each.bufferedAmount);
          drains.push();
        },
      },
    );
    const count = await flood(socket, () => CHUNK);
    expect(socket.bufferedAmount).toBeGreaterThan(64 * KIB);
    expect(socket.send('one more')).toBe(false);
    await turns(10);
    expect(drained).toEqual([]);
    wire.resume();
    await drains.next();
    expect(drained[0]).toBeLessThanOrEqual(64 * KIB);
    await take(wire, count);
    expect(await wire.text()).toBe('one more');
    expect(socket.send('again')).toBe(true);
    expect(await wire.text()).toBe('again');
    expect(drained).toHaveLength(1);
    expect(socket.bufferedAmount).toBe(0);
  });

  it('says so for small messages as well, whoever adds them up', async () => {
    const drains = new Arrivals<void>();
    const { wire, socket } = await startSlow({}, { drain: () => drains.push() });
    const count = await flood(socket, (index) => Buffer.alloc(500, index));
    const { ready } = socket;
    wire.resume();
    await Promise.all([ready, drains.next()]);
    for (let index = 0; index < count; index++) expect((await wire.frame()).payload[0]).toBe(index & 255);
  });

  it('resolves ready for all who wait when the peer has read', async () => {
    const { wire, socket } = await startSlow();
    const count = await flood(socket, () => CHUNK);
    const amounts: number[] = [];
    const waits = Array.from({ length: 3 }, async () => {
      await socket.ready;
      amounts.push(socket.bufferedAmount);
    });
    await turns(10);
    expect(amounts).toEqual([]);
    wire.resume();
    await Promise.all(waits);
    expect(Math.max(...amounts)).toBeLessThanOrEqual(64 * KIB);
    await take(wire, count);
    await socket.ready;
  });

  it('resolves ready when it closes', async () => {
    const { socket } = await startSlow();
    await flood(socket, () => CHUNK);
    const { ready } = socket;
    socket.terminate();
    await ready;
    await socket.ready;
    expect((await socket.closed).code).toBe(1006);
  });

  it('calls no drain when it is cut', async () => {
    const calls = new Arrivals<string>();
    const { socket } = await startSlow(
      {},
      { drain: () => calls.push('drain'), close: () => calls.push('close') },
    );
    await flood(socket, () => CHUNK);
    socket.terminate();
    await socket.closed;
    await turns();
    expect(calls.items).toEqual(['close']);
  });

  it('can be asked to wait earlier or later by highWaterMark', async () => {
    const small = await startSlow({ highWaterMark: 1 });
    expect(small.socket.send('a')).toBe(false);
    const large = await startSlow({ highWaterMark: 3 * MIB, maxBufferedBytes: 64 * MIB });
    fill(large.socket);
    expect(large.socket.bufferedAmount).toBeGreaterThan(3 * MIB);
    expect(large.socket.bufferedAmount).toBeLessThan(3 * MIB + 2 * CHUNK.length);
  });

  it('counts what waits in this tick in bufferedAmount', async () => {
    const { socket } = await startSlow();
    expect(socket.bufferedAmount).toBe(0);
    socket.send('abc');
    expect(socket.bufferedAmount).toBe(5);
    socket.send(Buffer.alloc(200));
    expect(socket.bufferedAmount).toBe(5 + 204);
    await turns();
    expect(socket.bufferedAmount).toBe(0);
  });

  it('is closed with 1013 when more than maxBufferedBytes wait, and send says so', async () => {
    const closes = new Arrivals<unknown[]>();
    const { server, wire, socket } = await startSlow(
      { maxBufferedBytes: MIB },
      { close: (_socket: Socket, code: number, reason: string) => closes.push([code, reason]) },
    );
    let count = fill(socket);
    count += repeatWhile(
      () => socket.bufferedAmount < MIB,
      () => expect(socket.send(CHUNK)).toBe(false),
    );
    expect(socket.readyState).toBe(1);
    expect(socket.send(CHUNK)).toBe(false);
    expect(socket.readyState).toBe(2);
    expect(socket.send('more')).toBe(false);
    expect(socket.bufferedAmount).toBeLessThan(MIB + CHUNK.length + KIB);
    wire.resume();
    await take(wire, count);
    expect(await wire.close()).toEqual({ code: 1013, reason: 'Too much waits to be sent to you' });
    wire.end();
    expect(await socket.closed).toMatchObject({
      code: 1013,
      wasClean: false,
      initiator: 'local',
      error: { name: 'LimitError', code: 'ERR_BUFFER_FULL', limit: 'maxBufferedBytes', value: MIB },
    });
    expect(await closes.next()).toEqual([1013, 'Too much waits to be sent to you']);
    expect(server.connections.size).toBe(0);
  });

  it('is cut after closeTimeout when it does not read its Close frame either', async () => {
    const { server, socket } = await startSlow({ maxBufferedBytes: MIB, closeTimeout: 50 });
    repeatWhile(
      () => socket.readyState === 1,
      () => socket.send(CHUNK),
    );
    expect(await socket.closed).toMatchObject({ code: 1013, error: { limit: 'maxBufferedBytes' } });
    expect(server.connections.size).toBe(0);
  });

  it('may be sent one message larger than maxBufferedBytes while nothing waits', async () => {
    const { wire, socket } = await startSlow({ maxBufferedBytes: MIB });
    expect(socket.send(Buffer.alloc(12 * MIB, 1))).toBe(false);
    expect(socket.readyState).toBe(1);
    wire.resume();
    expect((await wire.frame()).payload).toHaveLength(12 * MIB);
  });

  it('does not slow the others of its topic, and is closed alone', async () => {
    const { server, wire, socket } = await startSlow(
      { maxBufferedBytes: MIB },
      { open: (each: Socket) => each.subscribe('news') },
    );
    const readers = await Promise.all([wsJoin(server), wsJoin(server)]);
    await until(() => server.connections.size === 3);
    let rounds = 0;
    for (; socket.readyState === 1 && rounds < 500; rounds++) {
      server.publish('news', CHUNK);
      for (const reader of readers) expect(await reader.messages.next()).toHaveLength(CHUNK.length);
    }
    expect(socket.bufferedAmount).toBeLessThan(MIB + CHUNK.length + KIB);
    wire.resume();
    await take(wire, rounds - 1);
    expect((await wire.close()).code).toBe(1013);
    server.publish('news', 'still');
    for (const reader of readers) expect(await reader.messages.next()).toBe('still');
  });

  it('tells a publisher by drain nothing, for nobody waited', async () => {
    const drains: unknown[] = [];
    const { server, wire, socket } = await startSlow(
      { maxBufferedBytes: 64 * MIB },
      { open: (each: Socket) => each.subscribe('news'), drain: () => void drains.push(1) },
    );
    const rounds = repeatWhile(
      () => socket.bufferedAmount < MIB,
      () => server.publish('news', CHUNK),
    );
    wire.resume();
    await take(wire, rounds);
    await turns();
    expect(drains).toEqual([]);
  });
});

describe('Pings of a peer that does not read', () => {
  it('are answered for the newest only, once it reads again', async () => {
    const pings = new Arrivals<Buffer>();
    const { wire, socket } = await startSlow(
      {},
      { ping: (_socket: Socket, payload: Buffer) => pings.push(payload) },
    );
    const count = await flood(socket, () => CHUNK);
    const before = socket.bufferedAmount;
    for (let index = 0; index < 10_000; index++) wire.write(clientFrame(0x89, `ping ${index}`));
    expect((await pings.take(10_000)).at(-1)!.toString()).toBe('ping 9999');
    expect(socket.bufferedAmount).toBe(before);
    wire.resume();
    await take(wire, count);
    expect(await wire.frame()).toMatchObject({ opcode: 10, payload: Buffer.from('ping 9999') });
    wire.write(clientFrame(0x89, 'the next'));
    expect(await wire.frame()).toMatchObject({ opcode: 10, payload: Buffer.from('the next') });
    expect(wire.waiting).toBe(0);
  });

  it('make the server keep no more than the high-water mark and one write', async () => {
    const { wire, socket } = await startSlow();
    const ping = clientFrame(0x89, Buffer.alloc(125));
    const block = Buffer.concat(Array.from({ length: 1_000 }, () => ping));
    for (let index = 0; index < 120; index++) wire.write(block);
    // A server that would wait for the peer to read would take no more, and this would be waited for in vain.
    await once(wire.stream, 'drain');
    await settled(() => socket.bufferedAmount);
    expect(socket.bufferedAmount).toBeLessThan(192 * KIB);
    expect(socket.readyState).toBe(1);
  });

  it('are all answered while the peer reads', async () => {
    const server = await start({});
    const wire = await Wire.upgraded(server.port);
    for (let index = 0; index < 500; index++) wire.write(clientFrame(0x89, `${index}`));
    for (let index = 0; index < 500; index++) expect(String((await wire.frame()).payload)).toBe(`${index}`);
  });
});

describe('A client whose server does not read', () => {
  it('waits in the same way', async () => {
    const drains = new Arrivals<void>();
    const { wire, socket } = await joinWire({}, { drain: () => drains.push() });
    wire.pause();
    const count = await flood(socket, () => CHUNK);
    const { ready } = socket;
    wire.resume();
    await Promise.all([ready, drains.next()]);
    expect(socket.bufferedAmount).toBeLessThanOrEqual(64 * KIB);
    await take(wire, count);
  });

  it('is closed with 1013 in the same way', async () => {
    const { wire, socket } = await joinWire({ maxBufferedBytes: MIB });
    wire.pause();
    repeatWhile(
      () => socket.readyState === 1,
      () => socket.send(CHUNK),
    );
    expect(socket.bufferedAmount).toBeLessThan(MIB + KIB);
    socket.terminate();
    expect(await socket.closed).toMatchObject({ code: 1013, error: { limit: 'maxBufferedBytes' } });
  });

  it('is not held up by a slow connection beside it', async () => {
    const server = await start({}, { message: (socket, data) => void socket.send(data) });
    const slow = await Wire.upgraded(server.port);
    slow.pause();
    const [connection] = server.connections;
    await flood(connection!, () => CHUNK);
    const other = await join(server, {}, { message: (socket) => socket.close(4000) });
    other.send('quick');
    expect((await other.closed).code).toBe(4000);
  });
});

import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Arrivals, deferred, settled, turns } from './test-arrivals.js';
import { join, joinWire, start, startWatched, wsJoin, type Socket } from './test-server.js';
import { Wire, clientFrame, serverFrame, type Frame } from './test-wire.js';

const DEAD = { name: 'TimeoutError', code: 'ERR_TIMEOUT', phase: 'ping' };

async function pings(wire: Wire, count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (frames.length < count) frames.push(await wire.frame());
  expect(frames.map(({ opcode }) => opcode)).toEqual(frames.map(() => 9));
  return frames;
}

describe('The heartbeat', () => {
  it('sends pings', async () => {
    const server = await start({ pingInterval: 40, pingTimeout: 0 });
    const wire = await Wire.upgraded(server.port);
    expect(await pings(wire, 3)).toHaveLength(3);
  });

  it('sends pings from a client as well', async () => {
    const { wire } = await joinWire({ pingInterval: 40, pingTimeout: 0 });
    for (const { isMasked } of await pings(wire, 3)) expect(isMasked).toBe(true);
  });

  it('cuts a peer from whom nothing is heard', async () => {
    const { server, opened } = await startWatched({ pingInterval: 40, pingTimeout: 60 });
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    expect(await socket.closed).toEqual({
      code: 1006,
      reason: '',
      wasClean: false,
      initiator: 'network',
      error: expect.objectContaining({ ...DEAD, milliseconds: 60 }),
    });
    for (const byte of await wire.rest()) expect([0x89, 0x00]).toContain(byte);
    expect(server.connections.size).toBe(0);
  });

  it('cuts a server from whom nothing is heard', async () => {
    const { socket } = await joinWire({ pingInterval: 40, pingTimeout: 60 });
    expect(await socket.closed).toMatchObject({ code: 1006, error: DEAD });
  });

  it('keeps a peer that answers', async () => {
    const server = await start({ pingInterval: 30, pingTimeout: 150 });
    const { socket } = await wsJoin(server);
    const seen = new Arrivals<void>();
    socket.on('ping', () => seen.push());
    await seen.take(6);
    expect(server.connections.size).toBe(1);
  });

  it('keeps our client, which answers by itself', async () => {
    const pongs = new Arrivals<void>();
    const server = await start({ pingInterval: 30, pingTimeout: 150 }, { pong: () => pongs.push() });
    const client = await join(server);
    await pongs.take(6);
    expect(client.readyState).toBe(1);
  });

  it('keeps a peer that does not answer but sends something else', async () => {
    const server = await start({ pingInterval: 30, pingTimeout: 150 }, {});
    const wire = await Wire.upgraded(server.port);
    const timer = setInterval(() => wire.write(clientFrame(0x81, 'busy')), 20);
    await pings(wire, 6);
    clearInterval(timer);
    expect(server.connections.size).toBe(1);
  });

  it('never cuts anybody when pingTimeout is 0', async () => {
    const server = await start({ pingInterval: 30, pingTimeout: 0 });
    const wire = await Wire.upgraded(server.port);
    await pings(wire, 4);
    expect(server.connections.size).toBe(1);
  });

  it('says nothing about a peer to whom nobody listens, while the reader is paused', async () => {
    const { server, opened } = await startWatched({ pingInterval: 30, pingTimeout: 60 });
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    socket.pause();
    await pings(wire, 4);
    expect(socket.readyState).toBe(1);
    socket.resume();
    expect(await socket.closed).toMatchObject({ error: DEAD });
  });

  it('says nothing about a peer to whom nobody listens, while the inbox is full', async () => {
    const { server, gate } = await startUnread({ pingInterval: 30, pingTimeout: 60 });
    const wire = await Wire.upgraded(server.port);
    const [socket] = server.connections;
    for (let index = 0; index < 4; index++) wire.write(clientFrame(0x82, Buffer.alloc(32_768)));
    await pings(wire, 4);
    expect(socket!.readyState).toBe(1);
    gate.resolve();
    expect(await socket!.closed).toMatchObject({ error: DEAD });
  });

  it('stops with the connection', async () => {
    const { wire, socket } = await joinWire({ pingInterval: 25, pingTimeout: 25, closeTimeout: 250 });
    socket.close();
    for (;;) if ((await wire.frame()).opcode === 8) break;
    expect(await wire.rest()).toHaveLength(0);
    expect((await socket.closed).error).toMatchObject({ phase: 'close' });
  });

  it('closes no connection to which one message larger than maxBufferedBytes is on its way', async () => {
    const size = 12 << 20;
    const { server, opened } = await startWatched({
      pingInterval: 30,
      pingTimeout: 0,
      maxBufferedBytes: 1 << 20,
    });
    const wire = await Wire.upgraded(server.port);
    wire.pause();
    const socket = await opened.next();
    socket.send(Buffer.alloc(size));
    const waiting = await settled(() => socket.bufferedAmount);
    // Meanwhile another connection has been pinged often enough, and this one would not have been helped.
    await pings(await Wire.upgraded(server.port), 4);
    expect([socket.readyState, socket.bufferedAmount]).toEqual([1, waiting]);
    wire.resume();
    let frame = await wire.frame();
    while (frame.opcode === 9) frame = await wire.frame();
    expect([frame.opcode, frame.payload.length]).toEqual([2, size]);
  });
});

/** A server that does not read before `gate` opens. */
async function startUnread(options: object) {
  const gate = deferred();
  const server = await start(options, async (socket) => {
    await gate.promise;
    let count = 0;
    for await (const message of socket) count += message.length;
    expect(count).toBeGreaterThan(0);
  });
  return { server, gate };
}

describe('ping', () => {
  it('carries a payload that comes back to the pong handler, either way', async () => {
    const atServer = new Arrivals<string>();
    const atClient = new Arrivals<string>();
    const { server, opened } = await startWatched(
      {},
      { pong: (_socket, payload) => atServer.push(String(payload)) },
    );
    const client = await join(server, {}, { pong: (_socket, payload) => atClient.push(String(payload)) });
    const socket = await opened.next();
    client.ping('é');
    socket.ping(Buffer.alloc(125, 'a'));
    client.ping();
    expect(await atClient.take(2)).toEqual(['é', '']);
    expect(await atServer.next()).toBe('a'.repeat(125));
  });

  it('is seen by the ping handler, after it was answered', async () => {
    const seen = new Arrivals<string>();
    const server = await start(
      {},
      {
        ping(socket, payload) {
          seen.push(payload.toString());
          socket.send('behind the pong');
        },
      },
    );
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x89, 'hello'));
    expect(await wire.frame()).toMatchObject({ opcode: 10, payload: Buffer.from('hello') });
    expect(await wire.text()).toBe('behind the pong');
    expect(await seen.next()).toBe('hello');
  });

  it('of more than 125 bytes throws a RangeError', async () => {
    const { wire, socket } = await joinWire();
    expect(() => socket.ping('é'.repeat(63))).toThrow(RangeError);
    expect(() => socket.ping(Buffer.alloc(126))).toThrow(RangeError);
    socket.ping('é'.repeat(62));
    expect((await wire.frame()).payload).toHaveLength(124);
  });

  it('that nobody asked the answer of is no error', async () => {
    const { wire, socket } = await joinWire();
    wire.write(serverFrame(0x8a, 'unasked'));
    wire.write(serverFrame(0x89, 'alive?'));
    expect((await wire.frame()).payload.toString()).toBe('alive?');
    expect(socket.readyState).toBe(1);
  });
});

describe('idleTimeout', () => {
  it('closes with 1001 when no message comes', async () => {
    const server = await start({ idleTimeout: 50 });
    const wire = await Wire.upgraded(server.port);
    const [socket] = server.connections;
    expect(await wire.close()).toEqual({ code: 3008, reason: 'No message for idleTimeout, 50 ms' });
    wire.write(clientFrame(0x88, Buffer.from([0x03, 0xe9])));
    wire.end();
    expect(await socket!.closed).toMatchObject({ code: 1001, wasClean: true, initiator: 'local' });
  });

  it('is not impressed by pings', async () => {
    const server = await start({ idleTimeout: 60 });
    const wire = await Wire.upgraded(server.port);
    const timer = setInterval(() => wire.write(clientFrame(0x89)), 10);
    let frame = await wire.frame();
    while (frame.opcode === 10) frame = await wire.frame();
    clearInterval(timer);
    expect(frame.opcode).toBe(8);
  });

  it('waits while messages come, go or are published', async () => {
    const { server, opened } = await startWatched(
      { idleTimeout: 1_000 },
      { open: (socket) => socket.subscribe(socket.request.url) },
    );
    const ways: readonly ((wire: Wire, socket: Socket) => unknown)[] = [
      (wire) => wire.write(clientFrame(0x81, 'hello')),
      (_wire, socket) => socket.send('hello'),
      (_wire, socket) => server.publish(socket.request.url, 'hello'),
    ];
    const ends: (readonly [Wire, Socket])[] = [];
    for (const index of ways.keys()) {
      ends.push([await Wire.upgraded(server.port, {}, `/${index}`), await opened.next()]);
    }
    const waits = ways.map(async (talk, index) => {
      const [wire, socket] = ends[index]!;
      let lastTalk = 0;
      let rounds = 0;
      const timer = setInterval(() => {
        if (++rounds === 12) clearInterval(timer);
        talk(wire, socket);
        lastTalk = performance.now();
      }, 100);
      wire.stream.on('data', (data: Buffer) => data[0] === 0x88 && wire.end());
      await socket.closed;
      return [rounds, performance.now() - lastTalk > 950];
    });
    expect(await Promise.all(waits)).toEqual(ways.map(() => [12, true]));
  });

  it('waits while a message goes or comes piece by piece', async () => {
    const { server, opened } = await startWatched({ idleTimeout: 300 });
    const going = await Wire.upgraded(server.port);
    const sender = await opened.next();
    const coming = await Wire.upgraded(server.port);
    const receiver = await opened.next();
    receiver.streams();
    const begun = performance.now();
    const sent = sender.sendStream(
      (async function* () {
        while (performance.now() - begun < 900) yield await setTimeout(50, 'piece');
      })(),
    );
    coming.write(clientFrame(0x01, 'piece'));
    for (let piece = await going.frame(); !piece.fin; piece = await going.frame()) {
      expect(piece.opcode).not.toBe(8);
      coming.write(clientFrame(0x00, 'piece'));
    }
    await sent;
    expect([sender.readyState, receiver.readyState]).toEqual([1, 1]);
  });

  it('is none by default', async () => {
    const { wire, socket } = await joinWire();
    await turns();
    expect(socket.readyState).toBe(1);
    expect(wire.waiting).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { Arrivals, turns, until } from './test-arrivals.js';
import { flood, join, joinWire, start, startWatched, wsJoin, wsServe, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload, serverFrame } from './test-wire.js';

/** A server and the one connection it has, to a peer that is a wire. */
async function startWire(options = {}, handlers = {}) {
  const closes = new Arrivals<[code: number, reason: string]>();
  const watched = await startWatched(options, {
    close: (_socket: Socket, code: number, reason: string) => closes.push([code, reason]),
    ...handlers,
  });
  const wire = await Wire.upgraded(watched.server.port);
  return { ...watched, closes, wire, socket: await watched.opened.next() };
}

describe('The closing handshake', () => {
  it('begun by the server ends with what it said', async () => {
    const { server, opened } = await startWatched();
    const client = await wsJoin(server);
    const socket = await opened.next();
    socket.close(4001, 'bis später');
    expect(socket.readyState).toBe(2);
    expect(await client.closed).toEqual([4001, 'bis später']);
    expect(await socket.closed).toEqual({
      code: 4001,
      reason: 'bis später',
      wasClean: true,
      initiator: 'local',
    });
    expect(socket.readyState).toBe(3);
  });

  it('begun by a client ends with what that said', async () => {
    const { server, opened } = await startWatched();
    const client = await wsJoin(server);
    const socket = await opened.next();
    client.socket.close(4002, 'done');
    expect(await client.closed).toEqual([4002, 'done']);
    expect(await socket.closed).toEqual({ code: 4002, reason: 'done', wasClean: true, initiator: 'remote' });
  });

  it('begun by our client ends with what it said', async () => {
    const peer = await wsServe();
    const client = await join(peer);
    const connection = await peer.connections.next();
    const closed = new Promise((resolve) =>
      connection.on('close', (code, reason) => resolve([code, reason.toString()])),
    );
    client.close(4003, 'done');
    expect(await closed).toEqual([4003, 'done']);
    expect(await client.closed).toEqual({ code: 4003, reason: 'done', wasClean: true, initiator: 'local' });
  });

  it('begun by the server of our client ends with what that said', async () => {
    const peer = await wsServe();
    const client = await join(peer);
    (await peer.connections.next()).close(4004, 'done');
    expect(await client.closed).toEqual({ code: 4004, reason: 'done', wasClean: true, initiator: 'remote' });
  });

  it('is answered with the same code and reason, and then the server ends TCP', async () => {
    const { wire, closes, socket } = await startWire();
    wire.write(clientFrame(0x88, closePayload(3_000, 'é')));
    expect(await wire.close()).toEqual({ code: 3_000, reason: 'é' });
    expect(await wire.rest()).toHaveLength(0);
    wire.end();
    expect(await closes.next()).toEqual([3_000, 'é']);
    expect(await socket.closed).toMatchObject({ wasClean: true, initiator: 'remote' });
  });

  it('without a code is answered without one, and is 1005 for the application', async () => {
    const { wire, closes, socket } = await startWire();
    wire.write(clientFrame(0x88));
    expect(await wire.close()).toEqual({ code: undefined, reason: '' });
    wire.end();
    expect(await closes.next()).toEqual([1005, '']);
    expect(await socket.closed).toEqual({ code: 1005, reason: '', wasClean: true, initiator: 'remote' });
  });

  it('is begun with 1000 and no reason by default', async () => {
    const { wire, socket } = await startWire();
    socket.close();
    expect(await wire.close()).toEqual({ code: 1000, reason: '' });
  });

  it('that both ends begin at once has one Close frame of each', async () => {
    const { wire, socket } = await startWire();
    wire.write(clientFrame(0x88, closePayload(4000, 'client')));
    socket.close(4001, 'server');
    expect(await wire.close()).toEqual({ code: 4001, reason: 'server' });
    expect(await wire.rest()).toHaveLength(0);
    wire.end();
    expect(await socket.closed).toEqual({ code: 4000, reason: 'client', wasClean: true, initiator: 'local' });
  });

  it('leaves it to the server to end TCP first', async () => {
    const { wire, socket } = await joinWire();
    let isEnded = false;
    const ended = wire.ended.then(() => (isEnded = true));
    wire.write(serverFrame(0x88, closePayload(4000)));
    expect((await wire.close()).code).toBe(4000);
    await turns(20);
    expect(isEnded).toBe(false);
    expect(socket.readyState).toBe(2);
    wire.end();
    await ended;
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });

  it('comes after all that was sent before', async () => {
    const { wire, socket } = await startWire();
    const large = Buffer.alloc(1 << 20);
    socket.send('a');
    socket.send(large);
    socket.close();
    expect(await wire.text()).toBe('a');
    expect((await wire.frame()).payload).toHaveLength(1 << 20);
    expect((await wire.close()).code).toBe(1000);
  });

  it('lets what the peer has sent before its Close frame arrive', async () => {
    const { wire, socket, messages } = await startWire();
    socket.close();
    wire.write(Buffer.concat([clientFrame(0x81, 'on the way'), clientFrame(0x88, closePayload(1000))]));
    wire.end();
    expect((await socket.closed).wasClean).toBe(true);
    expect(messages.items).toEqual(['on the way']);
  });

  it('discards what the peer sends behind its Close frame', async () => {
    const { wire, socket, messages } = await startWire();
    wire.write(
      Buffer.concat([clientFrame(0x88, closePayload(1000)), clientFrame(0x81, 'late'), clientFrame(0x83)]),
    );
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 1000, wasClean: true });
    expect(messages.items).toEqual([]);
  });
});

describe('close', () => {
  it('a second time does nothing', async () => {
    const { wire, socket } = await startWire();
    socket.close(4000, 'first');
    socket.close(4001, 'second');
    expect(await wire.close()).toEqual({ code: 4000, reason: 'first' });
    wire.write(clientFrame(0x88, closePayload(4000)));
    expect(await wire.rest()).toHaveLength(0);
    wire.end();
    await socket.closed;
    socket.close();
  });

  it('makes send return false and ping do nothing', async () => {
    const { wire, socket } = await startWire();
    socket.close();
    expect(socket.send('late')).toBe(false);
    expect(socket.send(Buffer.alloc(100_000))).toBe(false);
    socket.ping();
    expect((await wire.close()).code).toBe(1000);
    wire.write(clientFrame(0x88));
    expect(await wire.rest()).toHaveLength(0);
    wire.end();
    await socket.closed;
    expect(socket.send('too late')).toBe(false);
    expect(() => socket.send(1 as never)).toThrow(TypeError);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2_999, 5_000, 1000.5, NaN, Infinity])(
    'throws a RangeError for code %d and leaves the connection open',
    async (code) => {
      const { socket } = await startWire();
      expect(() => socket.close(code)).toThrow(RangeError);
      expect(socket.readyState).toBe(1);
    },
  );

  it('takes a reason of 123 bytes, and no longer one', async () => {
    const { wire, socket } = await startWire();
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(RangeError);
    expect(socket.readyState).toBe(1);
    const reason = `${'é'.repeat(61)}a`;
    socket.close(1000, reason);
    expect((await wire.close()).reason).toBe(reason);
  });
});

describe('A connection that ends without a closing handshake', () => {
  it('by terminate is cut at once', async () => {
    const { wire, socket, closes } = await startWire();
    socket.terminate();
    expect(socket.readyState).toBe(2);
    expect(socket.send('late')).toBe(false);
    expect(await wire.rest()).toHaveLength(0);
    expect(await closes.next()).toEqual([1006, '']);
    expect(await socket.closed).toEqual({ code: 1006, reason: '', wasClean: false, initiator: 'local' });
  });

  it('by terminate brings no message more, even if it was read already', async () => {
    const { wire, socket, messages } = await startWire(
      {},
      {
        message(each: Socket, data: string) {
          messages.push(data);
          each.terminate();
        },
      },
    );
    wire.write(Buffer.concat([clientFrame(0x81, 'a'), clientFrame(0x81, 'b')]));
    await socket.closed;
    expect(messages.items).toEqual(['a']);
  });

  it('by a TCP reset has that for its reason', async () => {
    const { wire, socket, closes } = await startWire();
    wire.reset();
    expect(await closes.next()).toEqual([1006, '']);
    expect(await socket.closed).toEqual({
      code: 1006,
      reason: '',
      wasClean: false,
      initiator: 'network',
      error: expect.objectContaining({ code: 'ECONNRESET' }),
    });
  });

  it('by the end of TCP ends TCP as well', async () => {
    const { wire, socket, closes } = await startWire();
    wire.end();
    expect(await wire.rest()).toHaveLength(0);
    expect(await closes.next()).toEqual([1006, '']);
    expect(await socket.closed).toEqual({ code: 1006, reason: '', wasClean: false, initiator: 'network' });
  });

  it('in the middle of a frame is over as well', async () => {
    const { wire, socket, messages } = await startWire();
    wire.write(clientFrame(0x81, 'hello').subarray(0, 7));
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 1006, wasClean: false, initiator: 'network' });
    expect(messages.items).toEqual([]);
  });

  it('still delivers what was sent before the peer ended its side', async () => {
    const { wire, socket } = await startWire();
    wire.pause();
    const count = await flood(socket, () => Buffer.alloc(65_536));
    wire.end();
    await turns(10);
    wire.resume();
    for (let index = 0; index < count; index++) expect((await wire.frame()).payload).toHaveLength(65_536);
    expect(await wire.rest()).toHaveLength(0);
    expect((await socket.closed).code).toBe(1006);
  });

  it('is closing, and takes nothing more, once the peer has ended its side', async () => {
    const { wire, socket } = await startWire({ closeTimeout: 1_000 });
    wire.pause();
    await flood(socket, () => Buffer.alloc(65_536));
    wire.end();
    await until(() => socket.readyState !== 1);
    expect(socket.readyState).toBe(2);
    expect(socket.send('lost')).toBe(false);
  });
});

describe('closeTimeout', () => {
  it('cuts a peer that does not answer a Close frame', async () => {
    const { wire, socket } = await startWire({ closeTimeout: 50 });
    socket.close(4000);
    expect((await wire.close()).code).toBe(4000);
    await wire.ended;
    expect(await socket.closed).toEqual({
      code: 1006,
      reason: '',
      wasClean: false,
      initiator: 'local',
      error: expect.objectContaining({ name: 'TimeoutError', phase: 'close', milliseconds: 50 }),
    });
  });

  it('cuts a peer that answers and does not end TCP', async () => {
    const { wire, socket } = await startWire({ closeTimeout: 50 });
    wire.write(clientFrame(0x88, closePayload(4000)));
    expect((await wire.close()).code).toBe(4000);
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true, initiator: 'remote' });
  });

  it('cuts a server that does not end TCP', async () => {
    const { wire, socket } = await joinWire({ closeTimeout: 50 });
    socket.close(4000);
    await wire.close();
    wire.write(serverFrame(0x88, closePayload(4000)));
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true, initiator: 'local' });
  });

  it('cuts a peer that goes on sending and does not close', async () => {
    const { wire, socket } = await startWire({ closeTimeout: 50 });
    socket.close();
    const timer = setInterval(() => wire.write(clientFrame(0x81, 'never')), 5);
    const info = await socket.closed;
    clearInterval(timer);
    expect(info).toMatchObject({ code: 1006, error: { phase: 'close' } });
  });

  it('of 0 gives the peer all the time it likes', async () => {
    const { wire, socket } = await startWire({ closeTimeout: 0 });
    socket.close(4000);
    await wire.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    wire.write(clientFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });
});

describe('closed', () => {
  it('is the same for everybody, before and after', async () => {
    const { wire, socket, closes } = await startWire();
    const waits = [socket.closed, socket.closed];
    wire.write(clientFrame(0x88, closePayload(4000)));
    wire.end();
    const infos = [...(await Promise.all(waits)), await socket.closed];
    expect(new Set(infos).size).toBe(1);
    await turns();
    expect(closes.items).toHaveLength(1);
  });

  it('resolves after the connection has left the server and its close handler was called', async () => {
    const seen: unknown[] = [];
    const { server, wire, socket } = await startWire(
      {},
      { close: (each: Socket) => void seen.push(server.connections.size, each.readyState) },
    );
    wire.end();
    await socket.closed;
    expect(seen).toEqual([0, 3]);
  });

  it('has the reason why this end failed the connection', async () => {
    const server = await start({ maxMessageSize: 5 });
    const wire = await Wire.upgraded(server.port);
    const [socket] = server.connections;
    wire.write(clientFrame(0x82, 'too long'));
    await wire.close();
    wire.end();
    expect(await socket!.closed).toMatchObject({
      code: 1009,
      reason: 'A message is larger than maxMessageSize, 5 bytes',
      error: { name: 'LimitError', limit: 'maxMessageSize', value: 5 },
    });
  });
});

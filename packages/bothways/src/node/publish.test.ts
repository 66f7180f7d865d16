import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Arrivals, turns, until } from './test-arrivals.js';
import { join, start, startWatched, wsJoin, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload } from './test-wire.js';

/** Clients of a server, each subscribed to the topics of its path: `/a/b` to `a` and `b`. */
async function startTopics() {
  const sockets = new Map<string, Socket>();
  const { server } = await startWatched(
    {},
    {
      open(socket) {
        const { url } = socket.request;
        sockets.set(url, socket);
        for (const topic of url.split('/').filter((each) => each !== '')) socket.subscribe(topic);
      },
    },
  );
  const enter = async (path: string) => {
    const client = await wsJoin({ url: `ws://127.0.0.1:${server.port}${path}` });
    return { ...client, atServer: sockets.get(path)! };
  };
  return { server, enter };
}

describe('publish', () => {
  it('reaches those who subscribed, and nobody else', async () => {
    const { server, enter } = await startTopics();
    const [a, both, b, none] = [await enter('/a'), await enter('/a/b'), await enter('/b'), await enter('/')];
    server.publish('a', 'to a');
    server.publish('b', 'to b');
    server.publish('c', 'to nobody');
    for (const { atServer } of [a, both, b, none]) atServer.send('the end');
    expect(await a.messages.take(2)).toEqual(['to a', 'the end']);
    expect(await both.messages.take(3)).toEqual(['to a', 'to b', 'the end']);
    expect(await b.messages.take(2)).toEqual(['to b', 'the end']);
    expect(await none.messages.take(1)).toEqual(['the end']);
  });

  it.each([
    ['text', 'é', 'é'],
    ['an empty text', '', ''],
    ['bytes', Buffer.from('é'), Buffer.from('é')],
    ['a view', new Uint16Array([1, 2, 3]).subarray(1, 2), Buffer.from([2, 0])],
    ['16 KiB', Buffer.alloc(16_384, 1), Buffer.alloc(16_384, 1)],
    ['more than fits into one write', Buffer.alloc(70_000, 1), Buffer.alloc(70_000, 1)],
    ['a long text', 'é'.repeat(40_000), 'é'.repeat(40_000)],
  ])('sends %s', async (_what, data, expected) => {
    const { server, enter } = await startTopics();
    const clients = [await enter('/a'), await enter('/a/1'), await enter('/a/2')];
    server.publish('a', data);
    for (const { messages } of clients) {
      const message = await messages.next();
      expect(typeof message).toBe(typeof expected);
      expect(Buffer.from(message as string).equals(Buffer.from(expected as string))).toBe(true);
    }
  });

  it('takes the bytes as they are now', async () => {
    const { server, enter } = await startTopics();
    const client = await enter('/a');
    for (const size of [10, 100_000]) {
      const bytes = Buffer.alloc(size, 1);
      server.publish('a', bytes);
      bytes.fill(2);
      expect(((await client.messages.next()) as Buffer).every((byte) => byte === 1)).toBe(true);
    }
  });

  it('can leave one out', async () => {
    const { server, enter } = await startTopics();
    const [one, two] = [await enter('/a'), await enter('/a/b')];
    server.publish('a', 'from one', { except: one.atServer });
    server.publish('a', 'to both', { except: undefined });
    expect(await one.messages.next()).toBe('to both');
    expect(await two.messages.take(2)).toEqual(['from one', 'to both']);
  });

  it('keeps its place among what is sent', async () => {
    const { server, enter } = await startTopics();
    const { atServer, messages } = await enter('/a');
    for (let index = 0; index < 50; index++) {
      atServer.send(`s${index}`);
      server.publish('a', index % 7 === 0 ? 'p'.repeat(20_000) : `p${index}`);
    }
    const expected = Array.from({ length: 50 }, (_, index) => [
      `s${index}`,
      index % 7 === 0 ? 'p'.repeat(20_000) : `p${index}`,
    ]).flat();
    expect(await messages.take(100)).toEqual(expected);
  });

  it('of many in one tick is few writes', async () => {
    const { server, opened } = await startWatched({}, { open: (socket) => socket.subscribe('a') });
    const wire = await Wire.upgraded(server.port);
    await opened.next();
    await turns();
    const before = wire.reads.length;
    for (let index = 0; index < 1_000; index++) server.publish('a', `${index}`);
    for (let index = 0; index < 1_000; index++) expect(await wire.text()).toBe(`${index}`);
    expect(wire.reads.length - before).toBeLessThanOrEqual(3);
  });

  it('of many messages to many takes its memory again and again', async () => {
    const { server } = await startWatched({}, { open: (socket) => socket.subscribe('a') });
    const clients = await Promise.all(Array.from({ length: 100 }, () => wsJoin(server)));
    const round = async (): Promise<void> => {
      for (let count = 0; count < 50; count++) server.publish('a', 'x'.repeat(64));
      await Promise.all(clients.map(({ messages }) => messages.take(50)));
    };
    for (let count = 0; count < 3; count++) await round();
    const allocations = vi.spyOn(Buffer, 'allocUnsafeSlow');
    onTestFinished(() => allocations.mockRestore());
    for (let count = 0; count < 3; count++) await round();
    expect(allocations.mock.calls.filter(([size]) => size >= 2_048)).toEqual([]);
  });

  it('sends nothing behind a Close frame', async () => {
    const { server, opened } = await startWatched({}, { open: (socket) => socket.subscribe('a') });
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    socket.close();
    server.publish('a', 'late');
    expect((await wire.close()).code).toBe(1000);
    wire.write(clientFrame(0x88, closePayload(1000)));
    expect(await wire.rest()).toHaveLength(0);
  });

  it.each(['constructor', '__proto__', 'toString', ' ', '*', '/', '$SYS'])(
    'knows no special topic: %s',
    async (topic) => {
      const { server, opened } = await startWatched();
      const { messages } = await wsJoin(server);
      const socket = await opened.next();
      server.publish(topic, 'before');
      socket.subscribe(topic);
      server.publish(topic, 'now');
      expect(await messages.next()).toBe('now');
    },
  );
});

describe('subscribe', () => {
  it('twice is once, and unsubscribe ends it', async () => {
    const { server, enter } = await startTopics();
    const { atServer, messages } = await enter('/a');
    atServer.subscribe('a');
    server.publish('a', 'once');
    atServer.unsubscribe('a');
    server.publish('a', 'not any more');
    atServer.unsubscribe('a');
    atServer.unsubscribe('never was');
    atServer.subscribe('a');
    server.publish('a', 'again');
    expect(await messages.take(2)).toEqual(['once', 'again']);
    expect(messages.items).toEqual([]);
  });

  it('counts from the next message on, in whatever handler', async () => {
    const server = await start(
      {},
      {
        message(socket, data) {
          socket.subscribe('a');
          server.publish('a', data);
        },
      },
    );
    const { socket, messages } = await wsJoin(server);
    socket.send('hello');
    expect(await messages.next()).toBe('hello');
  });

  it.each(['', undefined, 1, null])('throws a TypeError for the topic %j', async (topic) => {
    const { server, opened } = await startWatched();
    await wsJoin(server);
    const socket = await opened.next();
    expect(() => socket.subscribe(topic as string)).toThrow(TypeError);
  });

  it('throws at a client, which has no topics', async () => {
    const server = await start({});
    const client = await join(server);
    expect(() => client.subscribe('a')).toThrow(TypeError);
    expect(() => client.unsubscribe('a')).toThrow(TypeError);
  });

  it('ends with the connection', async () => {
    const { server, enter } = await startTopics();
    const leaving = await enter('/a');
    const staying = await enter('/a/b');
    leaving.socket.terminate();
    await until(() => server.connections.size === 1);
    server.publish('a', 'for the rest');
    expect(await staying.messages.next()).toBe('for the rest');
    expect(leaving.atServer.bufferedAmount).toBe(0);
  });

  it('does nothing for a connection that is gone', async () => {
    const calls = new Arrivals<void>();
    const { server, opened } = await startWatched(
      {},
      {
        close(socket) {
          socket.subscribe('a');
          calls.push();
        },
      },
    );
    const { socket } = await wsJoin(server);
    const atServer = await opened.next();
    socket.terminate();
    await calls.next();
    atServer.subscribe('a');
    atServer.unsubscribe('a');
    server.publish('a', 'to nobody');
    expect(atServer.bufferedAmount).toBe(0);
  });
});

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { redisBroker } from '../brokers/redis.js';
import { BrokerError } from '../protocol/errors.js';
import type { Connection } from '../protocol/contract.js';
import type { Handlers } from './handlers.js';
import { Arrivals, until } from './test-arrivals.js';
import { start } from './test-server.js';
import { attended, header, lines, openByRequest, reply, roundTrip } from './test-session.js';

const SECRET = 'the same at all of these servers, in tests';
const HISTORY = { 'rooms/#': { messages: 1_000, age: 60_000 } };

interface State {
  said: number;
}

const ECHO: Handlers<State> = { message: (socket, data) => void socket.send(data) };

let redis: BrokerServer;
let commands: ReturnType<typeof createClient>;

beforeAll(async () => {
  redis = await startRedis();
  commands = createClient({ url: redis.url });
  commands.on('error', () => {});
  await commands.connect();
});

afterAll(async () => {
  commands.destroy();
  await redis[Symbol.asyncDispose]();
});

/** One of several servers of durable sessions, and what it tells. */
async function startDurable(handlers: Handlers<State> = {}, prefix = 'bothways:', sessions: object = {}) {
  const story: string[] = [];
  const errors = new Arrivals<Error>();
  const sockets = new Arrivals<Connection<State, Buffer>>();
  const server = await start<State>(
    {
      broker: redisBroker(createClient({ url: redis.url }), { prefix }),
      history: HISTORY,
      protocols: ['chat'],
      sessions: { secret: SECRET, durable: true, ...sessions },
      accept: () => ({ said: 0 }),
    },
    {
      ...handlers,
      open(socket) {
        sockets.push(socket);
        socket.subscribe('rooms/1');
        return handlers.open?.(socket);
      },
      message(socket, data) {
        socket.state.said++;
        return handlers.message?.(socket, data);
      },
      close(socket, code, reason) {
        story.push(`closed ${code}`);
        return handlers.close?.(socket, code, reason);
      },
      takeover(socket) {
        sockets.push(socket);
        story.push('taken over');
      },
      missed: (_socket, filters) => void story.push(`missed ${filters.join()}`),
      error: (error) => errors.push(error),
    },
  );
  return { server, story, errors, sockets };
}

/** What is kept of sessions: who holds each, or nobody, and whether there is anything else. */
async function records(prefix = 'bothways:') {
  const keys = await commands.keys(`${prefix}$bothways/record/*`);
  const lists = keys.filter((key) => key.endsWith('/list'));
  const hashes = keys.filter((key) => !key.endsWith('/list'));
  const holders = await Promise.all(hashes.map((key) => commands.hGet(key, '@holder')));
  return { hashes, holders, lists };
}

/** Passes TCP connections on to the first of several servers that listens. */
async function balance(...servers: readonly { readonly port: number }[]): Promise<{ port: number }> {
  const ports = servers.map(({ port }) => port);
  const sockets = new Set<Socket>();
  const tcp = createServer((from) => {
    sockets.add(from);
    from.on('error', () => {});
    const next = ([port, ...others]: readonly number[]): void => {
      if (port === undefined) {
        from.destroy();
        return;
      }
      const to = connect(port, '127.0.0.1');
      const onRefused = (): void => next(others);
      to.once('error', onRefused);
      to.once('connect', () => {
        to.off('error', onRefused);
        to.on('error', () => {});
        from.pipe(to);
        to.pipe(from);
        to.on('close', () => from.destroy());
        from.on('close', () => to.destroy());
      });
    };
    next(ports);
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  onTestFinished(() => {
    tcp.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (tcp.address() as AddressInfo).port };
}

function makeBroker() {
  return redisBroker(createClient({ url: redis.url }));
}

describe('The option durable', () => {
  it.each([
    ["needs a 'broker' that keeps records", () => ({ sessions: { secret: SECRET, durable: true } }), {}],
    [
      "needs a 'secret' that all servers have",
      () => ({ broker: makeBroker(), sessions: { durable: true } }),
      {},
    ],
    [
      'needs an object of handlers',
      () => ({ broker: makeBroker(), sessions: { secret: SECRET, durable: true } }),
      async () => {},
    ],
    ["'durable'", () => ({ sessions: { durable: 'yes' } as never }), {}],
  ])('%s', async (message, options, handlers) => {
    await expect(start(options(), handlers)).rejects.toThrow(message);
    await expect(start(options(), handlers)).rejects.toBeInstanceOf(TypeError);
  });
});

describe('A session whose server closes', () => {
  it('goes on at another one with its state, request, subprotocol and topics, and nothing is lost', async () => {
    const one = await startDurable();
    const two = await startDurable();
    const client = await attended(await balance(one.server, two.server), {
      path: '/?room=1',
      protocols: ['chat'],
      headers: { Cookie: 'secret=1', Authorization: 'Basic secret', 'X-Kept': 'kept' },
    });
    client.session.send('hello');
    const before = await one.sockets.next();
    await until(() => before.state.said === 1);
    one.server.publish('rooms/1', 'before');
    expect(await client.messages.next()).toBe('before');
    const closing = one.server.close();
    two.server.publish('rooms/1', 'meanwhile');
    await closing;
    expect(one.story).toEqual(['closed 1012']);
    const taken = await two.sockets.next();
    expect([taken.state, taken.protocol, taken.request.url]).toEqual([{ said: 1 }, 'chat', '/?room=1']);
    const { cookie, authorization, 'x-kept': kept } = taken.request.headers;
    expect([cookie, authorization, kept]).toEqual([undefined, undefined, 'kept']);
    two.server.publish('rooms/1', 'after');
    expect(await client.messages.take(2)).toEqual(['meanwhile', 'after']);
    expect([two.story, await client.resumes.next()]).toMatchObject([['taken over'], { resumed: true }]);
  });

  it('ends when the server is given a code', async () => {
    const one = await startDurable({}, 'ends:');
    const client = await attended(one.server);
    await one.server.close({ code: 4000, reason: 'for good' });
    expect(await client.closed).toMatchObject({ code: 4000, reason: 'for good' });
    expect(one.story).toEqual(['closed 4000']);
    expect(await records('ends:')).toMatchObject({ holders: [''], lists: [] });
  });

  it('goes on as it was saved last when Redis does not answer in time', async () => {
    const [one, two] = [await startDurable(ECHO), await startDurable()];
    const client = await attended(await balance(one.server, two.server));
    await roundTrip(client);
    redis.pause();
    client.session.send('b');
    const closing = one.server.close({ timeout: 50 });
    await until(() => one.story.length > 0);
    redis.resume();
    await closing;
    expect(one.story).toEqual(['closed 1012']);
    await two.sockets.next();
    expect(await client.resumes.next()).toMatchObject({ resumed: true });
  });

  it('that nobody opened is no reason to wait', async () => {
    const { server, story } = await startDurable();
    await server.close();
    expect(story).toEqual([]);
  });
});

describe('What a handler of a durable session publishes', () => {
  const HEARS = { carriers: ['websocket'] } as const;

  it('in open, in message, and in close, comes once to all, and not to whom it leaves out', async () => {
    const { server } = await startDurable({
      open: (socket) => {
        if (socket.request.url === '/?talker') socket.publish('rooms/1', 'open');
      },
      message: (socket, data) => {
        socket.publish('rooms/1', data);
        socket.send(`said ${socket.state.said}`);
      },
      close: () => server.publish('rooms/1', 'close'),
    });
    const listener = await attended(server, HEARS);
    const talker = await attended(server, { ...HEARS, path: '/?talker' });
    talker.session.send('one');
    talker.session.send('two');
    expect(await talker.messages.take(2)).toEqual(['said 1', 'said 2']);
    talker.session.close();
    expect(await listener.messages.take(4)).toEqual(['open', 'one', 'two', 'close']);
    expect(talker.messages.items).toEqual([]);
  });

  it.each(['close', 'terminate'] as const)('comes also when it calls %s at once', async (how) => {
    const { server, story } = await startDurable({
      message: (socket, data) => {
        socket.publish('rooms/1', data);
        socket[how]();
      },
    });
    const listener = await attended(server, HEARS);
    const talker = await attended(server, HEARS);
    talker.session.send('last');
    expect(await listener.messages.next()).toBe('last');
    await until(() => story.length > 0);
    server.publish('rooms/1', 'later');
    expect(await listener.messages.next()).toBe('later');
    talker.session.close();
  });

  it('comes also after an await, at once', async () => {
    const { server } = await startDurable({
      message: async (socket, data) => {
        await Promise.resolve();
        socket.publish('rooms/1', data);
      },
    });
    const listener = await attended(server, HEARS);
    const talker = await attended(server, HEARS);
    talker.session.send('later');
    expect(await listener.messages.next()).toBe('later');
  });
});

describe('A session that another server has', () => {
  it('ends here with 1012, its close handler publishes, and its client is sent elsewhere', async () => {
    const prefix = 'moved:';
    const one = await startDurable(
      { ...ECHO, close: () => one.server.publish('rooms/1', 'it has moved') },
      prefix,
    );
    const client = await attended(one.server);
    await roundTrip(client);
    const [key = ''] = (await records(prefix)).hashes;
    const listener = await attended(one.server);
    await roundTrip(listener);
    await commands.hSet(key, '@holder', 'another');
    client.session.send('hello');
    await until(() => one.story.length > 0);
    expect(one.story).toEqual(['closed 1012']);
    expect(await listener.messages.next()).toBe('it has moved');
    expect(await commands.hGet(key, '@holder')).toBe('another');
  });
});

describe('A state that JSON cannot hold', () => {
  it('is told once, closes the session with 1011, and lets the process live', async () => {
    const { server, errors, story } = await startDurable({
      message: (socket) => {
        (socket.state as unknown as Record<string, unknown>)['self'] = socket.state;
      },
    });
    const client = await attended(server);
    client.session.send('hello');
    expect(await client.closed).toMatchObject({ code: 1011 });
    expect((await errors.next()).message).toMatch(/circular/);
    await until(() => story.length > 0);
    expect([story, errors.items]).toEqual([['closed 1011'], []]);
    await attended(server);
  });
});

describe('A record that nobody can go on with', () => {
  it('is told, and its client begins anew', async () => {
    const prefix = 'broken:';
    const one = await startDurable(
      { message: (socket, data) => void (socket.state.said--, socket.send(data)) },
      prefix,
    );
    const two = await startDurable({}, prefix);
    const client = await attended(await balance(one.server, two.server));
    await roundTrip(client);
    const { hashes } = await records(prefix);
    // Its server keeps what has not changed.
    await commands.hSet(hashes[0]!, 'state', '{');
    await one.server.close();
    expect(await client.resumes.next()).toMatchObject({ resumed: false });
    expect((await two.errors.next()).message).toMatch(/JSON/);
    expect(two.server.connections.size).toBe(1);
  });
});

describe('While Redis', () => {
  it('is silent, what was received is not acknowledged, nothing is sent, and nothing is lost', async () => {
    const { server, sockets, story } = await startDurable({
      message: (socket, data) => void socket.send(data),
    });
    const talker = await attended(server);
    const { token, greeting } = await openByRequest(server);
    expect(greeting).toMatchObject({ ack: 0 });
    redis.pause();
    onTestFinished(() => redis.resume());
    for (let number = 0; number < 100; number++) talker.session.send(`${number}`);
    // Whoever polls is answered all the same, after a second.
    const answer = await reply(server, lines(header(), 'hello'), { token });
    expect(answer.records).toEqual([expect.objectContaining({ ack: 0 })]);
    expect(talker.messages.items).toEqual([]);
    redis.resume();
    expect(await talker.messages.take(100)).toEqual(Array.from({ length: 100 }, (_, number) => `${number}`));
    const later = await reply(server, lines(header({ seq: 2 })), { token });
    expect(later.records).toEqual([expect.objectContaining({ ack: 1 }), 'hello']);
    expect([sockets.items.length, story]).toEqual([2, []]);
  });

  it('refuses to save, the application is told, and it is tried again', async () => {
    const { server, errors } = await startDurable(ECHO);
    const client = await attended(server);
    await roundTrip(client);
    await commands.configSet('maxmemory', '1');
    onTestFinished(async () => void (await commands.configSet('maxmemory', '0')));
    client.session.send('hello');
    const error = await errors.next();
    expect([error instanceof BrokerError, (error as BrokerError).code]).toEqual([true, 'ERR_BROKER_REFUSED']);
    expect(client.messages.items).toEqual([]);
    await commands.configSet('maxmemory', '0');
    expect(await client.messages.next()).toBe('hello');
  });

  it('begins anew with nothing in it, sessions are saved whole again', async () => {
    const [one, two] = [await startDurable(ECHO), await startDurable()];
    const client = await attended(await balance(one.server, two.server));
    client.session.send('before');
    expect(await client.messages.next()).toBe('before');
    await redis.kill();
    client.session.send('meanwhile');
    await redis.restart();
    expect(await client.messages.next()).toBe('meanwhile');
    await until(() => commands.isReady);
    await one.server.close();
    const taken = await two.sockets.next();
    expect(taken.state).toEqual({ said: 2 });
    expect(await client.resumes.next()).toMatchObject({ resumed: true });
  });
});

describe('In Redis', () => {
  it('nothing stays of sessions that have ended, but that they have, for two minutes', async () => {
    const prefix = 'many:';
    const { server } = await startDurable(ECHO, prefix);
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const { token } = await openByRequest(server);
          await reply(server, lines(header(), 'hello'), { token });
        }),
      );
    }
    const before = await records(prefix);
    expect([before.hashes.length, before.lists.length]).toEqual([1_000, 1_000]);
    await server.close({ code: 1000, timeout: 0 });
    const { hashes, holders, lists } = await records(prefix);
    expect([hashes.length, new Set(holders), lists]).toEqual([1_000, new Set(['']), []]);
    const lifetimes = await Promise.all(hashes.map((key) => commands.pTTL(key)));
    expect(Math.max(...lifetimes)).toBeLessThanOrEqual(120_000);
    expect(Math.min(...lifetimes)).toBeGreaterThan(0);
    // And who was the first to open it, for ten minutes.
    const others = (await commands.keys(`${prefix}*`)).filter((key) => !hashes.includes(key));
    const names = new Set(others.map((key) => key.slice(prefix.length).split('/').slice(0, 2).join('/')));
    expect([...names].toSorted()).toEqual(['$bothways/claims', '$bothways/log']);
  });
});

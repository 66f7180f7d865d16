import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { turns, until } from '../node/test-arrivals.js';
import { testBroker } from '../pubsub/test-broker.js';
import { KEPT, testBrokerHistory } from '../pubsub/test-broker-history.js';
import type { EventEmitter } from 'node:events';
import { redisBroker, type RedisClient } from './redis.js';
import {
  command,
  CLIENTS,
  numbers,
  openNode,
  openPair,
  settle,
  startOwnRedis,
  startProxy,
  type Node,
} from './test-redis.js';

let prefixes = 0;

const MANY = { messages: 10_000, age: 60_000 };

/** What did not come behind its predecessor, although nothing was said in between; and all that came again. */
function untoldGaps(story: readonly string[]): string[] {
  const wrong: string[] = [];
  let next = 0;
  let isExcused = false;
  for (const each of story) {
    if (each === 'missed') {
      isExcused = true;
      continue;
    }
    const number = Number(each);
    if (number < next || (number > next && !isExcused)) wrong.push(each);
    next = number + 1;
    isExcused = false;
  }
  return wrong;
}

/** How many connections there have been, with the one that asks. */
async function countConnections(url: string): Promise<number> {
  const [, count] = /total_connections_received:(\d+)/.exec(String(await command(url, ['INFO', 'stats'])))!;
  return Number(count);
}

describe.each(CLIENTS)('With a client of %s', (name, makeClient) => {
  let redis: BrokerServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis[Symbol.asyncDispose]());

  testBroker(`redisBroker() with ${name}`, () => {
    const options = { prefix: `*${prefixes++}[:` };
    return Promise.all([0, 1, 2].map(() => openNode(makeClient(redis.url), options))) as never;
  });

  testBrokerHistory(`redisBroker() with ${name}`, () => {
    const options = { prefix: `*${prefixes++}[:` };
    return Promise.all([0, 1, 2].map(() => openNode(makeClient(redis.url), options))) as never;
  });

  describe('a broker of Redis', () => {
    it('goes on when Redis has forgotten its scripts', async () => {
      const own = await startOwnRedis();
      const { publisher, subscriber } = await openPair(makeClient, own.port);
      subscriber.subscribe('a');
      await subscriber.history.changes(undefined);
      for (const data of numbers(0, 20)) {
        publisher.history.publish('a', data, MANY);
        if (data !== '9') continue;
        await until(() => subscriber.story.length === 10);
        await command(own.url, ['SCRIPT', 'FLUSH']);
      }
      await until(() => subscriber.story.length === 20);
      await command(own.url, ['SCRIPT', 'FLUSH']);
      expect((await publisher.history.read('a', 20, MANY)).messages).toHaveLength(20);
      expect([subscriber.story, publisher.failures.items]).toEqual([numbers(0, 20), []]);
    });

    it('keeps a message once that is sent again', async () => {
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port);
      subscriber.subscribe('a');
      const { position } = await subscriber.history.changes(undefined);
      const sent = numbers(0, 1_000);
      for (const data of sent) {
        publisher.history.publish('a', data, MANY);
        if (Number(data) % 100 === 50) await new Promise((resolve) => setImmediate(resolve));
        if (Number(data) % 300 === 150) networks[0].cutResponse({ after: Number(data) });
        if (Number(data) % 300 === 250) networks[0].cut();
      }
      await until(() => subscriber.story.length >= 1_000);
      expect(subscriber.story).toEqual(sent);
      const { recovered, messages } = await publisher.history.read('a', position, MANY);
      expect([recovered, messages.map(({ data }) => data)]).toEqual([true, sent]);
      expect(publisher.failures.items).toEqual([]);
    });

    it('leaves in Redis no more than a history says, and nothing of topics that are too old', async () => {
      const own = await startOwnRedis();
      const { publisher, subscriber } = await openPair(makeClient, own.port, { prefix: 'p:' });
      subscriber.subscribe('#');
      const { position: before } = await subscriber.history.changes(undefined);
      for (const data of numbers(0, 50))
        publisher.history.publish('long', data, { messages: 5, age: 60_000 });
      for (const data of numbers(0, 50))
        publisher.history.publish(`short/${data}`, data, { messages: 5, age: 1 });
      await until(() => subscriber.story.length === 100);
      const [stream] = (await command(own.url, ['KEYS', 'p:$bothways/log/*/long'])) as [string];
      expect(await command(own.url, ['XLEN', stream])).toBe(5);
      expect(await command(own.url, ['PTTL', stream])).toBeGreaterThan(0);
      while (((await command(own.url, ['KEYS', '*short*'])) as string[]).length > 0);
      // Each message forgets two topics at most, and it was the oldest that is kept for longest.
      expect(await command(own.url, ['ZCARD', 'p:$bothways/topics'])).toBe(51);
      for (const data of numbers(0, 30))
        publisher.history.publish('long', data, { messages: 5, age: 60_000 });
      await until(() => subscriber.story.length === 130);
      expect(await command(own.url, ['ZRANGE', 'p:$bothways/topics', '0', '-1'])).toEqual(['long']);
      // What happened to those that are forgotten, nobody knows.
      expect((await subscriber.history.changes(before)).topics).toBeUndefined();
      expect(await subscriber.history.read('short/1', before, MANY)).toMatchObject({ recovered: false });
      expect(await subscriber.history.read('short/1', 1, MANY)).toMatchObject({
        recovered: true,
        messages: [],
      });
      const { position } = await subscriber.history.changes(undefined);
      expect((await subscriber.history.changes(position)).topics).toEqual([]);
      expect(await subscriber.history.read('short/1', position, MANY)).toMatchObject({ recovered: true });
      publisher.history.publish('short/1', 'again', MANY);
      await until(() => subscriber.story.length === 131);
      expect(await subscriber.history.read('short/1', position, MANY)).toMatchObject({ recovered: true });
      expect(await subscriber.history.read('short/1', before, MANY)).toMatchObject({ recovered: false });
    });

    it('keeps one order of what it keeps and what it does not', async () => {
      const { publisher, subscriber } = await openPair(makeClient, redis.port);
      subscriber.subscribe('a');
      await settle(subscriber, publisher);
      const sent = numbers(0, 100);
      for (const data of sent) {
        if (Number(data) % 2 === 0) publisher.publish('a', data);
        else publisher.history.publish('a', data, KEPT);
      }
      await until(() => subscriber.story.length === 100);
      expect(subscriber.story).toEqual(sent);
    });

    it('holds its subscriptions again when Redis was killed and has forgotten all, and tells once', async () => {
      const own = await startOwnRedis();
      const { networks, publisher, subscriber } = await openPair(makeClient, own.port);
      for (const filter of ['a/b', 'c/#', 'gone']) subscriber.subscribe(filter);
      await settle(subscriber, publisher);
      publisher.publish('a/b', 'before');
      await until(() => subscriber.story.length === 1);
      // The publisher finds its way back last: nobody could take earlier what waits there.
      networks[0].refuse();
      await own.kill();
      await until(() => networks[0].connections + networks[1].connections === 0);
      subscriber.unsubscribe('gone');
      subscriber.subscribe('new');
      publisher.publish('gone', 'nobody');
      for (const data of numbers(0, 100)) publisher.publish('a/b', data);
      publisher.publish('c', 'c');
      publisher.publish('c/d/e', 'c/d/e');
      publisher.publish('new', 'new');
      await own.restart();
      await until(() => subscriber.story.length === 2);
      networks[0].heal();
      await until(() => subscriber.story.length >= 105);
      await settle(subscriber, publisher);
      expect(subscriber.story).toEqual(['before', 'missed', ...numbers(0, 100), 'c', 'c/d/e', 'new']);
      await until(() => publisher.story.length > 0);
      expect(publisher.story).toEqual(['missed']);
    });

    it('loses nothing and tells of nothing when Redis stands still for a while', async () => {
      const own = await startOwnRedis();
      const { publisher, subscriber } = await openPair(makeClient, own.port);
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      own.pause();
      for (const data of numbers(0, 500)) publisher.publish('news', data);
      subscriber.subscribe('other');
      own.resume();
      await until(() => subscriber.story.length >= 500);
      await settle(subscriber, publisher);
      publisher.publish('other', 'other');
      await until(() => subscriber.story.length > 500);
      expect(subscriber.story).toEqual([...numbers(0, 500), 'other']);
    });

    it('loses nothing of what it took while the connection of the publisher is cut again and again', async () => {
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port);
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      const sent = numbers(0, 5_000);
      let cuts = 0;
      for (const [index, data] of sent.entries()) {
        publisher.publish('news', data);
        if (index % 100 === 50) await new Promise((resolve) => setImmediate(resolve));
        if (index % 500 !== 250) continue;
        cuts++;
        // In the middle of an answer, or before it can come.
        if (cuts % 2 === 0) networks[0].cutResponse({ after: 50 + cuts });
        else networks[0].cut();
      }
      await until(() => subscriber.story.length >= sent.length);
      await settle(subscriber, publisher);
      expect(cuts).toBe(10);
      expect(subscriber.story).toEqual(sent);
    });

    it('repeats nothing and tells of each gap while the connection of the subscriber is cut', async () => {
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port);
      for (const filter of ['news/a', 'news/#']) subscriber.subscribe(filter);
      await settle(subscriber, publisher);
      let cuts = 0;
      for (const data of numbers(0, 5_000)) {
        publisher.publish('news/a', data);
        if (Number(data) % 100 === 50) await new Promise((resolve) => setImmediate(resolve));
        if (Number(data) % 1_000 !== 700) continue;
        networks[1].cut();
        cuts++;
        await until(() => subscriber.story.filter((each) => each === 'missed').length === cuts);
      }
      publisher.publish('news/a', 'last');
      await until(() => subscriber.story.at(-1) === 'last');
      expect(untoldGaps(subscriber.story.slice(0, -1))).toEqual([]);
      expect(subscriber.story.filter((each) => each === 'missed')).toHaveLength(cuts);
      expect(subscriber.story.length).toBeGreaterThan(1_000);
    });

    it('opens another connection when nobody answers on one any more, and not before', async () => {
      const intervals = vi.spyOn(globalThis, 'setInterval');
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port);
      const checks = intervals.mock.calls.filter(([, interval]) => interval === 15_000);
      intervals.mockRestore();
      const check = (): void => checks.forEach(([run]) => run());
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      expect(checks).toHaveLength(4);
      for (let count = 0; count < 10; count++) {
        const sizes = networks.map((network) => network.bytesDown);
        check();
        // Two answers, one for each connection, of seven bytes at least.
        await until(() => networks.every((network, index) => network.bytesDown >= sizes[index]! + 14));
        await turns();
      }
      networks[1].stall();
      for (let count = 0; count < 4; count++) check();
      await turns();
      networks[1].heal();
      await settle(subscriber, publisher);
      expect(subscriber.story).toEqual([]);
      networks[1].stall();
      for (let count = 0; count < 5; count++) check();
      networks[1].heal();
      await until(() => subscriber.story.length > 0);
      publisher.publish('news', 'after');
      await until(() => subscriber.story.length > 1);
      expect(subscriber.story).toEqual(['missed', 'after']);
    });

    it('takes no more than may wait, and more again later', async () => {
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port, {
        maxWaiting: 10_000,
      });
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      networks[0].refuse();
      networks[0].cut();
      let taken = 0;
      const fill = (): void => {
        for (; taken < 1_000; taken++) publisher.publish('news', `${taken}`);
      };
      expect(fill).toThrow(expect.objectContaining({ code: 'ERR_BROKER_FULL' }));
      expect(taken).toBeGreaterThan(10);
      networks[0].heal();
      await until(() => subscriber.story.length >= taken);
      publisher.publish('news', 'again');
      await until(() => subscriber.story.length > taken);
      expect(subscriber.story).toEqual([...numbers(0, taken), 'again']);
    });

    it('is told when Redis lets go of a subscriber who reads too slowly', async () => {
      const own = await startOwnRedis();
      await command(own.url, ['CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 100kb 100kb 1']);
      const { networks, publisher, subscriber } = await openPair(makeClient, own.port);
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      networks[1].stall({ direction: 'down' });
      const clients = () => command(own.url, ['CLIENT', 'LIST', 'TYPE', 'pubsub']).then(String);
      expect((await clients()).split('\n').filter((line) => line.includes(' sub=1 '))).toHaveLength(1);
      for (let wasCut = false; !wasCut;) {
        const size = networks[0].bytesDown;
        for (let count = 0; count < 20; count++) publisher.publish('news', 'x'.repeat(1024 * 1024));
        await until(() => networks[0].bytesDown >= size + 20 * 4);
        wasCut = !(await clients()).includes(' sub=1 ');
      }
      networks[1].heal();
      await until(() => subscriber.story.includes('missed'));
      publisher.publish('news', 'after');
      await until(() => subscriber.story.at(-1) === 'after');
      expect(subscriber.story.filter((each) => !each.startsWith('x'))).toEqual(['missed', 'after']);
    });

    it('cannot be opened when Redis is away, or does not answer', async () => {
      const network = await startProxy(redis.port);
      network.refuse();
      const open = () => openNode(makeClient(`redis://127.0.0.1:${network.port}`), { openTimeout: 150 });
      const away = { code: 'ERR_BROKER_AWAY', cause: expect.any(Error) as unknown };
      await expect(open()).rejects.toMatchObject(away);
      network.heal();
      network.stall();
      await expect(open()).rejects.toMatchObject({ code: 'ERR_BROKER_AWAY' });
      network.heal();
      await until(() => network.connections === 0);
    });

    it('asks Redis for what is wanted in the end, however quickly that changes', async () => {
      const own = await startOwnRedis();
      const { publisher, subscriber } = await openPair(makeClient, own.port);
      for (const filter of ['in', 'in/+', 'out', 'out/+']) {
        subscriber.subscribe(filter);
        subscriber.unsubscribe(filter);
        if (filter.startsWith('in')) subscriber.subscribe(filter);
      }
      await settle(subscriber, publisher);
      for (const topic of ['out', 'out/a', 'in', 'in/a']) publisher.publish(topic, topic);
      await until(() => subscriber.story.length > 1);
      expect(subscriber.story).toEqual(['in', 'in/a']);
      const patterns = () => command(own.url, ['PUBSUB', 'NUMPAT']);
      const channels = async () => [await command(own.url, ['PUBSUB', 'CHANNELS'])].flat();
      while ((await channels()).length > 1);
      expect([await channels(), await patterns()]).toEqual([[expect.stringMatching(/:in$/)], 1]);
    });

    it('waits at its end until Redis has taken what was published', async () => {
      const { networks, publisher, subscriber } = await openPair(makeClient, redis.port);
      subscriber.subscribe('news');
      await settle(subscriber, publisher);
      networks[0].delay(20);
      publisher.publish('news', 'last');
      await publisher.close();
      await until(() => subscriber.story.length > 0);
      expect(publisher.failures.items).toEqual([]);
    });

    it('holds what one filter needs when another that needs it too has gone', async () => {
      const { publisher, subscriber } = await openPair(makeClient, redis.port);
      for (const filter of ['a/+', 'a/#', 'a/+/#']) subscriber.subscribe(filter);
      await settle(subscriber, publisher);
      for (const filter of ['a/#', 'a/+/#']) subscriber.unsubscribe(filter);
      await settle(subscriber, publisher);
      for (const topic of ['a', 'a/b', 'a/b/c', 'a/d']) publisher.publish(topic, topic);
      await until(() => subscriber.story.length > 1);
      expect(subscriber.story).toEqual(['a/b', 'a/d']);
    });

    it('gives up at its end what Redis has not taken, and says so', async () => {
      const { networks, publisher } = await openPair(makeClient, redis.port, { closeTimeout: 50 });
      networks[0].stall();
      publisher.publish('news', 'lost');
      await publisher.close();
      expect(publisher.failures.items).toMatchObject([{ code: 'ERR_BROKER_AWAY' }]);
      networks[0].heal();
      await until(() => networks[0].connections === 0);
    });

    it('takes in Redis a prefix of its own', async () => {
      const { publisher, subscriber } = await openPair(makeClient, redis.port);
      const other = await openNode(makeClient(redis.url), { prefix: 'other:' });
      for (const node of [subscriber, other]) node.subscribe('#');
      await settle(subscriber, publisher);
      publisher.publish('news', 'for one');
      other.publish('news', 'for nobody');
      await command(redis.url, ['PUBLISH', 'other:news', 'of somebody else']);
      await settle(subscriber, publisher);
      publisher.publish('news', 'last');
      await until(() => subscriber.story.length > 1);
      expect([subscriber.story, other.story]).toEqual([['for one', 'last'], []]);
    });

    it('keeps its promises whatever the options of the client', async () => {
      const own = await startOwnRedis();
      const makers: readonly (() => RedisClient)[] = [
        () =>
          createClient({
            url: own.url,
            disableOfflineQueue: true,
            commandsQueueMaxLength: 1,
            keyPrefix: 'a',
            RESP: name === 'redis' ? 2 : 3,
            commandOptions: { timeout: 1 },
            socket: { socketTimeout: 20 },
          }),
        () =>
          new Redis(own.url, {
            lazyConnect: true,
            keyPrefix: 'b',
            commandTimeout: 1,
            socketTimeout: 20,
            enableAutoPipelining: true,
            protocol: name === 'redis' ? 2 : 3,
          }),
      ];
      const [one, two] = (await Promise.all(makers.map((make) => openNode(make())))) as [Node, Node];
      for (const node of [one, two]) node.subscribe('a/+');
      await settle(one, two);
      await settle(two, one);
      const witness = new Redis(own.url, { commandTimeout: 60 });
      onTestFinished(() => witness.disconnect());
      await witness.ping();
      const opened = await countConnections(own.url);
      own.pause();
      for (const data of numbers(0, 100)) for (const node of [one, two]) node.publish('a/b', data);
      // All of these times are over when a longer one is.
      await expect(witness.ping()).rejects.toThrow('timed out');
      own.resume();
      await until(() => one.story.length + two.story.length >= 200);
      await settle(one, two);
      expect([one.story, two.story]).toEqual([numbers(0, 100), numbers(0, 100)]);
      for (const node of [one, two]) node.history.publish('a/b', 'kept', KEPT);
      await until(() => one.story.length + two.story.length === 204);
      for (const node of [one, two]) {
        expect((await node.history.read('a/b', 9, KEPT)).messages).toHaveLength(2);
      }
      expect(await countConnections(own.url)).toBe(opened + 1);
    });

    it('leaves the client alone', async () => {
      const client = makeClient(redis.url) as RedisClient & EventEmitter;
      const node = await openNode(client);
      expect(client).toMatchObject('isReady' in client ? { isOpen: false } : { status: 'wait' });
      expect(client.eventNames()).toEqual([]);
      await node.close();
    });
  });
});

describe('redisBroker()', () => {
  it.each([[undefined], [{}], [{ duplicate() {} }], [{ isCluster: true, status: 'wait' }], ['redis://a']])(
    'is for no client that is %j',
    (client) => {
      expect(() => redisBroker(client as never)).toThrow(/^redisBroker\(\) takes a client/);
    },
  );

  it('is for no client of a cluster', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true });
    expect(() => redisBroker(cluster as never)).toThrow(TypeError);
    const root = createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] });
    expect(() => redisBroker(root as never)).toThrow(TypeError);
  });

  it('leaves no connection that was only about to be opened', async () => {
    const own = await startOwnRedis();
    const network = await startProxy(own.port);
    const lookups: (() => void)[] = [];
    const client = createClient({
      socket: {
        host: 'redis.test',
        port: network.port,
        lookup: (_, __, onAddress) =>
          lookups.push(() => onAddress(null, [{ address: '127.0.0.1', family: 4 }])),
      },
    });
    const before = await countConnections(own.url);
    await expect(openNode(client, { openTimeout: 20 })).rejects.toMatchObject({ code: 'ERR_BROKER_AWAY' });
    for (const answer of lookups) answer();
    while ((await countConnections(own.url)) < before + 3);
    await until(() => network.connections === 0);
  });

  it.each([
    ['prefix', ''],
    ['maxWaiting', 0],
    ['openTimeout', 0],
    ['closeTimeout', -1],
    ['other', 1],
  ])('has no option %s that is %j', (name, value) => {
    expect(() => redisBroker(createClient(), { [name]: value })).toThrow(TypeError);
  });
});

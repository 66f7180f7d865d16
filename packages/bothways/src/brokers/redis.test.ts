import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { Arrivals, turns, until } from '../node/test-arrivals.js';
import type { BrokerError } from '../protocol/errors.js';
import type { Broker } from '../pubsub/broker.js';
import { testBroker, type TestNode } from '../pubsub/test-broker.js';
import { startFaultProxy, type FaultProxy } from '../testing/index.js';
import { redisBroker, type RedisBrokerOptions, type RedisClient } from './redis.js';

type MakeClient = (url: string) => RedisClient;

const CLIENTS: readonly (readonly [name: string, makeClient: MakeClient])[] = [
  ['redis', (url) => createClient({ url })],
  ['ioredis', (url) => new Redis(url, { lazyConnect: true })],
];

/** A node, and what its broker told it beside messages. */
interface Node extends TestNode {
  readonly broker: Broker;
  /** Messages as texts, and `missed`, in the order in which they came. */
  readonly story: string[];
  readonly failures: Arrivals<BrokerError>;
}

async function openNode(client: RedisClient, options: RedisBrokerOptions = {}): Promise<Node> {
  const broker = redisBroker(client, options);
  const received = new Arrivals<readonly [string, string | Uint8Array]>();
  const failures = new Arrivals<BrokerError>();
  const story: string[] = [];
  await broker.open({
    receive: (topic, data) => {
      received.push([topic, data]);
      if (!topic.startsWith('probe ')) story.push(Buffer.from(data as string).toString());
    },
    missed: () => void story.push('missed'),
    failed: failures.push,
  });
  onTestFinished(() => broker.close());
  return {
    broker,
    received,
    failures,
    story,
    subscribe: (filter) => broker.subscribe(filter),
    unsubscribe: (filter) => broker.unsubscribe(filter),
    publish: (topic, data) => broker.publish(topic, data),
    publishAndChange: (topic, bytes) => {
      broker.publish(topic, bytes);
      bytes.fill(0);
    },
    close: () => broker.close(),
  };
}

let probes = 0;
let prefixes = 0;

/** Waits until what `node` has asked for has taken effect. */
async function settle(node: Node, by: Node): Promise<void> {
  const topic = `probe ${probes++}`;
  node.subscribe(topic);
  const probing = setInterval(() => by.publish(topic, ''), 5);
  await until(() => node.received.items.some(([arrived]) => arrived === topic));
  clearInterval(probing);
  node.unsubscribe(topic);
}

async function startProxy(target: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target });
  onTestFinished(() => proxy.close());
  return proxy;
}

async function startOwnRedis(): Promise<BrokerServer> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  return redis;
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `${from + index}`);
}

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

/** Two nodes at one Redis, each by a network of its own. */
async function openPair(makeClient: MakeClient, port: number, options: RedisBrokerOptions = {}) {
  const networks = [await startProxy(port), await startProxy(port)] as const;
  const prefix = `pair ${prefixes++}:`;
  const [publisher, subscriber] = await Promise.all(
    networks.map((network) =>
      openNode(makeClient(`redis://127.0.0.1:${network.port}`), { prefix, ...options }),
    ),
  );
  return { networks, publisher: publisher!, subscriber: subscriber! };
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

  describe('a broker of Redis', () => {
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
        // In the middle of answers, or before any.
        networks[0].cut();
        cuts++;
        if (cuts % 2 === 0) await until(() => networks[0].connections === 2);
      }
      await until(() => subscriber.story.length >= sent.length);
      await settle(subscriber, publisher);
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
  });
});

import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { onTestFinished } from 'vitest';
import { startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { Arrivals, until } from '../node/test-arrivals.js';
import type { BrokerError } from '../protocol/errors.js';
import type { Broker } from '../pubsub/broker.js';
import type { HistoryNode, KeptArrival } from '../pubsub/test-broker-history.js';
import { startFaultProxy, type FaultProxy } from '../testing/index.js';
import { redisBroker, type RedisBrokerOptions, type RedisClient } from './redis.js';

export type MakeClient = (url: string) => RedisClient;

export const CLIENTS: readonly (readonly [name: string, makeClient: MakeClient])[] = [
  ['redis', (url) => createClient({ url })],
  ['ioredis', (url) => new Redis(url, { lazyConnect: true })],
];

/** A node, and what its broker told it beside messages. */
export interface Node extends HistoryNode {
  readonly broker: Broker;
  /** Messages as texts, and `missed`, in the order in which they came. */
  readonly story: string[];
  readonly failures: Arrivals<BrokerError>;
}

export async function openNode(client: RedisClient, options: RedisBrokerOptions = {}): Promise<Node> {
  const broker = redisBroker(client, options);
  const received = new Arrivals<readonly [string, string | Uint8Array]>();
  const kept = new Arrivals<KeptArrival>();
  const failures = new Arrivals<BrokerError>();
  const story: string[] = [];
  await broker.open({
    receive: (topic, data) => {
      received.push([topic, data]);
      if (!topic.startsWith('probe ')) story.push(Buffer.from(data as string).toString());
    },
    receiveKept: (topic, message) => {
      story.push(Buffer.from(message.data as string).toString());
      kept.push({ topic, ...message });
    },
    missed: () => void story.push('missed'),
    failed: failures.push,
  });
  onTestFinished(() => broker.close());
  return {
    broker,
    history: broker.history!,
    received,
    kept,
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
export async function settle(node: Node, by: Node): Promise<void> {
  const topic = `probe ${probes++}`;
  node.subscribe(topic);
  const probing = setInterval(() => by.publish(topic, ''), 5);
  await until(() => node.received.items.some(([arrived]) => arrived === topic));
  clearInterval(probing);
  node.unsubscribe(topic);
}

export async function startProxy(target: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target });
  onTestFinished(() => proxy.close());
  return proxy;
}

export async function startOwnRedis(): Promise<BrokerServer> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  return redis;
}

export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `${from + index}`);
}

/** Two nodes at one Redis, each by a network of its own. */
export async function openPair(makeClient: MakeClient, port: number, options: RedisBrokerOptions = {}) {
  const networks = [await startProxy(port), await startProxy(port)] as const;
  const prefix = `pair ${prefixes++}:`;
  const [publisher, subscriber] = await Promise.all(
    networks.map((network) =>
      openNode(makeClient(`redis://127.0.0.1:${network.port}`), { prefix, ...options }),
    ),
  );
  return { networks, publisher: publisher!, subscriber: subscriber! };
}

/** What Redis answers to a command of somebody who may do all. */
export async function command(url: string, args: readonly string[]): Promise<unknown> {
  const client = createClient({ url });
  await client.connect();
  try {
    return await client.sendCommand([...args]);
  } finally {
    client.destroy();
  }
}

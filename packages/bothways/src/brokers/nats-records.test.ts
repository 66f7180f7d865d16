import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startNats, type BrokerServer } from '../../../../test/peers/brokers.js';
import { until } from '../node/test-arrivals.js';
import type { Broker } from '../pubsub/broker.js';
import { testClaims } from '../pubsub/test-claims.js';
import { testRecords } from '../pubsub/test-records.js';
import { natsBroker } from './nats.js';

const LIMITS = { messages: 100, age: 60_000 };
const WHOLE = { isWhole: true, fields: {}, entries: [], dropTo: 0, publishes: [] };
const CHANGE = { ...WHOLE, isWhole: false };

interface Node {
  readonly broker: Broker;
  readonly story: string[];
}

/** As docs/guide/brokers.md has it. */
const PERMISSIONS = `no_auth_user: all
authorization { users: [
  { user: all, password: a, permissions: {
    publish: ["bothways.>", "$JS.API.>", "bothways%kept.>", "bothways%claims.>", "bothways%records.>"],
    subscribe: ["bothways.>", "_INBOX.>"]
  } }
] }`;

async function openNode({ url }: BrokerServer): Promise<Node> {
  const nats = await connect({
    servers: url.replace('nats://', ''),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  const broker = natsBroker(nats, { jetstream: jetstream(nats) });
  const story: string[] = [];
  await broker.open(
    {
      receive: () => {},
      receiveKept: (_topic, { data }) => void story.push(String(data)),
      missed: () => {},
      failed: () => {},
    },
    LIMITS,
  );
  onTestFinished(async () => {
    await broker.close();
    await nats.close();
  });
  return { broker, story };
}

async function openTwo(): Promise<readonly [Node, Node]> {
  const server = await startNats();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return [await openNode(server), await openNode(server)];
}

describe('In JetStream', () => {
  testClaims('claims: NATS', async () => {
    const [one, two] = await openTwo();
    return [one.broker.claims!, two.broker.claims!];
  });

  testRecords('records: NATS', async () => {
    const [one, two] = await openTwo();
    return [one.broker.records!, two.broker.records!];
  });

  it('a record publishes what a change brings, once, and only if it is made', async () => {
    const [one, two] = await openTwo();
    two.broker.subscribe('news');
    const { records, history } = one.broker;
    await two.broker.history!.read('news', 0, LIMITS);
    const publishOf = (data: string) => [
      { topic: 'news', data, limits: LIMITS, number: records!.nextNumber() },
    ];
    await records!.save('key', 'a', 1, { ...WHOLE, publishes: publishOf('one') });
    await records!.save('key', 'a', 1, { ...WHOLE, publishes: publishOf('one again') });
    await records!.save('key', 'b', 2, { ...WHOLE, publishes: publishOf('of another one') });
    await records!.save('key', 'a', 2, { ...CHANGE, publishes: publishOf('two') });
    const { messages } = await history!.read('news', 10, LIMITS);
    expect(messages.map(({ data }) => data)).toEqual(['one', 'two']);
    await until(() => two.story.length >= 2);
    expect(two.story).toEqual(['one', 'two']);
  });

  it('what another one publishes, because its node is gone, is still of that node', async () => {
    const [one, two] = await openTwo();
    const { origin } = one.broker.history!;
    const publishes = [{ topic: 'news', data: 'x', limits: LIMITS, number: 7, origin }];
    await two.broker.records!.save('key', 'a', 1, { ...WHOLE, publishes });
    const { messages } = await one.broker.history!.read('news', 1, LIMITS);
    expect(messages).toMatchObject([{ own: 7, origin: `${origin} 7` }]);
  });

  it('a record may be larger than a message, and is written down as a whole now and then', async () => {
    const [one, two] = await openTwo();
    const { records } = one.broker;
    const large = 'x'.repeat(3_000_000);
    expect(await records!.save('key', 'dead', 1, { ...WHOLE, entries: [[1, large]] })).toBe('saved');
    let number = 1;
    let outcome = 'saved';
    while (outcome === 'saved') {
      number++;
      outcome = await records!.save('key', 'dead', number, { ...CHANGE, entries: [[number, `${number}`]] });
    }
    expect([outcome, number > 50]).toEqual(['missing', true]);
    expect(await two.broker.records!.take('key', 'other', (node) => node === 'dead')).toMatchObject({
      number: number - 1,
      entries: { length: number - 1, 0: [1, large] },
    });
  });

  it('claims and records need no more permissions than the guide says', async () => {
    const server = await startNats(() => PERMISSIONS);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const { broker } = await openNode(server);
    expect(await broker.claims!.claim('key', 'a', 60_000)).toBe('a');
    const publishes = [{ topic: 'news', data: 'x', limits: LIMITS, number: broker.records!.nextNumber() }];
    expect(await broker.records!.save('key', 'a', 1, { ...WHOLE, publishes })).toBe('saved');
    expect(await broker.records!.take('key', 'a', () => false)).toMatchObject({ number: 1 });
    broker.records!.remove('key', 'a');
    expect(await broker.records!.save('key', 'a', 2, WHOLE)).toBe('lost');
  });

  it('claims and records begin anew where somebody has deleted their streams', async () => {
    const server = await startNats();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const { broker } = await openNode(server);
    await broker.claims!.claim('key', 'a', 60_000);
    await broker.records!.save('key', 'a', 1, WHOLE);
    const nats = await connect({ servers: server.url.replace('nats://', '') });
    onTestFinished(() => nats.close());
    const { streams } = await jetstream(nats).jetstreamManager();
    for (const kind of ['claims', 'records']) await streams.delete(`bothways~${kind}`);
    expect(await broker.claims!.claim('key', 'b', 60_000)).toBe('b');
    expect(await broker.records!.save('key', 'a', 2, CHANGE)).toBe('missing');
    expect(await broker.records!.save('key', 'a', 3, WHOLE)).toBe('saved');
  });

  it('a record is saved when NATS is back', async () => {
    const server = await startNats();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const { broker } = await openNode(server);
    const { records } = broker;
    await records!.save('key', 'a', 1, { ...WHOLE, fields: { a: '1' } });
    await server.kill();
    const saved = records!.save('key', 'a', 2, { ...CHANGE, fields: { a: '2' } });
    await until(() => broker.isAway);
    await server.restart();
    expect(await saved).toBe('saved');
    expect(await records!.take('key', 'a', () => false)).toMatchObject({ number: 2, fields: { a: '2' } });
  });
});

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startNats, type BrokerServer } from '../../../../test/peers/brokers.js';
import { freePort } from '../../../../test/peers/start.js';
import { Arrivals, turns, until } from '../node/test-arrivals.js';
import type { BrokerError } from '../protocol/errors.js';
import type { BrokerMessage } from '../pubsub/broker-history.js';
import type { HistoryLimits } from '../pubsub/history.js';
import { testBroker } from '../pubsub/test-broker.js';
import {
  KEPT,
  testBrokerHistory,
  type HistoryNode,
  type KeptArrival,
} from '../pubsub/test-broker-history.js';
import { startFaultProxy, type FaultProxy } from '../testing/index.js';
import { seal } from './envelope.js';
import type { NatsSubscribeOptions } from './nats-connection.js';
import { natsBroker, type NatsBrokerOptions } from './nats.js';

type Published = readonly [topic: string, data: string | Uint8Array];

/** A node, and what its broker tells it. */
interface Node extends HistoryNode {
  readonly connection: NatsConnection;
  /** `missed`, and the text of each message, in their order. */
  readonly story: Arrivals<string>;
  readonly missed: Arrivals<null>;
  readonly failures: Arrivals<BrokerError>;
}

interface NodeOptions {
  readonly connection?: ConnectionOptions;
  readonly broker?: NatsBrokerOptions;
  readonly kept?: HistoryLimits;
}

let server: BrokerServer;
let tests = 0;

const MANY: HistoryLimits = { messages: 5_000, age: 60_000 };

beforeAll(async () => {
  server = await startNats();
});

afterAll(() => server[Symbol.asyncDispose]());

beforeEach(() => {
  tests++;
});

/** Connects to that port, or to the servers of the options, again and again and soon, as a server of a test wants it. */
async function connectTo(port: number | undefined, options: ConnectionOptions = {}): Promise<NatsConnection> {
  const connection = await connect({
    ...(port === undefined ? {} : { port }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 10,
    reconnectJitter: 0,
    reconnectDelayHandler: () => 10,
    // When it is cut off while it connects, the client waits that long.
    timeout: 1_000,
    waitOnFirstConnect: true,
    ...options,
  });
  onTestFinished(() => connection.close());
  return connection;
}

/** A node of this test. */
async function openNode(port: number | undefined, options: NodeOptions = {}): Promise<Node> {
  const connection = await connectTo(port, options.connection);
  const broker = natsBroker(connection, {
    prefix: `test.${tests}`,
    jetstream: jetstream(connection),
    ...options.broker,
  });
  const kept = new Arrivals<KeptArrival>();
  const received = new Arrivals<Published>();
  const story = new Arrivals<string>();
  const missed = new Arrivals<null>();
  const failures = new Arrivals<BrokerError>();
  const node = {
    receive(topic: string, data: string | Uint8Array) {
      received.push([topic, data]);
      if (typeof data === 'string') story.push(data);
    },
    receiveKept(topic: string, message: BrokerMessage) {
      kept.push({ topic, ...message });
      if (typeof message.data === 'string') story.push(message.data);
    },
    missed() {
      missed.push(null);
      story.push('missed');
    },
    failed: failures.push,
  };
  await broker.open(node, options.kept);
  onTestFinished(() => broker.close());
  return {
    connection,
    history: broker.history!,
    received,
    kept,
    story,
    missed,
    failures,
    subscribe: (topic) => broker.subscribe(topic),
    unsubscribe: (topic) => broker.unsubscribe(topic),
    publish: (topic, data) => broker.publish(topic, data),
    publishAndChange(topic, bytes) {
      broker.publish(topic, bytes);
      bytes.fill(0);
    },
    close: () => broker.close(),
  };
}

/** Waits until what `node` has asked of NATS before is done. */
function done(node: Node): Promise<void> {
  return node.connection.flush();
}

async function startProxy(): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target: server.port });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** What in a node's story is out of order, or comes after something missing without `missed` in between. */
function gapsOf(story: readonly string[], sent: readonly string[]): string[] {
  const wrong: string[] = [];
  let next = 0;
  let isMissing = false;
  for (const entry of story) {
    if (entry === 'missed') {
      isMissing = true;
      continue;
    }
    const index = entry === 'last' ? sent.length : sent.indexOf(entry);
    if (index < next || (index > next && !isMissing)) wrong.push(`${entry} in place of ${next}`);
    isMissing = false;
    next = index + 1;
  }
  return wrong;
}

/** Waits for a status of a connection, `count` times. */
async function statusOf(connection: NatsConnection, type: string, count = 1): Promise<void> {
  let seen = 0;
  for await (const status of connection.status()) if (status.type === type && ++seen === count) return;
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);
const contentsOf = (messages: readonly { readonly data: string | Uint8Array }[]): string[] =>
  messages.map(({ data }) => Buffer.from(data as string).toString());
const textsOf = (published: readonly Published[]): unknown[] => published.map(([, data]) => data);

testBroker('natsBroker', async () => [
  await openNode(server.port),
  await openNode(server.port),
  await openNode(server.port),
]);

testBrokerHistory('natsBroker with JetStream', async () => [
  await openNode(server.port, { kept: KEPT }),
  await openNode(server.port, { kept: KEPT }),
  await openNode(server.port, { kept: KEPT }),
]);

describe('A history in JetStream', () => {
  it('keeps a message once that is sent again', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port, { kept: MANY });
    const two = await openNode(server.port, { kept: MANY });
    const { position } = await two.history.changes(undefined);
    const sent = numbers(1_000);
    for (const [index, data] of sent.entries()) {
      one.history.publish('a', data, MANY);
      if (index % 50 === 25) await turns(2);
      if (index % 300 !== 150) continue;
      proxy.cut({ reset: index % 600 === 150 });
      await statusOf(one.connection, 'reconnect');
    }
    await until(() => one.failures.items.length === 0);
    two.subscribe('a');
    one.history.publish('a', 'last', MANY);
    while (contentsOf((await two.history.read('a', 1, MANY)).messages)[0] !== 'last');
    const { recovered, messages } = await two.history.read('a', position, MANY);
    expect([recovered, contentsOf(messages)]).toEqual([true, [...sent, 'last']]);
  });

  it('has its stream made again when that was deleted', async () => {
    const one = await openNode(server.port, { kept: MANY });
    one.subscribe('a');
    one.history.publish('a', 'before', MANY);
    const { position } = await one.kept.next();
    const manager = await jetstreamManager(one.connection);
    await manager.streams.delete(`test~${tests}~kept`);
    one.history.publish('a', 'after', MANY);
    expect((await one.kept.next()).data).toBe('after');
    const after = await one.history.read('a', position, MANY);
    expect(after).toMatchObject({ recovered: false, messages: [] });
    expect(after.position.epoch).not.toBe(position.epoch);
    expect((await one.history.changes(position)).topics).toBeUndefined();
  });

  it('is as large as the node wants it that keeps most, and left as it is otherwise', async () => {
    const manager = await jetstreamManager(await connectTo(server.port));
    const config = async () => (await manager.streams.info(`test~${tests}~kept`)).config;
    await openNode(server.port, { kept: { messages: 10, age: 3_600_000 } });
    expect(await config()).toMatchObject({ max_msgs_per_subject: 11, max_age: 3_600_000e6, storage: 'file' });
    await manager.streams.update(`test~${tests}~kept`, { description: 'mine' });
    await openNode(server.port, { kept: { messages: 20, age: 1_000 } });
    await openNode(server.port, { kept: { messages: 1, age: 1_000 } });
    expect(await config()).toMatchObject({
      max_msgs_per_subject: 21,
      max_age: 3_600_000e6,
      description: 'mine',
    });
  });

  it('says when something is missing that the stream has dropped by its age', async () => {
    const one = await openNode(server.port, { kept: MANY });
    one.subscribe('a');
    for (const data of numbers(5)) one.history.publish('a', data, MANY);
    const messages = await one.kept.take(5);
    const manager = await jetstreamManager(one.connection);
    await manager.streams.purge(`test~${tests}~kept`, { seq: messages[3]!.position.offset });
    const readSince = (index: number) => one.history.read('a', messages[index]!.position, MANY);
    expect(await readSince(1)).toMatchObject({ recovered: false, messages: [] });
    expect(contentsOf((await readSince(2)).messages)).toEqual(['3', '4']);
    expect((await one.history.changes(messages[1]!.position)).topics).toBeUndefined();
    expect((await one.history.changes(messages[2]!.position)).topics).toEqual(['a']);
  });

  it('does not take what is larger than NATS takes', async () => {
    const one = await openNode(server.port, { kept: MANY });
    expect(() => one.history.publish('a', Buffer.alloc(1024 * 1024), MANY)).toThrow(
      expect.objectContaining({ code: 'ERR_BROKER_FULL' }),
    );
    one.subscribe('a');
    one.history.publish('a', Buffer.alloc(1024 * 1024 - 1_000), MANY);
    expect((await one.kept.next()).data).toHaveLength(1024 * 1024 - 1_000);
  });

  it('is told what NATS does not permit, and goes on', async () => {
    const strict = await startNats(
      () => `no_auth_user: all
authorization { users: [
  { user: all, password: a, permissions: { publish: ["bothways.>", "bothways%kept.b", "$JS.API.>"], subscribe: ["bothways.>", "_INBOX.>"] } }
] }`,
    );
    onTestFinished(() => strict[Symbol.asyncDispose]());
    const one = await openNode(strict.port, { kept: MANY, broker: { prefix: 'bothways' } });
    one.subscribe('b');
    one.history.publish('a', 'lost', MANY);
    one.history.publish('b', 'taken', MANY);
    expect(await one.failures.next()).toMatchObject({ code: 'ERR_BROKER_REFUSED' });
    expect((await one.kept.next()).data).toBe('taken');
    await one.close();
    expect(one.failures.items).toEqual([]);
  });

  it('needs no more permissions than the guide says', async () => {
    const strict = await startNats(
      () => `no_auth_user: all
authorization { users: [
  { user: all, password: a, permissions: { publish: ["bothways.>", "bothways%kept.>", "$JS.API.>"], subscribe: ["bothways.>", "_INBOX.>"] } }
] }`,
    );
    onTestFinished(() => strict[Symbol.asyncDispose]());
    const one = await openNode(strict.port, { kept: MANY, broker: { prefix: 'bothways' } });
    one.subscribe('a');
    const { position } = await one.history.changes(undefined);
    one.history.publish('a', 'kept', MANY);
    await one.kept.next();
    expect(await one.history.read('a', position, MANY)).toMatchObject({ recovered: true });
    expect((await one.history.changes(position)).topics).toEqual(['a']);
    expect(one.failures.items).toEqual([]);
  });
});

describe('natsBroker', () => {
  it('keeps what is published while NATS is dead, and holds its subscriptions', async () => {
    const mortal = await startNats();
    onTestFinished(() => mortal[Symbol.asyncDispose]());
    const proxy = await startFaultProxy({ target: mortal.port });
    onTestFinished(() => proxy.close());
    // The publisher comes back last: core NATS has nothing for whoever is not there.
    const one = await openNode(proxy.port);
    const two = await openNode(mortal.port);
    two.subscribe('news');
    two.subscribe('a/#');
    await done(two);
    one.publish('news', 'before');
    await two.received.next();
    proxy.refuse();
    await mortal.kill();
    const sent = numbers(100);
    for (const data of sent) one.publish('news', data);
    two.subscribe('late');
    await until(() => one.connection.info === undefined);
    one.publish('a', 'to a');
    await mortal.restart();
    await two.missed.next();
    proxy.heal();
    one.publish('late', 'to late');
    expect(textsOf(await two.received.take(102))).toEqual([...sent, 'to a', 'to late']);
    await one.missed.next();
    one.publish('a/b', 'after');
    expect(await two.received.next()).toEqual(['a/b', 'after']);
    expect([one.missed.items, two.missed.items, one.failures.items, two.failures.items]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });

  it('loses nothing while NATS does not answer', async () => {
    const sleeper = await startNats();
    onTestFinished(() => sleeper[Symbol.asyncDispose]());
    const one = await openNode(sleeper.port, { connection: { pingInterval: 20, maxPingOut: 100_000 } });
    const two = await openNode(sleeper.port);
    two.subscribe('news');
    await done(two);
    sleeper.pause();
    const sent = numbers(200);
    for (const data of sent.slice(0, 100)) one.publish('news', data);
    await statusOf(one.connection, 'ping', 5);
    for (const data of sent.slice(100)) one.publish('news', data);
    sleeper.resume();
    expect(textsOf(await two.received.take(200))).toEqual(sent);
    expect([one.missed.items, two.missed.items]).toEqual([[], []]);
  });

  it('loses and repeats nothing of 5,000 messages when the publisher is cut off again and again', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port);
    const two = await openNode(server.port);
    two.subscribe('news');
    await done(two);
    const sent = numbers(5_000);
    for (const [index, data] of sent.entries()) {
      one.publish('news', data);
      if (index % 100 === 50) await turns(1);
      if (index % 500 !== 250) continue;
      // In the middle of a batch, before or after NATS has it.
      if (index % 1_000 === 250) await until(() => two.received.items.length > index / 2);
      proxy.cut({ reset: index % 1_000 !== 250 });
      await statusOf(one.connection, 'reconnect');
    }
    expect(textsOf(await two.received.take(5_000))).toEqual(sent);
    one.publish('news', 'last');
    expect(await two.received.next()).toEqual(['news', 'last']);
    expect(two.missed.items).toEqual([]);
    expect(one.missed.items.length).toBeGreaterThan(5);
  });

  it('says that something may be missing, before what comes after it, when a subscriber was cut off', async () => {
    const proxy = await startProxy();
    const one = await openNode(server.port);
    const two = await openNode(proxy.port);
    two.subscribe('news');
    two.subscribe('#');
    await done(two);
    const sent = numbers(5_000);
    for (const [index, data] of sent.entries()) {
      one.publish('news', data);
      if (index % 20 === 0) await turns(1);
      if (index % 500 === 250) proxy.cut({ reset: index % 1_000 === 250 });
    }
    await until(() => proxy.connections === 1);
    const ending = setInterval(() => one.publish('news', 'last'), 5);
    onTestFinished(() => clearInterval(ending));
    const story: string[] = [];
    while (story.at(-1) !== 'last') story.push(await two.story.next());
    expect(story).toContain('missed');
    expect(gapsOf(story, sent)).toEqual([]);
  });

  it('says that something may be missing when NATS has cut off a node that does not read', async () => {
    const strict = await startNats(() => 'max_pending: 2000000\nwrite_deadline: "100ms"');
    onTestFinished(() => strict[Symbol.asyncDispose]());
    const proxy = await startFaultProxy({ target: strict.port });
    onTestFinished(() => proxy.close());
    const one = await openNode(strict.port);
    const two = await openNode(proxy.port);
    two.subscribe('news');
    await done(two);
    proxy.stall({ direction: 'down' });
    const ended = statusOf(two.connection, 'disconnect');
    // More than the sockets in between take.
    for (let count = 0; count < 60; count++) {
      one.publish('news', 'x'.repeat(900_000));
      await done(one);
    }
    proxy.heal();
    await ended;
    await two.missed.next();
    // On a slow machine NATS may cut it off once more.
    const ending = setInterval(() => one.publish('news', 'after'), 5);
    onTestFinished(() => clearInterval(ending));
    const story: string[] = [];
    while (story.at(-1) !== 'after') story.push(await two.story.next());
    expect(story).toContain('missed');
  });

  it('notices that nothing comes any more, by the heartbeat of the connection', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port, { connection: { pingInterval: 20, maxPingOut: 2 } });
    const two = await openNode(server.port);
    two.subscribe('news');
    await done(two);
    proxy.stall();
    one.publish('news', 'while nobody listens');
    await statusOf(one.connection, 'disconnect');
    proxy.heal();
    expect(await two.received.next()).toEqual(['news', 'while nobody listens']);
    await one.missed.next();
    one.publish('news', 'after');
    expect(await two.received.next()).toEqual(['news', 'after']);
  });

  it('takes no more than may wait, and more again when there is room', async () => {
    const sleeper = await startNats();
    onTestFinished(() => sleeper[Symbol.asyncDispose]());
    const one = await openNode(sleeper.port, { broker: { maxWaiting: 100_000 } });
    const two = await openNode(sleeper.port);
    two.subscribe('news');
    await done(two);
    sleeper.pause();
    const payload = 'x'.repeat(1_000);
    const refusals: unknown[] = [];
    let taken = 0;
    const publish = (): boolean => {
      try {
        one.publish('news', `${taken} ${payload}`);
        taken++;
        return true;
      } catch (error) {
        refusals.push(error);
        return false;
      }
    };
    while (publish());
    expect(refusals).toMatchObject([{ name: 'BrokerError', code: 'ERR_BROKER_FULL' }]);
    expect(taken).toBeGreaterThan(80);
    expect(taken).toBeLessThan(100);
    sleeper.resume();
    await until(publish);
    const texts = textsOf(await two.received.take(taken));
    expect(texts).toEqual(numbers(taken).map((number) => `${number} ${payload}`));
  });

  it('carries messages larger than NATS takes, of two nodes at once, beside small ones', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => openNode(server.port)));
    three!.subscribe('+');
    three!.subscribe('large');
    await done(three!);
    const sent: Published[] = [];
    for (let index = 0; index < 5; index++) {
      for (const [name, node] of [
        ['one', one!],
        ['two', two!],
      ] as const) {
        const large = `${name} ${index} `.repeat(300_000);
        node.publish('large', large);
        node.publish('small', `${name} ${index}`);
        await turns(1);
        sent.push(['large', large], ['small', `${name} ${index}`]);
      }
    }
    const received = await three!.received.take(20);
    for (const name of ['one', 'two']) {
      const isOf = ([, data]: readonly [string, unknown]): boolean => (data as string).startsWith(name);
      const [ours, theirs] = [received.filter(isOf), sent.filter(isOf)];
      // Not toEqual, which would print megabytes.
      expect(ours.map(([topic]) => topic)).toEqual(theirs.map(([topic]) => topic));
      expect(ours.every(([, data], index) => data === theirs[index]![1])).toBe(true);
    }
  });

  it('sends a large message again when it was cut off in its middle', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port);
    const two = await openNode(server.port);
    two.subscribe('large');
    await done(two);
    const large = Buffer.alloc(20 * 1024 * 1024, '0123456789abcdefg');
    for (let attempt = 0; attempt < 3; attempt++) {
      const before = proxy.bytesUp;
      if (attempt === 0) one.publish('large', large);
      await until(() => proxy.bytesUp > before + 3 * 1024 * 1024);
      proxy.cut();
      await statusOf(one.connection, 'reconnect');
    }
    one.publish('large', 'after');
    const [[, data], after] = (await two.received.take(2)) as [Published, Published];
    expect(large.equals(data as Buffer)).toBe(true);
    expect(after).toEqual(['large', 'after']);
  });

  it.each(['/', '\0', '\ud800', '世'])('carries the longest topics: of %j', async (unit) => {
    const broker = { prefix: `${'p'.repeat(190)}.${tests}` };
    const [one, two] = await Promise.all([1, 2].map(() => openNode(server.port, { broker })));
    const topic = unit.repeat(1_024);
    const filters = [topic, `${unit.repeat(1_022)}/#`, '#'];
    for (const filter of filters) two!.subscribe(filter);
    await done(two!);
    one!.publish(topic, 'far');
    expect(await two!.received.next()).toEqual([topic, 'far']);
    expect(two!.connection.stats().inMsgs).toBe(unit === '/' ? 3 : 2);
  });

  it('goes on by way of another server of a cluster', async () => {
    const ports = [await freePort(), await freePort()];
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
    const cluster = await Promise.all(
      ports.map((port) =>
        startNats(
          () =>
            `server_name: s${port}\ncluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
        ),
      ),
    );
    for (const each of cluster) onTestFinished(() => each[Symbol.asyncDispose]());
    const servers = cluster.map(({ port }) => `127.0.0.1:${port}`);
    const [first, second] = [servers, servers.toReversed()].map((list) => ({
      connection: { servers: list, noRandomize: true, ignoreClusterUpdates: true },
    }));
    const one = await openNode(undefined, first);
    const two = await openNode(undefined, second);
    two.subscribe('news');
    const probing = setInterval(() => one.publish('news', 'probe'), 5);
    await two.received.next();
    clearInterval(probing);
    const sent = numbers(1_000);
    for (const [index, data] of sent.entries()) {
      one.publish('news', data);
      if (index % 50 === 0) await turns(1);
      if (index !== 500) continue;
      // What a server has not passed on to another dies with it.
      await until(() => two.story.items.at(-1) === data);
      await cluster[0]!.kill();
    }
    const story: string[] = [];
    while (story.at(-1) !== '999') story.push(await two.story.next());
    expect(story.filter((text) => text !== 'probe')).toEqual(sent);
    await one.missed.next();
    expect([one.missed.items, two.missed.items]).toEqual([[], []]);
  });

  it('refuses a message that nobody could join', async () => {
    const one = await openNode(server.port);
    expect(() => one.publish('large', Buffer.alloc(64 * 1024 * 1024 + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_BROKER_FULL' }),
    );
  });

  it('does not open when NATS does not answer', async () => {
    const proxy = await startProxy();
    const connection = await connectTo(proxy.port);
    proxy.stall();
    const node = { receive() {}, receiveKept() {}, missed() {}, failed() {} };
    const opening = natsBroker(connection, { openTimeout: 30 }).open(node);
    await expect(opening).rejects.toMatchObject({ name: 'BrokerError', code: 'ERR_BROKER_AWAY' });
    proxy.heal();
    await connection.close();
    const late = natsBroker(connection).open(node);
    await expect(late).rejects.toMatchObject({ code: 'ERR_BROKER_AWAY' });
  });

  it('opens when NATS comes back in time', async () => {
    const proxy = await startProxy();
    const connection = await connectTo(proxy.port);
    proxy.refuse();
    proxy.cut();
    await statusOf(connection, 'reconnecting');
    const opening = natsBroker(connection).open({ receive() {}, receiveKept() {}, missed() {}, failed() {} });
    await statusOf(connection, 'reconnecting', 2);
    proxy.heal();
    await expect(opening).resolves.toBeUndefined();
  });

  it('sends what was published before when it closes and NATS comes back, and nothing comes after', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port);
    const two = await openNode(server.port);
    for (const node of [one, two]) node.subscribe('news');
    await done(one);
    await done(two);
    proxy.refuse();
    proxy.cut();
    const sent = numbers(100);
    for (const data of sent) one.publish('news', data);
    await statusOf(one.connection, 'reconnecting');
    const closing = one.close();
    two.publish('news', 'to nobody');
    proxy.heal();
    await closing;
    expect(textsOf(await two.received.take(100))).toEqual(sent);
    two.publish('news', 'to nobody');
    await done(two);
    await done(one);
    expect([one.received.items, one.missed.items, one.failures.items]).toEqual([[], [], []]);
    expect(one.connection.isClosed()).toBe(false);
  });

  it('gives up what waits when it closes and NATS is away, and says so', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port, { broker: { closeTimeout: 20 } });
    proxy.stall();
    one.publish('news', 'one');
    one.publish('news', 'two');
    await one.close();
    expect(one.failures.items).toMatchObject([
      { code: 'ERR_BROKER_AWAY', message: expect.stringContaining('2 messages') as string },
    ]);
  });

  it('fails what waits when the connection is closed for good', async () => {
    const proxy = await startProxy();
    const one = await openNode(proxy.port, { connection: { maxReconnectAttempts: 2 } });
    proxy.refuse();
    proxy.cut();
    for (const data of numbers(3)) one.publish('news', data);
    expect(await one.failures.next()).toMatchObject({
      code: 'ERR_BROKER_AWAY',
      message: expect.stringContaining('3 messages') as string,
    });
    expect(() => one.publish('news', 'late')).toThrow(expect.objectContaining({ code: 'ERR_BROKER_AWAY' }));
    one.subscribe('news');
    one.unsubscribe('news');
    await one.close();
    expect(one.failures.items).toEqual([]);
  });

  it('says what NATS does not permit, and asks again when it is back', async () => {
    let subjects = '["t.b"]';
    const strict = await startNats(() => permit(subjects));
    onTestFinished(() => strict[Symbol.asyncDispose]());
    const broker = { prefix: 't' };
    const [one, two] = await Promise.all(
      ['some', 'all'].map((user) => openNode(strict.port, { broker, connection: { user, pass: 'p' } })),
    );
    one!.publish('b', 'forbidden');
    expect(await one!.failures.next()).toMatchObject({
      name: 'BrokerError',
      code: 'ERR_BROKER_REFUSED',
      cause: { operation: 'publish', subject: 't.b' },
    });
    one!.subscribe('a/#');
    for (const subject of ['t.a.>', 't.a']) {
      expect(await one!.failures.next()).toMatchObject({ cause: { operation: 'subscription', subject } });
    }
    one!.subscribe('b');
    await done(one!);
    two!.publish('a', 'nobody may');
    two!.publish('b', 'one may');
    expect(await one!.received.next()).toEqual(['b', 'one may']);
    subjects = '["t.>"]';
    await strict.kill();
    await strict.restart();
    await one!.missed.next();
    two!.publish('a/b', 'now one may');
    expect(await one!.received.next()).toEqual(['a/b', 'now one may']);
    expect(one!.failures.items).toEqual([]);
  });

  it('leaves alone what others publish there', async () => {
    const one = await openNode(server.port);
    one.subscribe('#');
    await done(one);
    const other = await connectTo(server.port);
    for (const payload of ['', 'hello', 'T'.repeat(12), 'P'.repeat(30)]) {
      other.publish(`test.${tests}.news`, payload);
    }
    await other.flush();
    await done(one);
    expect([one.received.items, one.failures.items]).toEqual([[], []]);
  });

  it.each([
    [{ prefix: '' }],
    [{ prefix: 'a.' }],
    [{ prefix: 'a b' }],
    [{ prefix: 'a'.repeat(201) }],
    [{ maxWaiting: 0 }],
    [{ openTimeout: -1 }],
    [{ closeTimeout: 2 ** 31 }],
    [{ port: 4222 } as NatsBrokerOptions],
  ])('refuses the options %j', async (options) => {
    const connection = await connectTo(server.port);
    expect(() => natsBroker(connection, options)).toThrow(TypeError);
  });

  it.each([undefined, null, {}, { publish() {} }, 'nats://127.0.0.1'])(
    'refuses what is no connection: %j',
    (connection) => {
      expect(() => natsBroker(connection as never)).toThrow(/await its connect\(\)/);
    },
  );
});

/** Two users of NATS, one of whom may do less. */
function permit(subjects: string): string {
  return `authorization { users = [
    { user: all, password: p },
    { user: some, password: p, permissions: { publish: "t.a", subscribe: ${subjects} } }
  ] }`;
}

/** A connection of which a test decides what it says, and when. */
class ScriptedConnection {
  info: { max_payload: number } | undefined = { max_payload: 1_000 };
  readonly published: string[] = [];
  readonly subscriptions: (NatsSubscribeOptions & { readonly subject: string })[] = [];
  readonly unsubscribed: string[] = [];
  readonly #statuses = new Arrivals<string>();

  publish(subject: string, payload: Uint8Array): void {
    this.published.push(`${subject} ${Buffer.from(payload.subarray(18)).toString()}`);
  }

  subscribe(subject: string, options: NatsSubscribeOptions) {
    this.subscriptions.push({ ...options, subject });
    return { unsubscribe: () => void this.unsubscribed.push(subject) };
  }

  flush(): Promise<void> {
    return this.info === undefined ? Promise.reject(new Error('disconnected')) : Promise.resolve();
  }

  /** From now on NATS answers when the test says so. */
  holdAnswers(): (() => void)[] {
    const answers: (() => void)[] = [];
    this.flush = () => new Promise((resolve) => answers.push(resolve));
    return answers;
  }

  async *status() {
    for (;;) yield { type: await this.#statuses.next() };
  }

  say(type: string): void {
    this.#statuses.push(type);
  }

  closed(): Promise<void> {
    return new Promise(() => {});
  }

  isClosed(): boolean {
    return false;
  }

  isDraining(): boolean {
    return false;
  }
}

async function openScripted() {
  const connection = new ScriptedConnection();
  const told: string[] = [];
  const broker = natsBroker(connection, { prefix: 'p', closeTimeout: 100 });
  await broker.open({
    receive: (topic, data) => told.push(`${topic} ${data as string}`),
    receiveKept() {},
    missed: () => told.push('missed'),
    failed: ({ code }) => told.push(code),
  });
  onTestFinished(() => broker.close());
  return { broker, connection, told };
}

describe('natsBroker, with a connection that a test makes up,', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives the client nothing that would overtake what is sent again', async () => {
    const { broker, connection } = await openScripted();
    broker.publish('a', 'before');
    expect(connection.published.splice(0)).toEqual(['p.a before']);
    // The client is disconnected, and its status comes later.
    connection.info = undefined;
    broker.publish('a', 'unnoticed');
    connection.say('disconnect');
    await turns();
    broker.publish('a', 'away');
    // The greeting of the server is there, and the connection not yet.
    connection.info = { max_payload: 1_000 };
    broker.publish('a', 'greeted');
    expect(connection.published).toEqual([]);
    connection.say('reconnect');
    await turns();
    expect(connection.published).toEqual(['p.a before', 'p.a unnoticed', 'p.a away', 'p.a greeted']);
  });

  it('connects once when the client says several times that it has', async () => {
    const { broker, connection, told } = await openScripted();
    connection.say('disconnect');
    await turns();
    broker.publish('a', 'away');
    for (let count = 0; count < 3; count++) {
      connection.say('reconnect');
      await turns();
    }
    expect([connection.published, told]).toEqual([['p.a away'], ['missed']]);
  });

  it('sends again what was answered for by a connection that is lost', async () => {
    const { broker, connection } = await openScripted();
    const answers = connection.holdAnswers();
    broker.publish('a', 'b');
    await turns();
    connection.say('disconnect');
    await turns();
    answers[0]!();
    await turns();
    connection.say('reconnect');
    await turns();
    expect(connection.published).toEqual(['p.a b', 'p.a b']);
  });

  it('asks for what it has published while it waited for an answer', async () => {
    const { broker, connection, told } = await openScripted();
    const answers = connection.holdAnswers();
    broker.publish('a', 'b');
    await turns();
    broker.publish('a', 'c');
    await turns();
    expect(answers.length).toBe(1);
    answers[0]!();
    await turns();
    expect(answers.length).toBe(2);
    answers[1]!();
    await broker.close();
    expect(told).toEqual([]);
  });

  it('asks each connection for what was written to it', async () => {
    const { broker, connection, told } = await openScripted();
    broker.publish('a', 'b');
    // Before the end of the tick.
    connection.say('disconnect');
    await Promise.resolve();
    connection.say('reconnect');
    await turns();
    await broker.close();
    expect([connection.published, told]).toEqual([['p.a b', 'p.a b'], ['missed']]);
  });

  it('hands on nothing between a reconnect and the answer that says that all subscriptions hold', async () => {
    const { broker, connection, told } = await openScripted();
    broker.subscribe('a');
    const { callback } = connection.subscriptions[0]!;
    const arrive = (number: number): void =>
      callback(null, { subject: 'p.a', data: seal('another-one', number, `${number}`) });
    arrive(1);
    connection.say('disconnect');
    await turns();
    const answers = connection.holdAnswers();
    connection.say('reconnect');
    await turns();
    arrive(3);
    answers[0]!();
    await turns();
    arrive(4);
    expect(told).toEqual(['a 1', 'missed', 'a 4']);
  });

  it('leaves no subscription behind when it closes', async () => {
    const { broker, connection, told } = await openScripted();
    broker.subscribe('a');
    broker.subscribe('b/#');
    await broker.close();
    expect([connection.unsubscribed, told]).toEqual([['p.a', 'p.b.>', 'p.b'], []]);
  });

  it('asks again for what was refused, and says that something may be missing when it is granted', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { broker, connection, told } = await openScripted();
    broker.subscribe('a');
    const refusal = Object.assign(new Error('no'), { operation: 'subscription', subject: 'p.a' });
    connection.subscriptions[0]!.callback(refusal, undefined as never);
    vi.advanceTimersByTime(30_000);
    connection.subscriptions[1]!.callback(refusal, undefined as never);
    await turns();
    expect([connection.subscriptions.length, told]).toEqual([2, []]);
    vi.advanceTimersByTime(30_000);
    await turns();
    expect([connection.subscriptions.length, told]).toEqual([3, ['missed']]);
    vi.advanceTimersByTime(60_000);
    expect(connection.subscriptions.length).toBe(3);
  });

  it('fails a message that the client does not take', async () => {
    const { broker, connection, told } = await openScripted();
    connection.info = { max_payload: 20 };
    broker.publish('a', 'larger than that');
    connection.say('disconnect');
    await turns();
    connection.say('reconnect');
    await turns();
    expect(told).toEqual(['ERR_BROKER_REFUSED', 'missed']);
    broker.publish('a', 'b');
    expect(connection.published).toEqual(['p.a b']);
  });
});

import { describe, expect, it } from 'vitest';
import { deferred, turns, until, type Deferred } from '../node/test-arrivals.js';
import { KEPT } from '../pubsub/test-broker-history.js';
import { seal } from './envelope.js';
import { openNode } from './test-redis.js';

/** A client of redis whose connections answer what the test says. */
class ScriptedRedis {
  readonly isPubSubActive = false;
  readonly connections: ScriptedConnection[] = [];

  duplicate(): ScriptedConnection {
    const connection = new ScriptedConnection();
    this.connections.push(connection);
    return connection;
  }

  pSubscribe(): void {}

  /** The one of them that publishes: at least once, the broker has. */
  publishing(): ScriptedConnection[] {
    return this.connections.filter(({ published }) => published.length > 0);
  }
}

type Listener = (bytes: Buffer, channel: Buffer) => void;

class ScriptedConnection {
  readonly published: {
    readonly name: string;
    readonly bytes: Buffer;
    readonly answer: Deferred<unknown>;
  }[] = [];
  /** Of PSUBSCRIBE. */
  readonly patternAnswers: Deferred<unknown>[] = [];
  /** Of SUBSCRIBE. */
  subscribed: Promise<void> = Promise.resolve();
  lose!: () => void;
  receive: Listener = () => {};

  on(event: string, listener: (error?: unknown) => void): void {
    if (event === 'error') this.lose = () => listener(new Error('gone'));
  }

  async connect(): Promise<void> {}

  sendCommand([name, , bytes]: readonly [string, string, Buffer]): Promise<unknown> {
    const answer = deferred<unknown>();
    this.published.push({ name, bytes, answer });
    return answer.promise;
  }

  subscribe(_: readonly string[], listener: Listener): Promise<void> {
    this.receive = listener;
    return this.subscribed;
  }

  pSubscribe(): Promise<unknown> {
    const answer = deferred<unknown>();
    this.patternAnswers.push(answer);
    return answer.promise;
  }

  destroy(): void {}
}

const textOf = (bytes: Buffer) => bytes.toString('latin1', 18);

function loading(): Error {
  return new Error('LOADING Redis is loading the dataset in memory');
}

/** A node that has published, and what was published on its first connection. */
async function publish(...texts: string[]) {
  const redis = new ScriptedRedis();
  const node = await openNode(redis, { closeTimeout: 0 });
  for (const text of texts) node.publish('news', text);
  return { redis, node, sent: redis.publishing()[0]!.published };
}

describe('A message that Redis cannot take just now', () => {
  it('holds back all behind it until it is sent again, on another connection', async () => {
    const { redis, node, sent } = await publish('one', 'two');
    sent[0]!.answer.reject(loading());
    await turns();
    node.publish('news', 'three');
    expect(sent.map(({ bytes }) => textOf(bytes))).toEqual(['one', 'two']);
    sent[1]!.answer.reject(loading());
    await until(() => redis.publishing().length === 2);
    expect(redis.publishing()[1]!.published.map(({ bytes }) => textOf(bytes))).toEqual([
      'one',
      'two',
      'three',
    ]);
    for (const { answer } of redis.publishing()[1]!.published) answer.resolve(1);
    await turns();
    node.publish('news', 'four');
    expect(
      redis
        .publishing()[1]!
        .published.map(({ bytes }) => textOf(bytes))
        .at(-1),
    ).toBe('four');
    expect(node.failures.items).toEqual([]);
  });

  it('is given up when the next was taken, for it would come too late', async () => {
    const { redis, node, sent } = await publish('one', 'two');
    sent[0]!.answer.reject(loading());
    sent[1]!.answer.resolve(1);
    expect(await node.failures.next()).toMatchObject({ code: 'ERR_BROKER_REFUSED' });
    node.publish('news', 'three');
    await until(() => redis.publishing().length === 2);
    expect(redis.publishing()[1]!.published.map(({ bytes }) => textOf(bytes))).toEqual(['three']);
  });

  it('is not sent any more when nobody knows whether the next was taken', async () => {
    const { redis, node, sent } = await publish('one', 'two');
    sent[0]!.answer.reject(loading());
    await turns();
    for (const connection of redis.connections) connection.lose();
    expect(await node.failures.next()).toMatchObject({ code: 'ERR_BROKER_REFUSED' });
    await until(() => redis.publishing().length === 2);
    expect(redis.publishing()[1]!.published.map(({ bytes }) => textOf(bytes))).toEqual(['two']);
  });
});

describe('A publisher that gets no answer', () => {
  it('sends again on another connection', async () => {
    const { redis, node, sent } = await publish('one', 'two');
    sent[0]!.answer.reject(new Error('The queue is full'));
    await until(() => redis.publishing().length === 2);
    expect(redis.publishing()[1]!.published.map(({ bytes }) => textOf(bytes))).toEqual(['one', 'two']);
    expect(node.failures.items).toEqual([]);
  });
});

describe('A subscriber whose connection was lost', () => {
  it('is told when all its subscriptions hold again, and gets nothing before', async () => {
    const redis = new ScriptedRedis();
    const node = await openNode(redis, { closeTimeout: 0 });
    for (const filter of ['news', 'a/+', 'b/#']) node.subscribe(filter);
    const first = redis.connections.find(({ patternAnswers }) => patternAnswers.length > 0)!;
    first.patternAnswers[0]!.resolve(undefined);
    first.receive(seal('another one', 1, 'before'), Buffer.from('bothways:news'));
    first.lose();
    first.receive(seal('another one', 2, 'of a lost one'), Buffer.from('bothways:news'));
    await until(() => redis.connections.length === 3);
    await turns();
    const second = redis.connections[2]!;
    second.receive(seal('another one', 3, 'too early'), Buffer.from('bothways:news'));
    expect(node.story).toEqual(['before']);
    second.patternAnswers[0]!.resolve(undefined);
    await turns();
    second.receive(seal('another one', 4, 'after'), Buffer.from('bothways:news'));
    expect(node.story).toEqual(['before', 'missed', 'after']);
  });
});

describe('A message that is kept', () => {
  it('is not sent before the subscription holds that brings it back, nor what is published after it', async () => {
    const redis = new ScriptedRedis();
    const node = await openNode(redis, { closeTimeout: 0 });
    const held = deferred();
    for (const connection of redis.connections) connection.subscribed = held.promise;
    node.subscribe('news');
    node.publish('other', 'before');
    node.history.publish('news', 'kept', KEPT);
    node.publish('other', 'after');
    await turns();
    const sent = (): string[] => redis.publishing()[0]!.published.map(({ name }) => name);
    expect(sent()).toEqual(['PUBLISH']);
    held.resolve();
    await turns();
    expect(sent()).toEqual(['PUBLISH', 'EVAL', 'PUBLISH']);
    node.history.publish('news', 'at once', KEPT);
    expect(sent()).toEqual(['PUBLISH', 'EVAL', 'PUBLISH', 'EVALSHA']);
  });
});

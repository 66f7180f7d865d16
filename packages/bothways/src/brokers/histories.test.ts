import { jetstream } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startNats, startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { Arrivals, until } from '../node/test-arrivals.js';
import { startWatched, wsJoin, type Socket } from '../node/test-server.js';
import type { Broker } from '../pubsub/broker.js';
import type { HistoryOptions } from '../pubsub/history.js';
import { startFaultProxy, type FaultProxy } from '../testing/index.js';
import { natsBroker } from './nats.js';
import { redisBroker } from './redis.js';
import { command } from './test-redis.js';

// Servers whose topics have a history in a real broker, each with a network of its own to it.

interface Kind {
  start(): Promise<BrokerServer>;
  /** A broker that reaches its server at a port of this machine. */
  open(port: number): Promise<Broker>;
}

const KINDS: readonly (readonly [name: string, kind: Kind])[] = [
  [
    'Redis, by redis',
    {
      start: startRedis,
      open: async (port) => redisBroker(createClient({ url: `redis://127.0.0.1:${port}` })),
    },
  ],
  [
    'Redis, by ioredis',
    {
      start: startRedis,
      open: async (port) => redisBroker(new Redis(port, { lazyConnect: true })),
    },
  ],
  ['JetStream', { start: () => startNats(), open: openNats }],
];

async function openNats(port: number): Promise<Broker> {
  const connection = await connectNats({
    port,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => 10,
    timeout: 1_000,
  });
  onTestFinished(() => connection.close());
  return natsBroker(connection, { jetstream: jetstream(connection) });
}

interface Node {
  readonly network: FaultProxy;
  /** What `missed` told, as texts, and beside it nothing. */
  readonly missed: Arrivals<readonly string[]>;
  readonly errors: unknown[];
  publish(topic: string, text: string, except?: Socket): void;
  /** A client that subscribes to filters. */
  enter(...filters: string[]): Promise<Client>;
}

interface Client {
  readonly socket: Socket;
  readonly messages: Arrivals<string | Buffer>;
}

const HISTORY: Readonly<Record<string, HistoryOptions>> = {
  'few/#': { messages: 5, age: 60_000 },
  'kept/#': { messages: 10_000, age: 60_000 },
};

async function startNodes(
  kind: Kind,
  count: number,
  history: Readonly<Record<string, HistoryOptions>> = HISTORY,
): Promise<{ readonly broker: BrokerServer; readonly nodes: readonly Node[] }> {
  const broker = await kind.start();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const nodes: Node[] = [];
  for (let index = 0; index < count; index++) nodes.push(await startNode(kind, broker, history));
  return { broker, nodes };
}

async function startNode(
  kind: Kind,
  broker: BrokerServer,
  history: Readonly<Record<string, HistoryOptions>>,
): Promise<Node> {
  const network = await startFaultProxy({ target: broker.port });
  onTestFinished(() => network.close());
  const missed = new Arrivals<readonly string[]>();
  const errors: unknown[] = [];
  const { server, opened } = await startWatched(
    { broker: await kind.open(network.port), history },
    {
      missed: (_, filters) => missed.push(filters),
      error: (error) => void errors.push(error),
    },
  );
  return {
    network,
    missed,
    errors,
    publish: (topic, text, except) => server.publish(topic, text, { except }),
    enter: async (...filters) => {
      const { messages } = await wsJoin(server);
      const socket = await opened.next();
      for (const filter of filters) socket.subscribe(filter);
      return { socket, messages };
    },
  };
}

let probes = 0;

/** Waits until what each node publishes reaches these clients, by a topic of their filters. */
async function settle(nodes: readonly Node[], clients: readonly Client[], topic: string): Promise<void> {
  for (const node of nodes) {
    const probe = `probe ${probes++}`;
    const probing = setInterval(() => node.publish(topic, probe), 20);
    node.publish(topic, probe);
    await until(() => clients.every(({ messages }) => messages.items.includes(probe)));
    clearInterval(probing);
  }
}

function isNoProbe(message: string | Buffer): boolean {
  return !message.toString().startsWith('probe ');
}

/** What a client has got so far. */
function storyOf({ messages }: Client): readonly (string | Buffer)[] {
  return messages.items.filter(isNoProbe);
}

/** The next so many messages that are no probes. */
async function take(client: Client, count: number): Promise<readonly (string | Buffer)[]> {
  await until(() => storyOf(client).length >= count);
  return storyOf(client);
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `${from + index}`);
}

/** Whom `missed` told what, and what went wrong. */
function noiseOf(nodes: readonly Node[]): unknown[] {
  return nodes.flatMap(({ missed, errors }) => [...missed.items, ...errors]);
}

async function cutOff({ network }: Node): Promise<void> {
  network.refuse();
  network.cut();
  await until(() => network.connections === 0);
}

describe.each(KINDS)('With a history in %s', (_, kind) => {
  it('three servers that publish to one topic have one order at all, with nothing missing', async () => {
    const { nodes } = await startNodes(kind, 3);
    const clients = await Promise.all([
      ...nodes.map((node) => node.enter('kept/a')),
      nodes[2]!.enter('kept/+', '#'),
    ]);
    await settle(nodes, clients, 'kept/a');
    for (const number of numbers(0, 300)) {
      for (const [index, node] of nodes.entries()) node.publish('kept/a', `${index}.${number}`);
      if (Number(number) % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const stories = await Promise.all(clients.map((client) => take(client, 900)));
    expect(new Set(stories[0]).size).toBe(900);
    for (const story of stories) expect(story).toEqual(stories[0]);
    for (const index of [0, 1, 2]) {
      const own = stories[0]!.filter((text) => text.toString().startsWith(`${index}.`));
      expect(own).toEqual(numbers(0, 300).map((number) => `${index}.${number}`));
    }
    expect(noiseOf(nodes)).toEqual([]);
  });

  it('a connection that is left out gets nothing of it, and all others do', async () => {
    const { nodes } = await startNodes(kind, 2);
    const [one, two] = nodes as [Node, Node];
    const [publisher, beside, other] = [
      await one.enter('kept/a', 'kept/#'),
      await one.enter('kept/a'),
      await two.enter('kept/a'),
    ];
    await settle(nodes, [publisher, beside, other], 'kept/a');
    for (const number of numbers(0, 50)) {
      one.publish('kept/a', number, publisher.socket);
      two.publish('kept/a', `of two ${number}`);
    }
    await take(beside, 100);
    await take(other, 100);
    await until(() => storyOf(publisher).length >= 50);
    expect(storyOf(publisher)).toEqual(numbers(0, 50).map((number) => `of two ${number}`));
    expect(storyOf(beside)).toEqual(storyOf(other));
  });

  it('a server that was cut off gets all it missed, in its order, and nobody is told', async () => {
    const { nodes } = await startNodes(kind, 2);
    const [one, two] = nodes as [Node, Node];
    const exact = await two.enter('kept/a', 'kept/silent');
    const wild = await two.enter('kept/+', 'kept/deep/#');
    const witness = await one.enter('kept/#');
    await settle(nodes, [exact, wild, witness], 'kept/a');
    one.publish('kept/a', 'before');
    await take(exact, 1);
    await cutOff(two);
    for (const number of numbers(0, 200)) one.publish('kept/a', number);
    // Topics of which nothing has come before.
    one.publish('kept/silent', 'silent');
    one.publish('kept/new', 'new');
    one.publish('kept/deep/er', 'deeper');
    await take(witness, 204);
    two.publish('kept/a', 'own', exact.socket);
    two.network.heal();
    await take(wild, 205);
    one.publish('kept/a', 'after');
    await take(witness, 206);
    await until(() => storyOf(wild).includes('after') && storyOf(exact).includes('after'));
    const ofA = ['before', ...numbers(0, 200), 'own', 'after'];
    expect(storyOf(wild).filter((text) => ofA.includes(text.toString()))).toEqual(ofA);
    expect(
      storyOf(wild)
        .filter((text) => !ofA.includes(text.toString()))
        .toSorted(byText),
    ).toEqual(['deeper', 'new', 'silent']);
    expect(storyOf(exact).filter((text) => text !== 'silent')).toEqual(ofA.filter((text) => text !== 'own'));
    expect(storyOf(exact)).toContain('silent');
    expect(noiseOf(nodes)).toEqual([]);
  });

  it('servers that are cut off again and again while they publish have one order, with nothing missing', async () => {
    const { nodes } = await startNodes(kind, 3);
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/a')));
    await settle(nodes, clients, 'kept/a');
    for (const number of numbers(0, 1_500)) {
      for (const [index, node] of nodes.entries()) node.publish('kept/a', `${index}.${number}`);
      if (Number(number) % 50 === 25) await new Promise((resolve) => setImmediate(resolve));
      if (Number(number) % 300 !== 150) continue;
      const node = nodes[(Number(number) / 150) % 2]!;
      node.network.cut({ reset: Number(number) % 600 === 150 });
      // Some of it before it is back, and some afterwards.
      await until(() => node.network.connections > 0);
    }
    const stories = await Promise.all(clients.map((client) => take(client, 4_500)));
    for (const story of stories) expect(story).toEqual(stories[2]);
    for (const index of [0, 1, 2]) {
      const own = stories[2]!.filter((text) => text.toString().startsWith(`${index}.`));
      expect(own).toEqual(numbers(0, 1_500).map((number) => `${index}.${number}`));
    }
    expect(noiseOf(nodes)).toEqual([]);
  });

  it('nothing is lost or told when the broker stands still for a while', async () => {
    const { broker, nodes } = await startNodes(kind, 2);
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/a')));
    await settle(nodes, clients, 'kept/a');
    broker.pause();
    for (const number of numbers(0, 200)) nodes[0]!.publish('kept/a', number);
    broker.resume();
    for (const client of clients) expect(await take(client, 200)).toEqual(numbers(0, 200));
    expect(noiseOf(nodes)).toEqual([]);
  });

  it('tells only those of a topic whose history is not long enough', async () => {
    const { nodes } = await startNodes(kind, 2);
    const [one, two] = nodes as [Node, Node];
    const client = await two.enter('few/a', 'few/b', 'kept/a', '#');
    const witness = await one.enter('few/#', 'kept/#');
    for (const topic of ['few/a', 'few/b', 'kept/a']) await settle(nodes, [client, witness], topic);
    await cutOff(two);
    for (const number of numbers(0, 6)) one.publish('few/a', `a ${number}`);
    one.publish('few/b', 'b');
    one.publish('kept/a', 'kept');
    await take(witness, 8);
    two.network.heal();
    // Not all topics of # have a history: that is told at once.
    expect(await two.missed.next()).toEqual(['#']);
    expect((await two.missed.next()).toSorted(byText)).toEqual(['#', 'few/a']);
    await until(() => storyOf(client).length >= 2);
    expect([...storyOf(client)].toSorted(byText)).toEqual(['b', 'kept']);
    one.publish('few/a', 'after');
    await until(() => storyOf(client).includes('after'));
    expect([two.missed.items, one.missed.items]).toEqual([[], []]);
  });

  it('recovers at another server what was published, and goes on without a hole or a repeat', async () => {
    const { nodes } = await startNodes(kind, 3);
    const [one, two, three] = nodes as [Node, Node, Node];
    const first = await one.enter();
    const begun = await first.socket.recover('kept/a', 0);
    for (const number of numbers(0, 500)) {
      (Number(number) % 2 === 0 ? one : two).publish('kept/a', number);
      if (Number(number) % 50 === 0) await take(first, Number(number));
    }
    const story = await take(first, 500);
    const late: Client[] = [];
    const publishing = (async () => {
      for (const number of numbers(500, 2_000)) {
        one.publish('kept/a', number);
        if (Number(number) % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let count = 0; count < 10; count++) {
      const client = await three.enter(...(count % 2 === 0 ? [] : ['kept/#']));
      const from = client.messages.items.length;
      const { recovered, epoch } = await client.socket.recover('kept/a', begun);
      expect([recovered, epoch, from]).toEqual([true, begun.epoch, from]);
      if (count % 2 === 0) late.push(client);
    }
    await publishing;
    const all = [...story, ...numbers(500, 2_000)];
    for (const client of [first, ...late]) expect(await take(client, 2_000)).toEqual(all);
    const last = await three.enter();
    expect(await last.socket.recover('kept/a', 3)).toMatchObject({ recovered: true, epoch: begun.epoch });
    expect(await take(last, 3)).toEqual(all.slice(-3));
    expect(noiseOf(nodes)).toEqual([]);
  });

  it('says that it is not recovered, and sends nothing, when too much was published since', async () => {
    const { nodes } = await startNodes(kind, 2);
    const [one, two] = nodes as [Node, Node];
    const first = await one.enter();
    const begun = await first.socket.recover('few/a', 0);
    for (const number of numbers(0, 6)) one.publish('few/a', number);
    await take(first, 6);
    const late = await two.enter();
    const recovery = await late.socket.recover('few/a', begun);
    expect(recovery).toMatchObject({ recovered: false, epoch: begun.epoch });
    one.publish('few/a', 'live');
    expect(await take(late, 1)).toEqual(['live']);
    const again = await two.enter();
    expect(await again.socket.recover('few/a', recovery)).toMatchObject({ recovered: true });
    expect(await take(again, 1)).toEqual(['live']);
  });

  it('encodes the positions that all servers agree on', async () => {
    const { nodes } = await startNodes(kind, 2, { 'kept/#': { messages: 10, age: 60_000, encode } });
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/+')));
    const isSettled = (): boolean => clients.every(({ messages }) => messages.items.length > 0);
    const probing = setInterval(() => nodes[0]!.publish('kept/probe', 'probe'), 20);
    await until(isSettled);
    clearInterval(probing);
    nodes[1]!.publish('kept/a', 'x');
    await until(() => clients.every(({ messages }) => messages.items.some(isX)));
    const [one, two] = clients.map(({ messages }) => messages.items.find(isX));
    expect(one).toBe(two);
    const late = await nodes[0]!.enter();
    await late.socket.recover('kept/a', 1);
    expect(await late.messages.next()).toBe(one);
  });

  it(
    'does not recover while the broker is away, and does not subscribe then',
    { timeout: 30_000 },
    async () => {
      const { nodes } = await startNodes(kind, 2);
      const [one, two] = nodes as [Node, Node];
      const client = await two.enter();
      const witness = await two.enter('kept/a');
      await settle(nodes, [witness], 'kept/a');
      two.network.stall();
      await expect(client.socket.recover('kept/a', 1)).rejects.toMatchObject({ code: 'ERR_BROKER_AWAY' });
      two.network.heal();
      one.publish('kept/a', 'after');
      await until(() => storyOf(witness).includes('after'));
      expect(client.messages.items).toEqual([]);
    },
  );
});

describe('A history in Redis', () => {
  it('begins anew when Redis was killed and has forgotten all, and all are told', async () => {
    const { broker, nodes } = await startNodes(KINDS[0]![1], 2);
    const [one, two] = nodes as [Node, Node];
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/a', 'kept/#')));
    await settle(nodes, clients, 'kept/a');
    const late = await two.enter();
    const before = await late.socket.recover('kept/a', 0);
    await broker.kill();
    one.publish('kept/a', 'meanwhile');
    await broker.restart();
    for (const node of nodes) {
      expect((await node.missed.next()).toSorted(byText)).toEqual(['kept/#', 'kept/a']);
    }
    await until(() => two.missed.items.length > 0);
    one.publish('kept/a', 'after');
    for (const client of clients) await until(() => storyOf(client).includes('after'));
    const again = await two.enter();
    const after = await again.socket.recover('kept/a', before);
    expect(after.recovered).toBe(false);
    expect(after.epoch).not.toBe(before.epoch);
    expect(await again.socket.recover('kept/a', 1)).toMatchObject({ recovered: true });
    expect(await take(again, 1)).toEqual(['after']);
  });
});

describe('A history in a Redis that was restarted', () => {
  it('begins anew also when Redis has some of it on its disk, for the rest of it is lost', async () => {
    const { broker, nodes } = await startNodes(KINDS[0]![1], 2);
    const [one, two] = nodes as [Node, Node];
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/a')));
    await settle(nodes, clients, 'kept/a');
    await command(broker.url, ['SAVE']);
    one.publish('kept/a', 'lost');
    for (const client of clients) await take(client, 1);
    const { epoch, offset } = await (await two.enter()).socket.recover('kept/a', 0);
    await broker.kill();
    await broker.restart();
    for (const { missed } of nodes) expect(await missed.next()).toEqual(['kept/a']);
    for (const text of ['new', 'newer']) one.publish('kept/a', text);
    for (const client of clients) await take(client, 3);
    const late = await two.enter();
    expect(await late.socket.recover('kept/a', { epoch, offset })).toMatchObject({ recovered: false });
    expect(late.messages.items).toEqual([]);
  });
});

describe('A history in JetStream', () => {
  it('is still there when NATS was killed and started again', async () => {
    const { broker, nodes } = await startNodes(KINDS[2]![1], 2);
    const [one, two] = nodes as [Node, Node];
    const clients = await Promise.all(nodes.map((node) => node.enter('kept/a')));
    await settle(nodes, clients, 'kept/a');
    await broker.kill();
    for (const number of numbers(0, 100)) one.publish('kept/a', number);
    two.publish('kept/a', 'of two');
    await broker.restart();
    for (const client of clients) await take(client, 101);
    expect(storyOf(clients[0]!)).toEqual(storyOf(clients[1]!));
    expect(storyOf(clients[0]!).filter((text) => text !== 'of two')).toEqual(numbers(0, 100));
    expect(noiseOf(nodes)).toEqual([]);
  });
});

const encode: HistoryOptions['encode'] = ({ topic, offset, epoch, data }) =>
  `${topic} ${String(data)} ${epoch} ${offset}`;

function isX(message: string | Buffer): boolean {
  return message.toString().startsWith('kept/a x ');
}

function byText(one: string | Buffer, other: string | Buffer): number {
  return one.toString() < other.toString() ? -1 : 1;
}

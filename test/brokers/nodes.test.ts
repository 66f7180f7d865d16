import { describe, it, type TestContext } from 'vitest';
import { type BrokerServer, startNats, startRedis } from '../peers/brokers.js';
import { TestClient, TestNode } from './test-node.js';

/** As docs/guide/server.md says: a node that is killed is noticed after a silence of 8 seconds, looked for every 2. */
const LEASE = 8_000;
const BEAT = 2_000;
/** As node.mjs has it. */
const GRACE = 500;
/** How late a process may be on a machine that is busy with other tests. */
const SLACK = 1_500;

interface Nodes {
  readonly broker: BrokerServer;
  readonly nodes: readonly [TestNode, TestNode, TestNode];
  /** `ada`, `bob` and `cid`, one at each node, with two filters that have the same topics. */
  readonly clients: readonly [TestClient, TestClient, TestClient];
}

const NAMES = ['ada', 'bob', 'cid'] as const;

async function startNodes(startBroker: () => Promise<BrokerServer>, context: TestContext): Promise<Nodes> {
  const { onTestFinished } = context;
  const broker = await startBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const start = (): Promise<TestNode> => TestNode.start(broker.url, context);
  const nodes = await Promise.all([start(), start(), start()]);
  const connect = (index: 0 | 1 | 2): Promise<TestClient> =>
    TestClient.connect(nodes[index], NAMES[index], 'rooms/+/chat', 'rooms/#');
  const clients = await Promise.all([connect(0), connect(1), connect(2)]);
  onTestFinished(() => {
    for (const { socket } of clients) socket.terminate();
  });
  await settle(nodes, clients);
  await Promise.all(nodes.map((node) => Promise.all(NAMES.map((name) => node.tells(`join ${name}`)))));
  return { broker, nodes, clients };
}

let probes = 0;

/** Waits until what each node publishes reaches each client: subscriptions take effect at others a moment later. */
async function settle(nodes: readonly TestNode[], clients: readonly TestClient[]): Promise<void> {
  const routes = nodes.map((node) => ({ node, probe: `probe ${probes++}.` }));
  const publish = (): void => {
    for (const { node, probe } of routes) node.publish([['rooms/0/chat', probe]]);
  };
  publish();
  const again = setInterval(publish, 50);
  try {
    await Promise.all(clients.flatMap((client) => routes.map(({ probe }) => client.gets(probe))));
  } finally {
    clearInterval(again);
  }
}

/** What one node publishes to a topic: `run.node.0` and so on. */
function series(run: string, index: number, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${run}.${index}.${number}`);
}

function publishSeries(nodes: readonly TestNode[], run: string, count: number): void {
  for (const [index, node] of nodes.entries()) {
    node.publish(series(run, index, count).map((text) => [`rooms/${index}/chat`, text]));
  }
}

describe.concurrent.each([
  ['Redis', startRedis],
  ['NATS', () => startNats()],
])('Three processes that share %s', (_name, startBroker) => {
  it('get what each of them publishes, once and in order, and agree who is here', async (context) => {
    const { expect } = context;
    const { nodes, clients } = await startNodes(startBroker, context);
    const elsewhere = await TestClient.connect(nodes[1], 'eve', 'rooms/+/news', 'rooms/2/#');
    await nodes[2].tells('join eve');
    publishSeries(nodes, 'many', 300);
    for (const client of clients) {
      for (const index of nodes.keys()) {
        await client.gets(`many.${index}.`, 300);
        expect(client.of(`many.${index}.`)).toEqual(series('many', index, 300));
      }
    }
    await elsewhere.gets('many.2.', 300);
    expect(elsewhere.of('many.')).toEqual(series('many', 2, 300));

    elsewhere.socket.close();
    await Promise.all(nodes.map((node) => node.tells('leave eve')));
    for (const node of nodes) {
      const { members, nodes: known } = await node.knows(
        (look) => look.nodes.length === 3 && look.nodes.every(({ connections }) => connections === 1),
      );
      expect(members).toEqual([...NAMES]);
      expect(known.filter(({ isOwn }) => isOwn)).toHaveLength(1);
      expect(node.told.toSorted()).toEqual(['join ada', 'join bob', 'join cid', 'join eve', 'leave eve']);
    }
    const ids = await Promise.all(nodes.map(async (node) => (await node.look()).nodes.map(({ id }) => id)));
    for (const each of ids) expect(each.toSorted()).toEqual(ids[0]!.toSorted());
  });

  it('notice that one was killed, and that another has come', { timeout: 40_000 }, async (context) => {
    const { expect } = context;
    const { broker, nodes, clients } = await startNodes(startBroker, context);
    const [one, two, three] = nodes;
    const lost = (await three.look()).nodes.find(({ isOwn }) => isOwn)!.id;
    const before = await TestClient.connect(three, 'dan');
    // The last that is heard of it, so that its silence begins now.
    await Promise.all([one.tells('join dan'), two.tells('join dan')]);
    const killedAt = performance.now();
    await three.kill();
    expect((await before.socket.closed).code).toBe(1006);
    await TestClient.connect(one, 'dan');

    for (const node of [one, two]) {
      await node.tells('leave cid');
      const after = performance.now() - killedAt;
      expect(after).toBeGreaterThan(LEASE + GRACE - 200);
      expect(after).toBeLessThan(LEASE + BEAT + GRACE + SLACK);
      const look = await node.look();
      expect(look.members).toEqual(['ada', 'bob', 'dan']);
      expect(look.nodes.map(({ id }) => id)).not.toContain(lost);
      expect(look.nodes).toHaveLength(2);
    }

    const again = await TestNode.start(broker.url, context);
    const cid = await TestClient.connect(again, 'cid', 'rooms/#');
    await settle([one, two, again], [clients[0], clients[1], cid]);
    for (const node of [one, two, again]) {
      const look = await node.knows((now) => now.nodes.length === 3 && now.members.length === 4);
      expect(look.members).toEqual(['ada', 'bob', 'cid', 'dan']);
      expect(look.nodes.map(({ id }) => id)).not.toContain(lost);
    }
    for (const node of [one, two]) {
      expect(node.told.filter((each) => each.startsWith('leave'))).toEqual(['leave cid']);
      expect(node.told.filter((each) => each === 'join dan')).toHaveLength(1);
    }
  });

  it('take nobody for dead while the broker stands still', { timeout: 40_000 }, async (context) => {
    const { expect } = context;
    const { broker, nodes, clients } = await startNodes(startBroker, context);
    broker.pause();
    publishSeries(nodes, 'early', 20);
    // Longer than the silence after which a node is taken for dead, and one more look after it: time itself is tested.
    await new Promise((resolve) => setTimeout(resolve, LEASE + 2 * BEAT));
    publishSeries(nodes, 'late', 20);
    broker.resume();
    for (const client of clients) {
      for (const index of nodes.keys()) {
        for (const run of ['early', 'late']) {
          await client.gets(`${run}.${index}.`, 20);
          expect(client.of(`${run}.${index}.`)).toEqual(series(run, index, 20));
        }
        const mixed = client.messages.filter((text) => /^(early|late)\.\d/.test(text));
        const own = mixed.filter((text) => text.split('.')[1] === `${index}`);
        expect(own).toEqual([...series('early', index, 20), ...series('late', index, 20)]);
      }
    }
    // The count of connections comes with a beat: twice is two looks at each other, and more than the grace.
    for (const count of [2, 1]) {
      const guests =
        count === 2 ? await Promise.all(nodes.map((node) => TestClient.connect(node, 'guest'))) : [];
      for (const node of nodes) {
        await node.knows(
          (look) => look.nodes.length === 3 && look.nodes.every((each) => each.connections === count),
        );
      }
      for (const { socket } of guests) socket.close();
    }
    for (const node of nodes) {
      expect(node.told.filter((each) => !each.endsWith('guest')).toSorted()).toEqual(
        NAMES.map((name) => `join ${name}`),
      );
    }
  });

  it(
    'are right again when the broker was killed and comes back with nothing',
    { timeout: 40_000 },
    async (context) => {
      const { expect } = context;
      const { broker, nodes, clients } = await startNodes(startBroker, context);
      await broker.kill();
      clients[2].socket.close();
      await nodes[2].tells('leave cid');
      await TestClient.connect(nodes[0], 'dan');
      await broker.restart();
      await Promise.all([nodes[0].tells('missed ada'), nodes[1].tells('missed bob')]);
      const fay = await TestClient.connect(nodes[2], 'fay', 'rooms/+/chat');
      const subscribers = [clients[0], clients[1], fay];
      await settle(nodes, subscribers);
      publishSeries(nodes, 'after', 100);
      for (const client of subscribers) {
        for (const index of nodes.keys()) {
          await client.gets(`after.${index}.`, 100);
          expect(client.of(`after.${index}.`)).toEqual(series('after', index, 100));
        }
      }
      for (const node of nodes) {
        const look = await node.knows(
          ({ members, nodes: known }) =>
            members.join() === 'ada,bob,dan,fay' &&
            known.length === 3 &&
            known.reduce((sum, { connections }) => sum + connections, 0) === 4,
        );
        expect(look.nodes).toHaveLength(3);
        expect(node.told.filter((each) => each.startsWith('leave'))).toEqual(['leave cid']);
        expect(node.told.filter((each) => each.startsWith('error'))).toEqual([]);
      }
    },
  );
});

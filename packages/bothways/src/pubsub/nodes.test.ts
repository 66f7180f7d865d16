import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../session/test-time.js';
import type { Broker, BrokerNode } from './broker.js';
import { TopicHub } from './topic-hub.js';
import type { Subscriptions } from './subscriptions.js';
import { Topics } from './topics.js';

const GRACE = 10_000;
/** As the guide says: it is noticed after eight seconds of silence, which is looked for every two. */
const LEASE = 8_000;
const BEAT = 2_000;
/** Within how long all that are there are heard. */
const HEARD_WITHIN = 3_000;

/** What carries messages between nodes in one process, with faults. */
class Network {
  readonly time = new VirtualTime();
  readonly topics = new Topics<NetworkBroker>();
  isAway = false;
  /** What goes to these is lost. */
  readonly deaf = new Set<NetworkBroker>();
  /** After how long a subscription takes effect, milliseconds. */
  delay = 0;
  published = 0;
}

class NetworkBroker implements Broker {
  readonly #network: Network;
  #node: BrokerNode | undefined;

  constructor(network: Network) {
    this.#network = network;
  }

  get isAway(): boolean {
    return this.#network.isAway;
  }

  async open(node: BrokerNode): Promise<void> {
    await Promise.resolve();
    this.#node = node;
  }

  subscribe(filter: string): void {
    const subscribe = (): void => void this.#network.topics.subscribe(filter, this);
    if (this.#network.delay === 0) subscribe();
    else this.#network.time.after(this.#network.delay, subscribe);
  }

  unsubscribe(filter: string): void {
    this.#network.topics.unsubscribe(filter, this);
  }

  publish(topic: string, data: string | Uint8Array): void {
    if (this.#network.isAway) return;
    this.#network.published++;
    for (const broker of this.#network.topics.of(topic)) {
      if (broker === this || this.#network.deaf.has(broker)) continue;
      this.#network.time.after(5, () => broker.#node?.receive(topic, data));
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.#node = undefined;
  }

  /** The process is killed. */
  kill(): void {
    this.#node = undefined;
    this.publish = () => {};
  }
}

interface Client {
  subscriptions: Subscriptions | undefined;
}

/** A server, as far as topics go. */
class TestNode {
  readonly broker: NetworkBroker;
  readonly told: string[] = [];
  readonly hub: TopicHub<Client>;
  connectionCount = 0;

  constructor(network: Network, id: string) {
    this.broker = new NetworkBroker(network);
    const nodes = (): number => this.connectionCount;
    const { broker } = this;
    const platform = { clock: network.time, randomId: () => id, copy: (bytes: Uint8Array) => bytes };
    const options = { broker, grace: GRACE, platform };
    this.hub = new TopicHub<Client>(options, {
      get connectionCount() {
        return nodes();
      },
      deliver: () => {},
      onMissed: () => {},
      onFailed: () => {},
      onJoin: (topic, member) => void this.told.push(`+${topic}:${member.id}`),
      onLeave: (topic, member) => void this.told.push(`-${topic}:${member.id}`),
    });
  }

  join(topic: string, id: string, info: unknown = null): Client {
    const client = { subscriptions: undefined };
    this.hub.join(client, topic, id, info, true);
    return client;
  }

  ids(topic: string): string {
    return this.hub
      .members(topic)
      .map(({ id }) => id)
      .toSorted()
      .join(' ');
  }
}

let network: Network;

async function start(id: string): Promise<TestNode> {
  const node = new TestNode(network, id);
  await node.hub.open();
  network.time.pass(50);
  return node;
}

describe('Nodes that share a broker', () => {
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    network = new Network();
    one = await start('one');
    two = await start('two');
  });

  it('know soon whom another one shows whose subscriptions take a while', async () => {
    network.delay = 300;
    one.join('hall', 'ada');
    const three = await start('three');
    three.join('hall', 'bob');
    network.time.pass(BEAT / 2);
    expect([one.ids('hall'), two.ids('hall'), three.ids('hall')]).toEqual(['ada bob', 'ada bob', 'ada bob']);
  });

  it('know each other, and how many connections each has', () => {
    two.connectionCount = 7;
    network.time.pass(BEAT);
    expect(one.hub.nodes).toEqual([
      { id: 'one', connections: 0, isOwn: true },
      { id: 'two', connections: 7, isOwn: false },
    ]);
    expect(two.hub.nodes.map(({ id }) => id)).toEqual(['two', 'one']);
  });

  it('know the members of all, with what is said of them', () => {
    one.join('room', 'ann', { mood: 'good' });
    two.join('room', 'bob');
    two.join('hall', 'cid');
    network.time.pass(20);
    for (const node of [one, two])
      expect([node.ids('room'), node.ids('hall'), node.ids('x')]).toEqual(['ann bob', 'cid', '']);
    expect(two.hub.members('room')).toContainEqual({ id: 'ann', info: { mood: 'good' } });
    one.join('room', 'ann', { mood: 'bad' });
    network.time.pass(20);
    expect(two.hub.members('room')).toContainEqual({ id: 'ann', info: { mood: 'bad' } });
  });

  it('tell of one who is at several of them once, until it is at none', () => {
    const atOne = one.join('room', 'ann');
    network.time.pass(20);
    const atTwo = two.join('room', 'ann');
    network.time.pass(20);
    one.hub.leave(atOne, 'room');
    network.time.pass(20);
    expect([one.told, two.told, two.ids('room')]).toEqual([['+room:ann'], ['+room:ann'], 'ann']);
    two.hub.leave(atTwo, 'room');
    network.time.pass(20);
    expect([one.told.join(' '), two.told.join(' ')]).toEqual(['+room:ann -room:ann', '+room:ann -room:ann']);
  });

  it('show one who moves from one to the other all the time', () => {
    const before = one.join('room', 'ann');
    network.time.pass(20);
    one.hub.remove(before);
    network.time.pass(GRACE - 1_000);
    two.join('room', 'ann');
    network.time.pass(3 * GRACE);
    expect([one.told, two.told]).toEqual([['+room:ann'], ['+room:ann']]);
    expect([one.ids('room'), two.ids('room')]).toEqual(['ann', 'ann']);
  });

  it('that come later learn who is there already', async () => {
    for (let index = 0; index < 2_500; index++) one.join(`room ${index % 3}`, `member ${index}`);
    two.join('room 0', 'bob');
    const three = await start('three');
    network.time.pass(100);
    expect(three.hub.members('room 0')).toHaveLength(835);
    expect(three.told).toHaveLength(2_501);
  });

  it('are gone when they say goodbye, and their members after the grace period', async () => {
    two.join('room', 'bob');
    network.time.pass(20);
    await two.hub.close();
    network.time.pass(20);
    expect([one.hub.nodes.length, one.ids('room')]).toEqual([1, 'bob']);
    network.time.pass(GRACE);
    expect([one.ids('room'), one.told]).toEqual(['', ['+room:bob', '-room:bob']]);
  });

  it('are gone when they are killed: after 8 seconds, and their members after the grace period more', () => {
    two.join('room', 'bob');
    network.time.pass(20);
    two.broker.kill();
    network.time.pass(LEASE - BEAT);
    expect(one.hub.nodes).toHaveLength(2);
    network.time.pass(2 * BEAT);
    expect([one.hub.nodes.length, one.ids('room')]).toEqual([1, 'bob']);
    network.time.pass(GRACE);
    expect([one.ids('room'), one.told]).toEqual(['', ['+room:bob', '-room:bob']]);
  });

  it('that come back in time were never gone', () => {
    two.join('room', 'bob');
    network.time.pass(20);
    network.deaf.add(one.broker);
    network.time.pass(LEASE + 2 * BEAT);
    expect([one.hub.nodes.length, one.ids('room')]).toEqual([1, 'bob']);
    network.deaf.clear();
    two.join('room', 'cid');
    network.time.pass(3 * BEAT);
    expect([one.hub.nodes.length, one.ids('room'), one.told]).toEqual([
      2,
      'bob cid',
      ['+room:bob', '+room:cid'],
    ]);
    network.time.pass(3 * GRACE);
    expect(one.ids('room')).toBe('bob cid');
  });

  it('are not taken for dead while the broker is away', () => {
    two.join('room', 'bob');
    network.time.pass(20);
    network.isAway = true;
    network.time.pass(60_000);
    network.isAway = false;
    network.time.pass(60_000);
    expect([one.hub.nodes.length, one.ids('room'), one.told]).toEqual([2, 'bob', ['+room:bob']]);
  });

  it('find out what they have missed', () => {
    const gone = two.join('room', 'bob');
    network.time.pass(20);
    network.deaf.add(one.broker);
    two.hub.leave(gone, 'room');
    two.join('room', 'cid');
    network.time.pass(20);
    two.join('room', 'dan');
    network.time.pass(20);
    network.deaf.clear();
    network.time.pass(2 * BEAT);
    expect([one.ids('room'), one.told]).toEqual([
      'cid dan',
      ['+room:bob', '-room:bob', '+room:cid', '+room:dan'],
    ]);
    // And at once when the next change does not follow the last one.
    network.deaf.add(one.broker);
    two.join('room', 'eve');
    network.time.pass(20);
    network.deaf.clear();
    two.join('room', 'fay');
    network.time.pass(20);
    expect(one.ids('room')).toBe('cid dan eve fay');
  });

  it('say little when nothing changes, and much in one message', () => {
    network.published = 0;
    network.time.pass(60_000);
    expect(network.published).toBe(60);
    for (let index = 0; index < 900; index++) one.join('room', `${index}`);
    network.time.pass(20);
    expect(network.published).toBe(61);
    expect(two.hub.members('room')).toHaveLength(900);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '[1]',
    '["hello"]',
    '["beat","x",-1,0]',
    '["change","x",1,[["a"]]]',
    '["state","x",1,true,true,[["a","b"]]]',
    '["future","x"]',
    '["hello",5]',
    '["__proto__","x"]',
  ])('do not mind what no node says: %s', (text) => {
    network.topics.of('$bothways/nodes');
    one.hub.receive('$bothways/nodes', text);
    one.hub.receive('$bothways/nodes/one', text);
    one.hub.receive('$bothways/nodes', new Uint8Array([1]));
    network.time.pass(BEAT);
    expect(one.hub.nodes.map(({ id }) => id)).toEqual(['one', 'two']);
  });
});

/** What a node hears of others, as whoever shares sessions is told it. */
function listen(node: TestNode): string[] {
  const heard: string[] = [];
  node.hub.peers!.listener = {
    receive: (from, number, content) => void heard.push(`${from} ${number} ${JSON.stringify(content)}`),
    onGone: (id) => void heard.push(`gone ${id}`),
    onMissed: () => void heard.push('missed'),
  };
  return heard;
}

describe('A node says of another one', () => {
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    network = new Network();
    one = await start('one');
    two = await start('two');
  });

  it('that it is here, and of itself as well', () => {
    expect(one.hub.peers!.stateOf('two')).toBe('here');
    expect(two.hub.peers!.stateOf('one')).toBe('here');
    expect(two.hub.peers!.stateOf('two')).toBe('here');
  });

  it('that it is gone, once it has said goodbye or was not heard for long', async () => {
    network.time.pass(HEARD_WITHIN);
    const three = await start('three');
    expect(one.hub.peers!.stateOf('three')).toBe('here');
    await three.hub.close();
    network.time.pass(20);
    expect(one.hub.peers!.stateOf('three')).toBe('gone');
    two.broker.kill();
    network.time.pass(LEASE - BEAT);
    expect(one.hub.peers!.stateOf('two')).toBe('here');
    network.time.pass(2 * BEAT);
    expect(one.hub.peers!.stateOf('two')).toBe('gone');
    expect(one.hub.peers!.stateOf('never heard of')).toBe('gone');
  });

  it('that it is gone when it has left, also if it is young itself, while who is shown there still is', async () => {
    network.time.pass(HEARD_WITHIN);
    two.join('room', 'ann');
    network.time.pass(20);
    const heard = listen(one);
    two.hub.depart();
    network.time.pass(3 * BEAT);
    expect([one.hub.peers!.stateOf('two'), heard]).toEqual(['gone', ['gone two']]);
    expect([one.ids('room'), one.hub.nodes.length]).toEqual(['ann', 2]);
    const three = await start('three');
    network.time.pass(HEARD_WITHIN);
    expect(three.hub.peers!.stateOf('two')).toBe('gone');
  });

  it('that it cannot tell, while it is young, or the broker is away, or was a moment ago', () => {
    const { peers } = two.hub;
    const state = (): string => peers!.stateOf('never heard of');
    expect(state()).toBe('unsure');
    network.time.pass(HEARD_WITHIN - 100);
    expect(state()).toBe('unsure');
    network.time.pass(100);
    expect(state()).toBe('gone');
    network.isAway = true;
    expect(state()).toBe('unsure');
    network.time.pass(60_000);
    expect([state(), peers!.stateOf('one')]).toEqual(['unsure', 'here']);
    network.isAway = false;
    network.time.pass(HEARD_WITHIN - 100);
    expect(state()).toBe('unsure');
    network.time.pass(100);
    expect(state()).toBe('gone');
    two.hub.missed();
    expect(state()).toBe('unsure');
  });
});

describe('What one node sends to another alone', () => {
  let one: TestNode;
  let two: TestNode;

  beforeEach(async () => {
    network = new Network();
    one = await start('one');
    two = await start('two');
  });

  it('comes to that one, in order and with its number', async () => {
    const three = await start('three');
    const [atTwo, atThree] = [listen(two), listen(three)];
    expect(one.hub.peers!.send('two', 1, ['Hello', null, { a: [1] }])).toBe(true);
    one.hub.peers!.send('two', 2, []);
    three.hub.peers!.send('two', 7, ['x']);
    network.time.pass(20);
    expect(atTwo).toEqual(['one 1 ["Hello",null,{"a":[1]}]', 'one 2 []', 'three 7 ["x"]']);
    expect(atThree).toEqual([]);
  });

  it('is not sent when the broker does not take it', () => {
    one.broker.publish = () => {
      throw new Error('Full');
    };
    expect(one.hub.peers!.send('two', 1, [])).toBe(false);
  });

  it('is told from what may be lost, and from nodes that are gone', async () => {
    const heard = listen(one);
    one.hub.missed();
    await two.hub.close();
    network.time.pass(20);
    expect(heard).toEqual(['missed', 'gone two']);
    const three = await start('three');
    three.broker.kill();
    network.time.pass(LEASE + 2 * BEAT);
    expect(heard).toEqual(['missed', 'gone two', 'gone three']);
  });

  it.each(['["mail","two"]', '["mail","two",-1,[]]', '["mail","two",1,{}]', '["mail","",1,[]]'])(
    'is left out when no node says it: %s',
    (text) => {
      const heard = listen(one);
      one.hub.receive('$bothways/nodes/one', text);
      expect(heard).toEqual([]);
    },
  );
});

describe('A node alone', () => {
  it('knows itself and its own members', async () => {
    network = new Network();
    const told: string[] = [];
    const platform = { clock: network.time, randomId: () => 'one', copy: (bytes: Uint8Array) => bytes };
    const options = { broker: undefined, grace: GRACE, platform };
    const hub = new TopicHub<Client>(options, {
      connectionCount: 3,
      deliver: () => {},
      onMissed: () => {},
      onFailed: () => {},
      onJoin: (topic, { id }) => void told.push(`+${topic}:${id}`),
      onLeave: (topic, { id }) => void told.push(`-${topic}:${id}`),
    });
    await hub.open();
    const client: Client = { subscriptions: undefined };
    hub.join(client, 'room', 'ann', undefined, true);
    hub.join(client, 'room', 'bob', undefined, true);
    expect([hub.members('room'), told]).toEqual([
      [{ id: 'bob', info: null }],
      ['+room:ann', '+room:bob', '-room:ann'],
    ]);
    hub.remove(client);
    network.time.pass(GRACE);
    expect([hub.members('room'), hub.nodes]).toEqual([[], [{ id: 'one', connections: 3, isOwn: true }]]);
    await hub.close();
  });
});

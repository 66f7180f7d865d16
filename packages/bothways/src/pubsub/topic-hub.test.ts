import { describe, expect, it } from 'vitest';
import { turns } from '../node/test-arrivals.js';
import type { Position } from '../protocol/contract.js';
import { VirtualTime } from '../session/test-time.js';
import type { Broker, BrokerNode } from './broker.js';
import type { BrokerHistory } from './broker-history.js';
import type { PageMessage } from './history.js';
import type { Subscriptions, TopicRights } from './subscriptions.js';
import { TopicHub } from './topic-hub.js';

const HISTORY = { 'kept/#': { messages: 100, age: 60_000 } };

/** A broker that keeps what the test says. */
class KeepingBroker implements Broker {
  readonly isAway = false;
  node: BrokerNode | undefined;
  at: Position = { epoch: 'e', offset: 5 };
  readonly kept = new Map<string, PageMessage[]>();
  readonly history: BrokerHistory = {
    origin: 'me',
    publish: () => ++this.#number,
    read: async (topic) => ({ recovered: true, position: this.at, messages: this.kept.get(topic) ?? [] }),
    changes: async () => ({ position: this.at, topics: [...this.kept.keys()] }),
  };
  #number = 0;

  async open(node: BrokerNode): Promise<void> {
    await Promise.resolve();
    this.node = node;
  }

  subscribe(): void {}
  unsubscribe(): void {}
  publish(): void {}

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

interface Client {
  subscriptions: Subscriptions | undefined;
}

async function openHub(rights?: TopicRights) {
  const time = new VirtualTime();
  const broker = new KeepingBroker();
  const story: string[] = [];
  const platform = { clock: time, randomId: () => 'me', copy: (bytes: Uint8Array) => bytes };
  const hub = new TopicHub<Client>(
    { broker, grace: 1_000, history: HISTORY, platform },
    {
      connectionCount: 1,
      deliver: (subscribers, data, except) => {
        for (const each of subscribers) if (each !== except) story.push(String(data));
      },
      onMissed: (_client, filters) => void story.push(`missed ${filters.join()}`),
      onFailed: (thrown) => void story.push(String(thrown)),
      onJoin: (topic, { id }) => void story.push(`+${topic}:${id}`),
      onLeave: () => {},
    },
  );
  await hub.open();
  const client: Client = { subscriptions: undefined };
  if (rights !== undefined) hub.grant(client, rights);
  /** Until what was asked for is there. */
  const settle = async (): Promise<void> => {
    time.pass(100);
    await turns();
    time.pass(100);
    await turns();
  };
  return { broker, hub, client, story, settle };
}

describe('What is saved of a subscriber', () => {
  it('is nothing when it has nothing to do with topics', async () => {
    const { hub, client } = await openHub();
    expect(hub.save(client)).toEqual({});
  });

  it('is its rights, filters and members, where it is, and what it is not to get', async () => {
    const { hub, client, settle } = await openHub({ subscribe: ['#'], publish: ['kept/a'] });
    hub.subscribe(client, 'kept/a', true);
    hub.subscribe(client, 'other', true);
    hub.join(client, 'kept/a', 'ann', { mood: 'good' }, true);
    expect(hub.save(client)).toBeUndefined();
    await settle();
    hub.publish('kept/a', 'own', client, false);
    const { topics = '', ...others } = hub.save(client)!;
    expect(others).toEqual({ position: '5 e', own: 'me 1' });
    expect(JSON.parse(topics)).toEqual({
      rights: { subscribe: ['#'], publish: ['kept/a'] },
      filters: ['kept/a', 'other'],
      members: [['kept/a', { id: 'ann', info: { mood: 'good' } }]],
    });
    hub.unsubscribe(client, 'other');
    hub.leave(client, 'kept/a');
    expect(JSON.parse(hub.save(client)!['topics']!)).toMatchObject({ filters: ['kept/a'], members: [] });
  });

  it('is no position when it has no filters', async () => {
    const { hub, client } = await openHub({});
    expect(hub.save(client)).toMatchObject({ position: '', own: '' });
  });
});

describe('A subscriber that another server had', () => {
  it('has its rights, filters and members, what came since, and is told of filters without a history', async () => {
    const one = await openHub({ subscribe: ['#'], publish: [] });
    for (const filter of ['kept/a', 'other']) one.hub.subscribe(one.client, filter, true);
    one.hub.join(one.client, 'kept/a', 'ann', null, true);
    await one.settle();
    const saved = { ...one.hub.save(one.client)!, own: 'dead 1\ndead 2' };
    const two = await openHub();
    two.broker.at = { epoch: 'e', offset: 8 };
    two.broker.kept.set('kept/a', [
      { offset: 6, data: 'own', origin: 'dead 2' },
      { offset: 7, data: 'since', origin: 'dead 3' },
    ]);
    two.broker.kept.set('kept/b', [{ offset: 8, data: 'of no filter' }]);
    two.hub.restore(two.client, saved);
    expect(two.story).toEqual(['+kept/a:ann', 'missed other']);
    expect(two.hub.save(two.client)).toBeUndefined();
    await two.settle();
    expect(two.story.slice(2)).toEqual(['since']);
    expect(two.hub.save(two.client)).toEqual({ ...saved, position: '8 e', own: '' });
    expect(() => two.client.subscriptions!.demand('publish', 'kept/a')).toThrow('kept/a');
  });

  it('has nothing when it had nothing', async () => {
    const { hub, client, story, settle } = await openHub();
    hub.restore(client, {});
    await settle();
    expect([client.subscriptions, story]).toEqual([undefined, []]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { Arrivals } from '../node/test-arrivals.js';

type Published = readonly [topic: string, data: string | Uint8Array];

/** A node with a broker, perhaps in another process, as the contract's tests drive it. */
export interface TestNode {
  /** What its broker has handed to it. */
  readonly received: Arrivals<Published>;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  publish(topic: string, data: string | Uint8Array): void;
  /** Publishes bytes, and changes them at once. */
  publishAndChange(topic: string, bytes: Uint8Array): void;
  close(): Promise<void>;
}

let probes = 0;

/** Waits until what `node` has asked for has taken effect: until a subscription that came after it has. */
async function settle(node: TestNode, by: TestNode): Promise<void> {
  const topic = `probe ${probes++}`;
  node.subscribe(topic);
  const probing = setInterval(() => by.publish(topic, 'probe'), 5);
  try {
    for (let arrived = ''; arrived !== topic;) {
      [arrived] = await node.received.next();
      expect(arrived).toMatch(/^probe /);
    }
  } finally {
    clearInterval(probing);
  }
  node.unsubscribe(topic);
}

/** The next messages that are no probes. */
async function take(node: TestNode, count: number): Promise<readonly Published[]> {
  const taken: Published[] = [];
  while (taken.length < count) {
    const [topic, data] = await node.received.next();
    if (!topic.startsWith('probe ')) taken.push([topic, typeof data === 'string' ? data : Buffer.from(data)]);
  }
  return taken;
}

/**
 * What every broker must do, by the contract in `broker.ts`.
 *
 * @param open three nodes, whose brokers are open.
 */
export function testBroker(name: string, open: () => Promise<readonly [TestNode, TestNode, TestNode]>): void {
  describe(`${name}, by the contract of a broker,`, () => {
    let one: TestNode;
    let two: TestNode;
    let three: TestNode;

    beforeEach(async () => {
      [one, two, three] = await open();
    });

    it.each([
      'news',
      'a/b/c',
      '/',
      'a//b',
      '$SYS/a',
      'a.b c>d*e?[f]\\^{}%20',
      'Grüße 👋',
      'two\nlines',
      'a\r\nb\0c\td',
      '__proto__',
      ' ',
      '*',
      '>',
      'x'.repeat(1_000),
    ])('carries text and bytes to the subscribers of %j', async (topic) => {
      two.subscribe(topic);
      await settle(two, one);
      const sent = ['text 👋', Buffer.from([0, 10, 255]), '', Buffer.alloc(0)];
      for (const data of sent) one.publish(topic, data);
      expect(await take(two, 4)).toEqual(sent.map((data) => [topic, data]));
    });

    it('hands nothing back to the node that published it, and nothing to those that did not ask for it', async () => {
      for (const node of [one, two]) node.subscribe('news');
      three.subscribe('new');
      await settle(one, three);
      await settle(two, three);
      await settle(three, one);
      one.publish('news', 'of one');
      two.publish('news', 'of two');
      one.publish('new', 'last');
      expect(await take(one, 1)).toEqual([['news', 'of two']]);
      expect(await take(two, 1)).toEqual([['news', 'of one']]);
      expect(await take(three, 1)).toEqual([['new', 'last']]);
    });

    it.each([
      ['a/+', ['a/b', 'a/'], ['a', 'a/b/c', 'b/a']],
      ['a/#', ['a', 'a/b', 'a/b/c', 'a//'], ['b', 'ab', 'b/a']],
      ['#', ['a', 'b/c', '/'], ['$a']],
      ['+/b', ['a/b', '/b', '*/b'], ['$a/b', 'b', 'a/b/c']],
      ['+/+/c', ['a/b/c', '//c'], ['a/c', 'a/b/c/d']],
      ['a*/+', ['a*/b'], ['ab/c', 'a/b']],
      ['a?[b]/+', ['a?[b]/c'], ['axb/c']],
    ])(
      'carries to the subscribers of %j what is published to %j, and not to %j',
      async (filter, topics, others) => {
        two.subscribe(filter);
        await settle(two, one);
        for (const topic of [...others, ...topics]) one.publish(topic, topic);
        expect(await take(two, topics.length)).toEqual(topics.map((topic) => [topic, topic]));
        two.subscribe('last');
        await settle(two, one);
        one.publish('last', '');
        expect(await take(two, 1)).toEqual([['last', '']]);
      },
    );

    it('brings a message once, however many filters have its topic, and however they come and go', async () => {
      const filters = ['a/b', 'a/+', '#', 'a/#', '+/b'];
      for (const filter of filters) two.subscribe(filter);
      await settle(two, one);
      for (const [index, filter] of filters.entries()) {
        one.publish('a/b', `${index}`);
        one.publish('a/b', `again ${index}`);
        expect(await take(two, 2)).toEqual([
          ['a/b', `${index}`],
          ['a/b', `again ${index}`],
        ]);
        two.unsubscribe(filter);
        await settle(two, one);
      }
      one.publish('a/b', 'nobody');
      await settle(two, one);
      two.subscribe('a/b');
      await settle(two, one);
      one.publish('a/b', 'somebody');
      expect(await take(two, 1)).toEqual([['a/b', 'somebody']]);
    });

    it('loses and repeats nothing for a filter while others come and go', async () => {
      two.subscribe('a/+');
      await settle(two, one);
      const sent = Array.from({ length: 500 }, (_, index) => `${index}`);
      for (const [index, data] of sent.entries()) {
        one.publish('a/b', data);
        if (index % 50 === 10) two.subscribe('a/b');
        if (index % 50 === 20) two.subscribe('#');
        if (index % 50 === 30) two.unsubscribe('a/b');
        if (index % 50 === 40) two.unsubscribe('#');
      }
      expect((await take(two, sent.length)).map(([, data]) => data)).toEqual(sent);
    });

    it('keeps the order of 1,000 messages, and brings each once', async () => {
      const messages = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? `${i}` : Buffer.from(`${i}`)));
      for (const node of [two, three]) {
        node.subscribe('news');
        await settle(node, one);
      }
      for (const message of messages) one.publish('news', message);
      one.publish('news', 'last');
      for (const node of [two, three]) {
        const taken = await take(node, 1_001);
        expect(taken.map(([, data]) => data)).toEqual([...messages, 'last']);
      }
    });

    it('brings nothing more after the last connection has unsubscribed, and all again after the next', async () => {
      two.subscribe('news');
      two.subscribe('other');
      await settle(two, one);
      two.unsubscribe('news');
      await settle(two, one);
      one.publish('news', 'nobody');
      one.publish('other', 'somebody');
      expect(await take(two, 1)).toEqual([['other', 'somebody']]);
      two.subscribe('news');
      await settle(two, one);
      one.publish('news', 'again');
      expect(await take(two, 1)).toEqual([['news', 'again']]);
    });

    it('takes bytes as they are when they are published', async () => {
      two.subscribe('news');
      await settle(two, one);
      one.publishAndChange('news', Buffer.from('before'));
      expect(await take(two, 1)).toEqual([['news', Buffer.from('before')]]);
    });

    it('carries 4 MiB', async () => {
      const bytes = Buffer.alloc(4 * 1024 * 1024, '0123456789abcdefg');
      two.subscribe('news');
      await settle(two, one);
      one.publish('news', bytes);
      one.publish('news', 'after');
      const [[, data], after] = (await take(two, 2)) as [Published, Published];
      expect(bytes.equals(data as Buffer)).toBe(true);
      expect(after).toEqual(['news', 'after']);
    });

    it('sends what was published before it was closed', async () => {
      two.subscribe('news');
      await settle(two, one);
      for (let i = 0; i < 100; i++) one.publish('news', `${i}`);
      await one.close();
      expect((await take(two, 100)).map(([, data]) => data)).toEqual(
        Array.from({ length: 100 }, (_, i) => `${i}`),
      );
    });
  });
}

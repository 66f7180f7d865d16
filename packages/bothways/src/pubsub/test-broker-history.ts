import { beforeEach, describe, expect, it } from 'vitest';
import type { Arrivals } from '../node/test-arrivals.js';
import type { BrokerHistory, BrokerMessage } from './broker-history.js';
import type { HistoryLimits, Since } from './history.js';
import type { TestNode } from './test-broker.js';

export interface KeptArrival extends BrokerMessage {
  readonly topic: string;
}

/** A node with a broker that keeps what is published. */
export interface HistoryNode extends TestNode {
  readonly history: BrokerHistory;
  /** What its broker has handed to it of what it keeps. */
  readonly kept: Arrivals<KeptArrival>;
}

/** What brokers are told that is kept at most. */
export const KEPT: HistoryLimits = { messages: 100, age: 60_000 };

const FEW: HistoryLimits = { messages: 3, age: 60_000 };

function textOf(data: string | Uint8Array): string {
  return typeof data === 'string' ? data : Buffer.from(data).toString();
}

function textsOf(messages: readonly { readonly data: string | Uint8Array }[]): string[] {
  return messages.map(({ data }) => textOf(data));
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

async function read(node: HistoryNode, topic: string, since: Since, limits = KEPT) {
  const { recovered, messages } = await node.history.read(topic, since, limits);
  return { recovered, texts: textsOf(messages) };
}

/** Subscribes, and waits until that has taken effect. */
async function subscribe(node: HistoryNode, filter: string): Promise<void> {
  node.subscribe(filter);
  await node.history.changes(undefined);
}

/**
 * What every broker must do that keeps what is published, by the contract in `broker-history.ts`.
 *
 * @param open three nodes, whose brokers are open with `KEPT`.
 */
export function testBrokerHistory(
  name: string,
  open: () => Promise<readonly [HistoryNode, HistoryNode, HistoryNode]>,
): void {
  describe(`${name}, by the contract of a history,`, () => {
    let one: HistoryNode;
    let two: HistoryNode;
    let three: HistoryNode;

    beforeEach(async () => {
      [one, two, three] = await open();
    });

    it('brings a message to all that subscribe, the one that published it too, with its position', async () => {
      await subscribe(two, 'a/+');
      // What has subscribed before gets what it publishes itself.
      one.subscribe('a/b');
      const first = one.history.publish('a/b', 'text 👋', KEPT);
      const second = one.history.publish('a/b', Buffer.from([0, 255]), KEPT);
      expect(second).toBeGreaterThan(first);
      const [own, other] = await Promise.all([one.kept.take(2), two.kept.take(2)]);
      expect(own).toMatchObject([
        { topic: 'a/b', data: 'text 👋', previous: 0, own: first },
        { own: second },
      ]);
      expect(Buffer.from(own[1]!.data as Buffer)).toEqual(Buffer.from([0, 255]));
      expect(own[1]!.previous).toBe(own[0]!.position.offset);
      expect(own[1]!.position.offset).toBeGreaterThan(own[0]!.position.offset);
      expect(other.map(({ own: number, ...message }) => [number, message.position])).toEqual(
        own.map(({ position }) => [undefined, position]),
      );
      expect(one.received.items).toEqual([]);
    });

    it.each(['a b.c>d*e?[f]\\^{}%20', 'Grüße 👋\ud800', '__proto__', '/', '$SYS/a', 'a\r\nb\0c', '"'])(
      'keeps what is published to %j',
      async (topic) => {
        one.subscribe(topic);
        one.history.publish(topic, 'one', KEPT);
        await one.kept.next();
        expect(await read(two, topic, 1)).toEqual({ recovered: true, texts: ['one'] });
        expect((await two.history.changes(undefined)).topics).toBeUndefined();
      },
    );

    it('brings what three nodes publish to all, by positions in one order, with no gap, each once', async () => {
      const nodes = [one, two, three];
      for (const node of nodes) for (const filter of ['a', '#', 'a/#']) await subscribe(node, filter);
      for (const number of numbers(200)) {
        for (const [index, node] of nodes.entries()) {
          node.history.publish('a', `${index} ${number}`, KEPT);
          if (Number(number) % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      }
      const stories = (await Promise.all(nodes.map((node) => node.kept.take(600)))).map((messages) =>
        messages.toSorted((left, right) => left.position.offset - right.position.offset),
      );
      const [story] = stories.map((messages) => messages.map(({ data, position }) => [data, position]));
      for (const messages of stories) {
        expect(messages.map(({ data, position }) => [data, position])).toEqual(story);
        for (const [index, { previous }] of messages.entries()) {
          expect(previous).toBe(index === 0 ? 0 : messages[index - 1]!.position.offset);
        }
      }
      for (const index of [0, 1, 2]) {
        const own = textsOf(stories[0]!).filter((text) => text.startsWith(`${index} `));
        expect(own).toEqual(numbers(200).map((number) => `${index} ${number}`));
      }
    });

    it('has what was published since a position', async () => {
      one.subscribe('a');
      for (const number of numbers(5)) one.history.publish('a', number, KEPT);
      const messages = await one.kept.take(5);
      for (const [index, { position }] of messages.entries()) {
        expect(await read(two, 'a', position)).toEqual({
          recovered: true,
          texts: numbers(5).slice(index + 1),
        });
      }
      const page = await three.history.read('a', messages[2]!.position, KEPT);
      expect(page.messages.map(({ offset }) => offset)).toEqual(
        messages.slice(3).map(({ position }) => position.offset),
      );
      expect(page.position).toMatchObject({ epoch: messages[0]!.position.epoch });
      expect(await read(two, 'a', page.position)).toEqual({ recovered: true, texts: [] });
      one.history.publish('a', 'more', KEPT);
      await one.kept.next();
      expect(await read(two, 'a', page.position)).toEqual({ recovered: true, texts: ['more'] });
    });

    it('has the last so many', async () => {
      expect(await read(two, 'a', 3)).toEqual({ recovered: true, texts: [] });
      one.subscribe('a');
      for (const number of numbers(5)) one.history.publish('a', number, KEPT);
      await one.kept.take(5);
      expect(await read(two, 'a', 0)).toEqual({ recovered: true, texts: [] });
      expect(await read(two, 'a', 3)).toEqual({ recovered: true, texts: ['2', '3', '4'] });
      expect(await read(two, 'a', 9)).toEqual({ recovered: true, texts: numbers(5) });
    });

    it('knows which of its messages this node has published', async () => {
      await subscribe(one, 'a');
      const number = one.history.publish('a', 'own', KEPT);
      two.history.publish('a', 'other', KEPT);
      await one.kept.take(2);
      const { messages } = await one.history.read('a', 2, KEPT);
      const byOne = messages.find(({ data }) => textOf(data) === 'own');
      const byTwo = messages.find(({ data }) => textOf(data) === 'other');
      expect([byOne?.own, byTwo?.own]).toEqual([number, undefined]);
      // Another one knows them as well, by their origins.
      const others = await three.history.read('a', 2, KEPT);
      const origin = others.messages.find(({ data }) => textOf(data) === 'own')?.origin;
      expect(origin).toBe(`${one.history.origin} ${number}`);
    });

    it('says when something is missing: too many, of another epoch, or never published', async () => {
      one.subscribe('a');
      const before = (await one.history.changes(undefined)).position;
      for (const number of numbers(5)) one.history.publish('a', number, FEW);
      const messages = await one.kept.take(5);
      expect(await read(two, 'a', before, FEW)).toEqual({ recovered: false, texts: [] });
      expect(await read(two, 'a', messages[0]!.position, FEW)).toEqual({ recovered: false, texts: [] });
      expect(await read(two, 'a', messages[1]!.position, FEW)).toEqual({
        recovered: true,
        texts: ['2', '3', '4'],
      });
      expect(await read(two, 'a', 5, FEW)).toEqual({ recovered: false, texts: ['2', '3', '4'] });
      const { epoch, offset } = messages[4]!.position;
      const nowhere = { epoch, offset: offset + 1_000 };
      for (const since of [{ epoch: 'another', offset }, nowhere]) {
        expect(await read(two, 'a', since, FEW)).toEqual({ recovered: false, texts: [] });
        expect((await two.history.changes(since)).topics).toBeUndefined();
      }
    });

    it('has what was published since a position also when older messages were dropped', async () => {
      await subscribe(one, 'a');
      for (const number of numbers(150)) one.history.publish('a', number, KEPT);
      const messages = await one.kept.take(150);
      expect(await read(two, 'a', messages[139]!.position)).toEqual({
        recovered: true,
        texts: numbers(150).slice(140),
      });
      expect(await read(two, 'a', messages[19]!.position)).toEqual({ recovered: false, texts: [] });
    });

    it('says which topics have changed since a position', async () => {
      const { position: start } = await one.history.changes(undefined);
      one.subscribe('#');
      for (const topic of ['a', 'b/c', 'ü \ud800']) one.history.publish(topic, '', KEPT);
      const [first] = await one.kept.take(3);
      expect((await two.history.changes(start)).topics?.toSorted()).toEqual(
        ['a', 'b/c', 'ü \ud800'].toSorted(),
      );
      const { topics, position } = await two.history.changes(first!.position);
      expect(topics?.toSorted()).toEqual(['b/c', 'ü \ud800'].toSorted());
      expect((await three.history.changes(position)).topics).toEqual([]);
    });

    it('has nothing of what is too old', async () => {
      one.subscribe('a');
      one.history.publish('a', 'for a moment', { messages: 10, age: 1 });
      const { position } = await one.kept.next();
      while ((await read(two, 'a', 1, { messages: 10, age: 1 })).texts.length > 0);
      expect(await read(two, 'a', position, { messages: 10, age: 1 })).toEqual({
        recovered: true,
        texts: [],
      });
    });

    it('takes bytes as they are when they are published, and loses nothing that was published at the end', async () => {
      await subscribe(two, 'a');
      const bytes = Buffer.from('before');
      one.history.publish('a', bytes, KEPT);
      bytes.fill(0);
      for (const number of numbers(50)) one.history.publish('a', number, KEPT);
      await one.close();
      expect(textsOf(await two.kept.take(51))).toEqual(['before', ...numbers(50)]);
    });
  });
}

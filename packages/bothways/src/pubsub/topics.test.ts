import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from './filter.js';
import { filters, topics as names } from './test-filters.js';
import { Topics } from './topics.js';

function topicsOf(...subscriptions: [topic: string, subscriber: string][]): Topics<string> {
  const topics = new Topics<string>();
  for (const [topic, subscriber] of subscriptions) topics.subscribe(topic, subscriber);
  return topics;
}

describe('Topics', () => {
  it('have nobody to begin with', () => {
    expect([...new Topics<string>().of('a')]).toEqual([]);
  });

  it('know who subscribed to what, in the order in which they came', () => {
    const topics = topicsOf(['a', 'y'], ['a', 'x'], ['b', 'x'], ['a', 'z']);
    expect([...topics.of('a')]).toEqual(['y', 'x', 'z']);
    expect([...topics.of('b')]).toEqual(['x']);
    expect([...topics.of('c')]).toEqual([]);
  });

  it('know each subscriber once', () => {
    expect([...topicsOf(['a', 'x'], ['a', 'y'], ['a', 'x']).of('a')]).toEqual(['x', 'y']);
  });

  it('forget who unsubscribed, of that topic only', () => {
    const topics = topicsOf(['a', 'x'], ['a', 'y'], ['b', 'x']);
    topics.unsubscribe('a', 'x');
    expect([...topics.of('a')]).toEqual(['y']);
    expect([...topics.of('b')]).toEqual(['x']);
  });

  it('say who was the first, and who the last', () => {
    const topics = new Topics<string>();
    expect(topics.subscribe('a', 'x')).toBe(true);
    expect(topics.subscribe('a', 'x')).toBe(false);
    expect(topics.subscribe('a', 'y')).toBe(false);
    expect(topics.subscribe('b', 'y')).toBe(true);
    expect(topics.unsubscribe('a', 'z')).toBe(false);
    expect(topics.unsubscribe('a', 'x')).toBe(false);
    expect(topics.unsubscribe('a', 'x')).toBe(false);
    expect(topics.unsubscribe('a', 'y')).toBe(true);
    expect(topics.unsubscribe('a', 'y')).toBe(false);
    expect(topics.unsubscribe('c', 'y')).toBe(false);
    expect(topics.subscribe('a', 'y')).toBe(true);
  });

  it('do not mind what was never subscribed', () => {
    const topics = topicsOf(['a', 'x']);
    topics.unsubscribe('a', 'y');
    topics.unsubscribe('b', 'x');
    expect([...topics.of('a')]).toEqual(['x']);
  });

  it('can be subscribed to again after the last has gone', () => {
    const topics = topicsOf(['a', 'x']);
    topics.unsubscribe('a', 'x');
    expect([...topics.of('a')]).toEqual([]);
    topics.subscribe('a', 'y');
    expect([...topics.of('a')]).toEqual(['y']);
  });

  it.each(['__proto__', 'constructor', 'toString', ''])(
    'have no names of their own, such as "%s"',
    (name) => {
      const topics = new Topics<string>();
      expect([...topics.of(name)]).toEqual([]);
      topics.subscribe(name, 'x');
      expect([...topics.of(name)]).toEqual(['x']);
    },
  );

  it('keep nothing of a topic that nobody subscribes to any more', () => {
    const topics = new Topics<string>();
    const before = [...topics.of('a')];
    topics.subscribe('a', 'x');
    const first = topics.of('a');
    topics.unsubscribe('a', 'x');
    topics.subscribe('a', 'x');
    expect(before).toEqual([]);
    // A list that had been kept would be the same one.
    expect(topics.of('a')).not.toBe(first);
  });

  it('have the subscribers of all filters that match, each once', () => {
    const topics = topicsOf(['a/b', 'x'], ['a/+', 'x'], ['a/+', 'y'], ['a/#', 'z'], ['#', 'y'], ['b/#', 'w']);
    const of = (topic: string): string =>
      [...topics.of(topic)].toSorted((one, other) => (one < other ? -1 : 1)).join('');
    expect(['a/b', 'a', 'b', 'c', '$a'].map(of)).toEqual(['xyz', 'yz', 'wy', 'y', '']);
  });

  it('say who was the first of a filter with wildcards, and who the last', () => {
    const topics = new Topics<string>();
    expect(topics.subscribe('a/+', 'x')).toBe(true);
    expect(topics.subscribe('a/+', 'y')).toBe(false);
    expect(topics.subscribe('a/+/b', 'x')).toBe(true);
    expect(topics.subscribe('a/#', 'x')).toBe(true);
    expect(topics.unsubscribe('a/+', 'z')).toBe(false);
    expect(topics.unsubscribe('a/+', 'x')).toBe(false);
    expect(topics.unsubscribe('a/+', 'y')).toBe(true);
    expect(topics.unsubscribe('a/+', 'y')).toBe(false);
    expect([...topics.of('a/c/b')]).toEqual(['x']);
    expect(topics.unsubscribe('c/+', 'x')).toBe(false);
  });

  it('are those that matching each filter alone would find, whatever came and went', () => {
    const change = fc.tuple(fc.boolean(), filters, fc.integer({ min: 0, max: 4 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), names, (changes, topic) => {
        const topics = new Topics<number>();
        const plain = new Map<string, Set<number>>();
        for (const [comes, filter, subscriber] of changes) {
          const subscribers = plain.get(filter) ?? new Set();
          const before = subscribers.size;
          const told = comes ? topics.subscribe(filter, subscriber) : topics.unsubscribe(filter, subscriber);
          if (comes) subscribers.add(subscriber);
          else subscribers.delete(subscriber);
          const isTurn = comes ? before === 0 : before === 1 && subscribers.size === 0;
          expect([comes, filter, told]).toEqual([comes, filter, isTurn]);
          plain.set(filter, subscribers);
        }
        const expected = [...plain].flatMap(([filter, subscribers]) =>
          matches(filter, topic) ? [...subscribers] : [],
        );
        const found = [...topics.of(topic)];
        expect(found).toHaveLength(new Set(expected).size);
        expect(new Set(found)).toEqual(new Set(expected));
      }),
      { numRuns: 2_000 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFilter, checkTopic, covers, matches, meets } from './filter.js';
import { allTopics, filters, filtersOf, topics } from './test-filters.js';

/** The rules once more, as a regular expression: slow, but short. */
function toPattern(filter: string): RegExp {
  const levels = filter.split('/').map((each, index, all) => {
    const slash = index === 0 ? '' : '/';
    if (each === '#') return index === 0 ? '.*' : '(?:/.*)?';
    if (each === '+') return `${slash}[^/]*`;
    return slash + all[index]!.replaceAll(/[$.*]/g, String.raw`\$&`);
  });
  const hides = /^[+#]/.test(filter) ? String.raw`(?!\$)` : '';
  return new RegExp(`^${hides}${levels.join('')}$`, 's');
}

describe('A filter', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'anything/at/all', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/monitor', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/monitor', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['ACCOUNTS', 'Accounts', false],
  ])('%s has %s: %s (MQTT 5.0, 4.7)', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });

  it('has the topics that its regular expression has', () => {
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        expect([filter, topic, matches(filter, topic)]).toEqual([
          filter,
          topic,
          toPattern(filter).test(topic),
        ]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('covers another one when it has all topics of that, and only then', () => {
    const all = allTopics(4);
    fc.assert(
      fc.property(filtersOf(3), filtersOf(3), (one, other) => {
        const hasAll = all.every((topic) => matches(one, topic) || !matches(other, topic));
        expect([one, other, covers(one, other)]).toEqual([one, other, hasAll]);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['#', 'a/+/#', true],
    ['a/#', 'a/b', true],
    ['a/#', 'a', true],
    ['a/+', 'a/+', true],
    ['a/+', 'a/#', false],
    ['a/b', 'a/+', false],
    ['a', 'a/#', false],
    ['+/#', '#', false],
    ['#', '$a', false],
  ])('%s covers %s: %s', (one, other, expected) => {
    expect(covers(one, other)).toBe(expected);
  });

  it('meets another when a topic is one of both, or would be but for its $', () => {
    const all = allTopics(3);
    fc.assert(
      fc.property(filtersOf(3), filtersOf(3), (one, other) => {
        const shared = all.some((topic) => matches(one, topic) && matches(other, topic));
        const mayHide = [one, other].some((filter) => filter.startsWith('$'));
        expect([one, other, meets(one, other) || !shared]).toEqual([one, other, true]);
        expect([one, other, meets(one, other) && !mayHide]).toEqual([one, other, shared && !mayHide]);
      }),
      { numRuns: 500 },
    );
  });

  it.each(['a', '/', 'a//b', '+', '#', '+/+', 'a/+/b/#', ' ', '__proto__', 'x'.repeat(1_024)])(
    'may be %j',
    (filter) => {
      expect(checkFilter(filter)).toBeUndefined();
    },
  );

  it.each([
    '',
    'a+',
    '+a',
    'a/b+/c',
    'a#',
    '#/a',
    'a/#/b',
    '##',
    'x'.repeat(1_025),
    5,
    undefined,
    '$bothways/x',
  ])('may not be %j', (filter) => {
    expect(() => checkFilter(filter)).toThrow(TypeError);
  });
});

describe('A topic', () => {
  it.each(['a', '/', 'a//b', '$SYS', 'Grüße 👋', 'x'.repeat(1_024)])('may be %j', (topic) => {
    expect(checkTopic(topic)).toBeUndefined();
  });

  it.each(['', '+', 'a/#', 'c#', 'x'.repeat(1_025), 5, undefined, '$bothways/x'])(
    'may not be %j',
    (topic) => {
      expect(() => checkTopic(topic)).toThrow(TypeError);
    },
  );
});

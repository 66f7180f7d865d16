import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../pubsub/filter.js';
import { subjectOf, subjectsOf, topicOf } from './nats-subjects.js';

const PREFIX = 'bothways';

/** Levels of all that a string may have, and many that mean something here or there. */
const special = fc.constantFrom(
  ...Array.from('.*>%$/ \t\r\n\0"\\\u007f\u0085\u00a0Aé👋'),
  '\ud800',
  '\udfff',
);
const level = fc
  .oneof(
    fc.string({ unit: special, maxLength: 4 }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'a', 'b'),
  )
  .map((text) => text.replaceAll(/[+#/]/g, ''));
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '/#'),
  )
  .map(([levels, end]) => levels.join('/') + end);

/** What NATS matches: `*` is one token, `>` as the last is one or more. */
function natsMatches(subject: string, published: string): boolean {
  const tokens = subject.split('.');
  const others = published.split('.');
  for (const [index, token] of tokens.entries()) {
    if (others[index] === undefined) return false;
    if (token === '>') return true;
    if (token !== '*' && token !== others[index]) return false;
  }
  return tokens.length === others.length;
}

describe('The subject of a topic', () => {
  it.each([
    ['news', 'bothways.news'],
    ['a/b/c', 'bothways.a.b.c'],
    ['a//b/', 'bothways.a.%.b.%'],
    ['a.b c', 'bothways.a%Aub%Agc'],
    ['*/>', 'bothways.%Aq.%A-'],
    ['100%', 'bothways.100%Al'],
    ['$SYS/Grüße', 'bothways.$SYS.Grüße'],
    ['\ud800', 'bothways.%gA'],
  ])('of %j is %s', (text, subject) => {
    expect(subjectOf(PREFIX, text)).toBe(subject);
  });

  it('has the topic in it', () => {
    fc.assert(
      fc.property(topic, (text) => {
        expect(topicOf(PREFIX, subjectOf(PREFIX, text))).toBe(text);
      }),
    );
  });

  it('has only what NATS and its client take, as UTF-8, and no empty token', () => {
    fc.assert(
      fc.property(topic, (text) => {
        const subject = subjectOf(PREFIX, text);
        expect(subject.slice(PREFIX.length)).toMatch(/^(?:\.[^\p{Cc}\p{Cs} \u00a0.*>"\\]+)+$/u);
        expect(Buffer.from(subject).toString()).toBe(subject);
      }),
    );
  });

  it('is as long as NATS takes, whatever the topic', () => {
    for (const unit of ['/', '%', '\0', '\ud800', '世', '👋', '\u0085']) {
      const longest = unit.repeat(1_024 / unit.length);
      expect(Buffer.byteLength(subjectOf('', longest))).toBeLessThanOrEqual(1 + 3 * 1_024);
    }
  });
});

describe('The subjects of a filter', () => {
  it.each([
    ['a/+', ['bothways.a.*']],
    ['#', ['bothways.>']],
    ['a/#', ['bothways.a.>', 'bothways.a']],
    ['+/#', ['bothways.*.>', 'bothways.*']],
    ['/#', ['bothways.%.>', 'bothways.%']],
  ])('%s are %j', (text, subjects) => {
    expect(subjectsOf(PREFIX, text)).toEqual(subjects);
  });

  it('have the topics of the filter, and of others only those that begin with $', () => {
    const either = fc.oneof(filter, topic, fc.constant('#'));
    fc.assert(
      fc.property(either, topic, (asked, published) => {
        const isSent = subjectsOf(PREFIX, asked).some((subject) =>
          natsMatches(subject, subjectOf(PREFIX, published)),
        );
        const isHidden = published.startsWith('$') && /^[+#]/.test(asked);
        expect(isSent && !isHidden).toBe(matches(asked, published));
      }),
      { numRuns: 2_000 },
    );
  });
});

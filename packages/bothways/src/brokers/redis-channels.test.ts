import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelOf, channelsOf, topicOf } from './redis-channels.js';

describe('The channels of Redis', () => {
  it('have the topic in them, whatever its code units', () => {
    const topics = fc.string({
      unit: fc.oneof(
        fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
        fc.constantFrom('\ud800', '\udfff', '\u{10FFFF}', '0010ffff', 'a', '/'),
      ),
    });
    fc.assert(
      fc.property(topics, (topic) => {
        const name = channelOf('', topic);
        expect(Buffer.from(name).toString()).toBe(name);
        expect(topicOf(name)).toBe(topic);
      }),
    );
  });

  it.each([
    ['news', ['channel p*:news']],
    ['a*', ['channel p*:a*']],
    ['a/+', [String.raw`pattern p\*:a/*`]],
    ['+/b', [String.raw`pattern p\*:*/b`]],
    ['#', [String.raw`pattern p\*:*`]],
    ['a/#', [String.raw`pattern p\*:a/*`, String.raw`pattern p\*:a`]],
    [String.raw`?[^a]*\/+`, [String.raw`pattern p\*:\?\[^a\]\*\\/*`]],
    ['\ud800/+', ['pattern p\\*:\u{10FFFF}00d800/*']],
  ])('of the filter %j are %j', (filter, channels) => {
    expect(channelsOf('p*:', filter).map(({ kind, name }) => `${kind} ${name}`)).toEqual(channels);
  });
});

import { isWild } from '../pubsub/filter.js';
import type { ChannelKind } from './redis-client.js';

/** A name to SUBSCRIBE to, or a glob to PSUBSCRIBE to. */
export interface RedisChannel {
  readonly kind: ChannelKind;
  readonly name: string;
}

/** Surrogates that stand alone are no UTF-8, and the last code point of all stands before what is put in their place. */
const ESCAPED = /[\p{Surrogate}\u{10FFFF}]/gu;
const ESCAPE = /\u{10FFFF}([0-9a-f]{6})/gu;

/** The channel of a topic, by a name that is the same after it was UTF-8. */
export function channelOf(prefix: string, topic: string): string {
  return prefix + escapeText(topic);
}

/** @param text the name of a channel, without the prefix. */
export function topicOf(text: string): string {
  return text.replaceAll(ESCAPE, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

/**
 * What brings all topics of a filter, and perhaps more: a `*` of Redis does not end at a slash.
 *
 * @param prefix what the names of channels begin with.
 */
export function channelsOf(prefix: string, filter: string): readonly RedisChannel[] {
  if (!isWild(filter)) return [{ kind: 'channel', name: channelOf(prefix, filter) }];
  if (filter === '#' || !filter.endsWith('/#')) return [patternOf(prefix, filter)];
  // The level before it is one of its topics as well (MQTT 5.0, 4.7.1.2).
  return [patternOf(prefix, filter), patternOf(prefix, filter.slice(0, -2))];
}

function patternOf(prefix: string, filter: string): RedisChannel {
  const levels = escapeText(filter)
    .split('/')
    .map((level) => (level === '+' || level === '#' ? '*' : escapeGlob(level)));
  return { kind: 'pattern', name: escapeGlob(prefix) + levels.join('/') };
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}

function escapeText(text: string): string {
  return text.replaceAll(
    ESCAPED,
    (character) => `\u{10FFFF}${character.codePointAt(0)!.toString(16).padStart(6, '0')}`,
  );
}

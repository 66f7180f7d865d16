import { isWild } from '../pubsub/filter.js';
import type { ChannelKind } from './redis-client.js';

/** A name to SUBSCRIBE to, or a glob to PSUBSCRIBE to. */
export interface RedisChannel {
  readonly kind: ChannelKind;
  readonly name: string;
}

/**
 * What brings all topics of a filter, and perhaps more: a `*` of Redis does not end at a slash.
 *
 * @param prefix what the names of channels begin with.
 */
export function channelsOf(prefix: string, filter: string): readonly RedisChannel[] {
  if (!isWild(filter)) return [{ kind: 'channel', name: prefix + filter }];
  if (filter === '#' || !filter.endsWith('/#')) return [patternOf(prefix, filter)];
  // The level before it is one of its topics as well (MQTT 5.0, 4.7.1.2).
  return [patternOf(prefix, filter), patternOf(prefix, filter.slice(0, -2))];
}

function patternOf(prefix: string, filter: string): RedisChannel {
  const levels = filter.split('/').map((level) => (level === '+' || level === '#' ? '*' : escapeGlob(level)));
  return { kind: 'pattern', name: escapeGlob(prefix) + levels.join('/') };
}

function escapeGlob(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}

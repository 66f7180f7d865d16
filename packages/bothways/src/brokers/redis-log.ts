import type { Position } from '../protocol/contract.js';
import type { HistoryLimits, HistoryPage, PageMessage, Since } from '../pubsub/history.js';
import { unseal, type Envelope } from './envelope.js';
import { channelOf, topicOf } from './redis-channels.js';
import { RedisScript } from './redis-scripts.js';

// The log of all topics of a prefix, in Redis, below that prefix and `$bothways/`:
//
//   log              a hash: the epoch, the Redis that it belongs to (`run`), the offset of the newest message (`clock`),
//                    and the offset up to which topics may be forgotten (`floor`)
//   topics           a sorted set: the topics, by the offset of the newest message of each
//   log/EPOCH/TOPIC  a stream for each topic, whose ids are OFFSET-0: the envelope (`m`), the time from which on it is too
//                    old (`u`), and the offset of the message before it (`p`), or where none is known the floor with a `-`
//   sent/NODE        the number of the newest message of a node, so that one that is sent again is known
//
// Offsets count all messages of a prefix. A Redis that was started again, or another one in its place, may have lost the
// newest of them, and would give their offsets to others: it begins a new epoch.

/** After which time it is forgotten what a node has sent, milliseconds. */
const SENT_AGE = 3_600_000;
/** How many topics may have changed for it to be told which. */
const MAX_CHANGES = 10_000;
/** The first byte of what is published of a message that is kept. */
const KEPT = 0x4b;

/** `KEYS`: the log, and the topics. `ARGV[2]` is a part of the epoch, should a new one begin. */
export const BEGIN = `
local log, topics = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = redis.call('HGET', log, 'epoch')
if ARGV[1] == '1' or not epoch then
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  if not epoch or redis.call('HGET', log, 'run') ~= run then
    epoch = ARGV[2] .. string.format('.%x', now)
    redis.call('DEL', log, topics)
    redis.call('HSET', log, 'epoch', epoch, 'run', run, 'clock', 0, 'floor', 0)
  end
end
local function streamOf(topic) return log .. '/' .. epoch .. '/' .. topic end
`;

/** Appends a message to a topic: the function that it defines can stand in other scripts as well. */
export const APPEND_FUNCTION = `
local function append(topic, channel, envelope, messages, age)
  local offset = string.format('%.0f', redis.call('HINCRBY', log, 'clock', 1))
  local previous = redis.call('ZSCORE', topics, topic)
  local stream = streamOf(topic)
  redis.call('ZADD', topics, offset, topic)
  redis.call('XADD', stream, 'MAXLEN', messages, offset .. '-0', 'm', envelope,
    'p', previous or '-' .. redis.call('HGET', log, 'floor'), 'u', string.format('%.0f', now + age))
  redis.call('PEXPIRE', stream, age)
  redis.call('PUBLISH', channel, 'K' .. offset .. ' ' .. (previous or '0') .. ' ' .. epoch .. '\\n' .. envelope)
  -- Topics of which nothing is kept any more are forgotten, up to two for each message.
  local oldest = redis.call('ZRANGE', topics, 0, 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    if redis.call('EXISTS', streamOf(oldest[i])) == 1 then break end
    redis.call('ZREM', topics, oldest[i])
    redis.call('HSET', log, 'floor', oldest[i + 1])
  end
  return offset
end
`;

const APPEND = new RedisScript(`${BEGIN}${APPEND_FUNCTION}
local sent = redis.call('GET', KEYS[3])
if sent and tonumber(sent) >= tonumber(ARGV[3]) then return '' end
redis.call('SET', KEYS[3], ARGV[3], 'PX', ${SENT_AGE})
return append(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
`);

const READ = new RedisScript(`${BEGIN}
local stream = streamOf(ARGV[3])
local entries = {}
if ARGV[4] == '' then
  if ARGV[5] ~= '0' then entries = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', ARGV[5]) end
elseif ARGV[4] == epoch then
  entries = redis.call('XRANGE', stream, '(' .. ARGV[5] .. '-0', '+')
end
local state = redis.call('HMGET', log, 'clock', 'floor')
return { epoch, state[1], state[2], redis.call('ZSCORE', topics, ARGV[3]) or '', string.format('%.0f', now), entries }
`);

const CHANGES = new RedisScript(`${BEGIN}
local state = redis.call('HMGET', log, 'clock', 'floor')
local since = tonumber(ARGV[4])
if ARGV[3] ~= epoch or since > tonumber(state[1]) or since < tonumber(state[2]) then return { epoch, state[1] } end
return { epoch, state[1],
  redis.call('ZRANGEBYSCORE', topics, '(' .. ARGV[4], '+inf', 'LIMIT', 0, ${MAX_CHANGES + 1}) }
`);

/** A script, and what it is called with. */
export interface RedisCall {
  readonly script: RedisScript;
  readonly keys: readonly string[];
  readonly parameters: readonly (string | Buffer)[];
}

/** A message to append. */
export interface LogMessage {
  readonly topic: string;
  readonly number: number;
  /** Its envelope. */
  readonly bytes: Buffer;
}

/** Makes the commands of the log of a prefix, and reads what Redis answers. */
export class RedisLog {
  readonly #prefix: string;
  readonly #node: string;
  /** Those that `BEGIN` takes first. */
  readonly keys: readonly [log: string, topics: string];

  constructor(prefix: string, node: string) {
    this.#prefix = prefix;
    this.#node = node;
    this.keys = [`${prefix}$bothways/log`, `${prefix}$bothways/topics`];
  }

  append({ topic, number, bytes }: LogMessage, { messages, age }: HistoryLimits): RedisCall {
    return {
      script: APPEND,
      keys: [...this.keys, `${this.#prefix}$bothways/sent/${this.#node}`],
      parameters: [this.#node, `${number}`, ...this.parametersOf(topic, bytes, { messages, age })],
    };
  }

  /** What the function `append` takes. */
  parametersOf(topic: string, bytes: Buffer, { messages, age }: HistoryLimits): (string | Buffer)[] {
    return [channelOf('', topic), channelOf(this.#prefix, topic), bytes, `${messages}`, `${age}`];
  }

  read(topic: string, since: Since, { messages }: HistoryLimits): RedisCall {
    const from =
      typeof since === 'number' ? ['', `${Math.min(since, messages)}`] : [since.epoch, `${since.offset}`];
    return { script: READ, keys: this.keys, parameters: [this.#node, channelOf('', topic), ...from] };
  }

  changes(since: Position | undefined): RedisCall {
    const from = since === undefined ? ['', '0'] : [since.epoch, `${since.offset}`];
    return { script: CHANGES, keys: this.keys, parameters: [this.#node, ...from] };
  }

  pageOf(answer: unknown, since: Since, limits: HistoryLimits): HistoryPage {
    const [epoch, clock, floor, newest, now, entries] = answer as [
      ...texts: [Buffer, Buffer, Buffer, Buffer, Buffer],
      entries: [id: Buffer, fields: Buffer[]][],
    ];
    const position = { epoch: epoch.toString(), offset: Number(clock) };
    const kept = entries
      .map(([id, fields]) => this.#entryOf(id, fields))
      .filter(({ until }) => until > Number(now));
    if (typeof since === 'number') {
      const messages = kept.toReversed();
      const isAll = messages[0]?.isFirst ?? newest.length === 0;
      return { recovered: messages.length >= since || isAll, position, messages };
    }
    const last = newest.length === 0 ? Number(floor) : Number(newest);
    const recovered =
      since.epoch === position.epoch &&
      since.offset <= position.offset &&
      kept.length <= limits.messages &&
      isWhole(since.offset, kept, last);
    return { recovered, position, messages: recovered ? kept : [] };
  }

  changesOf(answer: unknown): {
    readonly position: Position;
    readonly topics: readonly string[] | undefined;
  } {
    const [epoch, clock, topics] = answer as [Buffer, Buffer, Buffer[] | undefined];
    return {
      position: { epoch: epoch.toString(), offset: Number(clock) },
      topics:
        topics === undefined || topics.length > MAX_CHANGES
          ? undefined
          : topics.map((topic) => topicOf(topic.toString())),
    };
  }

  #entryOf(id: Buffer, fields: readonly Buffer[]): LogEntry {
    const [, envelope, , previous, , until] = fields as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    const { node, number, data } = unseal(envelope)!;
    return {
      offset: Number.parseInt(id.toString(), 10),
      data,
      own: node === this.#node ? number : undefined,
      origin: `${node} ${number}`,
      previous: Math.abs(Number(previous)),
      isFirst: previous.toString().startsWith('-'),
      until: Number(until),
    };
  }
}

interface LogEntry extends PageMessage {
  /** The offset up to which, at least, there was no other message of the topic before it. */
  readonly previous: number;
  /** Whether none is known before it. */
  readonly isFirst: boolean;
  readonly until: number;
}

/** Whether nothing is missing behind an offset, up to the newest message. */
function isWhole(since: number, entries: readonly LogEntry[], newest: number): boolean {
  let at = since;
  for (const { previous, offset } of entries) {
    if (previous > at) return false;
    at = offset;
  }
  return newest <= at;
}

/** What is published of a message that is kept. */
export interface KeptEnvelope {
  readonly position: Position;
  readonly previous: number;
  readonly envelope: Envelope;
}

/** @returns `undefined` for what is none. */
export function unsealKept(bytes: Buffer): KeptEnvelope | undefined {
  if (bytes[0] !== KEPT) return undefined;
  const end = bytes.indexOf(0x0a);
  const [offset, previous, epoch] = bytes.toString('latin1', 1, end).split(' ');
  const envelope = unseal(bytes.subarray(end + 1));
  if (end === -1 || epoch === undefined || envelope === undefined) return undefined;
  return { position: { epoch, offset: Number(offset) }, previous: Number(previous), envelope };
}

import type { BrokerError } from '../protocol/errors.js';
import type { BrokerRecords, KeptRecord, RecordChange } from '../pubsub/broker-records.js';
import { seal } from './envelope.js';
import type { Outbox } from './outbox.js';
import { APPEND_FUNCTION, BEGIN, type RedisLog } from './redis-log.js';
import type { RedisPublisher } from './redis-publisher.js';
import { RedisScript } from './redis-scripts.js';
import type { RedisSubscriber } from './redis-subscriber.js';
import { untilTaken } from './until-taken.js';

// A record, below the prefix and `$bothways/`:
//
//   record/KEY        a hash: who holds it (`@holder`, empty when it was removed), the number of the last change
//                     (`@number`), and its fields
//   record/KEY/list   a stream: the entries, whose ids are NUMBER-0: text (`t`) or bytes (`b`)

/** How long a record is kept that nobody saves, milliseconds; and what says that it was removed. */
const LIFETIME = 600_000;
const REMOVED = 120_000;
/** How long Redis may take to answer, milliseconds. */
const TIMEOUT = 5_000;

/** `ARGV`, from the third: the holder, the number, whether it is whole, what is dropped, three counts, and the things. */
const SAVE = new RedisScript(`${BEGIN}${APPEND_FUNCTION}
local hash, list = KEYS[3], KEYS[4]
local state = redis.call('HMGET', hash, '@holder', '@number')
if not state[1] then
  if ARGV[5] == '0' then return 'missing' end
elseif state[1] ~= ARGV[3] then return 'lost'
elseif tonumber(state[2]) >= tonumber(ARGV[4]) then return 'saved' end
if ARGV[5] == '1' then redis.call('DEL', hash, list) end
redis.call('HSET', hash, '@holder', ARGV[3], '@number', ARGV[4])
local at = 10
for _ = 1, ARGV[7] do
  redis.call('HSET', hash, ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, ARGV[8] do
  redis.call('XADD', list, ARGV[at] .. '-0', ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
redis.call('XTRIM', list, 'MINID', ARGV[6] .. '-1')
redis.call('PEXPIRE', hash, ${LIFETIME})
redis.call('PEXPIRE', list, ${LIFETIME})
for _ = 1, ARGV[9] do
  append(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  at = at + 5
end
return 'saved'
`);

/** `ARGV`, from the third: who takes it, and from whom. */
const TAKE = new RedisScript(`
local holder = redis.call('HGET', KEYS[3], '@holder')
if not holder or holder == '' then return false end
if holder ~= ARGV[4] then return { holder } end
redis.call('HSET', KEYS[3], '@holder', ARGV[3])
return { holder, redis.call('HGETALL', KEYS[3]), redis.call('XRANGE', KEYS[4], '-', '+') }
`);

const REMOVE = new RedisScript(`
if redis.call('HGET', KEYS[3], '@holder') ~= ARGV[3] then return 0 end
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('HSET', KEYS[3], '@holder', '', '@number', '0')
return redis.call('PEXPIRE', KEYS[3], ${REMOVED})
`);

/** Records in Redis. */
export class RedisRecords implements BrokerRecords {
  readonly #prefix: string;
  readonly #log: RedisLog;
  readonly #outbox: Outbox;
  readonly #publisher: RedisPublisher;
  readonly #subscriber: RedisSubscriber;
  readonly #onFailed: (error: BrokerError) => void;

  /** @param onFailed is told what Redis refuses, and what is tried again. */
  constructor(
    prefix: string,
    log: RedisLog,
    outbox: Outbox,
    publisher: RedisPublisher,
    subscriber: RedisSubscriber,
    onFailed: (error: BrokerError) => void,
  ) {
    this.#prefix = prefix;
    this.#log = log;
    this.#outbox = outbox;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#onFailed = onFailed;
  }

  async save(
    key: string,
    holder: string,
    number: number,
    change: RecordChange,
  ): Promise<'saved' | 'lost' | 'missing'> {
    const { isWhole, fields, entries, dropTo, publishes } = change;
    const pairs = Object.entries(fields).flat();
    const parameters = [
      holder,
      `${number}`,
      isWhole ? '1' : '0',
      `${dropTo}`,
      `${pairs.length / 2}`,
      `${entries.length}`,
      `${publishes.length}`,
      ...pairs,
      ...entries.flatMap(([at, data]) => [`${at}`, typeof data === 'string' ? 't' : 'b', toBuffer(data)]),
      ...publishes.flatMap((publish) =>
        this.#log.parametersOf(
          publish.topic,
          seal(this.#outbox.node, publish.number, publish.data),
          publish.limits,
        ),
      ),
    ];
    // It comes back by another connection, whose subscriptions may be on their way.
    for (const { topic } of publishes) await this.#subscriber.readyFor(topic);
    const answer = await untilTaken(() => this.#ask(SAVE, key, parameters), this.#onFailed);
    return String(answer) as 'saved' | 'lost' | 'missing';
  }

  async take(
    key: string,
    holder: string,
    isGone: (node: string) => boolean,
  ): Promise<KeptRecord | string | undefined> {
    let from = holder;
    for (;;) {
      const answer = await this.#ask(TAKE, key, [holder, from], TIMEOUT);
      if (answer === null) return undefined;
      const [before, pairs, list] = answer as [Buffer, Buffer[]?, [Buffer, [Buffer, Buffer]][]?];
      if (pairs !== undefined && list !== undefined) return recordOf(pairs, list);
      from = before.toString();
      if (from !== holder && !isGone(from)) return from;
    }
  }

  remove(key: string, holder: string): void {
    // It expires all the same.
    this.#ask(REMOVE, key, [holder]).catch(() => {});
  }

  nextNumber(): number {
    return this.#outbox.nextNumber();
  }

  #ask(
    script: RedisScript,
    key: string,
    parameters: readonly (string | Buffer)[],
    timeout?: number,
  ): Promise<unknown> {
    const name = `${this.#prefix}$bothways/record/${key}`;
    const keys = [...this.#log.keys, name, `${name}/list`];
    return this.#publisher.ask({ script, keys, parameters: [this.#outbox.node, ...parameters] }, timeout);
  }
}

function recordOf(pairs: readonly Buffer[], list: readonly [Buffer, [Buffer, Buffer]][]): KeptRecord {
  const fields: Record<string, string> = {};
  for (let at = 0; at < pairs.length; at += 2) fields[pairs[at]!.toString()] = pairs[at + 1]!.toString();
  const { '@number': number, '@holder': _, ...others } = fields;
  return {
    number: Number(number),
    fields: others,
    entries: list.map(([id, [kind, data]]) => [
      Number.parseInt(id.toString(), 10),
      kind.toString() === 't' ? data.toString() : data,
    ]),
  };
}

function toBuffer(data: string | Uint8Array): Buffer {
  return typeof data === 'string'
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.length);
}

import { BrokerError } from '../protocol/errors.js';
import type { BrokerClaims } from '../pubsub/broker.js';
import type { RedisConnection } from './redis-client.js';
import type { RedisLink } from './redis-link.js';
import { within } from './within.js';

/** How long Redis may take to answer, milliseconds. */
const TIMEOUT = 3_000;

/** How often it is asked again when a claim has expired just then. */
const ATTEMPTS = 3;

const RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])";

/** Claims as keys of Redis that expire. */
export class RedisClaims implements BrokerClaims {
  readonly #link: RedisLink;
  readonly #prefix: string;

  constructor(link: RedisLink, prefix: string) {
    this.#link = link;
    this.#prefix = `${prefix}$bothways/claims/`;
  }

  async claim(key: string, holder: string, milliseconds: number): Promise<string> {
    const { connection } = this.#link;
    const name = this.#prefix + key;
    const claimed = connection === undefined ? undefined : claim(connection, name, holder, milliseconds);
    const first = claimed && (await within(TIMEOUT, claimed));
    if (first === undefined) throw new BrokerError('ERR_BROKER_AWAY', 'Redis does not answer');
    return first;
  }

  release(key: string, holder: string): void {
    // It expires all the same.
    this.#link.connection?.command('EVAL', RELEASE, '1', this.#prefix + key, holder).catch(() => {});
  }
}

async function claim(
  connection: RedisConnection,
  name: string,
  holder: string,
  milliseconds: number,
): Promise<string | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const isFirst = await connection.command('SET', name, holder, 'NX', 'PX', String(milliseconds));
    if (isFirst !== null) return holder;
    const first = await connection.command('GET', name);
    if (typeof first === 'string') return first;
  }
  return undefined;
}

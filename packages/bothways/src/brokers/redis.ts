import { BrokerError } from '../protocol/errors.js';
import {
  MAX_TIMEOUT,
  MILLISECONDS,
  SIZE,
  STRING,
  checkOptions,
  wholeNumber,
  type Rule,
} from '../protocol/options.js';
import type { Broker, BrokerNode } from '../pubsub/broker.js';
import { unseal } from './envelope.js';
import { Origins } from './origins.js';
import { Outbox } from './outbox.js';
import type { Position } from '../protocol/contract.js';
import { RedisClaims } from './redis-claims.js';
import { checkRedisClient, type RedisClient } from './redis-client.js';
import { RedisHistory } from './redis-history.js';
import { RedisLog, unsealKept, type KeptEnvelope } from './redis-log.js';
import { RedisPublisher } from './redis-publisher.js';
import { RedisRecords } from './redis-records.js';
import { RedisSubscriber } from './redis-subscriber.js';
import { within } from './within.js';

export type { IoRedisClient, NodeRedisClient, RedisClient } from './redis-client.js';

/** How the topics of a server span all servers of one Redis. */
export interface RedisBrokerOptions {
  /** What the names of its channels begin with: servers that share their topics have the same. `bothways:` */
  prefix?: string | undefined;
  /** How much of what is published may wait for Redis, bytes. 32 MiB. */
  maxWaiting?: number | undefined;
  /** How long `serve` waits for Redis, milliseconds. 5 seconds. */
  openTimeout?: number | undefined;
  /** How long `close` waits for Redis to take what was published before, milliseconds; 0: not at all. 5 seconds. */
  closeTimeout?: number | undefined;
}

const RULES: Readonly<Record<keyof RedisBrokerOptions, Rule>> = {
  prefix: STRING,
  maxWaiting: SIZE,
  openTimeout: wholeNumber(1, MAX_TIMEOUT),
  closeTimeout: MILLISECONDS,
};

class RedisBroker implements Broker {
  readonly #openTimeout: number;
  readonly #closeTimeout: number;
  readonly #outbox: Outbox;
  readonly #origins = new Origins();
  readonly claims: RedisClaims;
  readonly records: RedisRecords;
  readonly #publisher: RedisPublisher;
  readonly #subscriber: RedisSubscriber;
  readonly history: RedisHistory;
  /** Of the last message that is kept. */
  #position: Position | undefined;
  #node: BrokerNode | undefined;

  constructor(client: RedisClient, options: RedisBrokerOptions) {
    const prefix = options.prefix ?? 'bothways:';
    this.#openTimeout = options.openTimeout ?? 5_000;
    this.#closeTimeout = options.closeTimeout ?? 5_000;
    this.#outbox = new Outbox(options.maxWaiting ?? 32 * 1024 * 1024);
    const log = new RedisLog(prefix, this.#outbox.node);
    this.#publisher = new RedisPublisher(client, this.#outbox, prefix, log, (error) =>
      this.#node?.failed(error),
    );
    this.claims = new RedisClaims(this.#publisher.link, prefix);
    this.#subscriber = new RedisSubscriber(client, prefix, {
      receive: (topic, bytes) => this.#receive(topic, bytes),
      missed: () => this.#node?.missed(),
    });
    this.history = new RedisHistory(this.#outbox.node, log, this.#publisher, this.#subscriber);
    this.records = new RedisRecords(prefix, log, this.#outbox, this.#publisher, this.#subscriber, (error) =>
      this.#node?.failed(error),
    );
  }

  async open(node: BrokerNode): Promise<void> {
    const links = [this.#publisher.link, this.#subscriber.link];
    const opened = Promise.all(links.map((link) => link.open()));
    if ((await within(this.#openTimeout, opened)) === undefined) {
      const cause = links[0]!.error ?? links[1]!.error;
      this.#publisher.close();
      this.#subscriber.close();
      const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
      throw new BrokerError(
        'ERR_BROKER_AWAY',
        `Redis has not answered within ${this.#openTimeout} ms${why}`,
        { cause },
      );
    }
    this.#node = node;
  }

  get isAway(): boolean {
    return !this.#publisher.link.isReady || !this.#subscriber.link.isReady || this.#outbox.isStuck;
  }

  subscribe(filter: string): void {
    this.#subscriber.subscribe(filter);
  }

  unsubscribe(filter: string): void {
    this.#subscriber.unsubscribe(filter);
  }

  publish(topic: string, data: string | Uint8Array): void {
    this.#publisher.publish(topic, data);
  }

  async close(): Promise<void> {
    this.#subscriber.close();
    await within(this.#closeTimeout, this.#outbox.empty());
    this.#publisher.close();
    if (this.#outbox.waiting > 0) {
      this.#node?.failed(
        new BrokerError(
          'ERR_BROKER_AWAY',
          `${this.#outbox.waiting} bytes are given up: Redis has not taken them within ${this.#closeTimeout} ms`,
        ),
      );
    }
    this.#node = undefined;
  }

  #receive(topic: string, bytes: Buffer): void {
    const kept = unsealKept(bytes);
    if (kept !== undefined) return this.#receiveKept(topic, kept);
    const envelope = unseal(bytes);
    if (envelope === undefined || envelope.node === this.#outbox.node) return;
    if (this.#origins.isNew(envelope.node, envelope.number)) this.#node?.receive(topic, envelope.data);
  }

  #receiveKept(topic: string, { position, previous, envelope }: KeptEnvelope): void {
    // By another subscription it has come already.
    if (this.#position?.epoch === position.epoch && position.offset <= this.#position.offset) return;
    this.#position = position;
    const { node, number, data } = envelope;
    const own = node === this.#outbox.node ? number : undefined;
    this.#node?.receiveKept(topic, { data, position, previous, own });
  }
}

/**
 * For the option `broker` of `serve`: what one server publishes reaches the subscribers of all that use the same Redis.
 * It opens two connections of its own with the client's options, keeps them open, and closes them; it leaves the
 * client itself alone.
 *
 * A message is kept until Redis has taken it, up to `maxWaiting`; then `publish` throws `ERR_BROKER_FULL`. Redis keeps
 * nothing for a server that is away, whose handler `missed` is told when it is back; except for topics with a history,
 * which is in Redis then, and from which the server gets what it missed.
 *
 * @param client of the package `redis`, 4.6 or later, or `ioredis`, 5 or later; connected or not.
 * @throws {TypeError} for what is no such client, or no such option.
 * @example
 * const server = await serve({ port: 8080, broker: redisBroker(createClient({ url })) }, handlers);
 */
export function redisBroker(client: RedisClient, options: RedisBrokerOptions = {}): Broker {
  checkRedisClient(client);
  checkOptions(options, RULES, 'redisBroker()');
  return new RedisBroker(client, options);
}

import { BrokerError } from '../protocol/errors.js';
import { Topics } from '../pubsub/topics.js';
import { channelOf, channelsOf, topicOf } from './redis-channels.js';
import type { ChannelKind, RedisClient, RedisConnection } from './redis-client.js';
import { RedisLink } from './redis-link.js';
import { RedisSubscriptions } from './redis-subscriptions.js';

/** How many may wait for the connection. */
const MAX_WAITING = 10_000;

export interface RedisSubscriberEvents {
  /** Bytes of a topic that a filter has: once for each subscription of Redis that brings them. */
  receive(topic: string, bytes: Buffer): void;
  /** All subscriptions hold again. */
  missed(): void;
}

type Each<Value> = Readonly<Record<ChannelKind, Value>>;

/** Holds the filters of a node in Redis, on a connection of its own. */
export class RedisSubscriber {
  readonly link: RedisLink;
  readonly #prefix: string;
  readonly #prefixLength: number;
  readonly #events: RedisSubscriberEvents;
  readonly #filters = new Topics<RedisSubscriber>();
  /** The names that filters have in Redis, and how many filters each. */
  readonly #names: Each<Map<string, number>> = { channel: new Map(), pattern: new Map() };
  #subscriptions: Each<RedisSubscriptions> | undefined;
  #isFirst = true;
  #isRestoring = false;
  #hasWarned = false;
  #onRestored: (() => void)[] = [];

  constructor(client: RedisClient, prefix: string, events: RedisSubscriberEvents) {
    this.#prefix = prefix;
    this.#prefixLength = Buffer.byteLength(prefix);
    this.#events = events;
    this.link = new RedisLink(client, {
      ready: (connection) => void this.#restore(connection),
      lost: () => this.#stop(),
      receive: (channel, bytes) => this.#receive(channel, bytes),
    });
  }

  subscribe(filter: string): void {
    this.#filters.subscribe(filter, this);
    for (const { kind, name } of channelsOf(this.#prefix, filter)) {
      const count = this.#names[kind].get(name) ?? 0;
      this.#names[kind].set(name, count + 1);
      if (count === 0) void this.#subscriptions?.[kind].update([name]);
    }
  }

  unsubscribe(filter: string): void {
    this.#filters.unsubscribe(filter, this);
    for (const { kind, name } of channelsOf(this.#prefix, filter)) {
      const count = this.#names[kind].get(name)! - 1;
      if (count > 0) {
        this.#names[kind].set(name, count);
        continue;
      }
      this.#names[kind].delete(name);
      void this.#subscriptions?.[kind].update([name]);
    }
  }

  /** When what is published to a topic comes by all filters that have it; `undefined` when it does, or cannot. */
  readyFor(topic: string): Promise<unknown> | undefined {
    const subscriptions = this.#subscriptions;
    if (subscriptions === undefined || this.#isRestoring) return undefined;
    const { channel, pattern } = subscriptions;
    const name = channelOf(this.#prefix, topic);
    if (channel.has(name)) return undefined;
    const pending = [channel.isPending(name) && channel, pattern.isAtWork && pattern];
    const settled = pending.flatMap((kind) => (kind === false ? [] : [kind.settled()]));
    return settled.length === 0 ? undefined : Promise.all(settled);
  }

  /**
   * Waits until Redis has answered to all that was subscribed to.
   *
   * @throws {BrokerError} `ERR_BROKER_AWAY` when too many wait for that.
   */
  async settled(): Promise<void> {
    while (this.#subscriptions === undefined || this.#isRestoring) {
      if (this.#onRestored.length >= MAX_WAITING) throw away();
      await new Promise<void>((resolve) => this.#onRestored.push(resolve));
    }
    const { channel, pattern } = this.#subscriptions;
    await Promise.all([channel.settled(), pattern.settled()]);
  }

  /**
   * @returns what waits until all has come that was published before it is called, and says whether nothing was lost since
   * this was called.
   */
  catchUp(): () => Promise<boolean> {
    const { connection } = this.link;
    return async () => {
      if (connection === undefined || this.link.connection !== connection) return false;
      const isThere = await connection.ping().then(
        () => true,
        () => false,
      );
      return isThere && this.link.connection === connection;
    };
  }

  close(): void {
    this.#stop();
    this.link.close();
  }

  async #restore(connection: RedisConnection): Promise<void> {
    const { channel, pattern } = this.#names;
    const onLate = (refusal: Error | undefined): void => this.#onLate(refusal);
    const subscriptions = {
      channel: new RedisSubscriptions(connection, 'channel', channel, onLate),
      pattern: new RedisSubscriptions(connection, 'pattern', pattern, onLate),
    };
    this.#subscriptions = subscriptions;
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#tellRestored();
      return;
    }
    // What comes before all of them hold counts as missed: it would come before that is told.
    this.#isRestoring = true;
    await Promise.all([
      subscriptions.channel.update(channel.keys()),
      subscriptions.pattern.update(pattern.keys()),
    ]);
    if (this.#subscriptions !== subscriptions) return;
    this.#isRestoring = false;
    this.#events.missed();
    this.#tellRestored();
  }

  #tellRestored(): void {
    for (const resolve of this.#onRestored.splice(0)) resolve();
  }

  #stop(): void {
    this.#subscriptions?.channel.end();
    this.#subscriptions?.pattern.end();
    this.#subscriptions = undefined;
  }

  #receive(channel: Buffer, bytes: Buffer): void {
    if (this.#isRestoring) return;
    const topic = topicOf(channel.toString('utf8', this.#prefixLength));
    const [subscriber] = this.#filters.of(topic);
    if (subscriber !== undefined) this.#events.receive(topic, bytes);
  }

  #onLate(refusal: Error | undefined): void {
    if (refusal === undefined) {
      if (!this.#isRestoring) this.#events.missed();
    } else if (!this.#hasWarned) {
      this.#hasWarned = true;
      process.emitWarning(`Redis refuses a subscription, which is tried again: ${refusal.message}`);
    }
  }
}

function away(): BrokerError {
  return new BrokerError('ERR_BROKER_AWAY', 'There is no connection to Redis');
}

import { BrokerError } from '../protocol/errors.js';
import type { Position } from '../protocol/contract.js';
import type { BrokerChanges, BrokerHistory } from '../pubsub/broker-history.js';
import type { HistoryLimits, HistoryPage, Since } from '../pubsub/history.js';
import type { RedisCall, RedisLog } from './redis-log.js';
import type { RedisPublisher } from './redis-publisher.js';
import type { RedisSubscriber } from './redis-subscriber.js';
import { within } from './within.js';

/** How long Redis may take to answer, milliseconds. */
const TIMEOUT = 5_000;

/** What is published is kept in Redis. */
export class RedisHistory implements BrokerHistory {
  readonly origin: string;
  readonly #log: RedisLog;
  readonly #publisher: RedisPublisher;
  readonly #subscriber: RedisSubscriber;

  /** @param node this one, as it is in what it publishes. */
  constructor(node: string, log: RedisLog, publisher: RedisPublisher, subscriber: RedisSubscriber) {
    this.origin = node;
    this.#log = log;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
  }

  publish(topic: string, data: string | Uint8Array, limits: HistoryLimits): number {
    // It comes back by another connection, whose subscriptions may be on their way.
    return this.#publisher.publish(topic, data, limits, this.#subscriber.readyFor(topic));
  }

  async read(topic: string, since: Since, limits: HistoryLimits): Promise<HistoryPage> {
    const answer = this.#subscriber.settled().then(() => this.#ask(this.#log.read(topic, since, limits)));
    return this.#log.pageOf(await inTime(answer), since, limits);
  }

  async changes(since: Position | undefined): Promise<BrokerChanges> {
    return this.#log.changesOf(await inTime(this.#changes(since)));
  }

  async #changes(since: Position | undefined): Promise<unknown> {
    for (;;) {
      await this.#subscriber.settled();
      const catchUp = this.#subscriber.catchUp();
      const changes = await this.#ask(this.#log.changes(since));
      // Otherwise it is asked again, on the next connection.
      if (await catchUp()) return changes;
    }
  }

  #ask(call: RedisCall): Promise<unknown> {
    return this.#publisher.ask(call, TIMEOUT);
  }
}

async function inTime(answer: Promise<unknown>): Promise<unknown> {
  const taken = await within(TIMEOUT, answer);
  if (taken === undefined)
    throw new BrokerError('ERR_BROKER_AWAY', `Redis has not answered within ${TIMEOUT} ms`);
  return taken;
}

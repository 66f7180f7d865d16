import type { Recovery } from '../protocol/contract.js';
import type { Clock } from '../protocol/clock.js';
import {
  MemoryHistory,
  type HistoryLimits,
  type HistoryOptions,
  type KeptMessage,
  type Since,
} from './history.js';

/** What feeds need of the topics of a server. */
export interface FeedsOwner<Some> {
  subscribersOf(topic: string): Iterable<Some>;
  deliver(subscribers: Iterable<Some>, data: string | Uint8Array, except?: Some): void;
  /** What came by the filters for which that is true may be lost. */
  tellMissed(isConcerned: (filter: string) => boolean): void;
  /** Something of the application threw while a message came. */
  onThrown(thrown: unknown): void;
}

/** Publishes messages together with something else, later. */
export interface PublishThrough {
  /** @returns the number by which the message is known when it comes. */
  publish(topic: string, data: string | Uint8Array, limits: HistoryLimits): number;
}

/** The topics that have a history: they are delivered in the order in which they are kept. */
export interface Feeds<Some> {
  /**
   * Keeps a message, and delivers it, now or when the broker brings it.
   *
   * @param data which nobody changes any more.
   * @param through what publishes it, where that is not the broker by itself.
   * @throws {BrokerError} when nobody gets it.
   */
  publish(
    topic: string,
    data: string | Uint8Array,
    options: HistoryOptions,
    except: Some | undefined,
    through?: PublishThrough,
  ): void;

  /**
   * Sends to one of its subscribers what was published to a topic since, and goes on with what comes.
   *
   * @param subscriber `undefined` where it is gone.
   */
  recover(
    subscriber: Some | undefined,
    topic: string,
    since: Since,
    options: HistoryOptions,
  ): Promise<Recovery>;

  /** A filter has its first subscriber at this node, or none any more. */
  subscribed(filter: string): void;
  unsubscribed(filter: string): void;
  /** A subscriber does not ask for a filter any more. */
  left(subscriber: Some, filter: string): void;
  close(): void;
}

/** Topics whose history is in the memory of one server. */
export class MemoryFeeds<Some> implements Feeds<Some> {
  readonly #owner: FeedsOwner<Some>;
  readonly #history: MemoryHistory;

  constructor(owner: FeedsOwner<Some>, clock: Clock, randomId: () => string) {
    this.#owner = owner;
    this.#history = new MemoryHistory(clock, randomId);
  }

  publish(topic: string, data: string | Uint8Array, options: HistoryOptions, except: Some | undefined): void {
    const position = this.#history.append(topic, data, options);
    const sent = toSent(options, { topic, data, ...position });
    this.#owner.deliver(this.#owner.subscribersOf(topic), sent, except);
  }

  async recover(
    subscriber: Some | undefined,
    topic: string,
    since: Since,
    options: HistoryOptions,
  ): Promise<Recovery> {
    const { recovered, position, messages } = this.#history.read(topic, since, options);
    for (const { offset, data } of subscriber === undefined ? [] : messages) {
      const message = { topic, data, epoch: position.epoch, offset };
      this.#owner.deliver([subscriber!], toSent(options, message));
    }
    return { ...position, recovered };
  }

  subscribed(): void {}
  unsubscribed(): void {}
  left(): void {}

  close(): void {
    this.#history.close();
  }
}

/** What subscribers get of a message. */
export function toSent({ encode }: HistoryOptions, message: KeptMessage): string | Uint8Array {
  return encode === undefined ? message.data : encode(message);
}

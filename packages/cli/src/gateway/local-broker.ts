import type { Broker, BrokerNode } from 'bothways/pubsub';
import { matches } from 'bothways/pubsub';

/**
 * Joins servers of one process. When the configuration of a route has changed, a new server takes what comes, and the old
 * one has its sessions still: over this each request of theirs gets there.
 */
export class LocalBrokers {
  readonly #nodes = new Set<LocalBroker>();

  /** A broker for one more server. */
  join(): Broker {
    return new LocalBroker(this.#nodes);
  }
}

class LocalBroker implements Broker {
  readonly isAway = false;
  readonly #all: Set<LocalBroker>;
  readonly #filters = new Set<string>();
  #node: BrokerNode | undefined;

  constructor(all: Set<LocalBroker>) {
    this.#all = all;
  }

  open(node: BrokerNode): Promise<void> {
    this.#node = node;
    this.#all.add(this);
    return Promise.resolve();
  }

  subscribe(filter: string): void {
    this.#filters.add(filter);
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
  }

  publish(topic: string, data: string | Uint8Array): void {
    const kept = typeof data === 'string' ? data : Uint8Array.from(data);
    for (const other of this.#all) {
      // Whoever is told must not be told before this call has returned.
      if (other !== this) queueMicrotask(() => other.#receive(topic, kept));
    }
  }

  close(): Promise<void> {
    this.#all.delete(this);
    this.#node = undefined;
    return Promise.resolve();
  }

  #receive(topic: string, data: string | Uint8Array): void {
    for (const filter of this.#filters) {
      if (!matches(filter, topic)) continue;
      this.#node?.receive(topic, data);
      return;
    }
  }
}

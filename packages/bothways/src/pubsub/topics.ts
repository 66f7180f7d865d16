import { isWild } from './filter.js';

/**
 * Who subscribed to which filters of topics: publishing costs what its subscribers cost, however many connections and
 * filters there are.
 */
export class Topics<Subscriber> {
  /** Filters without a wildcard, which is what most are. */
  readonly #exact = new Map<string, Set<Subscriber>>();
  readonly #wild = new Level<Subscriber>();

  /** @returns whether it is the filter's first subscriber. */
  subscribe(filter: string, subscriber: Subscriber): boolean {
    if (isWild(filter)) return this.#wild.add(filter.split('/'), 0, subscriber);
    const subscribers = this.#exact.get(filter);
    if (subscribers === undefined) this.#exact.set(filter, new Set([subscriber]));
    else subscribers.add(subscriber);
    return subscribers === undefined;
  }

  /** @returns whether it was the filter's last subscriber. */
  unsubscribe(filter: string, subscriber: Subscriber): boolean {
    if (isWild(filter)) return this.#wild.delete(filter.split('/'), 0, subscriber);
    const subscribers = this.#exact.get(filter);
    if (subscribers?.delete(subscriber) !== true || subscribers.size > 0) return false;
    return this.#exact.delete(filter);
  }

  /** The subscribers of a topic, each once: those of the topic itself in the order in which they came, then the others. */
  of(topic: string): Iterable<Subscriber> {
    const exact = this.#exact.get(topic);
    if (this.#wild.isEmpty) return exact ?? [];
    const found: Set<Subscriber>[] = exact === undefined ? [] : [exact];
    this.#wild.collect(topic.split('/'), 0, found);
    if (found.length <= 1) return found[0] ?? [];
    return new Set(found.flatMap((subscribers) => [...subscribers]));
  }
}

/** One level of the filters with wildcards, which are a tree. */
class Level<Subscriber> {
  readonly #next = new Map<string, Level<Subscriber>>();
  /** Of the filter that ends here. */
  readonly #subscribers = new Set<Subscriber>();

  get isEmpty(): boolean {
    return this.#next.size === 0 && this.#subscribers.size === 0;
  }

  add(levels: readonly string[], depth: number, subscriber: Subscriber): boolean {
    const level = levels[depth];
    if (level === undefined) {
      const isFirst = this.#subscribers.size === 0;
      this.#subscribers.add(subscriber);
      return isFirst;
    }
    let next = this.#next.get(level);
    if (next === undefined) this.#next.set(level, (next = new Level()));
    return next.add(levels, depth + 1, subscriber);
  }

  delete(levels: readonly string[], depth: number, subscriber: Subscriber): boolean {
    const level = levels[depth];
    if (level === undefined) return this.#subscribers.delete(subscriber) && this.#subscribers.size === 0;
    const next = this.#next.get(level);
    if (next === undefined) return false;
    const wasLast = next.delete(levels, depth + 1, subscriber);
    if (next.isEmpty) this.#next.delete(level);
    return wasLast;
  }

  /** Puts into `found` the subscribers of each filter below that a topic is one of. */
  collect(levels: readonly string[], depth: number, found: Set<Subscriber>[]): void {
    // Topics that begin with $ are for those alone that ask for them by name (MQTT 5.0, 4.7.2).
    const isHidden = depth === 0 && levels[0]!.startsWith('$');
    if (!isHidden) this.#next.get('#')?.collectHere(found);
    const level = levels[depth];
    if (level === undefined) {
      this.collectHere(found);
      return;
    }
    this.#next.get(level)?.collect(levels, depth + 1, found);
    if (!isHidden) this.#next.get('+')?.collect(levels, depth + 1, found);
  }

  private collectHere(found: Set<Subscriber>[]): void {
    if (this.#subscribers.size > 0) found.push(this.#subscribers);
  }
}

/** Who subscribed to which topic: publishing costs what its subscribers cost, however many connections there are. */
export class Topics<Subscriber> {
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  /** @returns whether it is the topic's first subscriber. */
  subscribe(topic: string, subscriber: Subscriber): boolean {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers === undefined) this.#subscribers.set(topic, new Set([subscriber]));
    else subscribers.add(subscriber);
    return subscribers === undefined;
  }

  /** @returns whether it was the topic's last subscriber. */
  unsubscribe(topic: string, subscriber: Subscriber): boolean {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers?.delete(subscriber) !== true || subscribers.size > 0) return false;
    return this.#subscribers.delete(topic);
  }

  /** The subscribers of a topic, in the order in which they came. */
  of(topic: string): Iterable<Subscriber> {
    return this.#subscribers.get(topic) ?? [];
  }
}

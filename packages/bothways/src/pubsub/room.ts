import type { BrokerMessage } from './broker-history.js';

/** What may be held, by all together. */
export class Room {
  #count: number;
  #size: number;

  constructor(count: number, size: number) {
    this.#count = count;
    this.#size = size;
  }

  /** @returns false when there is no room. */
  take({ data }: BrokerMessage): boolean {
    if (this.#count === 0 || this.#size < data.length) return false;
    this.#count--;
    this.#size -= data.length;
    return true;
  }

  give(messages: readonly BrokerMessage[]): void {
    for (const { data } of messages) {
      this.#count++;
      this.#size += data.length;
    }
  }
}

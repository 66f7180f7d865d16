import type { Rate } from './messages.js';

/** Counts messages and bytes in one direction and turns them into a rate each time it is asked. */
export class Traffic {
  #messages = 0;
  #bytes = 0;
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  count(bytes: number, messages = 1): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  /** The rate since the last call, by the second. */
  take(now: number): Rate {
    const seconds = Math.max(0.001, (now - this.#since) / 1000);
    const rate = { messages: Math.round(this.#messages / seconds), bytes: Math.round(this.#bytes / seconds) };
    this.#messages = 0;
    this.#bytes = 0;
    this.#since = now;
    return rate;
  }
}

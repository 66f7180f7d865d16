import { MESSAGE_OVERHEAD } from './inbox.js';
import { Closing, type Numbered } from './records.js';

/** What a message counts of the window (PROTOCOL.md section 5). */
export function weightOf(item: Numbered): number {
  return item instanceof Closing ? MESSAGE_OVERHEAD : item.length + MESSAGE_OVERHEAD;
}

/** The messages of one direction at their sender: each is kept until it is acknowledged. */
export class Outgoing {
  /** How much the receiver is willing to have unacknowledged. */
  window: number;
  /** The number of the last message that was acknowledged. */
  acknowledged = 0;
  /** The number of the last message that was sent on the present carrier. */
  sent = 0;
  /** What waits to be sent for the first time, weight. */
  waiting = 0;
  /** The number of the last message that was ever sent. */
  everSent = 0;
  /** What was sent and is not acknowledged, weight. */
  protected underWay = 0;
  /** Those after `acknowledged`, behind those that are done with. */
  protected items: (Numbered | undefined)[] = [];
  protected first = 0;

  constructor(window: number) {
    this.window = window;
  }

  /** How many messages are kept. */
  get length(): number {
    return this.items.length - this.first;
  }

  /** Whether there is something to send on the present carrier. */
  get hasNext(): boolean {
    if (this.sent < this.everSent) return true;
    const next = this.items[this.first + this.sent - this.acknowledged];
    return next !== undefined && (this.underWay < this.window || next instanceof Closing);
  }

  /** The next one to send on the present carrier; `undefined` when there is none, or the window is full. */
  get upcoming(): Numbered | undefined {
    return this.hasNext ? this.items[this.first + this.sent - this.acknowledged] : undefined;
  }

  push(item: Numbered): void {
    this.items.push(item);
    this.waiting += weightOf(item);
  }

  /** Takes that. */
  next(): Numbered | undefined {
    const item = this.upcoming;
    if (item === undefined) return undefined;
    this.sent++;
    if (this.sent > this.everSent) {
      this.everSent = this.sent;
      const weight = weightOf(item);
      this.waiting -= weight;
      this.underWay += weight;
    }
    return item;
  }

  /** Whether this many messages were sent, so that they can be acknowledged. */
  canAcknowledge(number: number): boolean {
    return number <= this.everSent;
  }

  /** Lets go of all messages up to this one. */
  acknowledge(number: number): void {
    while (this.acknowledged < number) {
      this.underWay -= weightOf(this.items[this.first]!);
      this.items[this.first++] = undefined;
      this.acknowledged++;
    }
    if (this.sent < this.acknowledged) this.sent = this.acknowledged;
    if (this.first === this.items.length) {
      this.items.length = 0;
      this.first = 0;
    } else if (this.first >= 1024 && this.first * 2 >= this.items.length) {
      this.items.splice(0, this.first);
      this.first = 0;
    }
  }

  /** Another carrier: all that is not acknowledged is to be sent on it. */
  rewind(): void {
    this.sent = this.acknowledged;
  }

  /** What is not acknowledged: up to a number, and behind it. */
  splitAt(number: number): { before: Numbered[]; after: Numbered[] } {
    const items = this.items.slice(this.first) as Numbered[];
    const count = Math.max(0, number - this.acknowledged);
    return { before: items.slice(0, count), after: items.slice(count) };
  }
}

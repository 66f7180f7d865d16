import { Outgoing, weightOf } from './outgoing.js';
import type { Numbered } from './records.js';

/** The messages to a client, at a server that may save them before they are sent, and leave them to another one. */
export class SavedOutgoing extends Outgoing {
  /** The number of the last message that may be sent. */
  limit = Infinity;
  /** The number of the last message that another server may have sent. */
  #restoredTo = 0;

  /** Goes on where another server was: its client may have any of these, which come behind a number. */
  restore(acknowledged: number, items: readonly Numbered[]): void {
    this.acknowledged = acknowledged;
    this.sent = acknowledged;
    this.everSent = acknowledged;
    for (const item of items) this.push(item);
    this.#restoredTo = this.last;
  }

  /** The number of the last message that there is. */
  get last(): number {
    return this.acknowledged + this.length;
  }

  /** The messages behind a number that is acknowledged, or was pushed. */
  after(number: number): readonly Numbered[] {
    return this.items.slice(this.first + number - this.acknowledged) as Numbered[];
  }

  override get hasNext(): boolean {
    return (this.sent < this.everSent || this.sent < this.limit) && super.hasNext;
  }

  /** Whether this many messages were sent, here or there. */
  override canAcknowledge(number: number): boolean {
    return number <= Math.max(this.everSent, Math.min(this.#restoredTo, this.last));
  }

  override acknowledge(number: number): void {
    // What was sent by the other server counts as sent.
    while (this.everSent < number) {
      const weight = weightOf(this.items[this.first + this.everSent - this.acknowledged]!);
      this.everSent++;
      this.waiting -= weight;
      this.underWay += weight;
    }
    super.acknowledge(number);
  }

  /**
   * Lets go of what was never sent; its numbers are used again.
   *
   * @param keepTo the number of the last message that stays, if it was not sent.
   */
  discardUnsent(keepTo = 0): void {
    const from = Math.max(this.everSent, keepTo) - this.acknowledged;
    const items = this.items.splice(this.first + from) as Numbered[];
    for (const item of items) this.waiting -= weightOf(item);
  }
}

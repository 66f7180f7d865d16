import { MESSAGE_OVERHEAD } from './inbox.js';
import { Closing, type Numbered } from './records.js';
import { weightOf } from './outgoing.js';

/** Takes the messages in order. */
export interface Receiver {
  /** Whether it takes messages now; if not, they wait here. */
  readonly isWilling: boolean;
  take(item: Numbered): void;
}

/** The messages of one direction at their receiver: each is handed on once and in order. */
export class Incoming {
  /** The number of the last message that was handed on. */
  received = 0;
  /** What may be acknowledged and is not, weight. */
  owed = 0;
  /** What was handed on and may not be acknowledged yet, weight. */
  protected unkept = 0;
  /** What the sender takes unacknowledged itself: it may keep to that in this direction too, so it hears as often. */
  peerWindow = Infinity;
  readonly #window: number;
  readonly #receiver: Receiver;
  /** Those that came before their turn, or before the receiver was willing. */
  #held: Map<number, Numbered> | undefined;
  #heldWeight = 0;
  /** The highest number of those. */
  #highest = 0;
  #isHandingOn = false;

  constructor(window: number, receiver: Receiver) {
    this.#window = window;
    this.#receiver = receiver;
  }

  /** Whether an acknowledgement is due (PROTOCOL.md section 5). */
  get isDue(): boolean {
    return this.owed * 4 >= Math.min(this.#window, this.peerWindow);
  }

  /** Whether these could come from a sender that keeps to the window; if not, none of them may be put in. */
  canTake(seq: number, items: readonly Numbered[]): boolean {
    const last = seq + items.length - 1;
    if (last > this.received + 1 + this.#window / MESSAGE_OVERHEAD) return false;
    // What is not kept is not acknowledged, so that it is still in the window of a sender that keeps to it.
    let weight = this.#heldWeight + this.unkept;
    for (const [index, item] of items.entries()) {
      const number = seq + index;
      if (number > this.received && this.#held?.has(number) !== true) weight += weightOf(item);
    }
    // The last one was sent when the others did not fill the window.
    const final = last > this.#highest ? items.at(-1) : this.#held?.get(this.#highest);
    return weight - (final === undefined ? 0 : weightOf(final)) < this.#window;
  }

  put(seq: number, item: Numbered): void {
    if (seq <= this.received) return;
    if (this.#held === undefined && seq === this.received + 1 && this.#canHandOn) this.#handOn(item);
    else this.#hold(seq, item);
    this.handOnHeld();
  }

  /** Hands on what waited, as far as it is in order and the receiver is willing. */
  handOnHeld(): void {
    while (this.#held !== undefined && this.#canHandOn) {
      const number = this.received + 1;
      const item = this.#held.get(number);
      if (item === undefined) return;
      this.#held.delete(number);
      this.#heldWeight -= weightOf(item);
      if (this.#held.size === 0) this.#held = undefined;
      this.#handOn(item);
    }
  }

  #hold(seq: number, item: Numbered): void {
    this.#held ??= new Map();
    if (this.#held.has(seq)) return;
    this.#held.set(seq, item);
    this.#heldWeight += weightOf(item);
    this.#highest = Math.max(this.#highest, seq);
  }

  /** Whether all that is still to be handed on is here, and ends with the peer's close. */
  get hasEnd(): boolean {
    for (let number = this.received + 1; ; number++) {
      const item = this.#held?.get(number);
      if (item === undefined || item instanceof Closing) return item !== undefined;
    }
  }

  get #canHandOn(): boolean {
    return !this.#isHandingOn && this.#receiver.isWilling;
  }

  protected owe(weight: number): void {
    this.owed += weight;
  }

  #handOn(item: Numbered): void {
    this.received++;
    this.owe(weightOf(item));
    // A handler may make more come, such as by resuming: that is held until it has returned.
    this.#isHandingOn = true;
    this.#receiver.take(item);
    this.#isHandingOn = false;
  }
}

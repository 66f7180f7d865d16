import { MESSAGE_OVERHEAD } from './inbox.js';
import { Closing, type Numbered } from './records.js';
import { weightOf } from './outgoing.js';

/** Takes the messages in order. */
export interface Receiver {
  /** Whether it takes messages now; if not, they wait here. */
  readonly isWilling: boolean;
  take(item: Numbered): void;
}

/** What was handed on: the number of the last message, and the weight of those that are not kept. */
export interface HandedOn {
  readonly received: number;
  readonly weight: number;
}

/** The messages of one direction at their receiver: each is handed on once and in order. */
export class Incoming {
  /** The number of the last message that was handed on. */
  received = 0;
  /** The number of the last message that may be acknowledged. */
  acknowledgeable = 0;
  /** What may be acknowledged and is not, weight. */
  owed = 0;
  /** Whether what is handed on may be acknowledged only when it is kept somewhere (`keep`). */
  isKept = false;
  /** What was handed on and may not be acknowledged yet, weight. */
  #unkept = 0;
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

  /** Goes on where another server was. */
  restore(received: number): void {
    this.received = received;
    this.acknowledgeable = received;
  }

  /** How far it has been handed on, and how much that is: for `keep`. */
  get handedOn(): HandedOn {
    return { received: this.received, weight: this.#unkept };
  }

  /** What had been handed on at some time is kept. */
  keep({ received, weight }: HandedOn): void {
    this.acknowledgeable = received;
    this.#unkept -= weight;
    this.owed += weight;
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
    let weight = this.#heldWeight + this.#unkept;
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

  #handOn(item: Numbered): void {
    this.received++;
    if (this.isKept) this.#unkept += weightOf(item);
    else {
      this.acknowledgeable = this.received;
      this.owed += weightOf(item);
    }
    // A handler may make more come, such as by resuming: that is held until it has returned.
    this.#isHandingOn = true;
    this.#receiver.take(item);
    this.#isHandingOn = false;
  }
}

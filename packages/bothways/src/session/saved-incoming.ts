import { Incoming } from './incoming.js';

/** What was handed on: the number of the last message, and the weight of those that are not kept. */
export interface HandedOn {
  readonly received: number;
  readonly weight: number;
}

/** The messages of a client, at a server that may have to save what they do before it acknowledges them. */
export class SavedIncoming extends Incoming {
  /** Whether what is handed on may be acknowledged only when it is kept somewhere (`keep`). */
  isKept = false;
  #keptTo = 0;

  /** The number of the last message that may be acknowledged. */
  get acknowledgeable(): number {
    return this.isKept ? this.#keptTo : this.received;
  }

  /** How far it has been handed on, and how much that is: for `keep`. */
  get handedOn(): HandedOn {
    return { received: this.received, weight: this.unkept };
  }

  /** Goes on where another server was. */
  restore(received: number): void {
    this.received = received;
    this.#keptTo = received;
  }

  /** What had been handed on at some time is kept. */
  keep({ received, weight }: HandedOn): void {
    this.#keptTo = received;
    this.unkept -= weight;
    this.owed += weight;
  }

  protected override owe(weight: number): void {
    if (this.isKept) this.unkept += weight;
    else super.owe(weight);
  }
}

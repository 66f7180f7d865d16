import { randomBytes } from 'node:crypto';
import { BrokerError } from '../protocol/errors.js';
import type { HistoryLimits } from '../pubsub/history.js';
import { seal } from './envelope.js';

/** A message that the broker has not confirmed yet. */
export interface Unconfirmed {
  readonly topic: string;
  /** How many this node had published before it, plus one. */
  readonly number: number;
  readonly bytes: Buffer;
  /** How long it is kept, if it is. */
  readonly limits: HistoryLimits | undefined;
  /** When it was published, by the process's clock, milliseconds. */
  readonly since: number;
}

/** What each message takes beside its bytes and its topic, about. */
const OVERHEAD = 128;
/** After how long without a confirmation the broker is taken for away, milliseconds (`isAway` of a broker). */
const PATIENCE = 2_000;

/**
 * What a node has published and the broker has not confirmed: it is kept, and sent again, in the same order, when the
 * broker was away in between. Its numbers tell the others what they have already.
 */
export class Outbox {
  /** This node, to the others: 64 random bits. */
  readonly node = randomBytes(8).toString('base64url');
  readonly #limit: number;
  readonly #messages = new Set<Unconfirmed>();
  #number = 0;
  #waiting = 0;
  #onEmpty: (() => void)[] = [];

  /** @param limit how much may wait, bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How much waits, bytes. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether something has waited for so long that the broker must be away. */
  get isStuck(): boolean {
    for (const { since } of this.#messages) return performance.now() - since > PATIENCE;
    return false;
  }

  /** A number for something that does not wait here. */
  nextNumber(): number {
    return ++this.#number;
  }

  /** @throws {BrokerError} `ERR_BROKER_FULL` above the limit. */
  put(topic: string, data: string | Uint8Array, limits?: HistoryLimits): Unconfirmed {
    if (this.#waiting > 0 && this.#waiting + data.length > this.#limit) {
      throw new BrokerError(
        'ERR_BROKER_FULL',
        `${this.#waiting} bytes wait for the broker, and no more than ${this.#limit} may: publish less, or later`,
      );
    }
    const number = ++this.#number;
    const bytes = seal(this.node, number, data);
    const message = { topic, number, bytes, limits, since: performance.now() };
    this.#messages.add(message);
    this.#waiting += sizeOf(message);
    return message;
  }

  /** All that waits, the oldest first. */
  [Symbol.iterator](): Iterator<Unconfirmed> {
    return this.#messages.values();
  }

  /** Whether a message waits. */
  has(message: Unconfirmed): boolean {
    return this.#messages.has(message);
  }

  /** The broker has a message, or nothing will come of it. @returns false when that was known. */
  settle(message: Unconfirmed): boolean {
    if (!this.#messages.delete(message)) return false;
    this.#waiting -= sizeOf(message);
    if (this.#messages.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
    return true;
  }

  /** Waits until nothing waits. */
  async empty(): Promise<void> {
    if (this.#messages.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }
}

function sizeOf({ topic, bytes }: Unconfirmed): number {
  return bytes.length + topic.length + OVERHEAD;
}

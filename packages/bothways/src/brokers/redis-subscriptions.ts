import { isRedisReply, type ChannelKind, type RedisConnection } from './redis-client.js';

/** How many names one command has. */
const BATCH = 1_000;

/** After how long a subscription that Redis refused is tried again, milliseconds. */
const RETRY_DELAY = 1_000;

/** Makes what one connection has subscribed to what is wanted, one round after another. */
export class RedisSubscriptions {
  readonly #connection: RedisConnection;
  readonly #kind: ChannelKind;
  readonly #wanted: ReadonlyMap<string, number>;
  readonly #onLate: (refusal: Error | undefined) => void;
  readonly #held = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #refused = new Set<string>();
  #isAtWork = false;
  #isOver = false;
  /** Counts what was asked for together. */
  #round = 0;
  #onSettled: { readonly round: number; readonly resolve: () => void }[] = [];
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param wanted its keys are the names that are wanted, now and later.
   * @param onLate is told when Redis refuses a subscription, and without a refusal when it takes it after all.
   */
  constructor(
    connection: RedisConnection,
    kind: ChannelKind,
    wanted: ReadonlyMap<string, number>,
    onLate: (refusal: Error | undefined) => void,
  ) {
    this.#connection = connection;
    this.#kind = kind;
    this.#wanted = wanted;
    this.#onLate = onLate;
  }

  /** Names may be wanted now, or not any more. @returns when all has been asked for, or somebody is at it already. */
  async update(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      this.#changed.add(name);
      if (!this.#wanted.has(name)) this.#refused.delete(name);
    }
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    while (this.#changed.size > 0 && !this.#isOver) {
      const changed = [...this.#changed];
      this.#changed.clear();
      await Promise.all([
        ...this.#ask(
          'subscribe',
          changed.filter((name) => this.#wanted.has(name) && !this.#held.has(name)),
        ),
        ...this.#ask(
          'unsubscribe',
          changed.filter((name) => !this.#wanted.has(name) && this.#held.has(name)),
        ),
      ]);
      this.#settle(++this.#round);
    }
    this.#isAtWork = false;
    this.#settle(Infinity);
  }

  /** Whether it is subscribed to a name. */
  has(name: string): boolean {
    return this.#held.has(name);
  }

  /** Whether it is going to be. */
  isPending(name: string): boolean {
    return this.#isAtWork && this.#wanted.has(name) && !this.#held.has(name) && !this.#refused.has(name);
  }

  get isAtWork(): boolean {
    return this.#isAtWork && !this.#isOver;
  }

  /** Waits until what is wanted now is held or refused, or the connection is gone. */
  async settled(): Promise<void> {
    if (!this.isAtWork) return;
    // What is wanted is asked for now, or in the next round.
    await new Promise<void>((resolve) => this.#onSettled.push({ round: this.#round + 2, resolve }));
  }

  /** The connection is gone. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#settle(Infinity);
  }

  #settle(round: number): void {
    if (this.#onSettled.length === 0) return;
    const due = this.#onSettled.filter((each) => each.round <= round);
    this.#onSettled = this.#onSettled.filter((each) => each.round > round);
    for (const { resolve } of due) resolve();
  }

  #ask(what: 'subscribe' | 'unsubscribe', names: string[]): Promise<void>[] {
    const asked: Promise<void>[] = [];
    for (let at = 0; at < names.length; at += BATCH)
      asked.push(this.#askFor(what, names.slice(at, at + BATCH)));
    return asked;
  }

  async #askFor(what: 'subscribe' | 'unsubscribe', names: string[]): Promise<void> {
    try {
      await this.#connection[what](this.#kind, names);
    } catch (error) {
      if (this.#isOver || !isRedisReply(error)) return;
      // Redis refuses all of a command for one of its names.
      if (names.length > 1) await Promise.all(names.map((name) => this.#askFor(what, [name])));
      else this.#askLater(names[0]!, error);
      return;
    }
    let isLate = false;
    for (const name of names) {
      if (what === 'subscribe') this.#held.add(name);
      else this.#held.delete(name);
      if (this.#refused.delete(name)) isLate = true;
    }
    if (isLate && !this.#isOver) this.#onLate(undefined);
  }

  #askLater(name: string, refusal: Error): void {
    this.#refused.add(name);
    this.#onLate(refusal);
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      void this.update(this.#refused);
    }, RETRY_DELAY).unref();
  }
}

/** A promise and what settles it. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: Error): void;
}

export function deferred<Value = void>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** What callbacks bring, to be waited for one by one and in order. */
export class Arrivals<Item> {
  /** All that came and that nobody took. */
  readonly items: Item[] = [];
  #wake: () => void = () => {};

  readonly push = (item: Item): void => {
    this.items.push(item);
    this.#wake();
  };

  async next(): Promise<Item> {
    while (this.items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.items.shift()!;
  }

  async take(count: number): Promise<Item[]> {
    while (this.items.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.items.splice(0, count);
  }
}

/**
 * Does something as long as `isTrue`, within one task, and returns how often. It gives up, for what fills memory
 * must not go on for ever when it fails.
 */
export function repeatWhile(isTrue: () => boolean, action: () => unknown, most = 2_000): number {
  for (let count = 0; count < most; count++) {
    if (!isTrue()) return count;
    action();
  }
  throw new Error(`It went on ${most} times, and nothing changed`);
}

/** Waits until `isTrue`, looking every few milliseconds: for what no event tells. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn(3);
}

/** The value of `read` once it has not changed for `quiet` milliseconds: where a flow has come to a stop. */
export async function settled(read: () => number, quiet = 120): Promise<number> {
  let value = read();
  let since = performance.now();
  while (performance.now() - since < quiet) {
    await turn(10);
    if (read() === value) continue;
    value = read();
    since = performance.now();
  }
  return value;
}

/** Lets all that is ready happen, `rounds` times over. */
export async function turns(rounds = 3): Promise<void> {
  for (let round = 0; round < rounds; round++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function turn(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

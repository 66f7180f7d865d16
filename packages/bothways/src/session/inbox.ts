/** What a waiting message counts beside its content, bytes: empty messages are not free. */
export const MESSAGE_OVERHEAD = 32;

interface Reader<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: Error): void;
}

/**
 * Messages that wait for a reader who asks for them one by one. It is bounded by its owner, who stops the
 * sender while `bytes` is above its limit.
 */
export class Inbox<Item extends string | Uint8Array> implements AsyncIterableIterator<Item> {
  /** How much waits, in bytes (of a text: in UTF-16 units). */
  bytes = 0;
  /** How many messages have been taken. */
  taken = 0;
  /** Whether somebody iterates: asked for a message and has not broken off since. */
  hasReader = false;
  readonly #onTaken: (inbox: Inbox<Item>) => void;
  #items: Item[] = [];
  #next = 0;
  #readers: Reader<Item>[] = [];
  #isEnded = false;
  #error: Error | undefined;

  /** @param onTaken is called after a reader took a message, or broke off. */
  constructor(onTaken: (inbox: Inbox<Item>) => void) {
    this.#onTaken = onTaken;
  }

  put(item: Item): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: item, done: false });
      return;
    }
    this.#items.push(item);
    this.bytes += item.length + MESSAGE_OVERHEAD;
  }

  /** There will be no more; what waits can still be taken, and then comes the error if there is one. */
  end(error?: Error): void {
    this.#isEnded = true;
    this.#error = error;
    for (const reader of this.#readers.splice(0)) {
      if (error === undefined) reader.resolve({ value: undefined, done: true });
      else reader.reject(error);
    }
  }

  /** Takes all that waits. */
  clear(): Item[] {
    const items = this.#items.slice(this.#next);
    this.#items = [];
    this.#next = 0;
    this.bytes = 0;
    return items;
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    this.hasReader = true;
    if (this.#next < this.#items.length) {
      const value = this.#take();
      this.taken++;
      this.#onTaken(this);
      return Promise.resolve({ value, done: false });
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** The reader breaks off; what waits is kept for the next one. */
  return(): Promise<IteratorResult<Item, undefined>> {
    this.hasReader = false;
    this.#onTaken(this);
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Item {
    const item = this.#items[this.#next++]!;
    this.bytes -= item.length + MESSAGE_OVERHEAD;
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    } else if (this.#next === 1024) {
      // Lets go of what was taken, once in a while: a shift of the array for each message would be slow.
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
    return item;
  }
}

import type { Alarm, Clock } from '../protocol/clock.js';

interface Entry {
  readonly time: number;
  readonly order: number;
  call: (() => void) | undefined;
}

/** More than this is done in no test. */
const MOST = 10_000_000;

/** Time that passes when the test says so: what is due is done in order, and nothing happens in between. */
export class VirtualTime implements Clock {
  #now = 0;
  #order = 0;
  #done = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Entry[] = [];

  now(): number {
    return this.#now;
  }

  alarm(onRing: () => void): Alarm {
    let entry: Entry | undefined;
    const clear = (): void => {
      if (entry !== undefined) entry.call = undefined;
      entry = undefined;
    };
    return {
      set: (milliseconds) => {
        clear();
        entry = this.after(milliseconds, () => {
          entry = undefined;
          onRing();
        });
      },
      clear,
    };
  }

  soon(call: () => void): void {
    this.after(0, call);
  }

  after(milliseconds: number, call: () => void): Entry {
    const entry = { time: this.#now + milliseconds, order: this.#order++, call };
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return entry;
  }

  /** Lets so much time pass. */
  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (this.#heap.length > 0 && this.#heap[0]!.time <= end) {
      const entry = this.#takeFirst();
      if (++this.#done > MOST) throw new Error(`Something goes round in circles at ${this.#now} ms`);
      this.#now = Math.max(this.#now, entry.time);
      entry.call?.();
    }
    this.#now = end;
  }

  /** The machine sleeps for so long: nothing is done, and what was due meanwhile is late. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass until something is so, at most so much. @returns whether it is. */
  passUntil(isSo: () => boolean, milliseconds: number): boolean {
    const end = this.#now + milliseconds;
    while (!isSo() && this.#heap.length > 0 && this.#heap[0]!.time <= end) {
      this.pass(Math.max(0, this.#heap[0]!.time - this.#now));
    }
    return isSo();
  }

  #takeFirst(): Entry {
    const first = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #up(from: number): void {
    for (let index = from; index > 0;) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(from: number): void {
    for (let index = from; ;) {
      const left = 2 * index + 1;
      if (left >= this.#heap.length) return;
      const child = left + 1 < this.#heap.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (!this.#isBefore(child, index)) return;
      this.#swap(index, child);
      index = child;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [first, second] = [this.#heap[one]!, this.#heap[other]!];
    return first.time < second.time || (first.time === second.time && first.order < second.order);
  }

  #swap(one: number, other: number): void {
    [this.#heap[one], this.#heap[other]] = [this.#heap[other]!, this.#heap[one]!];
  }
}

/** Random numbers that are the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

import type { Socket } from 'node:net';
import type { Direction } from './fault-options.js';
import type { Faults } from './faults.js';

/** Where a flow leads to. */
export interface Outlet {
  /** Whether it takes nothing for now. Whoever changes that flushes the flow. */
  readonly isFull: boolean;
  /** Takes a chunk, and returns how many bytes of it: all, unless it has become full. */
  write(chunk: Buffer): number;
  end(): void;
  reset(): void;
  /** Nothing more will come. */
  destroy(): void;
}

/** A source is paused while more than this waits, bytes. */
const MAX_WAITING = 1024 * 1024;

/** What a chunk takes besides its bytes, so that many small ones are bounded as well. */
const CHUNK_WEIGHT = 128;

interface Item {
  what: Buffer | 'end' | 'reset';
  /** When it may be passed on, if what is before it has been; by `performance.now()`. */
  readonly dueAt: number;
}

/**
 * One direction of a connection: chunks, the FIN and the RST are passed on in the order in which they came, each when
 * its time has come, and none while the direction is stalled.
 */
export class Flow {
  readonly #source: Socket;
  readonly #outlet: Outlet;
  readonly #faults: Faults;
  readonly #direction: Direction;
  #queue: Item[] = [];
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #isReset = false;
  #isFlushing = false;
  #isDestroyed = false;

  constructor(source: Socket, outlet: Outlet, faults: Faults, direction: Direction) {
    this.#source = source;
    this.#outlet = outlet;
    this.#faults = faults;
    this.#direction = direction;
  }

  /** What comes behind the end, because somebody else has ended the flow, goes nowhere. */
  push(chunk: Buffer): void {
    if (!this.#isEnded) this.#add(chunk);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#add('end');
  }

  reset(): void {
    if (this.#isReset) return;
    this.#isEnded = true;
    this.#isReset = true;
    this.#add('reset');
  }

  /** Passes nothing on any more, and forgets what waits. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isEnded = true;
    this.#queue = [];
    clearTimeout(this.#timer);
    this.#outlet.destroy();
  }

  /** Passes on what may be passed on now. */
  flush(): void {
    if (this.#isFlushing || this.#isDestroyed) return;
    this.#isFlushing = true;
    try {
      for (let item = this.#next(); item !== undefined; item = this.#next()) this.#pass(item);
    } finally {
      this.#isFlushing = false;
    }
    if (!this.#isDestroyed) this.#regulate();
  }

  #add(what: Item['what']): void {
    if (this.#isDestroyed) return;
    const { delay } = this.#faults;
    this.#queue.push({ what, dueAt: delay === undefined ? 0 : performance.now() + delay() });
    this.#waiting += weightOf(what);
    this.flush();
  }

  /** The next that may be passed on; if that is only a matter of time, it is flushed then. */
  #next(): Item | undefined {
    const item = this.#queue[0];
    if (item === undefined || this.#faults.stalled[this.#direction] || this.#outlet.isFull) return undefined;
    const wait = this.#faults.delay === undefined ? 0 : item.dueAt - performance.now();
    if (wait <= 0) return item;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.ceil(wait));
    return undefined;
  }

  #pass(item: Item): void {
    const { what } = item;
    if (typeof what === 'string') {
      this.#shift(item);
      this.#outlet[what]();
      return;
    }
    const taken = this.#outlet.write(what);
    if (this.#isDestroyed) return;
    if (taken === what.length) {
      this.#shift(item);
    } else {
      this.#waiting -= taken;
      item.what = what.subarray(taken);
    }
  }

  #shift(item: Item): void {
    this.#queue.shift();
    this.#waiting -= weightOf(item.what);
  }

  #regulate(): void {
    if (this.#outlet.isFull || this.#waiting > MAX_WAITING) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}

function weightOf(what: Item['what']): number {
  return CHUNK_WEIGHT + (typeof what === 'string' ? 0 : what.length);
}

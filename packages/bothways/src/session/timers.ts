import { timers } from './globals.js';
import type { Alarm, Clock } from '../protocol/clock.js';

/** The longest time a timer of the platform can be set to, milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** The platform's own clock. Its alarms keep a process of Node alive. */
export const platformClock: Clock = {
  now: () => timers.now(),
  alarm: (onRing) => new Timeout(onRing),
  soon: (call) => timers.soon(call),
};

class Timeout implements Alarm {
  readonly #onRing: () => void;
  #timer: object | number | undefined;

  constructor(onRing: () => void) {
    this.#onRing = onRing;
  }

  set(milliseconds: number): void {
    this.clear();
    this.#timer = timers.set(this.#onRing, Math.min(milliseconds, LONGEST));
  }

  clear(): void {
    timers.clear(this.#timer);
    this.#timer = undefined;
  }
}

import type { Alarm, Clock } from '../protocol/clock.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** Time by the timer wheel that connections share. */
export const nodeClock: Clock = {
  now: () => performance.now(),
  alarm: (onRing) => new WheelAlarm(onRing),
  soon: (call) => process.nextTick(call),
};

class WheelAlarm extends Timed implements Alarm {
  readonly #onRing: () => void;

  constructor(onRing: () => void) {
    super();
    this.#onRing = onRing;
  }

  set(milliseconds: number): void {
    setDeadline(this, milliseconds);
  }

  clear(): void {
    clearDeadline(this);
  }

  onDeadline(): void {
    this.#onRing();
  }
}

import type { Clock } from '../protocol/clock.js';

/** The time that a server has, until it is killed: then nothing of it happens any more. */
export class TestLife {
  isOver = false;
  readonly clock: Clock;
  /** What its clients see when it is killed. */
  readonly cuts = new Set<() => void>();

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now(),
      alarm: (onRing) => clock.alarm(() => this.isOver || onRing()),
      soon: (call) => clock.soon(() => this.isOver || call()),
    };
  }

  end(): void {
    this.isOver = true;
    for (const cut of this.cuts) cut();
    this.cuts.clear();
  }
}

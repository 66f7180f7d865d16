import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const TICK = 25;
/** A deadline is in the tick after its own, and the timer of the platform may ring one later. */
const LATE = 3 * TICK;
/** One turn of the wheel. */
const TURN = 1024 * TICK;

let wheel: typeof import('./timer-wheel.js');
let start = 0;
let rang: [name: string, at: number][] = [];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.resetModules();
  wheel = await import('./timer-wheel.js');
  rang = [];
  // Not at the beginning of a tick.
  vi.advanceTimersByTime(7);
  start = performance.now();
});

afterEach(() => {
  vi.useRealTimers();
});

function timed(name: string, then: () => void = () => {}) {
  class Ringing extends wheel.Timed {
    onDeadline(): void {
      rang.push([name, performance.now() - start]);
      then();
    }
  }
  return new Ringing();
}

const names = (): string[] => rang.map(([name]) => name);

describe('A deadline', () => {
  it.each([0, 1, 24, 25, 26, 100, 1_000, TURN - 1, TURN, TURN + 1, 3 * TURN + 500, 2 ** 31 - 1])(
    'of %i ms rings once, never early and at most three ticks late',
    (milliseconds) => {
      wheel.setDeadline(timed('a'), milliseconds);
      vi.advanceTimersByTime(Math.max(0, milliseconds - 1));
      expect(rang).toEqual([]);
      vi.advanceTimersByTime(LATE + 1);
      expect(names()).toEqual(['a']);
      expect(rang[0]![1]).toBeGreaterThanOrEqual(milliseconds);
      expect(rang[0]![1]).toBeLessThanOrEqual(milliseconds + LATE);
      vi.advanceTimersByTime(3 * TURN);
      expect(rang).toHaveLength(1);
    },
  );

  it('rings after those that are earlier, whenever they were set', () => {
    wheel.setDeadline(timed('c'), 300);
    wheel.setDeadline(timed('a'), 100);
    wheel.setDeadline(timed('b'), 200);
    wheel.setDeadline(timed('d'), TURN + 100);
    vi.advanceTimersByTime(2 * TURN);
    expect(names()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not ring when it was cleared', () => {
    const each = ['a', 'b', 'c', 'd'].map((name) => timed(name));
    // All in the same slot: the first, one in the middle and the last of its list go.
    for (const one of each) wheel.setDeadline(one, 100);
    wheel.clearDeadline(each[0]!);
    wheel.clearDeadline(each[2]!);
    wheel.clearDeadline(each[3]!);
    wheel.clearDeadline(each[3]!);
    vi.advanceTimersByTime(1_000);
    expect(names()).toEqual(['b']);
  });

  it('takes the place of an earlier one', () => {
    const one = timed('a');
    wheel.setDeadline(one, 100);
    wheel.setDeadline(one, 1_000);
    vi.advanceTimersByTime(999);
    expect(rang).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(names()).toEqual(['a']);
  });

  it('can be sooner than the one that all waited for', () => {
    wheel.setDeadline(timed('late'), 10_000);
    vi.advanceTimersByTime(1_000);
    wheel.setDeadline(timed('soon'), 100);
    vi.advanceTimersByTime(150);
    expect(names()).toEqual(['soon']);
    vi.advanceTimersByTime(10_000);
    expect(names()).toEqual(['soon', 'late']);
  });

  it('can be set anew by what it calls', () => {
    const one = timed('a', () => {
      if (rang.length < 5) wheel.setDeadline(one, 100);
    });
    wheel.setDeadline(one, 100);
    vi.advanceTimersByTime(10_000);
    expect(rang).toHaveLength(5);
    for (const [index, [, at]] of rang.entries()) expect(at).toBeGreaterThanOrEqual(100 * (index + 1));
  });

  it('can be set by another one for the same moment', () => {
    const second = timed('second');
    const first = timed('first', () => wheel.setDeadline(second, 0));
    wheel.setDeadline(first, 100);
    vi.advanceTimersByTime(100 + 4 * TICK);
    expect(names()).toEqual(['first', 'second']);
  });

  it('can be cleared, and moved, by another one that rings with it', () => {
    // Which of them rings first is not said: that one clears all others, and moves the last.
    const each: InstanceType<typeof wheel.Timed>[] = ['a', 'b', 'c', 'd'].map((name, index) =>
      timed(name, () => {
        if (rang.length > 1) return;
        for (const [at, other] of each.entries()) if (at !== index) wheel.clearDeadline(other);
        wheel.setDeadline(each[(index + 1) % 4]!, 500);
      }),
    );
    for (const one of each) wheel.setDeadline(one, 100);
    vi.advanceTimersByTime(500);
    expect(rang).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(rang).toHaveLength(2);
    expect(rang[1]![1] - rang[0]![1]).toBeGreaterThanOrEqual(500);
  });

  it('is called before nothing else that is later, when the process has slept', () => {
    vi.useRealTimers();
    let now = start;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    const alarms: (() => void)[] = [];
    const timeouts = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((callback: () => void) => {
      alarms.push(callback);
      return { unref() {} };
    }) as never);
    try {
      for (let minute = 1; minute <= 60; minute++) wheel.setDeadline(timed(`${minute}`), minute * 60_000);
      // The machine was suspended for half an hour: one alarm, and half of them are due.
      now += 30.5 * 60_000;
      alarms.pop()!();
      expect(
        names()
          .map(Number)
          .toSorted((one, other) => one - other),
      ).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    } finally {
      clock.mockRestore();
      timeouts.mockRestore();
    }
  });
});

describe('Many deadlines', () => {
  it('that are set, moved and cleared at random ring when they should', () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const due = new Map<string, number>();
    const wrong: unknown[] = [];
    const each = Array.from({ length: 300 }, (_, index) => {
      const name = `${index}`;
      return [name, timed(name)] as const;
    });
    let seen = 0;
    const check = (): void => {
      for (; seen < rang.length; seen++) {
        const [name, at] = rang[seen]!;
        const expected = due.get(name);
        if (expected === undefined || at < expected || at > expected + LATE) wrong.push([name, at, expected]);
        due.delete(name);
      }
      const now = performance.now() - start;
      for (const [name, at] of due) if (now - at > LATE) wrong.push([name, now, at]);
    };
    for (let round = 0; round < 3_000; round++) {
      const [name, one] = each[random(each.length)]!;
      if (random(4) === 0) {
        wheel.clearDeadline(one);
        due.delete(name);
      } else {
        const milliseconds = random(random(3) === 0 ? 3 * TURN : 500);
        wheel.setDeadline(one, milliseconds);
        due.set(name, performance.now() - start + milliseconds);
      }
      vi.advanceTimersByTime(random(60));
      check();
    }
    vi.advanceTimersByTime(4 * TURN);
    check();
    expect(wrong).toEqual([]);
    expect(due.size).toBe(0);
    expect(seen).toBeGreaterThan(500);
  });

  it('need one timer of the platform, and none when there are no more', () => {
    const each = Array.from({ length: 1_000 }, () => timed('a'));
    for (const one of each) wheel.setDeadline(one, 5_000);
    expect(vi.getTimerCount()).toBe(1);
    for (const one of each) wheel.clearDeadline(one);
    vi.advanceTimersByTime(10_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(rang).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Heartbeat as HeartbeatClass } from './deadlines.js';

/** What a deadline may be late, milliseconds: three ticks of the wheel. */
const LATE = 75;

class Watched {
  isStopped = false;
  taken = 0;
  readonly calls: [what: string, at: number][] = [];
  readonly #start = performance.now();
  heartbeat: HeartbeatClass | undefined;

  ping(): void {
    this.#note('ping');
  }

  close(code: number, reason: string): void {
    this.#note(`close ${code} ${reason}`);
  }

  abandon(reason: Error): void {
    this.#note(`abandon ${reason.message}`);
  }

  /** What happened, without the times. */
  get names(): string[] {
    return this.calls.map(([what]) => what.split(' ')[0]!);
  }

  #note(what: string): void {
    this.calls.push([what, performance.now() - this.#start]);
  }
}

let deadlines: typeof import('./deadlines.js');

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.resetModules();
  deadlines = await import('./deadlines.js');
});

afterEach(() => {
  vi.useRealTimers();
});

function beat(interval: number, timeout: number): Watched {
  const watched = new Watched();
  watched.heartbeat = new deadlines.Heartbeat(watched, interval, timeout);
  return watched;
}

describe('Heartbeat', () => {
  it('pings every interval, never early', () => {
    const watched = beat(1_000, 0);
    vi.advanceTimersByTime(10_500);
    expect(watched.names.length).toBeGreaterThanOrEqual(9);
    for (const [index, [what, at]] of watched.calls.entries()) {
      expect(what).toBe('ping');
      expect(at).toBeGreaterThanOrEqual(1_000 * (index + 1));
      expect(at).toBeLessThanOrEqual((1_000 + LATE) * (index + 1));
    }
  });

  it('abandons a peer from whom nothing is heard for the timeout after a ping', () => {
    const watched = beat(1_000, 300);
    vi.advanceTimersByTime(10_000);
    expect(watched.names).toEqual(['ping', 'abandon']);
    const [[, pinged], [what, abandoned]] = watched.calls as [[string, number], [string, number]];
    expect(what).toContain('pingTimeout, 300 ms');
    expect(abandoned - pinged).toBeGreaterThanOrEqual(300);
    expect(abandoned - pinged).toBeLessThanOrEqual(300 + LATE);
  });

  it('goes on pinging while it waits for a timeout that is longer than the interval', () => {
    const watched = beat(1_000, 2_500);
    vi.advanceTimersByTime(10_000);
    expect(watched.names).toEqual(['ping', 'ping', 'ping', 'abandon']);
    const waited = watched.calls[3]![1] - watched.calls[0]![1];
    expect(waited).toBeGreaterThanOrEqual(2_500);
    expect(waited).toBeLessThanOrEqual(2_500 + 4 * LATE);
  });

  it('keeps a peer from whom something is heard after each ping', () => {
    const watched = beat(1_000, 300);
    for (let time = 0; time < 20_000; time += 200) {
      watched.heartbeat!.isHeard = true;
      vi.advanceTimersByTime(200);
    }
    expect(new Set(watched.names)).toEqual(new Set(['ping']));
  });

  it('begins to wait anew when something was heard', () => {
    const watched = beat(1_000, 2_000);
    vi.advanceTimersByTime(2_600);
    watched.heartbeat!.isHeard = true;
    vi.advanceTimersByTime(1_900);
    expect(watched.names).not.toContain('abandon');
    vi.advanceTimersByTime(3_000);
    expect(watched.names).toContain('abandon');
  });

  it('never abandons anybody with a timeout of 0', () => {
    const watched = beat(100, 0);
    vi.advanceTimersByTime(60_000);
    expect(watched.names).not.toContain('abandon');
    expect(watched.names.length).toBeGreaterThan(300);
  });

  it('does not count the time in which nobody reads', () => {
    const watched = beat(1_000, 300);
    watched.isStopped = true;
    vi.advanceTimersByTime(10_000);
    expect(watched.names).not.toContain('abandon');
    watched.isStopped = false;
    vi.advanceTimersByTime(3_000);
    expect(watched.names.at(-1)).toBe('abandon');
  });
});

describe('IdleDeadline', () => {
  it('closes with 1001 after its time, never early', () => {
    const watched = new Watched();
    const idle = new deadlines.IdleDeadline(watched, 1_000);
    vi.advanceTimersByTime(600);
    idle.touch();
    vi.advanceTimersByTime(999);
    expect(watched.calls).toEqual([]);
    vi.advanceTimersByTime(1 + LATE);
    expect(watched.calls[0]![0]).toBe('close 3008 No message for idleTimeout, 1000 ms');
    expect(watched.calls[0]![1]).toBeGreaterThanOrEqual(1_600);
  });
});

describe('CloseDeadline', () => {
  it('abandons after its time, never early', () => {
    const watched = new Watched();
    expect(new deadlines.CloseDeadline(watched, 1_000)).toBeDefined();
    vi.advanceTimersByTime(999);
    expect(watched.calls).toEqual([]);
    vi.advanceTimersByTime(1 + LATE);
    expect(watched.calls[0]![0]).toContain('closeTimeout, 1000 ms');
  });
});

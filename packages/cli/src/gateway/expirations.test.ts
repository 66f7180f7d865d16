import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Identity } from './auth/contract.js';
import type { Ending } from './codec.js';
import { Expirations } from './expirations.js';

const START = Date.parse('2026-06-01T12:00:00Z');

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  onTestFinished(() => void vi.useRealTimers());
});

function create(): Expirations {
  const expirations = new Expirations();
  onTestFinished(() => expirations.close());
  return expirations;
}

/** @param seconds after the start; `undefined` for never. */
function until(seconds: number | undefined, user = 'ada'): Identity {
  const expiresAt = seconds === undefined ? undefined : START + seconds * 1_000;
  return { user, method: 'jwt', key: user, expiresAt };
}

describe('a connection', () => {
  it('is ended once when its token expires, within a second, and not before', () => {
    const endings: Ending[] = [];
    create().add('a', until(60.5), (ending) => endings.push(ending));
    vi.advanceTimersByTime(60_499);
    expect(endings).toEqual([]);
    vi.advanceTimersByTime(1_001);
    expect(endings).toEqual([{ code: 4401, reason: 'The token has expired' }]);
    vi.advanceTimersByTime(3_600_000);
    expect(endings).toHaveLength(1);
  });

  it('is ended at once when its token has expired meanwhile', () => {
    const expire = vi.fn<() => void>();
    create().add('a', until(-1), expire);
    vi.advanceTimersByTime(1_000);
    expect(expire).toHaveBeenCalledOnce();
  });

  it('is ended after a time that no timer reaches', () => {
    const expire = vi.fn<() => void>();
    create().add('a', until(2 ** 31 / 1_000 + 1), expire);
    vi.setSystemTime(START + 2 ** 31);
    vi.advanceTimersByTime(999);
    expect(expire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2_000);
    expect(expire).toHaveBeenCalledOnce();
  });

  it('is ended when the clock was put back, and then was right again', () => {
    const expire = vi.fn<() => void>();
    const expirations = create();
    expirations.add('a', until(60), () => {});
    vi.advanceTimersByTime(30_000);
    vi.setSystemTime(START - 3_600_000);
    expirations.add('a', until(10), expire);
    vi.advanceTimersByTime(3_600_000);
    expect(expire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(11_000);
    expect(expire).toHaveBeenCalledOnce();
  });

  it('that has gone is not ended, and leaves no timer behind', () => {
    const expire = vi.fn<() => void>();
    const expirations = create();
    const removals = Array.from({ length: 1_000 }, (_, index) =>
      expirations.add('a', until(index % 10), expire),
    );
    expect(vi.getTimerCount()).toBe(1);
    for (const remove of removals) {
      remove();
      remove();
    }
    expect(vi.getTimerCount()).toBe(0);
    expect(expirations.renew('a', until(100))).toBe(0);
  });

  it('that goes when another one of the same second is ended is not ended any more', () => {
    const expirations = create();
    const expire = vi.fn<() => void>();
    const removals: (() => void)[] = [];
    expirations.add('a', until(1), () => removals[0]?.());
    removals.push(expirations.add('a', until(1), expire));
    vi.advanceTimersByTime(2_000);
    expect(expire).not.toHaveBeenCalled();
  });

  it('without an end needs no timer', () => {
    create().add('a', until(undefined), () => {});
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is forgotten with all others when the gateway ends', () => {
    const expire = vi.fn<() => void>();
    const expirations = create();
    expirations.add('a', until(1), expire);
    expirations.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(5_000);
    expect(expire).not.toHaveBeenCalled();
  });
});

describe('a renewal', () => {
  it('lets the connections of the user at the route last longer, and no others', () => {
    const ended: string[] = [];
    const expirations = create();
    for (const name of ['ada 1', 'ada 2']) expirations.add('a', until(10), () => ended.push(name));
    expirations.add('a', until(10, 'bob'), () => ended.push('bob'));
    expirations.add('b', until(10), () => ended.push('ada at b'));
    expect(expirations.renew('a', until(60))).toBe(2);
    vi.advanceTimersByTime(11_000);
    expect(ended).toEqual(['bob', 'ada at b']);
    vi.advanceTimersByTime(50_000);
    expect(ended).toEqual(['bob', 'ada at b', 'ada 1', 'ada 2']);
  });

  it('makes none shorter', () => {
    const expire = vi.fn<() => void>();
    const expirations = create();
    expirations.add('a', until(60), expire);
    expect(expirations.renew('a', until(10))).toBe(1);
    vi.advanceTimersByTime(59_000);
    expect(expire).not.toHaveBeenCalled();
  });

  it('for ever is for ever', () => {
    const expire = vi.fn<() => void>();
    const expirations = create();
    const remove = expirations.add('a', until(10), expire);
    expect(expirations.renew('a', until(undefined))).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(expirations.renew('a', until(10))).toBe(1);
    vi.advanceTimersByTime(3_600_000);
    expect(expire).not.toHaveBeenCalled();
    remove();
    expect(expirations.renew('a', until(10))).toBe(0);
  });

  it('comes too late for what has expired', () => {
    const expirations = create();
    expirations.add('a', until(1), () => {});
    vi.advanceTimersByTime(2_000);
    expect(expirations.renew('a', until(60))).toBe(0);
  });
});

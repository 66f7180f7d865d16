import { expect, it } from 'vitest';
import { backoff } from './backoff.js';

const longest = (attempt: number): number => backoff(attempt, () => 1);

it('doubles its bound with each attempt, up to 15 seconds', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 60].map(longest)).toEqual([
    500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
  ]);
});

it('takes any delay below the bound, so that not everybody comes back at once', () => {
  expect(backoff(3, () => 0)).toBe(0);
  expect(backoff(3, () => 0.25)).toBe(1000);
});

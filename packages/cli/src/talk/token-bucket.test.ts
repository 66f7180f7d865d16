import { expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.js';

it('lets a burst through and then as much as flows in', () => {
  const bucket = new TokenBucket(3, 2, 0);
  expect([1, 1, 1, 1].map((count) => bucket.take(count, 0))).toEqual([true, true, true, false]);
  expect(bucket.take(1, 499)).toBe(false);
  expect(bucket.take(1, 500)).toBe(true);
});

it('never holds more than a burst', () => {
  const bucket = new TokenBucket(3, 2, 0);
  expect(bucket.take(4, 1e9)).toBe(false);
  expect(bucket.take(3, 1e9)).toBe(true);
});

it('is not confused by a clock that goes back', () => {
  const bucket = new TokenBucket(1, 1, 10_000);
  expect(bucket.take(1, 0)).toBe(true);
  expect(bucket.take(1, 999)).toBe(false);
  expect(bucket.take(1, 1000)).toBe(true);
});

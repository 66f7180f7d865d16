import { expect, test } from 'vitest';
import { backoff } from './backoff.js';
import { randomOf } from './test-time.js';

const OPTIONS = { base: 500, cap: 30_000 };
const DRAWS = 20_000;

function draw(attempts: number): number[] {
  const random = randomOf(attempts + 1);
  return Array.from({ length: DRAWS }, () => backoff(attempts, random(), OPTIONS));
}

test.each([
  [0, 500],
  [1, 1_000],
  [5, 16_000],
  [6, 30_000],
  [60, 30_000],
])('after %i failures every wait from 0 to %i ms is as likely as the others', (attempts, bound) => {
  const waits = draw(attempts);
  expect(Math.min(...waits)).toBeLessThan(bound / 100);
  expect(Math.max(...waits)).toBeLessThan(bound);
  expect(Math.max(...waits)).toBeGreaterThan(bound * 0.99);
  // Ten parts of the range: each has a tenth of the draws, give or take five standard deviations.
  const counts = Array.from({ length: 10 }, () => 0);
  for (const wait of waits) counts[Math.floor((wait / bound) * 10)]!++;
  const deviation = Math.sqrt(DRAWS * 0.1 * 0.9);
  for (const count of counts) expect(Math.abs(count - DRAWS / 10)).toBeLessThan(5 * deviation);
});

import { expect, it } from 'vitest';
import { Traffic } from './traffic.js';

it('gives the rate since it was last asked', () => {
  const traffic = new Traffic(0);
  traffic.count(100);
  traffic.count(50, 3);
  expect(traffic.take(2000)).toEqual({ messages: 2, bytes: 75 });
  expect(traffic.take(4000)).toEqual({ messages: 0, bytes: 0 });
});

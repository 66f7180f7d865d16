import { expect, it } from 'vitest';
import { frameSize } from './meter.js';

it('counts the frame that carries a payload, with the masking key towards the server', () => {
  expect([0, 125, 126, 65_535, 65_536].map((size) => frameSize(size, 'toClient') - size)).toEqual([
    2, 2, 4, 4, 10,
  ]);
  expect([0, 125, 126, 65_535, 65_536].map((size) => frameSize(size, 'toServer') - size)).toEqual([
    6, 6, 8, 8, 14,
  ]);
});

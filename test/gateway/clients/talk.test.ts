import { expect, test } from 'vitest';
import { BYTES, shown, TEXTS } from './talk.js';

const all = [...TEXTS, ...BYTES].map(shown);

test('no two of what is published are shown alike', () => {
  expect(new Set(all).size).toBe(all.length);
});

test('there are an empty one, one of 100 KiB and one that is not ASCII', () => {
  expect(all).toContain('text ');
  expect(all).toContain('bytes ');
  expect(all.filter((each) => each.startsWith('102400 bytes'))).toHaveLength(2);
  expect(TEXTS.join('')).toMatch(/[^\0-\u{7f}]/u);
});

test.each([0, 50_000, 99_999])('one bit is seen in a large one, in byte %i', (at) => {
  const bytes = new Uint8Array(100_000);
  const before = shown(bytes);
  bytes[at]! ^= 1;
  expect(shown(bytes)).not.toBe(before);
});

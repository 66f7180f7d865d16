import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { RequestBody } from './request-body.js';
import type { AnyRequest } from './request-router.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A request of which the body comes as the test says. */
function read(limit: number) {
  const stream = Object.assign(new PassThrough({ highWaterMark: 1_000_000 }), { headers: {} });
  const result = new Promise<string[]>((resolve) => {
    const request = stream as unknown as AnyRequest;
    const onBody = (text: string, error = 'none'): void => resolve([text, error]);
    new RequestBody(request, limit, 0, onBody).read();
  });
  return { stream, result };
}

it('takes no more memory for a body in many small pieces', async () => {
  const { stream, result } = read(1_000_000);
  collectGarbage();
  const before = process.memoryUsage();
  for (let round = 0; round < 100; round++) {
    for (let count = 0; count < 4_000; count++) stream.write('x');
    await new Promise(setImmediate);
  }
  collectGarbage();
  const after = process.memoryUsage();
  const growth = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  stream.end();
  expect(await result).toEqual(['x'.repeat(400_000), 'none']);
  expect(growth).toBeLessThan(4_000_000);
});

it('has all pieces in their order', async () => {
  const { stream, result } = read(1_000_000);
  const pieces = Array.from({ length: 1_000 }, (_, index) => `${index}é `.repeat(1 + (index % 7)));
  for (const piece of pieces) {
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  stream.end();
  expect(await result).toEqual([pieces.join(''), 'none']);
});

it.each([
  [[10], ['x'.repeat(10), 'none']],
  [[11], ['', 'too-large']],
  [
    [5, 5],
    ['x'.repeat(10), 'none'],
  ],
  [
    [5, 6],
    ['', 'too-large'],
  ],
  [[], ['', 'none']],
])('takes so much and no more: pieces of %j bytes', async (lengths, expected) => {
  const { stream, result } = read(10);
  for (const length of lengths) stream.write('x'.repeat(length));
  stream.end();
  expect(await result).toEqual(expected);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seal, unseal } from './envelope.js';
import { Origins } from './origins.js';
import { Outbox } from './outbox.js';

const NODE = 'A-_zZ09xyzw';

describe('An envelope', () => {
  it('has in it what was put in', () => {
    const contents = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array());
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 47 }), contents, (number, data) => {
        const opened = unseal(seal(NODE, number, data));
        const seen = typeof data === 'string' ? opened?.data : new Uint8Array(opened!.data as Uint8Array);
        expect([opened?.node, opened?.number, seen]).toEqual([NODE, number, data]);
      }),
    );
  });

  it('has a copy of the bytes', () => {
    const data = new Uint8Array([1, 2, 3]);
    const bytes = seal(NODE, 1, data);
    data.fill(0);
    expect([...(unseal(bytes)!.data as Uint8Array)]).toEqual([1, 2, 3]);
  });

  it.each([[''], ['hello'], ['x'.repeat(18)], ['T'.repeat(17)]])(
    'is not what somebody else says: %j',
    (text) => {
      expect(unseal(Buffer.from(text))).toBeUndefined();
    },
  );
});

describe('What a node has published', () => {
  it('waits in its order until it is settled, with numbers from one on', async () => {
    const outbox = new Outbox(1_000_000);
    const [one, two, three] = ['one', 'two', 'three'].map((data) => outbox.put('a', data));
    expect([...outbox].map(({ bytes }) => unseal(bytes))).toMatchObject([
      { node: outbox.node, number: 1, data: 'one' },
      { number: 2, data: 'two' },
      { number: 3, data: 'three' },
    ]);
    let isEmpty = false;
    const empty = outbox.empty().then(() => (isEmpty = true));
    expect([outbox.settle(two!), outbox.settle(two!), outbox.settle(one!)]).toEqual([true, false, true]);
    expect([...outbox]).toEqual([three]);
    await Promise.resolve();
    expect([isEmpty, outbox.waiting > 0]).toEqual([false, true]);
    outbox.settle(three!);
    await empty;
    expect([isEmpty, outbox.waiting]).toEqual([true, 0]);
    await outbox.empty();
  });

  it('has a limit, but for a single message', () => {
    const outbox = new Outbox(1_000);
    const large = outbox.put('a', 'x'.repeat(5_000));
    expect(() => outbox.put('a', 'y')).toThrow(expect.objectContaining({ code: 'ERR_BROKER_FULL' }));
    outbox.settle(large);
    for (let count = 0; count < 5; count++) outbox.put('a', 'z');
    expect(() => {
      for (;;) outbox.put('a', 'z');
    }).toThrow(expect.objectContaining({ code: 'ERR_BROKER_FULL' }));
    expect(outbox.waiting).toBeLessThan(1_200);
  });
});

describe('What came from a node', () => {
  it('is new once, and in order', () => {
    const origins = new Origins();
    const seen = [1, 1, 3, 2, 3, 4].map((number) => origins.isNew('a', number));
    expect(seen).toEqual([true, false, true, false, false, true]);
    expect(origins.isNew('b', 1)).toBe(true);
  });

  it('is forgotten when there are too many nodes', () => {
    const origins = new Origins();
    origins.isNew('lively', 1);
    for (let node = 0; node < 10_000; node++) {
      if (node % 1_000 === 0) origins.isNew('lively', node + 2);
      origins.isNew(`${node}`, 5);
    }
    expect(origins.isNew('lively', 2)).toBe(false);
    expect(origins.isNew('9999', 5)).toBe(false);
    expect(origins.isNew('1', 5)).toBe(false);
    expect(origins.isNew('0', 5)).toBe(true);
  });
});

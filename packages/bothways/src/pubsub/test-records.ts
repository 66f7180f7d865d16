import { expect, it } from 'vitest';
import type { BrokerRecords, RecordChange } from './broker-records.js';

let keys = 0;

const isGone = (node: string): boolean => node === 'dead';
const WHOLE: RecordChange = { isWhole: true, fields: {}, entries: [], dropTo: 0, publishes: [] };
const CHANGE: RecordChange = { ...WHOLE, isWhole: false };

/**
 * What records must do, by the contract in `broker-records.ts`.
 *
 * @param open the records of two brokers that are open.
 */
export function testRecords(
  name: string,
  open: () => Promise<readonly [BrokerRecords, BrokerRecords]>,
): void {
  it(`${name} keeps fields and entries, and hands them to whoever takes them from one that is gone`, async () => {
    const [one, two] = await open();
    const key = newKey();
    const bytes = Buffer.from([0, 10, 255]);
    expect(
      await one.save(key, 'dead', 1, {
        ...WHOLE,
        fields: { a: '1', b: 'Grüße\n👋' },
        entries: [
          [1, 'one'],
          [2, bytes],
        ],
      }),
    ).toBe('saved');
    expect(
      await one.save(key, 'dead', 2, {
        ...CHANGE,
        fields: { a: '2', c: '' },
        entries: [
          [3, ''],
          [4, 'four'],
        ],
        dropTo: 1,
      }),
    ).toBe('saved');
    expect(await two.take(key, 'other', isGone)).toEqual({
      number: 2,
      fields: { a: '2', b: 'Grüße\n👋', c: '' },
      entries: [
        [2, bytes],
        [3, ''],
        [4, 'four'],
      ],
    });
    expect(await one.save(key, 'dead', 3, CHANGE)).toBe('lost');
    expect(await two.save(key, 'other', 3, { ...CHANGE, fields: { a: '3' }, dropTo: 4 })).toBe('saved');
    expect(await one.take(key, 'one', isGone)).toBe('other');
    expect(await two.take(key, 'other', isGone)).toMatchObject({
      number: 3,
      fields: { a: '3' },
      entries: [],
    });
  });

  it(`${name} makes a change once, and refuses what is older, or not there`, async () => {
    const [one] = await open();
    const key = newKey();
    expect(await one.save(key, 'a', 5, CHANGE)).toBe('missing');
    expect(await one.save(key, 'a', 5, { ...WHOLE, fields: { a: '5' }, entries: [[7, 'seven']] })).toBe(
      'saved',
    );
    expect(await one.save(key, 'a', 5, { ...CHANGE, fields: { a: 'again' }, entries: [[8, 'x']] })).toBe(
      'saved',
    );
    expect(await one.save(key, 'b', 9, { ...WHOLE, fields: { a: '9' } })).toBe('lost');
    expect(await one.take(key, 'a', isGone)).toEqual({
      number: 5,
      fields: { a: '5' },
      entries: [[7, 'seven']],
    });
    expect(await one.save(key, 'a', 6, { ...WHOLE, fields: { b: '6' }, entries: [[1, 'one']] })).toBe(
      'saved',
    );
    expect(await one.take(key, 'a', isGone)).toEqual({
      number: 6,
      fields: { b: '6' },
      entries: [[1, 'one']],
    });
    expect(await one.take(newKey(), 'a', isGone)).toBeUndefined();
  });

  it(`${name} does not let what was removed come back`, async () => {
    const [one, two] = await open();
    const key = newKey();
    await one.save(key, 'a', 1, { ...WHOLE, entries: [[1, 'one']] });
    two.remove(key, 'b');
    expect(await one.save(key, 'a', 2, CHANGE)).toBe('saved');
    one.remove(key, 'a');
    expect(await one.save(key, 'a', 3, WHOLE)).toBe('lost');
    expect(await two.take(key, 'b', isGone)).toBeUndefined();
  });
}

function newKey(): string {
  return `record-${process.pid}-${keys++}`;
}

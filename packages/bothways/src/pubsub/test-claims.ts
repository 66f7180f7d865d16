import { expect, it } from 'vitest';
import type { BrokerClaims } from './broker.js';

let keys = 0;

function newKey(): string {
  return `key-${process.pid}-${keys++}`;
}

/**
 * What claims must do, by the contract in `broker.ts`.
 *
 * @param open the claims of two brokers that are open.
 */
export function testClaims(name: string, open: () => Promise<readonly [BrokerClaims, BrokerClaims]>): void {
  it(`${name} tells all that claim a key who was first, until that one gives it up`, async () => {
    const [one, two] = await open();
    const key = newKey();
    const holders = await Promise.all([
      one.claim(key, 'a', 60_000),
      two.claim(key, 'b', 60_000),
      one.claim(key, 'c', 60_000),
    ]);
    const [first] = holders;
    expect(['a', 'b', 'c']).toContain(first);
    expect(holders).toEqual([first, first, first]);
    expect(await two.claim(newKey(), 'd', 60_000)).toBe('d');
    one.release(key, 'somebody else');
    expect(await one.claim(key, 'e', 60_000)).toBe(first);
    one.release(key, first);
    expect(await one.claim(key, 'f', 60_000)).toBe('f');
    expect(await two.claim(key, 'g', 60_000)).toBe('f');
  });

  it(`${name} forgets a claim when its time is over`, async () => {
    const [one, two] = await open();
    const key = newKey();
    expect(await one.claim(key, 'a', 1)).toBe('a');
    let holder = 'a';
    while (holder === 'a') holder = await two.claim(key, 'b', 60_000);
    expect(holder).toBe('b');
  });
}

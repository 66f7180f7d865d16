import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';

/** What one message counts beside its content. */
const OVERHEAD = 32;

function inboxOf(...items: string[]): Inbox<string> & { taken: () => number } {
  let taken = 0;
  const inbox = new Inbox<string>(() => void taken++);
  for (const item of items) inbox.put(item);
  return Object.assign(inbox, { taken: () => taken });
}

describe('An inbox', () => {
  it('gives back what was put into it, in order', async () => {
    const inbox = inboxOf('a', 'b');
    expect(await inbox.next()).toEqual({ value: 'a', done: false });
    inbox.put('c');
    expect(await inbox.next()).toEqual({ value: 'b', done: false });
    expect(await inbox.next()).toEqual({ value: 'c', done: false });
  });

  it('counts what waits, and that a message is not free', async () => {
    const inbox = inboxOf();
    inbox.put('abc');
    inbox.put('');
    expect(inbox.bytes).toBe(3 + 2 * OVERHEAD);
    await inbox.next();
    expect(inbox.bytes).toBe(OVERHEAD);
    await inbox.next();
    expect(inbox.bytes).toBe(0);
  });

  it('tells when something was taken, with the new count', async () => {
    const counts: number[] = [];
    const inbox: Inbox<string> = new Inbox(() => void counts.push(inbox.bytes));
    inbox.put('abc');
    inbox.put('a');
    await inbox.next();
    await inbox.next();
    expect(counts).toEqual([1 + OVERHEAD, 0]);
  });

  it('hands to a reader who waits at once, without counting', async () => {
    const inbox = inboxOf();
    const [first, second] = [inbox.next(), inbox.next()];
    inbox.put('a');
    inbox.put('b');
    inbox.put('c');
    expect(inbox.bytes).toBe(1 + OVERHEAD);
    expect([await first, await second]).toEqual([
      { value: 'a', done: false },
      { value: 'b', done: false },
    ]);
    expect(inbox.taken()).toBe(0);
  });

  it('ends after what waits', async () => {
    const inbox = inboxOf('a');
    inbox.end();
    expect(await inbox.next()).toEqual({ value: 'a', done: false });
    expect(await inbox.next()).toEqual({ value: undefined, done: true });
    expect(await inbox.next()).toEqual({ value: undefined, done: true });
  });

  it('ends all readers who wait', async () => {
    const inbox = inboxOf();
    const reads = [inbox.next(), inbox.next()];
    inbox.end();
    expect(await Promise.all(reads)).toEqual([
      { value: undefined, done: true },
      { value: undefined, done: true },
    ]);
  });

  it('can be iterated in parts', async () => {
    const inbox = inboxOf('a', 'b', 'c');
    const first: string[] = [];
    for await (const item of inbox) if (first.push(item) === 2) break;
    inbox.end();
    const second: string[] = [];
    for await (const item of inbox) second.push(item);
    expect([first, second]).toEqual([['a', 'b'], ['c']]);
  });

  it('knows whether somebody iterates, and tells when that one breaks off', async () => {
    const states: boolean[] = [];
    const inbox: Inbox<string> = new Inbox(() => void states.push(inbox.hasReader));
    expect(inbox.hasReader).toBe(false);
    inbox.put('a');
    inbox.put('b');
    for await (const item of inbox) if (item === 'a') break;
    expect(states).toEqual([true, false]);
    expect(await inbox.next()).toEqual({ value: 'b', done: false });
    expect(inbox.hasReader).toBe(true);
  });

  it('keeps its order over thousands of messages, some taken as others come', async () => {
    const inbox = inboxOf();
    let put = 0;
    let next = 0;
    for (let round = 0; round < 60; round++) {
      for (let index = 0; index < 90; index++) inbox.put(`${put++}`);
      for (let index = 0; index < 80; index++) expect((await inbox.next()).value).toBe(`${next++}`);
    }
    while (next < put) expect((await inbox.next()).value).toBe(`${next++}`);
    expect(inbox.bytes).toBe(0);
  });

  it('lets go of what was taken', async () => {
    const inbox = new Inbox<Buffer>(() => {});
    let refs: WeakRef<Buffer>[] = [];
    // One stays in the inbox all the time, so that it is never empty.
    for (let index = 0; index < 5_000; index++) {
      const item = Buffer.alloc(1);
      if (index < 100) refs.push(new WeakRef(item));
      inbox.put(item);
      if (index > 0) await inbox.next();
    }
    if (globalThis.gc === undefined) refs = [];
    globalThis.gc?.();
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(3);
    expect(inbox.bytes).toBe(1 + OVERHEAD);
  });
});

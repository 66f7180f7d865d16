import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outgoing } from './outgoing.js';
import type { Numbered } from './records.js';
import { SavedIncoming } from './saved-incoming.js';

/** Messages that come in, and who takes them as long as it is willing. */
function incomingOf(window = 65_536, onTake: (item: Numbered) => void = () => {}) {
  const taken: Numbered[] = [];
  const receiver = {
    isWilling: true,
    take: (item: Numbered) => {
      taken.push(item);
      onTake(item);
    },
  };
  return { incoming: new SavedIncoming(window, receiver), receiver, taken };
}

describe('Incoming messages', () => {
  it('are handed on in order, however they come', () => {
    const { incoming, taken } = incomingOf();
    for (const number of [3, 1, 2, 5, 4]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['1', '2', '3', '4', '5']);
    expect(incoming.received).toBe(5);
  });

  it('are handed on once, though they come again', () => {
    const { incoming, taken } = incomingOf();
    for (const number of [1, 1, 3, 3, 2, 1, 2, 3]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['1', '2', '3']);
  });

  it('are the first that came of their number', () => {
    const { incoming, taken } = incomingOf();
    incoming.put(2, 'first');
    incoming.put(2, 'second');
    incoming.put(1, 'one');
    expect(taken).toEqual(['one', 'first']);
  });

  it.each([1, 2])('that come while the receiver takes message %i are handed on when it has', (during) => {
    const seen: [taken: Numbered, received: number][] = [];
    const { incoming, taken } = incomingOf(65_536, (item) => {
      if (item !== `${during}`) return;
      for (const number of [4, 3]) incoming.put(number, `${number}`);
      seen.push([item, incoming.received]);
    });
    for (const number of [2, 1]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['1', '2', '3', '4']);
    expect(seen).toEqual([[`${during}`, during]]);
  });

  it('wait until the receiver is willing', () => {
    const { incoming, receiver, taken } = incomingOf();
    receiver.isWilling = false;
    incoming.put(1, 'a');
    incoming.put(2, 'b');
    expect([taken, incoming.received, incoming.owed]).toEqual([[], 0, 0]);
    receiver.isWilling = true;
    incoming.handOnHeld();
    expect(taken).toEqual(['a', 'b']);
  });

  it('stop when the receiver has enough in the middle', () => {
    const { incoming, receiver, taken } = incomingOf(65_536, () => (receiver.isWilling = false));
    for (const number of [1, 2, 3]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['1']);
    for (let count = 2; count <= 3; count++) {
      receiver.isWilling = true;
      incoming.handOnHeld();
      expect(taken).toHaveLength(count);
    }
  });

  it('are not handed on within a handler that asks for more', () => {
    let depth = 0;
    const { incoming, taken } = incomingOf(65_536, () => {
      expect(depth++).toBe(0);
      incoming.handOnHeld();
      depth--;
    });
    for (const number of [3, 2, 1]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['1', '2', '3']);
  });

  it('are owed an acknowledgement from a quarter of the window on', () => {
    const { incoming } = incomingOf(128);
    incoming.put(2, '');
    expect([incoming.isDue, incoming.owed]).toEqual([false, 0]);
    incoming.put(1, '');
    expect([incoming.isDue, incoming.owed]).toEqual([true, 64]);
    incoming.owed = 0;
    expect(incoming.isDue).toBe(false);
  });

  it('may be numbered as far ahead as the window has room for, and no further', () => {
    const { incoming } = incomingOf(320);
    expect(incoming.canTake(11, [''])).toBe(true);
    expect(incoming.canTake(12, [''])).toBe(false);
    expect(incoming.canTake(10, ['', ''])).toBe(true);
    expect(incoming.canTake(11, ['', ''])).toBe(false);
    expect(incoming.canTake(2 ** 53 - 1, [''])).toBe(false);
    incoming.put(1, '');
    expect(incoming.canTake(12, [''])).toBe(true);
  });

  it('may come to the window and one more message, however large', () => {
    const { incoming } = incomingOf(100);
    expect(incoming.canTake(2, ['a'.repeat(67), 'b'.repeat(10_000)])).toBe(true);
    expect(incoming.canTake(2, ['a'.repeat(68), 'b'])).toBe(false);
    incoming.put(2, 'a'.repeat(67));
    expect(incoming.canTake(3, ['b'.repeat(10_000)])).toBe(true);
    incoming.put(3, 'b'.repeat(10_000));
    expect(incoming.canTake(4, [''])).toBe(false);
    expect(incoming.canTake(2, ['a'.repeat(67), 'b'.repeat(10_000)])).toBe(true);
  });

  it('do not count when they were there before', () => {
    const { incoming } = incomingOf(100);
    incoming.put(1, 'a'.repeat(90));
    expect(incoming.canTake(1, ['a'.repeat(90), 'b'.repeat(60), 'c'])).toBe(true);
  });

  it('may be acknowledged only when they are kept, where that is asked for', () => {
    const { incoming } = incomingOf(128);
    incoming.isKept = true;
    for (const number of [1, 2]) incoming.put(number, 'a');
    const { handedOn } = incoming;
    incoming.put(3, 'a');
    expect([incoming.received, incoming.acknowledgeable, incoming.owed]).toEqual([3, 0, 0]);
    incoming.keep(handedOn);
    expect([incoming.acknowledgeable, incoming.owed, incoming.handedOn]).toEqual([
      2,
      66,
      { received: 3, weight: 33 },
    ]);
    incoming.keep(incoming.handedOn);
    expect([incoming.acknowledgeable, incoming.owed]).toEqual([3, 99]);
  });

  it('are in the window until they are kept', () => {
    const { incoming } = incomingOf(100);
    incoming.isKept = true;
    incoming.put(1, 'a'.repeat(30));
    incoming.put(2, 'a'.repeat(5));
    expect(incoming.canTake(3, ['a'])).toBe(true);
    expect(incoming.canTake(3, ['', ''])).toBe(false);
    // What comes again counts once.
    expect(incoming.canTake(1, ['a'.repeat(30), 'a'.repeat(5), 'a'])).toBe(true);
    incoming.keep(incoming.handedOn);
    expect(incoming.canTake(3, ['', ''])).toBe(true);
  });

  it('go on behind those that another server has handed on', () => {
    const { incoming, taken } = incomingOf();
    incoming.isKept = true;
    incoming.restore(7);
    expect([incoming.received, incoming.acknowledgeable, incoming.owed]).toEqual([7, 7, 0]);
    for (const number of [6, 7, 8]) incoming.put(number, `${number}`);
    expect(taken).toEqual(['8']);
  });

  it('of a sender that keeps to the window can always be taken, and each arrives once', () => {
    const sizes = fc.array(fc.nat(300), { minLength: 1, maxLength: 60 });
    const delays = fc.infiniteStream(fc.nat(9));
    fc.assert(
      fc.property(sizes, fc.integer({ min: 64, max: 600 }), delays, (all, window, delay) => {
        const items = all.map((size, index) => `${index}`.padEnd(size, '.'));
        const outgoing = new Outgoing(window);
        for (const item of items) outgoing.push(item);
        const { incoming, taken } = incomingOf(window);
        let network: { number: number; item: Numbered; left: number }[] = [];
        const delayed = (number: number, item: Numbered) => ({ number, item, left: delay.next().value! });
        for (let round = 0; taken.length < items.length; round++) {
          expect(round).toBeLessThan(10_000);
          // Now and then a carrier is lost, and what is on the way comes all the same.
          if (round % 7 === 6) outgoing.rewind();
          const item = outgoing.next();
          if (item !== undefined) network.push(delayed(outgoing.sent, item));
          const due = network.filter((each) => each.left-- <= 0);
          network = network.filter((each) => !due.includes(each));
          for (const each of due) {
            expect(incoming.canTake(each.number, [each.item])).toBe(true);
            incoming.put(each.number, each.item);
          }
          if (round % 3 === 0) outgoing.acknowledge(incoming.received);
        }
        expect(taken).toEqual(items);
      }),
    );
  });
});

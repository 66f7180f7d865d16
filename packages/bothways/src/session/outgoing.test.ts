import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SavedOutgoing } from './saved-outgoing.js';
import { weightOf } from './outgoing.js';
import { Closing, type Numbered } from './records.js';

function outgoingOf(window: number, ...items: Numbered[]): SavedOutgoing {
  const outgoing = new SavedOutgoing(window);
  for (const item of items) outgoing.push(item);
  return outgoing;
}

/** All that can be sent now. */
function sendAll(outgoing: SavedOutgoing): Numbered[] {
  const sent: Numbered[] = [];
  for (let item = outgoing.next(); item !== undefined; item = outgoing.next()) sent.push(item);
  return sent;
}

describe('Outgoing messages', () => {
  it('weigh what is in them and 32 more', () => {
    expect(['', 'é', new Uint8Array(3), new Closing(1000, 'reason')].map(weightOf)).toEqual([32, 33, 35, 32]);
  });

  it('are sent once on a carrier, in order', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b');
    expect(sendAll(outgoing)).toEqual(['a', 'b']);
    expect(outgoing.hasNext).toBe(false);
    outgoing.push('c');
    expect(sendAll(outgoing)).toEqual(['c']);
  });

  it('are sent again on another one, unless they are acknowledged', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b', 'c');
    sendAll(outgoing);
    outgoing.acknowledge(1);
    outgoing.rewind();
    expect(sendAll(outgoing)).toEqual(['b', 'c']);
  });

  it('are left out when they are acknowledged before they could be sent again', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b', 'c');
    sendAll(outgoing);
    outgoing.rewind();
    expect(outgoing.next()).toBe('a');
    outgoing.acknowledge(2);
    expect(outgoing.sent).toBe(2);
    expect(sendAll(outgoing)).toEqual(['c']);
  });

  it('wait when the window is full, and the one that fills it may be of any size', () => {
    const outgoing = outgoingOf(100, 'a'.repeat(67), 'b'.repeat(5_000), 'c');
    expect(sendAll(outgoing)).toEqual(['a'.repeat(67), 'b'.repeat(5_000)]);
    expect(outgoing.waiting).toBe(33);
    outgoing.acknowledge(1);
    expect(outgoing.hasNext).toBe(false);
    outgoing.acknowledge(2);
    expect(sendAll(outgoing)).toEqual(['c']);
    expect(outgoing.waiting).toBe(0);
  });

  it('wait at a window that is exactly full', () => {
    expect(sendAll(outgoingOf(64, '', '', 'c'))).toEqual(['', '']);
    expect(sendAll(outgoingOf(65, '', '', 'c'))).toEqual(['', '', 'c']);
  });

  it('may be sent again though the window is full', () => {
    const outgoing = outgoingOf(32, 'a', 'b');
    expect(sendAll(outgoing)).toEqual(['a']);
    outgoing.rewind();
    expect(outgoing.hasNext).toBe(true);
    expect(sendAll(outgoing)).toEqual(['a']);
  });

  it('end with a close that waits for no window, but for those before it', () => {
    const closing = new Closing(1000, '');
    expect(sendAll(outgoingOf(32, 'a', closing))).toEqual(['a', closing]);
    const outgoing = outgoingOf(32, 'a', 'b', closing);
    expect(sendAll(outgoing)).toEqual(['a']);
    outgoing.acknowledge(1);
    expect(sendAll(outgoing)).toEqual(['b', closing]);
  });

  it('can be acknowledged only when they were sent, on whatever carrier', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b');
    expect(outgoing.canAcknowledge(0)).toBe(true);
    expect(outgoing.canAcknowledge(1)).toBe(false);
    outgoing.next();
    expect([outgoing.canAcknowledge(1), outgoing.canAcknowledge(2)]).toEqual([true, false]);
    outgoing.rewind();
    expect(outgoing.canAcknowledge(1)).toBe(true);
  });

  it('are not brought back by an acknowledgement that is lower', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b', 'c');
    sendAll(outgoing);
    outgoing.acknowledge(2);
    outgoing.acknowledge(1);
    outgoing.rewind();
    expect(sendAll(outgoing)).toEqual(['c']);
  });

  it('are told apart: what was sent and not acknowledged, and what was never sent', () => {
    const outgoing = outgoingOf(65, 'a', 'b', 'c', 'd');
    sendAll(outgoing);
    outgoing.acknowledge(1);
    expect(outgoing.everSent).toBe(2);
    expect(outgoing.splitAt(2)).toEqual({ before: ['b'], after: ['c', 'd'] });
    expect(outgoing.splitAt(0)).toEqual({ before: [], after: ['b', 'c', 'd'] });
    outgoing.discardUnsent();
    expect([outgoing.waiting, outgoing.length]).toEqual([0, 1]);
    outgoing.push('e');
    expect(sendAll(outgoing)).toEqual(['e']);
  });

  it('are not sent behind the limit, of whatever size the window is', () => {
    const outgoing = outgoingOf(1_000, 'a', 'b', 'c');
    outgoing.limit = 1;
    expect(sendAll(outgoing)).toEqual(['a']);
    outgoing.limit = 2;
    expect(sendAll(outgoing)).toEqual(['b']);
    // What was sent may be sent again.
    outgoing.limit = 0;
    outgoing.rewind();
    expect(sendAll(outgoing)).toEqual(['a', 'b']);
  });

  it('are those behind a number, acknowledged or not sent', () => {
    const outgoing = outgoingOf(65, 'a', 'b', 'c', 'd');
    sendAll(outgoing);
    outgoing.acknowledge(1);
    expect([1, 3, 4].map((number) => outgoing.after(number))).toEqual([['b', 'c', 'd'], ['d'], []]);
    expect(outgoing.last).toBe(4);
  });

  it('go on where another server was: its client may have all of them, and nothing more', () => {
    const outgoing = new SavedOutgoing(1_000);
    outgoing.restore(5, ['six', 'seven']);
    outgoing.push('eight');
    expect([4, 5, 7, 8].map((number) => outgoing.canAcknowledge(number))).toEqual([true, true, true, false]);
    outgoing.acknowledge(6);
    expect(sendAll(outgoing)).toEqual(['seven', 'eight']);
    expect([outgoing.waiting, outgoing.last, outgoing.sent]).toEqual([0, 8, 8]);
  });

  it('that were given up are no longer what a client may have of another server', () => {
    const outgoing = new SavedOutgoing(1_000);
    outgoing.restore(5, ['six', 'seven']);
    outgoing.discardUnsent();
    expect(outgoing.canAcknowledge(6)).toBe(false);
    outgoing.restore(5, ['six', 'seven']);
    outgoing.push('eight');
    outgoing.discardUnsent(7);
    expect(sendAll(outgoing)).toEqual(['six', 'seven']);
  });

  it('keep their order over thousands, and are let go of', () => {
    const outgoing = new SavedOutgoing(1_000);
    const sent: unknown[] = [];
    for (let index = 0; index < 10_000; index++) {
      outgoing.push(`${index}`);
      if (index % 3 > 0) sent.push(outgoing.next());
      if (index % 5 === 0) outgoing.acknowledge(sent.length);
    }
    outgoing.acknowledge(sent.length);
    expect(sent).toEqual(Array.from({ length: 6_666 }, (_, index) => `${index}`));
    expect(outgoing.length).toBe(10_000 - 6_666);
  });

  it('keep to the window, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), size: fc.nat(200) }),
      fc.record({ do: fc.constant('send' as const) }),
      fc.record({ do: fc.constant('rewind' as const) }),
      fc.record({ do: fc.constant('acknowledge' as const), share: fc.nat(100) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.array(step, { maxLength: 200 }), (window, steps) => {
        const outgoing = new SavedOutgoing(window);
        const all: string[] = [];
        let everSent = 0;
        let acknowledged = 0;
        /** What was sent, and what ought to be. */
        const pairs: [Numbered | undefined, string | undefined][] = [];
        for (const each of steps) {
          if (each.do === 'push') {
            all.push(`${all.length}`.padEnd(each.size, '.'));
            outgoing.push(all.at(-1)!);
          } else if (each.do === 'send') {
            const underWay = all.slice(acknowledged, everSent).reduce((sum, item) => sum + weightOf(item), 0);
            const number = outgoing.sent;
            const isNew = number === everSent;
            const maySend = !isNew || (everSent < all.length && underWay < window);
            pairs.push([outgoing.next(), maySend ? all[number] : undefined]);
            if (isNew && maySend) everSent++;
          } else if (each.do === 'rewind') {
            outgoing.rewind();
          } else {
            acknowledged += Math.floor(((everSent - acknowledged) * each.share) / 100);
            outgoing.acknowledge(acknowledged);
          }
          expect(outgoing.length).toBe(all.length - acknowledged);
          expect(outgoing.waiting).toBe(all.slice(everSent).reduce((sum, item) => sum + weightOf(item), 0));
          expect(outgoing.splitAt(outgoing.everSent)).toEqual({
            before: all.slice(acknowledged, everSent),
            after: all.slice(everSent),
          });
        }
        for (const [sent, expected] of pairs) expect(sent).toBe(expected);
      }),
    );
  });
});

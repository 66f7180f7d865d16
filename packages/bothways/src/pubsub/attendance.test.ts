import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualTime } from '../session/test-time.js';
import { Attendance } from './attendance.js';

const GRACE = 10_000;

function attendanceOf(grace = GRACE) {
  const time = new VirtualTime();
  const told: unknown[][] = [];
  const attendance = new Attendance(time, grace, {
    onHere: (topic, { id, info }) => void told.push(['here', topic, id, info]),
    onGone: (topic, id) => void told.push(['gone', topic, id]),
  });
  return { time, told, attendance };
}

const ann = { id: 'ann', info: null };

describe('Members of a node', () => {
  it('are here once, by however many connections, and gone when the last one leaves', () => {
    const { told, attendance } = attendanceOf();
    attendance.enter('a', ann);
    attendance.enter('a', ann);
    attendance.enter('b', ann);
    attendance.leave('a', 'ann', false);
    attendance.leave('nowhere', 'ann', false);
    expect(told).toEqual([
      ['here', 'a', 'ann', null],
      ['here', 'b', 'ann', null],
    ]);
    attendance.leave('a', 'ann', false);
    expect(told.slice(2)).toEqual([['gone', 'a', 'ann']]);
    expect([...attendance]).toEqual([['b', ann]]);
  });

  it('are told of again when there is something else to say of them', () => {
    const { told, attendance } = attendanceOf();
    for (const info of [{ mood: 'good' }, { mood: 'good' }, { mood: 'bad' }])
      attendance.enter('a', { id: 'ann', info });
    expect(told.map(([, , , info]) => info)).toEqual([{ mood: 'good' }, { mood: 'bad' }]);
    expect([...attendance]).toEqual([['a', { id: 'ann', info: { mood: 'bad' } }]]);
  });

  it('that are lost are gone after the grace period, if they have not come back', () => {
    const { time, told, attendance } = attendanceOf();
    attendance.enter('a', ann);
    attendance.leave('a', 'ann', true);
    time.pass(GRACE - 1);
    expect(told).toHaveLength(1);
    attendance.enter('a', ann);
    time.pass(2 * GRACE);
    expect(told).toHaveLength(1);
    attendance.leave('a', 'ann', true);
    time.pass(GRACE - 1);
    expect(told).toHaveLength(1);
    time.pass(1);
    expect(told.slice(1)).toEqual([['gone', 'a', 'ann']]);
    expect([...attendance]).toEqual([]);
  });

  it('that come back and are lost again have the whole time once more, and nobody waits for them', () => {
    const { time, told, attendance } = attendanceOf();
    for (const id of ['ann', 'bob']) attendance.enter('a', { id, info: null });
    attendance.leave('a', 'ann', true);
    time.pass(1_000);
    attendance.leave('a', 'bob', true);
    time.pass(1_000);
    attendance.enter('a', ann);
    attendance.leave('a', 'ann', true);
    time.pass(GRACE - 1_000);
    expect(told.slice(2)).toEqual([['gone', 'a', 'bob']]);
    time.pass(1_000);
    expect(told.slice(3)).toEqual([['gone', 'a', 'ann']]);
  });

  it('that say goodbye while they are waited for are gone at once', () => {
    const { time, told, attendance } = attendanceOf();
    attendance.enter('a', ann);
    attendance.leave('a', 'ann', true);
    attendance.enter('a', ann);
    attendance.leave('a', 'ann', false);
    expect(told.slice(1)).toEqual([['gone', 'a', 'ann']]);
    attendance.enter('a', ann);
    time.pass(2 * GRACE);
    expect(told.slice(2)).toEqual([['here', 'a', 'ann', null]]);
  });

  it('are gone at once without a grace period', () => {
    const { told, attendance } = attendanceOf(0);
    attendance.enter('a', ann);
    attendance.leave('a', 'ann', true);
    expect(told.at(-1)).toEqual(['gone', 'a', 'ann']);
  });

  it('are 100,000 at most', () => {
    const { attendance } = attendanceOf();
    for (let index = 0; index < 100_000; index++)
      attendance.enter(`${index % 10}`, { id: `${index}`, info: null });
    expect(() => attendance.enter('a', ann)).toThrow(
      expect.objectContaining({ code: 'ERR_TOO_MANY_MEMBERS', limit: 'members', value: 100_000 }),
    );
    attendance.enter('0', { id: '0', info: null });
    attendance.leave('1', '1', false);
    attendance.enter('a', ann);
  });

  it('are here as long as one of their connections is, whatever happens', () => {
    const step = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('enter', 'leave', 'lose', 'wait'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { time, told, attendance } = attendanceOf();
        const counts = new Map<string, number>();
        for (const { id, what } of steps) {
          const count = counts.get(id) ?? 0;
          if (what === 'wait') time.pass(3_000);
          else if (what === 'enter') {
            attendance.enter('t', { id, info: null });
            counts.set(id, count + 1);
          } else if (count > 0) {
            attendance.leave('t', id, what === 'lose');
            counts.set(id, count - 1);
          }
        }
        time.pass(GRACE);
        const here = [...counts].filter(([, count]) => count > 0).map(([id]) => id);
        expect([...attendance].map(([, { id }]) => id).toSorted()).toEqual(here.toSorted());
        const seen = new Set<unknown>();
        for (const [kind, , id] of told) {
          expect(seen.has(id)).toBe(kind === 'gone');
          if (kind === 'here') seen.add(id);
          else seen.delete(id);
        }
      }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { limits, type Stroke } from '../../../../src/talk/messages.js';
import { BoardModel, isFull, messagesFor, type Draft } from './board-model.js';

function draft(id: string, points = [1, 2, 50]): Draft {
  return { id, color: 0, width: 20, points, sent: 0, done: false };
}

function stroke(seq: number, from = 'eve', id = `s${seq}`): Stroke {
  return { seq, from, id, color: 0, width: 20, points: [1, 2, 50] };
}

function board(): BoardModel {
  const model = new BoardModel();
  model.you = 'ada';
  return model;
}

describe('what is painted', () => {
  it('is what the server has, in its order, and above it what it has not confirmed', () => {
    const model = board();
    const own = draft('d1');
    model.begin(own);
    model.add([stroke(2), stroke(1)]);
    expect(model.painted().map((one) => ('seq' in one ? one.seq : 'draft'))).toEqual([1, 2, 'draft']);
    model.confirm('d1', 3);
    expect(model.painted().map((one) => ('seq' in one ? one.seq : 'draft'))).toEqual([1, 2, 3]);
  });

  it('does not show a draft twice when the server tells the half of it that it had', () => {
    const model = board();
    model.begin(draft('d1'));
    model.add([stroke(1, 'ada', 'd1')]);
    expect(model.painted()).toHaveLength(1);
  });

  it('takes no points for a stroke that is gone or still to come', () => {
    expect(board().extendRemote(1, [1, 1, 1])).toBeUndefined();
  });
});

describe('a draft', () => {
  it('is told again when it was cleared away while it was being drawn', () => {
    const model = board();
    const own = draft('d1');
    model.begin(own);
    expect(model.confirm('d1', 0)).toEqual([own]);
    expect(model.confirm('d1', 4)).toEqual([]);
    expect(model.confirm('d1', 5)).toEqual([]);
  });

  it('can be taken back without a server once it is done', () => {
    const model = board();
    const own = draft('d1');
    model.begin(own);
    model.dropLastDraft();
    expect(model.summary.value.unconfirmed).toBe(1);
    model.finish(own);
    model.dropLastDraft();
    expect(model.summary.value.unconfirmed).toBe(0);
  });

  it('goes out in messages that are not too long, from where it was sent last', () => {
    const numbers = 3 * limits.pointsPerMessage;
    const own = draft('d1', Array<number>(numbers + 3).fill(1));
    expect(messagesFor(own).map(({ type }) => type)).toEqual(['stroke', 'points']);
    expect(messagesFor(own)).toEqual([]);
    own.points.push(7, 8, 9);
    expect(messagesFor(own)).toEqual([{ type: 'points', id: 'd1', points: [7, 8, 9] }]);
  });

  it('is full when the server would take no more points', () => {
    const own = draft('d1', Array<number>(3 * (limits.pointsPerStroke - 1)).fill(1));
    expect([isFull(own, 3), isFull(own, 6)]).toEqual([false, true]);
  });
});

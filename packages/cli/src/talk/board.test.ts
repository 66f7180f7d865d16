import { describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { limits } from './messages.js';

const dot = (id: string) => ({ id, color: 1, width: 20, points: [1, 2, 50] });

describe('a stroke', () => {
  it('grows while it is drawn', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    board.extend('ada', 'a', [3, 4, 50]);
    expect(board.strokes()).toEqual([{ ...dot('a'), seq: 1, from: 'ada', points: [1, 2, 50, 3, 4, 50] }]);
  });

  it('can only be gone on with by whoever began it', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    expect(board.extend('eve', 'a', [3, 4, 50])).toBeUndefined();
  });

  it('replaces an earlier one of the same id and person, so that sending it twice is harmless', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    expect(board.begin('ada', dot('a')).erased).toEqual([1]);
    board.begin('eve', dot('a'));
    expect(board.strokes().map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it('ends where it is as long as one may be', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    const points = Array<number>(3 * (limits.pointsPerStroke - 1)).fill(1);
    expect(board.extend('ada', 'a', points)).toBeDefined();
    expect(board.extend('ada', 'a', [1, 1, 1])).toBeUndefined();
  });
});

describe('the bounds', () => {
  it('drop the oldest stroke when there are too many', () => {
    const board = new Board({ strokes: 2, numbers: 1000 });
    board.begin('ada', dot('a'));
    board.begin('ada', dot('b'));
    expect(board.begin('ada', dot('c')).erased).toEqual([1]);
    expect(board.find('ada', 'a')).toBeUndefined();
  });

  it('drop as many of the oldest as new points need', () => {
    const board = new Board({ strokes: 10, numbers: 12 });
    for (const id of ['a', 'b', 'c']) board.begin('ada', dot(id));
    expect(board.extend('ada', 'c', [1, 1, 1, 2, 2, 2])?.erased).toEqual([1]);
    expect(board.extend('ada', 'c', [1, 1, 1])?.erased).toEqual([2]);
    expect(board.size).toBe(1);
  });
});

describe('taking back', () => {
  it('takes the last stroke of that person and nobody else', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    board.begin('ada', dot('b'));
    board.begin('eve', dot('c'));
    expect([board.eraseLast('ada'), board.eraseLast('ada'), board.eraseLast('ada')]).toEqual([
      2,
      1,
      undefined,
    ]);
    expect(board.size).toBe(1);
  });

  it('brings a cleared board back, below what was drawn since', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    expect(board.clear('Ada')).toEqual({ by: 'Ada', strokes: 1 });
    board.begin('eve', dot('b'));
    expect(board.restore()?.strokes.map(({ seq }) => seq)).toEqual([1]);
    expect(board.strokes().map(({ seq }) => seq)).toEqual([1, 2]);
    expect(board.restore()).toBeUndefined();
    expect(board.cleared).toBeNull();
  });

  it('brings back no more than fits', () => {
    const board = new Board({ strokes: 2, numbers: 1000 });
    board.begin('ada', dot('a'));
    board.begin('ada', dot('b'));
    board.clear('Ada');
    board.begin('eve', dot('c'));
    const restored = board.restore();
    expect(restored?.strokes.map(({ seq }) => seq)).toEqual([2]);
    expect(board.strokes().map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it('does not take an empty board for something to bring back', () => {
    const board = new Board();
    board.begin('ada', dot('a'));
    board.clear('Ada');
    expect(board.clear('Eve')).toBeNull();
    expect(board.cleared?.by).toBe('Ada');
  });
});

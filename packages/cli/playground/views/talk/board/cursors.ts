import type { Position, Stroke } from '../../../../src/talk/messages.js';
import { Store } from '../../../store.js';

export interface Cursor {
  readonly at: Position;
  /** The colour of the line being drawn, if one is. */
  readonly color: number | null;
}

/** Where the others are on the board, by the id of the person. */
export class Cursors {
  readonly all = new Store<ReadonlyMap<string, Cursor>>(new Map());

  move(from: string, at: Position | null): void {
    this.#set(from, at && { at, color: null });
  }

  /** Follows a line that is being drawn. */
  follow(stroke: Stroke): void {
    const [x = 0, y = 0] = stroke.points.slice(-3);
    this.#set(stroke.from, { at: [x, y], color: stroke.color });
  }

  clear(): void {
    this.all.set(new Map());
  }

  #set(from: string, cursor: Cursor | null): void {
    const all = new Map(this.all.value);
    if (cursor) all.set(from, cursor);
    else if (!all.delete(from)) return;
    this.all.set(all);
  }
}

import { limits, numbersPerPoint, type Cleared, type Stroke } from './messages.js';

/** What the board holds at most: the oldest strokes make room. 1 MiB of points at four bytes a number. */
export const boardLimits = { strokes: 2000, numbers: (1024 * 1024) / 4 } as const;

export interface NewStroke {
  readonly id: string;
  readonly color: number;
  readonly width: number;
  readonly points: number[];
}

export interface Change {
  readonly stroke: Stroke;
  /** The strokes that are gone because of it, by `seq`. */
  readonly erased: readonly number[];
}

/** The shared drawing: strokes in the order they were begun, bounded in number and in points. */
export class Board {
  readonly #most: { readonly strokes: number; readonly numbers: number };
  readonly #strokes = new Map<number, Stroke>();
  readonly #byId = new Map<string, Stroke>();
  #numbers = 0;
  #seq = 0;
  #cleared: { readonly by: string; readonly strokes: readonly Stroke[] } | undefined;

  constructor(most: { readonly strokes: number; readonly numbers: number } = boardLimits) {
    this.#most = most;
  }

  get size(): number {
    return this.#strokes.size;
  }

  get cleared(): Cleared | null {
    return this.#cleared ? { by: this.#cleared.by, strokes: this.#cleared.strokes.length } : null;
  }

  /** The strokes in painting order, as they are now. */
  strokes(): Stroke[] {
    return [...this.#strokes.values()];
  }

  has(stroke: Stroke): boolean {
    return this.#strokes.get(stroke.seq) === stroke;
  }

  find(from: string, id: string): Stroke | undefined {
    return this.#byId.get(`${from}/${id}`);
  }

  /** Begins a stroke; one with the same id by the same person is replaced. */
  begin(from: string, { id, color, width, points }: NewStroke): Change {
    const before = this.find(from, id);
    if (before) this.#remove(before);
    const stroke: Stroke = { seq: ++this.#seq, from, id, color, width, points: [...points] };
    this.#add(stroke);
    const erased = this.#makeRoom();
    return { stroke, erased: before ? [before.seq, ...erased] : erased };
  }

  /** Goes on with a stroke. `undefined` when it is not there (any more) or is as long as one may be. */
  extend(from: string, id: string, points: readonly number[]): Change | undefined {
    const stroke = this.find(from, id);
    if (!stroke) return undefined;
    if (stroke.points.length + points.length > limits.pointsPerStroke * numbersPerPoint) return undefined;
    stroke.points.push(...points);
    this.#numbers += points.length;
    return { stroke, erased: this.#makeRoom() };
  }

  /** Takes away the last stroke that this person began, and says which it was. */
  eraseLast(from: string): number | undefined {
    const last = this.strokes().findLast((stroke) => stroke.from === from);
    if (last) this.#remove(last);
    return last?.seq;
  }

  /** Empties the board and keeps what was on it for `restore`. `null` when it was empty. */
  clear(by: string): Cleared | null {
    if (this.size === 0) return null;
    this.#cleared = { by, strokes: this.strokes() };
    this.#strokes.clear();
    this.#byId.clear();
    this.#numbers = 0;
    return this.cleared;
  }

  /** Brings back what was cleared, below what was drawn since. */
  restore(): { readonly strokes: readonly Stroke[]; readonly erased: readonly number[] } | undefined {
    const back = this.#cleared?.strokes;
    if (!back) return undefined;
    const since = this.strokes();
    this.#cleared = undefined;
    this.#strokes.clear();
    this.#byId.clear();
    this.#numbers = 0;
    for (const stroke of [...back, ...since]) this.#add(stroke);
    const erased = this.#makeRoom();
    return { strokes: back.filter((stroke) => this.has(stroke)), erased };
  }

  #add(stroke: Stroke): void {
    this.#strokes.set(stroke.seq, stroke);
    this.#byId.set(`${stroke.from}/${stroke.id}`, stroke);
    this.#numbers += stroke.points.length;
  }

  #remove(stroke: Stroke): void {
    this.#strokes.delete(stroke.seq);
    this.#byId.delete(`${stroke.from}/${stroke.id}`);
    this.#numbers -= stroke.points.length;
  }

  #makeRoom(): number[] {
    const erased: number[] = [];
    for (const stroke of this.#strokes.values()) {
      if (this.size <= this.#most.strokes && this.#numbers <= this.#most.numbers) break;
      this.#remove(stroke);
      erased.push(stroke.seq);
    }
    return erased;
  }
}

import {
  limits,
  numbersPerPoint,
  type Cleared,
  type ClientMessage,
  type Stroke,
} from '../../../../src/talk/messages.js';
import { Store } from '../../../store.js';

/** What it takes to paint a stroke. */
export type Painted = Pick<Stroke, 'color' | 'width' | 'points'>;

/** A stroke of one's own until the server says that it has it whole. */
export interface Draft extends Painted {
  readonly id: string;
  /** How many numbers of `points` are on their way. */
  sent: number;
  done: boolean;
}

export interface BoardListener {
  /** A stroke is being drawn. */
  grew(stroke: Painted): void;
  ended(stroke: Painted): void;
  /** Anything else happened. */
  repaint(): void;
}

export interface BoardSummary {
  readonly strokes: number;
  /** Strokes that one can undo, and how many of them even without the server. */
  readonly own: number;
  readonly unconfirmed: number;
  /** What was cleared last and can be brought back. */
  readonly cleared: Cleared | null;
}

const silent: BoardListener = { grew: () => {}, ended: () => {}, repaint: () => {} };

/** Drafts kept for a server that is away; the oldest are given up. */
const maxDrafts = 200;

/** The drawing as this page knows it: what the server has, and above it what it has not confirmed. */
export class BoardModel {
  readonly summary = new Store<BoardSummary>({
    strokes: 0,
    own: 0,
    unconfirmed: 0,
    cleared: null,
  });
  listener: BoardListener = silent;
  you = '';
  readonly #strokes = new Map<number, Stroke>();
  readonly #drafts = new Map<string, Draft>();
  /** Strokes that somebody else is drawing right now. */
  readonly #live = new Set<Stroke>();

  /** In painting order. */
  painted(): Painted[] {
    const strokes = [...this.#strokes.values()].toSorted((a, b) => a.seq - b.seq);
    return [...strokes, ...this.#drafts.values()];
  }

  drafts(): readonly Draft[] {
    return [...this.#drafts.values()];
  }

  begin(draft: Draft): void {
    this.#drafts.set(draft.id, draft);
    const [oldest] = this.#drafts.keys();
    if (this.#drafts.size > maxDrafts && oldest !== undefined) this.#drafts.delete(oldest);
    this.listener.grew(draft);
    this.#summarise();
  }

  extend(draft: Draft, points: readonly number[]): void {
    draft.points.push(...points);
    this.listener.grew(draft);
  }

  finish(draft: Draft): void {
    draft.done = true;
    this.listener.ended(draft);
  }

  /** Takes back the last draft, while there is no server to ask. */
  dropLastDraft(): void {
    const last = this.drafts().findLast(({ done }) => done);
    if (!last) return;
    this.#drafts.delete(last.id);
    this.#changed();
  }

  /**
   * The server has the draft as stroke `seq`. With 0 it was cleared away while it was being drawn.
   *
   * @returns the drafts that the server needs to be told again.
   */
  confirm(id: string, seq: number): readonly Draft[] {
    const draft = this.#drafts.get(id);
    if (!draft) return [];
    if (seq === 0) return [draft];
    this.#drafts.delete(id);
    const { color, width, points } = draft;
    this.#strokes.set(seq, { seq, from: this.you, id, color, width, points });
    this.#summarise();
    return [];
  }

  /** Forgets what the server had, because it is about to tell all of it again. */
  reset(): void {
    this.#strokes.clear();
    this.#changed();
  }

  add(strokes: readonly Stroke[]): void {
    for (const stroke of strokes) {
      // A draft is being told to the server again; it will have that one.
      if (stroke.from === this.you && this.#drafts.has(stroke.id)) continue;
      this.#strokes.set(stroke.seq, stroke);
    }
    this.#changed();
  }

  beginRemote(stroke: Stroke): void {
    this.#strokes.set(stroke.seq, stroke);
    this.#live.add(stroke);
    this.listener.grew(stroke);
    this.#summarise();
  }

  /** `undefined` for a stroke that is not here: it is gone, or its whole is still to come. */
  extendRemote(seq: number, points: readonly number[]): Stroke | undefined {
    const stroke = this.#strokes.get(seq);
    if (!stroke) return undefined;
    stroke.points.push(...points);
    // One that came with the whole board was taken for finished, and painted with it.
    if (!this.#live.has(stroke)) this.listener.repaint();
    this.#live.add(stroke);
    this.listener.grew(stroke);
    return stroke;
  }

  endRemote(seq: number): void {
    const stroke = this.#strokes.get(seq);
    if (stroke) this.#endLive(stroke);
  }

  /** Whoever has left draws no further. */
  endAllOf(from: string): void {
    for (const stroke of this.#live) if (stroke.from === from) this.#endLive(stroke);
  }

  erase(seqs: readonly number[]): void {
    for (const seq of seqs) this.#strokes.delete(seq);
    this.#changed();
  }

  clear(cleared: Cleared): void {
    this.#strokes.clear();
    this.setCleared(cleared);
    this.#changed();
  }

  setCleared(cleared: Cleared | null): void {
    this.summary.set({ ...this.summary.value, cleared });
  }

  #endLive(stroke: Stroke): void {
    if (this.#live.delete(stroke) && this.#strokes.has(stroke.seq)) this.listener.ended(stroke);
  }

  #changed(): void {
    for (const stroke of this.#live) if (this.#strokes.get(stroke.seq) !== stroke) this.#live.delete(stroke);
    this.#summarise();
    this.listener.repaint();
  }

  #summarise(): void {
    const unconfirmed = this.#drafts.size;
    let own = unconfirmed;
    for (const stroke of this.#strokes.values()) if (stroke.from === this.you) own++;
    const strokes = this.#strokes.size + unconfirmed;
    this.summary.set({ ...this.summary.value, strokes, own, unconfirmed });
  }
}

/** Whether a stroke is as long as one may be, so that another must go on from its end. */
export function isFull(draft: Draft, numbers: number): boolean {
  return draft.points.length + numbers > limits.pointsPerStroke * numbersPerPoint;
}

/** The messages that tell the server what it has not been told of this draft, and marks that as sent. */
export function messagesFor(draft: Draft): ClientMessage[] {
  const messages: ClientMessage[] = [];
  const most = limits.pointsPerMessage * numbersPerPoint;
  while (draft.sent < draft.points.length) {
    const points = draft.points.slice(draft.sent, draft.sent + most);
    const { id, color, width } = draft;
    messages.push(
      draft.sent === 0 ? { type: 'stroke', id, color, width, points } : { type: 'points', id, points },
    );
    draft.sent += points.length;
  }
  return messages;
}

import {
  boardSize,
  numbersPerPoint,
  type ClientMessage,
  type Position,
} from '../../../../src/talk/messages.js';
import { randomMark } from '../identity.js';
import { isFull, messagesFor, type BoardModel, type Draft } from './board-model.js';

/** Bytes that may wait in the browser before points are held back and cursors are skipped. */
const maxBacklog = 64 * 1024;
/** Milliseconds between two flushes at least: about 60 a second, however fast the screen is. */
const flushInterval = 15;
/** Milliseconds between two positions of a cursor that is not drawing. */
const cursorInterval = 50;

export interface Wire {
  /** `false` when there is no connection now. */
  send(message: ClientMessage): boolean;
  /** Bytes that wait in the browser. */
  backlog(): number;
}

export interface Ink {
  readonly color: number;
  readonly width: number;
}

function clamp(value: number, max: number): number {
  return Math.min(max, Math.max(0, Math.round(value)));
}

/**
 * Whatever draws: a mouse, a pen, several fingers, the keyboard. Points are gathered and go out once a frame,
 * all that came since the last one in one message.
 */
export class Pen {
  ink: Ink = { color: 0, width: 16 };
  readonly #model: BoardModel;
  readonly #wire: Wire;
  readonly #drawing = new Map<number, Draft>();
  readonly #unsent = new Set<Draft>();
  #cursor: Position | null = null;
  #cursorTold: Position | null = null;
  #cursorAt = 0;
  #flushedAt = 0;
  #frame = 0;

  constructor(model: BoardModel, wire: Wire) {
    this.#model = model;
    this.#wire = wire;
  }

  get isDown(): boolean {
    return this.#drawing.size > 0;
  }

  /** `hand` tells several at once apart. */
  down(hand: number, x: number, y: number, pressure: number): void {
    this.up(hand);
    const points = [clamp(x, boardSize.width), clamp(y, boardSize.height), clamp(pressure, 100)];
    const draft: Draft = { id: randomMark(6), ...this.ink, points, sent: 0, done: false };
    this.#drawing.set(hand, draft);
    this.#unsent.add(draft);
    this.#model.begin(draft);
    this.#schedule();
  }

  /** `points` as in a message: x, y, pressure, one after another. */
  move(hand: number, points: readonly number[]): void {
    const draft = this.#drawing.get(hand);
    if (!draft) return;
    const fresh = distinct(draft.points, points);
    if (fresh.length === 0) return;
    if (isFull(draft, fresh.length)) {
      const [x = 0, y = 0, pressure = 0] = draft.points.slice(-numbersPerPoint);
      this.down(hand, x, y, pressure);
      this.move(hand, points);
      return;
    }
    this.#model.extend(draft, fresh);
    this.#unsent.add(draft);
    this.#schedule();
  }

  up(hand: number): void {
    const draft = this.#drawing.get(hand);
    if (!draft) return;
    this.#drawing.delete(hand);
    this.#model.finish(draft);
    this.#unsent.add(draft);
    this.#schedule();
  }

  /** Where the pointer is while it does not draw; `null` when it left. */
  hover(x: number, y: number): void {
    this.#cursor = [clamp(x, boardSize.width), clamp(y, boardSize.height)];
    this.#schedule();
  }

  leave(): void {
    this.#cursor = null;
    this.#schedule();
  }

  /** Tells the server drafts from their beginning: it may have lost any part of them. */
  resend(drafts: readonly Draft[]): void {
    for (const draft of drafts) {
      draft.sent = 0;
      this.#unsent.add(draft);
    }
    if (drafts.length > 0) this.#schedule();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
  }

  #schedule(): void {
    this.#frame ||= requestAnimationFrame((now) => {
      this.#frame = 0;
      this.#flush(now);
    });
  }

  #flush(now: number): void {
    if (now - this.#flushedAt < flushInterval) {
      this.#schedule();
      return;
    }
    this.#flushedAt = now;
    for (const draft of this.#unsent) {
      if (this.#wire.backlog() > maxBacklog) {
        this.#schedule();
        return;
      }
      this.#unsent.delete(draft);
      // Without a connection the draft stays in the model, for `resend`.
      const all = messagesFor(draft).every((message) => this.#wire.send(message));
      if (all && draft.done) this.#wire.send({ type: 'end', id: draft.id });
    }
    this.#tellCursor(now);
  }

  #tellCursor(now: number): void {
    // While one draws, the others see the cursor at the end of the line.
    if (this.isDown || this.#cursor === this.#cursorTold) return;
    if (this.#cursor && (now - this.#cursorAt < cursorInterval || this.#wire.backlog() > maxBacklog)) {
      this.#schedule();
      return;
    }
    this.#cursorAt = now;
    this.#cursorTold = this.#cursor;
    this.#wire.send({ type: 'cursor', at: this.#cursor });
  }
}

/** The points whose place differs from the one before, so that a pen held still says nothing. */
function distinct(before: readonly number[], points: readonly number[]): number[] {
  let [lastX, lastY] = before.slice(-numbersPerPoint);
  const fresh: number[] = [];
  for (let at = 0; at < points.length; at += numbersPerPoint) {
    const x = clamp(points[at] ?? 0, boardSize.width);
    const y = clamp(points[at + 1] ?? 0, boardSize.height);
    if (x === lastX && y === lastY) continue;
    fresh.push(x, y, clamp(points[at + 2] ?? 0, 100));
    [lastX, lastY] = [x, y];
  }
  return fresh;
}

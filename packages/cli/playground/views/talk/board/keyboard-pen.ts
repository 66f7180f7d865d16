import { boardSize, type Position } from '../../../../src/talk/messages.js';
import { Store } from '../../../store.js';
import type { Pen } from './pen.js';

export interface KeyboardPenState {
  readonly at: Position;
  readonly down: boolean;
  /** It shows from the first key on, and goes when the board loses the focus. */
  readonly shown: boolean;
}

const step = 40;
const bigStep = 200;
/** No pointer has this id. */
const hand = -1;

const directions: Readonly<Record<string, Position>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A pen moved by the arrow keys, put down and lifted by the space bar. */
export class KeyboardPen {
  readonly state = new Store<KeyboardPenState>({
    at: [boardSize.width / 2, boardSize.height / 2],
    down: false,
    shown: false,
  });
  readonly #pen: Pen;

  constructor(pen: Pen) {
    this.#pen = pen;
  }

  /** Obeys a key; `false` when it means nothing here. */
  key(key: string, shift: boolean): boolean {
    const direction = directions[key];
    if (direction) this.#move(direction, shift ? bigStep : step);
    else if (key === ' ') this.#toggle();
    else if (key === 'Escape' && this.state.value.down) this.#lift();
    else return false;
    return true;
  }

  /** Lifts the pen and takes it off the board. */
  leave(): void {
    this.#lift();
    if (!this.state.value.shown) return;
    this.state.set({ ...this.state.value, shown: false });
    this.#pen.leave();
  }

  #move([right, down]: Position, by: number): void {
    const [x, y] = this.state.value.at;
    const at: Position = [
      Math.min(boardSize.width, Math.max(0, x + right * by)),
      Math.min(boardSize.height, Math.max(0, y + down * by)),
    ];
    this.state.set({ ...this.state.value, at, shown: true });
    if (this.state.value.down) this.#pen.move(hand, [...at, 50]);
    else this.#pen.hover(...at);
  }

  #toggle(): void {
    if (this.state.value.down) {
      this.#lift();
      return;
    }
    this.#pen.down(hand, ...this.state.value.at, 50);
    this.state.set({ ...this.state.value, down: true, shown: true });
  }

  #lift(): void {
    if (!this.state.value.down) return;
    this.#pen.up(hand);
    this.state.set({ ...this.state.value, down: false });
  }
}

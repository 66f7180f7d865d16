import { boardSize, colorCount, numbersPerPoint } from '../../../../src/talk/messages.js';
import type { BoardListener, BoardModel, Painted } from './board-model.js';

/** How wide a stroke is at a pressure of 0 to 100; at 50, where nothing is known of it, just its width. */
function widthAt(width: number, pressure: number): number {
  return width * (0.4 + 0.012 * pressure);
}

/** Paints the board onto a canvas, smoothly: through the middles between points, with the points as guides. */
export class Painter implements BoardListener {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #model: BoardModel;
  #colors: string[] = [];
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, model: BoardModel) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser has no canvas');
    this.#canvas = canvas;
    this.#context = context;
    this.#model = model;
    this.readColors();
  }

  /** Fits the canvas to its size on the screen, in the screen's own pixels. */
  resize(cssWidth: number, pixelRatio: number): void {
    const width = Math.max(1, Math.round(cssWidth * pixelRatio));
    const height = Math.round((width * boardSize.height) / boardSize.width);
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#paintAll();
  }

  /** To be called when the theme changed: each has its own shades of the palette. */
  readColors(): void {
    const style = getComputedStyle(this.#canvas);
    this.#colors = Array.from({ length: colorCount }, (_, index) => {
      // A custom property keeps `light-dark()` as it is written; a colour that is used is resolved.
      this.#canvas.style.color = `var(--pen-${index})`;
      return style.color;
    });
    this.#canvas.style.color = '';
    this.repaint();
  }

  grew(stroke: Painted, from: number): void {
    this.#prepare(stroke);
    const first = from / numbersPerPoint;
    const count = stroke.points.length / numbersPerPoint;
    if (first === 0) this.#start(stroke);
    for (let index = Math.max(1, first - 1); index < count - 1; index++) this.#bend(stroke, index);
  }

  ended(stroke: Painted): void {
    this.#prepare(stroke);
    this.#finish(stroke);
  }

  repaint(): void {
    this.#frame ||= requestAnimationFrame(() => this.#paintAll());
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
  }

  #paintAll(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    for (const stroke of this.#model.painted()) {
      this.grew(stroke, 0);
      this.#finish(stroke);
    }
  }

  #prepare({ color }: Painted): void {
    const scale = this.#canvas.width / boardSize.width;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#context.lineCap = 'round';
    this.#context.lineJoin = 'round';
    this.#context.strokeStyle = this.#colors[color] ?? '';
  }

  /** A dot, and the straight beginning to the first middle. */
  #start({ points, width }: Painted): void {
    const [x, y, pressure] = pointAt(points, 0);
    const [nextX, nextY] = points.length > numbersPerPoint ? pointAt(points, 1) : [x, y];
    // A line of no length at all is not painted, not even its round ends.
    this.#line(x, y, (x + nextX) / 2 + 0.01, (y + nextY) / 2, widthAt(width, pressure));
  }

  /** The curve from the middle before a point to the middle after it. */
  #bend({ points, width }: Painted, index: number): void {
    const [beforeX, beforeY] = pointAt(points, index - 1);
    const [x, y, pressure] = pointAt(points, index);
    const [afterX, afterY] = pointAt(points, index + 1);
    const context = this.#context;
    context.lineWidth = widthAt(width, pressure);
    context.beginPath();
    context.moveTo((beforeX + x) / 2, (beforeY + y) / 2);
    context.quadraticCurveTo(x, y, (x + afterX) / 2, (y + afterY) / 2);
    context.stroke();
  }

  /** The straight end, from the last middle to the last point. */
  #finish({ points, width }: Painted): void {
    const last = points.length / numbersPerPoint - 1;
    if (last < 1) return;
    const [beforeX, beforeY] = pointAt(points, last - 1);
    const [x, y, pressure] = pointAt(points, last);
    this.#line((beforeX + x) / 2, (beforeY + y) / 2, x, y, widthAt(width, pressure));
  }

  #line(x1: number, y1: number, x2: number, y2: number, width: number): void {
    const context = this.#context;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }
}

function pointAt(points: readonly number[], index: number): [x: number, y: number, pressure: number] {
  const at = index * numbersPerPoint;
  return [points[at] ?? 0, points[at + 1] ?? 0, points[at + 2] ?? 0];
}

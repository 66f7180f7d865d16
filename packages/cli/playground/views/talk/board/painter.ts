import { boardSize, colorCount, numbersPerPoint } from '../../../../src/talk/messages.js';
import type { BoardListener, BoardModel, Painted } from './board-model.js';

/** How wide a stroke is at a pressure of 0 to 100; at 50, where nothing is known of it, just its width. */
function widthAt(width: number, pressure: number): number {
  return width * (0.4 + 0.012 * pressure);
}

/**
 * Paints the board, smoothly: through the middles between points, with the points as guides. What is finished
 * lies on one canvas, painted once and whole; what is still being drawn is painted anew each frame on a second
 * one above it, because a line that is pieced together shows its seams.
 */
export class Painter implements BoardListener {
  readonly #settled: CanvasRenderingContext2D;
  readonly #live: CanvasRenderingContext2D;
  readonly #model: BoardModel;
  readonly #growing = new Set<Painted>();
  #colors: string[] = [];
  #allStale = false;
  #frame = 0;

  constructor(settled: HTMLCanvasElement, live: HTMLCanvasElement, model: BoardModel) {
    this.#settled = contextOf(settled);
    this.#live = contextOf(live);
    this.#model = model;
    this.readColors();
  }

  /** Fits the canvases to their size on the screen, in the screen's own pixels. */
  resize(cssWidth: number, pixelRatio: number): void {
    const width = Math.max(1, Math.round(cssWidth * pixelRatio));
    if (this.#settled.canvas.width === width) return;
    for (const { canvas } of [this.#settled, this.#live]) {
      canvas.width = width;
      canvas.height = Math.round((width * boardSize.height) / boardSize.width);
    }
    // At once and not in the next frame, for resizing has emptied them.
    this.#paintAll();
    this.#paintLive();
  }

  /** To be called when the theme changed: each has its own shades of the palette. */
  readColors(): void {
    const { canvas } = this.#settled;
    this.#colors = Array.from({ length: colorCount }, (_, index) => {
      // A custom property keeps `light-dark()` as it is written; a colour that is used is resolved.
      canvas.style.color = `var(--pen-${index})`;
      return getComputedStyle(canvas).color;
    });
    canvas.style.color = '';
    this.repaint();
  }

  grew(stroke: Painted): void {
    this.#growing.add(stroke);
    this.#schedule();
  }

  ended(stroke: Painted): void {
    this.#growing.delete(stroke);
    this.#paint(this.#settled, stroke);
    this.#schedule();
  }

  repaint(): void {
    this.#allStale = true;
    this.#schedule();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
  }

  #schedule(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#allStale) this.#paintAll();
      this.#paintLive();
    });
  }

  #paintAll(): void {
    this.#allStale = false;
    const strokes = this.#model.painted();
    const present = new Set(strokes);
    for (const stroke of this.#growing) if (!present.has(stroke)) this.#growing.delete(stroke);
    erase(this.#settled);
    for (const stroke of strokes) if (!this.#growing.has(stroke)) this.#paint(this.#settled, stroke);
  }

  #paintLive(): void {
    erase(this.#live);
    for (const stroke of this.#growing) this.#paint(this.#live, stroke);
  }

  #paint(context: CanvasRenderingContext2D, { color, width, points }: Painted): void {
    const scale = context.canvas.width / boardSize.width;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.strokeStyle = this.#colors[color] ?? '';
    tracePath(context, points, width);
  }
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser has no canvas');
  return context;
}

function erase(context: CanvasRenderingContext2D): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}

/** One path as long as the width stays the same, and another where it changes with the pressure. */
function tracePath(context: CanvasRenderingContext2D, points: readonly number[], width: number): void {
  const [firstX = 0, firstY = 0, firstPressure = 0] = points;
  let [x, y, pressure] = [firstX, firstY, firstPressure];
  context.lineWidth = widthAt(width, pressure);
  context.beginPath();
  context.moveTo(x, y);
  // A line of no length at all is not painted, not even its round ends.
  if (points.length === numbersPerPoint) context.lineTo(x + 0.01, y);
  for (let at = numbersPerPoint; at < points.length; at += numbersPerPoint) {
    const [nextX = 0, nextY = 0, nextPressure = 0] = points.slice(at, at + numbersPerPoint);
    const [middleX, middleY] = [(x + nextX) / 2, (y + nextY) / 2];
    context.quadraticCurveTo(x, y, middleX, middleY);
    if (nextPressure !== pressure) {
      context.stroke();
      context.lineWidth = widthAt(width, nextPressure);
      context.beginPath();
      context.moveTo(middleX, middleY);
    }
    [x, y, pressure] = [nextX, nextY, nextPressure];
  }
  context.lineTo(x, y);
  context.stroke();
}

import { boardSize } from '../../../../src/talk/messages.js';
import type { Pen } from './pen.js';

/** Lets mice, pens and fingers draw on an element. Returns how to stop that. */
export function listenToPointers(target: HTMLElement, pen: Pen): () => void {
  const listening = new AbortController();
  const { signal } = listening;

  target.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      capture(target, event.pointerId);
      const [x = 0, y = 0, pressure = 0] = toPoint(target, event);
      pen.down(event.pointerId, x, y, pressure);
    },
    { signal },
  );
  target.addEventListener(
    'pointermove',
    (event) => {
      const points = coalesced(event).flatMap((one) => toPoint(target, one));
      pen.move(event.pointerId, points);
      const [x = 0, y = 0] = points.slice(-3);
      if (!pen.isDown) pen.hover(x, y);
    },
    { signal },
  );
  const lift = (event: PointerEvent): void => {
    pen.up(event.pointerId);
    if (event.pointerType === 'touch') pen.leave();
  };
  target.addEventListener('pointerup', lift, { signal });
  target.addEventListener('pointercancel', lift, { signal });
  target.addEventListener('pointerleave', () => pen.leave(), { signal });
  return () => listening.abort();
}

/** A stroke goes on when the pointer leaves the board. A pointer that is gone already cannot be captured. */
function capture(target: HTMLElement, pointerId: number): void {
  try {
    target.setPointerCapture(pointerId);
  } catch {
    // Nothing is lost but what happens outside.
  }
}

/** What the device saw between two frames, which the browser hands over together. */
function coalesced(event: PointerEvent): readonly PointerEvent[] {
  const events = event.getCoalescedEvents();
  return events.length > 0 ? events : [event];
}

function toPoint(target: HTMLElement, event: PointerEvent): number[] {
  const box = target.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * boardSize.width;
  const y = ((event.clientY - box.top) / box.height) * boardSize.height;
  return [x, y, event.pointerType === 'pen' ? event.pressure * 100 : 50];
}

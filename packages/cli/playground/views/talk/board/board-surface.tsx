import type { RefObject } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { boardSize } from '../../../../src/talk/messages.js';
import { useStore } from '../../../store.js';
import { shownTheme } from '../../../theme.js';
import type { TalkSession } from '../talk-session.js';
import { CursorLayer, KeyboardCursor } from './cursor-layer.js';
import { KeyboardPen } from './keyboard-pen.js';
import { Painter } from './painter.js';
import { listenToPointers } from './pointer-input.js';

/** The board has whole squares of whole pixels: its grid stays even at every size. */
const columns = 32;

export function BoardSurface({ session }: { readonly session: TalkSession }) {
  const frame = useRef<HTMLDivElement>(null);
  const surface = useRef<HTMLDivElement>(null);
  const settled = useRef<HTMLCanvasElement>(null);
  const live = useRef<HTMLCanvasElement>(null);
  const keyboard = useMemo(() => new KeyboardPen(session.pen), [session]);
  usePainter(session, { frame, surface, settled, live });

  const press = (event: KeyboardEvent): void => {
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z';
    if (undo) session.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!keyboard.key(event.key, event.shiftKey)) return;
    event.preventDefault();
  };

  return (
    <div ref={frame} class="board-frame">
      <div
        ref={surface}
        class="board-surface"
        role="application"
        aria-label="Drawing board"
        aria-describedby="board-hint"
        tabIndex={0}
        onKeyDown={press}
        onBlur={() => keyboard.leave()}
      >
        <canvas ref={settled} class="board-canvas" />
        <canvas ref={live} class="board-canvas" />
        <CursorLayer session={session} />
        <KeyboardCursor keyboard={keyboard} />
      </div>
    </div>
  );
}

interface Parts {
  readonly frame: RefObject<HTMLDivElement>;
  readonly surface: RefObject<HTMLDivElement>;
  readonly settled: RefObject<HTMLCanvasElement>;
  readonly live: RefObject<HTMLCanvasElement>;
}

function usePainter(session: TalkSession, { frame, surface, settled, live }: Parts): void {
  const theme = useStore(shownTheme);
  const painter = useRef<Painter | null>(null);

  useEffect(() => {
    if (!frame.current || !surface.current || !settled.current || !live.current) return undefined;
    const painting = new Painter(settled.current, live.current, session.board);
    painter.current = painting;
    session.board.listener = painting;
    const stopPointers = listenToPointers(surface.current, session.pen);
    const stopFitting = keepFitted(frame.current, surface.current, painting);
    return () => {
      stopPointers();
      stopFitting();
      painting.dispose();
    };
  }, [session]);

  useEffect(() => painter.current?.readColors(), [theme]);
}

/** Gives the board the largest size that its frame allows, now and whenever that changes. */
function keepFitted(frame: HTMLElement, surface: HTMLElement, painter: Painter): () => void {
  const fit = (): void => {
    const room = Math.min(frame.clientWidth, (frame.clientHeight * boardSize.width) / boardSize.height);
    const width = Math.max(columns, Math.floor(room / columns) * columns);
    surface.style.width = `${width}px`;
    surface.style.height = `${(width * boardSize.height) / boardSize.width}px`;
    painter.resize(width, devicePixelRatio);
  };
  const observer = new ResizeObserver(fit);
  observer.observe(frame);
  // Zooming and moving to another screen change the pixels, and not always the size.
  addEventListener('resize', fit);
  return () => {
    observer.disconnect();
    removeEventListener('resize', fit);
  };
}

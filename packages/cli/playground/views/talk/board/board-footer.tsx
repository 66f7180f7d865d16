import { useState } from 'preact/hooks';
import type { Cleared } from '../../../../src/talk/messages.js';
import { plural } from '../../../format.js';
import { DismissIcon } from '../../../shell/icons.js';
import type { TalkSession } from '../talk-session.js';
import type { BoardSummary } from './board-model.js';

/** Below the board, always as high: how to draw, or how to undo a clearing. */
export function BoardFooter(props: { readonly session: TalkSession; readonly summary: BoardSummary }) {
  const [dismissed, setDismissed] = useState<Cleared | null>(null);
  const { cleared } = props.summary;
  return (
    <div class="board-footer">
      {cleared && cleared !== dismissed ? (
        <p class="board-cleared" role="status">
          <span class="board-cleared-text">
            <bdi>{cleared.by}</bdi> cleared {plural(cleared.strokes, 'stroke', 'strokes')}.
          </span>
          <button type="button" class="button" onClick={() => props.session.restore()}>
            Bring back
          </button>
          <button
            type="button"
            class="button button-plain button-icon"
            aria-label="Dismiss"
            title="Dismiss"
            onClick={() => setDismissed(cleared)}
          >
            <DismissIcon />
          </button>
        </p>
      ) : (
        <Hint />
      )}
      <p id="board-hint" class="unseen">
        Arrow keys move the pen, with Shift faster. Space puts it down and lifts it. Control and Z take back
        your last stroke.
      </p>
    </div>
  );
}

function Hint() {
  return (
    <p class="board-hint" aria-hidden="true">
      <span>Draw with mouse, pen or finger.</span>
      <span class="board-hint-keys">
        By keyboard: <kbd>↑</kbd> <kbd>↓</kbd> <kbd>←</kbd> <kbd>→</kbd> move, <kbd>Space</kbd> pen down or
        up, <kbd>Ctrl</kbd> <kbd>Z</kbd> undo.
      </span>
    </p>
  );
}

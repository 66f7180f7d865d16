import { boardSize, type Position } from '../../../../src/talk/messages.js';
import { useStore } from '../../../store.js';
import type { TalkSession } from '../talk-session.js';
import type { KeyboardPen } from './keyboard-pen.js';

function place([x, y]: Position) {
  return { left: `${(x / boardSize.width) * 100}%`, top: `${(y / boardSize.height) * 100}%` };
}

function percent(value: number, of: number): string {
  return `${Math.round((value / of) * 100)} %`;
}

/** The others' cursors with their names. They are for the eye only: the chat says who is here. */
export function CursorLayer({ session }: { readonly session: TalkSession }) {
  const cursors = useStore(session.cursors.all);
  const { people } = useStore(session.chat);
  return (
    <div class="cursors" aria-hidden="true">
      {[...cursors].map(([id, { at, color }]) => (
        <div key={id} class="cursor" style={place(at)}>
          <svg width="14" height="14" viewBox="0 0 14 14">
            <path d="M1 1l4.5 12 2-5.5 5.5-2z" />
          </svg>
          <span class="cursor-name" dir="auto">
            {color !== null && <span class={`swatch-small pen-${color}`} />}
            {people.find((person) => person.id === id)?.name}
          </span>
        </div>
      ))}
    </div>
  );
}

/** The pen that the arrow keys move, and where it is in words for those who do not see it. */
export function KeyboardCursor({ keyboard }: { readonly keyboard: KeyboardPen }) {
  const { at, down, shown } = useStore(keyboard.state);
  if (!shown) return null;
  const where = `${percent(at[0], boardSize.width)} from the left, ${percent(at[1], boardSize.height)} from the top`;
  return (
    <div class={`keyboard-pen ${down ? 'keyboard-pen-down' : ''}`} style={place(at)}>
      <svg width="32" height="32" viewBox="0 0 32 32" aria-hidden="true">
        <circle cx="16" cy="16" r={down ? 5 : 7} />
        <path d="M16 2v6M16 24v6M2 16h6M24 16h6" />
      </svg>
      <span class="unseen" role="status">
        Pen {down ? 'down' : 'up'}, {where}
      </span>
    </div>
  );
}

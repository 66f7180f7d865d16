import { useEffect, useState } from 'preact/hooks';
import { ClearIcon, UndoIcon } from '../../../shell/icons.js';
import type { TalkSession } from '../talk-session.js';
import type { BoardSummary } from './board-model.js';

const colors = ['Ink', 'Red', 'Amber', 'Green', 'Blue', 'Violet'] as const;

const widths = [
  { name: 'Fine', units: 10, dot: 4 },
  { name: 'Medium', units: 22, dot: 8 },
  { name: 'Broad', units: 56, dot: 14 },
] as const;

export function BoardToolbar(props: {
  readonly session: TalkSession;
  readonly summary: BoardSummary;
  readonly connected: boolean;
}) {
  const { session, summary, connected } = props;
  const [color, setColor] = useState(0);
  const [width, setWidth] = useState<number>(widths[1].units);
  useEffect(() => {
    session.pen.ink = { color, width };
  }, [color, width]);
  return (
    <div class="board-toolbar" role="group" aria-label="Drawing tools">
      <ColorChoice value={color} choose={setColor} />
      <WidthChoice value={width} choose={setWidth} />
      <div class="board-actions">
        <button
          type="button"
          class="button"
          aria-label="Undo"
          disabled={(connected ? summary.own : summary.unconfirmed) === 0}
          title="Take back your last stroke (Ctrl+Z on the board)"
          onClick={() => session.undo()}
        >
          <UndoIcon />
          <span>Undo</span>
        </button>
        <button
          type="button"
          class="button"
          aria-label="Clear"
          disabled={summary.strokes === 0 || !connected}
          title="Clear the board for everyone; it can be brought back"
          onClick={() => session.clear()}
        >
          <ClearIcon />
          <span>Clear</span>
        </button>
      </div>
    </div>
  );
}

interface ChoiceProps {
  readonly value: number;
  readonly choose: (value: number) => void;
}

function ColorChoice({ value, choose }: ChoiceProps) {
  return (
    <fieldset class="choice">
      <legend class="unseen">Colour</legend>
      {colors.map((name, index) => (
        <label key={name} class="choice-item" title={name}>
          <input
            class="unseen"
            type="radio"
            name="pen-color"
            checked={index === value}
            onChange={() => choose(index)}
          />
          <span class={`swatch pen-${index}`} />
          <span class="unseen">{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

function WidthChoice({ value, choose }: ChoiceProps) {
  return (
    <fieldset class="choice">
      <legend class="unseen">Width</legend>
      {widths.map(({ name, units, dot }) => (
        <label key={name} class="choice-item" title={name}>
          <input
            class="unseen"
            type="radio"
            name="pen-width"
            checked={units === value}
            onChange={() => choose(units)}
          />
          <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
            <circle cx="8" cy="8" r={dot / 2} fill="currentColor" />
          </svg>
          <span class="unseen">{name}</span>
        </label>
      ))}
    </fieldset>
  );
}

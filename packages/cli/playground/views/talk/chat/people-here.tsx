import { useState } from 'preact/hooks';
import type { Person } from '../../../../src/talk/messages.js';
import { formatCount, formatList, plural } from '../../../format.js';
import { ChevronIcon } from '../../../shell/icons.js';
import { OpenWindowButton } from './open-window.js';

/** Who is here: in one line, which opens to the whole list. */
export function PeopleHere(props: { readonly people: readonly Person[]; readonly you: Person | null }) {
  const [open, setOpen] = useState(false);
  const others = props.people.filter(({ id }) => id !== props.you?.id);
  return (
    <div class="people">
      <button
        type="button"
        class="people-line"
        aria-expanded={open}
        aria-controls="people-list"
        onClick={() => setOpen(!open)}
      >
        <span class="people-count numbers">{formatCount(props.people.length)} here</span>
        <span class="people-names">{summary(others, props.you)}</span>
        <ChevronIcon />
      </button>
      <div id="people-list" class="people-list" hidden={!open}>
        <ul>
          {props.people.map(({ id, name }) => (
            <li key={id} dir="auto">
              {name}
              {id === props.you?.id && <span class="people-you"> (you)</span>}
            </li>
          ))}
        </ul>
        <OpenWindowButton />
      </div>
    </div>
  );
}

function summary(others: readonly Person[], you: Person | null): string {
  if (!you) return '';
  const named = others.slice(0, 3).map(({ name }) => name);
  const more = others.length - named.length;
  return formatList(['You', ...named, ...(more > 0 ? [plural(more, 'other', 'others')] : [])]);
}

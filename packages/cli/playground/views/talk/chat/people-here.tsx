import { useState } from 'preact/hooks';
import type { Person } from '../../../../src/talk/messages.js';
import { formatCount, formatList, plural } from '../../../format.js';
import { ChevronIcon } from '../../../shell/icons.js';
import { OpenWindowButton } from './open-window.js';

interface Props {
  /** `null` while there is no connection that could tell. */
  readonly people: readonly Person[] | null;
  readonly you: Person | null;
}

/** Who is here: in one line, which opens to the whole list. */
export function PeopleHere({ people, you }: Props) {
  const [open, setOpen] = useState(false);
  if (!people || people.length === 0) {
    return <p class="people people-unknown">Who is here is known once connected</p>;
  }
  return (
    <div class="people">
      <button
        type="button"
        class="people-line"
        aria-expanded={open}
        aria-controls="people-list"
        onClick={() => setOpen(!open)}
      >
        <span class="people-count numbers">{formatCount(people.length)} here</span>
        <span class="people-names">{summary(people, you)}</span>
        <ChevronIcon />
      </button>
      <div id="people-list" class="people-list" hidden={!open}>
        <ul>
          {people.map(({ id, name }) => (
            <li key={id} dir="auto">
              {name}
              {id === you?.id && <span class="people-you"> (you)</span>}
            </li>
          ))}
        </ul>
        <OpenWindowButton />
      </div>
    </div>
  );
}

function summary(people: readonly Person[], you: Person | null): string {
  const others = people.filter(({ id }) => id !== you?.id);
  const named = others.slice(0, 3).map(({ name }) => name);
  const more = others.length - named.length;
  return formatList(['You', ...named, ...(more > 0 ? [plural(more, 'other', 'others')] : [])]);
}

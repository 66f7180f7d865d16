import type { Person } from '../../../../src/talk/messages.js';
import { formatList } from '../../../format.js';
import { useStore } from '../../../store.js';
import type { TypingPeople } from './typing.js';

/** Keeps its height when nobody types, so that nothing jumps. */
export function TypingLine(props: { readonly people: readonly Person[]; readonly typing: TypingPeople }) {
  const ids = useStore(props.typing.ids);
  const names = props.people.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
  return <p class="typing-line">{sentence(names)}</p>;
}

function sentence(names: readonly string[]): string {
  if (names.length === 0) return '';
  if (names.length > 3) return `${names.length} people are typing …`;
  return `${formatList(names)} ${names.length === 1 ? 'is' : 'are'} typing …`;
}

import { useEffect, useState } from 'preact/hooks';
import { limits } from '../../../../src/talk/messages.js';
import { useStore } from '../../../store.js';
import type { TalkSession } from '../talk-session.js';

/** One's own name, to be changed in place. */
export function NameField({ session }: { readonly session: TalkSession }) {
  const name = useStore(session.name);
  const { you } = useStore(session.chat);
  const [text, setText] = useState(name);
  useEffect(() => setText(name), [name]);

  const commit = (): void => {
    session.rename(text);
    // An empty name, or one that only differed in spaces, was not taken.
    setText(session.name.value);
  };

  return (
    <label class="name-field">
      <span>Your name</span>
      <input
        class="name-input"
        type="text"
        autoComplete="nickname"
        spellcheck={false}
        maxLength={limits.nameLength}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText(name);
          if (event.key !== 'Enter') return;
          event.preventDefault();
          commit();
        }}
      />
      {you && you.name !== name && <span class="name-given">shown as {you.name}</span>}
    </label>
  );
}

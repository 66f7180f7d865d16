import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { limits } from '../../../../src/talk/messages.js';
import { plural } from '../../../format.js';
import { SendIcon } from '../../../shell/icons.js';
import { useStore } from '../../../store.js';
import { maxPending, type TalkSession } from '../talk-session.js';
import { NameField } from './name-field.js';

const draftKey = 'bothways.talk.draft';
/** From here on it says how many characters are left. */
const nearlyFull = 120;

/** Where one writes. What is typed outlives a lost connection and a reload. */
export function Composer({ session }: { readonly session: TalkSession }) {
  const [text, setText] = useState(() => sessionStorage.getItem(draftKey) ?? '');
  const { pending } = useStore(session.chat);
  const box = useRef<HTMLTextAreaElement>(null);
  const full = pending.length >= maxPending;
  useHeightOfContent(box, text);

  const change = (next: string): void => {
    setText(next);
    sessionStorage.setItem(draftKey, next);
  };
  const send = (): void => {
    if (text.trim() === '' || !session.say(text.trim())) return;
    change('');
    box.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-head">
        <NameField session={session} />
        <Remaining left={limits.textLength - text.length} waiting={full ? pending.length : 0} />
      </div>
      <div class="composer-row">
        <textarea
          ref={box}
          class="composer-text"
          aria-label="Message"
          placeholder="Write a message"
          rows={1}
          maxLength={limits.textLength}
          enterkeyhint="send"
          value={text}
          onInput={(event) => {
            change(event.currentTarget.value);
            session.ownTyping.key();
          }}
          onKeyDown={(event) => {
            // Enter also ends the composition of a Chinese or Japanese word; that one is not ours.
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <button
          type="submit"
          class="button button-primary composer-send"
          aria-label="Send"
          title="Send (Enter)"
          disabled={text.trim() === '' || full}
        >
          <SendIcon />
        </button>
      </div>
    </form>
  );
}

function Remaining({ left, waiting }: { readonly left: number; readonly waiting: number }) {
  if (waiting > 0) {
    return (
      <span class="composer-remaining">{plural(waiting, 'message waits', 'messages wait')} already</span>
    );
  }
  if (left >= nearlyFull) return null;
  return <span class="composer-remaining numbers">{plural(left, 'character', 'characters')} left</span>;
}

/** Grows with what is written, up to the height that the style sheet allows. */
function useHeightOfContent(box: { readonly current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    const { current } = box;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight + 2}px`;
  }, [text]);
}

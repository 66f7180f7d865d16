import { useStore } from '../../../store.js';
import type { TalkSession } from '../talk-session.js';
import { Composer } from './composer.js';
import { MessageLog } from './message-log.js';
import { PeopleHere } from './people-here.js';
import { TypingLine } from './typing-line.js';

export function ChatPane({ session }: { readonly session: TalkSession }) {
  const chat = useStore(session.chat);
  const { phase } = useStore(session.link.state);
  const spoken = useStore(session.spoken);
  return (
    <section class="chat" aria-label="Chat">
      <PeopleHere people={phase === 'open' ? chat.people : null} you={chat.you} />
      <MessageLog session={session} />
      <TypingLine people={chat.people} typing={session.typing} />
      <Composer session={session} />
      <p class="unseen" aria-live="polite">
        {spoken}
      </p>
    </section>
  );
}

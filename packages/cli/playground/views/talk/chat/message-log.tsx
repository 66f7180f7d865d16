import { useEffect, useRef } from 'preact/hooks';
import { useFollowing } from '../../../following.js';
import { useStore } from '../../../store.js';
import type { TalkSession } from '../talk-session.js';
import { DayLine, EventLine, PendingMessage, SaidMessage } from './message.js';
import type { Entry } from './chat-state.js';
import { OpenWindowButton } from './open-window.js';

/** The log, which stays at its end unless the reader has scrolled up. */
export function MessageLog({ session }: { readonly session: TalkSession }) {
  const chat = useStore(session.chat);
  const box = useRef<HTMLDivElement>(null);
  const { atEnd, follow, toEnd } = useFollowing(box, [chat.entries, chat.pending]);
  // What one writes oneself, one wants to see.
  useEffect(toEnd, [chat.pending.length]);
  const said = chat.entries.some(({ kind }) => kind === 'said') || chat.pending.length > 0;
  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        role="region"
        aria-label="Messages"
        // A region that scrolls must be reachable by keyboard.
        tabIndex={0}
        onScroll={follow}
      >
        {!said && <EmptyLog alone={chat.people.length < 2} />}
        <ol class="log-list">
          {chat.entries.map((entry, index) => (
            <EntryLine key={entry.key} entry={entry} before={chat.entries[index - 1]} />
          ))}
          {chat.pending.map((pending) => (
            <PendingMessage key={pending.ref} pending={pending} session={session} />
          ))}
        </ol>
      </div>
      {!atEnd && (
        <button type="button" class="button log-to-end" onClick={toEnd}>
          To the latest
        </button>
      )}
    </div>
  );
}

function EmptyLog({ alone }: { readonly alone: boolean }) {
  return (
    <div class="log-empty">
      <p class="log-empty-title">Nobody has written yet</p>
      {alone ? (
        <>
          <p>
            Open a second window beside this one: what you write and draw here appears there as you do it.
          </p>
          <OpenWindowButton />
        </>
      ) : (
        <p>Write the first message, or draw: the others see it as you do it.</p>
      )}
    </div>
  );
}

/** Messages of one person within this time stand together under one name. */
const together = 5 * 60_000;

function EntryLine({ entry, before }: { readonly entry: Entry; readonly before: Entry | undefined }) {
  const newDay = isNewDay(timeOf(entry), before ? timeOf(before) : Date.now());
  return (
    <>
      {newDay && <DayLine at={timeOf(entry)} />}
      {entry.kind === 'event' ? (
        <EventLine text={entry.text} at={entry.at} />
      ) : (
        <SaidMessage said={entry.said} own={entry.own} goesOn={!newDay && goesOn(entry, before)} />
      )}
    </>
  );
}

function goesOn(entry: Entry, before: Entry | undefined): boolean {
  if (entry.kind !== 'said' || before?.kind !== 'said') return false;
  const sameName = entry.said.from === before.said.from && entry.said.name === before.said.name;
  return sameName && entry.said.at - before.said.at < together;
}

function timeOf(entry: Entry): number {
  return entry.kind === 'said' ? entry.said.at : entry.at;
}

function isNewDay(at: number, before: number): boolean {
  return new Date(at).toDateString() !== new Date(before).toDateString();
}

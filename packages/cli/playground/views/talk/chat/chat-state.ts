import type { Person, Said, ServerMessage } from '../../../../src/talk/messages.js';

/** One line of the log: what somebody said, or what happened. */
export type Entry =
  | { readonly kind: 'said'; readonly key: string; readonly said: Said; readonly own: boolean }
  | { readonly kind: 'event'; readonly key: string; readonly text: string; readonly at: number };

/** A message of one's own that the server has not confirmed yet. */
export interface Pending {
  readonly ref: string;
  readonly text: string;
  readonly at: number;
  /** Why the server did not take it. */
  readonly refused?: string;
}

export interface ChatState {
  readonly you: Person | null;
  /** Which run of the server the log belongs to. */
  readonly epoch: string;
  readonly lastSeq: number;
  readonly people: readonly Person[];
  readonly entries: readonly Entry[];
  readonly pending: readonly Pending[];
}

export const emptyChat: ChatState = {
  you: null,
  epoch: '',
  lastSeq: 0,
  people: [],
  entries: [],
  pending: [],
};

/** The oldest entries go when there are more. */
const maxEntries = 300;

/** The chat after a message from the server; messages that are not about the chat change nothing. */
export function receive(chat: ChatState, message: ServerMessage): ChatState {
  switch (message.type) {
    case 'welcome':
      return welcome(chat, message);
    case 'said':
      return addSaid(chat, [message.said]);
    case 'joined': {
      const text = `${message.person.name} joined`;
      const people = [...without(chat.people, message.person), message.person];
      return addEvent({ ...chat, people }, text, message.at);
    }
    case 'left':
      return addEvent(
        { ...chat, people: without(chat.people, message.person) },
        `${message.person.name} left`,
        message.at,
      );
    case 'renamed':
      return rename(chat, message.person, message.was, message.at);
    case 'refused':
      return message.ref === undefined ? chat : refuse(chat, message.ref, message.message);
    default:
      return chat;
  }
}

/** Adds a message of one's own to those that wait. */
export function addPending(chat: ChatState, pending: Pending): ChatState {
  return { ...chat, pending: [...withoutRef(chat.pending, pending.ref), pending] };
}

export function dropPending(chat: ChatState, ref: string): ChatState {
  return { ...chat, pending: withoutRef(chat.pending, ref) };
}

function without(people: readonly Person[], person: Person): Person[] {
  return people.filter(({ id }) => id !== person.id);
}

function withoutRef(pending: readonly Pending[], ref: string): Pending[] {
  return pending.filter((one) => one.ref !== ref);
}

function welcome(chat: ChatState, message: Extract<ServerMessage, { type: 'welcome' }>): ChatState {
  const { you, epoch, people } = message;
  const next = { ...chat, you, epoch, people };
  if (chat.epoch === epoch) return addSaid(next, message.said);
  const renewed = { ...next, lastSeq: 0 };
  const hadSaid = chat.entries.some(({ kind }) => kind === 'said');
  const at = message.said[0]?.at ?? Date.now();
  return addSaid(
    hadSaid ? addEvent(renewed, 'The server started anew: it only knows what follows', at) : renewed,
    message.said,
  );
}

function addSaid(chat: ChatState, said: readonly Said[]): ChatState {
  const own = (one: Said): boolean => one.from === chat.you?.id;
  const fresh = said.filter(({ seq }) => seq > chat.lastSeq);
  const entries = fresh.map((one): Entry => ({
    kind: 'said',
    key: `${chat.epoch}/${one.seq}`,
    said: one,
    own: own(one),
  }));
  const confirmed = new Set(said.filter(own).map(({ ref }) => ref));
  return {
    ...chat,
    lastSeq: fresh.at(-1)?.seq ?? chat.lastSeq,
    entries: [...chat.entries, ...entries].slice(-maxEntries),
    pending: chat.pending.filter(({ ref }) => !confirmed.has(ref)),
  };
}

let events = 0;

function addEvent(chat: ChatState, text: string, at: number): ChatState {
  const entry: Entry = { kind: 'event', key: `event/${++events}`, text, at };
  return { ...chat, entries: [...chat.entries, entry].slice(-maxEntries) };
}

function rename(chat: ChatState, person: Person, was: string, at: number): ChatState {
  const people = chat.people.map((one) => (one.id === person.id ? person : one));
  const you = chat.you?.id === person.id ? person : chat.you;
  if (person.name === was) return { ...chat, people, you };
  const who = you === person ? 'You are' : `${was} is`;
  return addEvent({ ...chat, people, you }, `${who} now ${person.name}`, at);
}

function refuse(chat: ChatState, ref: string, refused: string): ChatState {
  const pending = chat.pending.map((one) => (one.ref === ref ? { ...one, refused } : one));
  return { ...chat, pending };
}

import { describe, expect, it } from 'vitest';
import type { Said, ServerMessage } from '../../../../src/talk/messages.js';
import { addPending, dropPending, emptyChat, receive, type ChatState } from './chat-state.js';

const ada = { id: 'a', name: 'Ada' };
const eve = { id: 'e', name: 'Eve' };

function said(seq: number, from: typeof ada, ref = `r${seq}`): Said {
  return { seq, from: from.id, name: from.name, text: `text ${seq}`, at: seq * 1000, ref };
}

function welcome(epoch: string, ...history: Said[]): ServerMessage {
  return { type: 'welcome', you: ada, epoch, people: [ada, eve], said: history, cleared: null };
}

function after(...messages: ServerMessage[]): ChatState {
  return messages.reduce(receive, emptyChat);
}

const lines = (chat: ChatState): string[] =>
  chat.entries.map((entry) =>
    entry.kind === 'said' ? `${entry.own ? '>' : '<'} ${entry.said.text}` : entry.text,
  );

describe('the log', () => {
  it('begins with the history, and knows which messages are one’s own', () => {
    expect(lines(after(welcome('1', said(1, eve), said(2, ada))))).toEqual(['< text 1', '> text 2']);
  });

  it('takes each message once, however often it is told', () => {
    const chat = after(welcome('1', said(1, eve)), { type: 'said', said: said(2, eve) });
    expect(lines(receive(chat, welcome('1', said(1, eve), said(2, eve), said(3, eve))))).toEqual([
      '< text 1',
      '< text 2',
      '< text 3',
    ]);
  });

  it('keeps what was said before the server started anew, and says that it did', () => {
    const chat = after(welcome('1', said(7, eve)), welcome('2', said(1, eve)));
    expect(lines(chat)).toEqual([
      '< text 7',
      'The server started anew: it only knows what follows',
      '< text 1',
    ]);
  });

  it('does not grow without bound', () => {
    let chat = after(welcome('1'));
    for (let seq = 1; seq <= 500; seq++) chat = receive(chat, { type: 'said', said: said(seq, eve) });
    expect([chat.entries.length, lines(chat).at(-1)]).toEqual([300, '< text 500']);
  });

  it('tells who comes, goes, and takes another name', () => {
    const tom = { id: 't', name: 'Tom' };
    const thomas = { id: 't', name: 'Thomas' };
    const chat = after(
      welcome('1'),
      { type: 'joined', person: tom, at: 1 },
      { type: 'renamed', person: thomas, was: 'Tom', at: 2 },
      { type: 'left', person: eve, at: 3 },
      { type: 'renamed', person: { id: 'a', name: 'Countess' }, was: 'Ada', at: 4 },
    );
    expect(lines(chat)).toEqual(['Tom joined', 'Tom is now Thomas', 'Eve left', 'You are now Countess']);
    expect(chat.people.map(({ name }) => name)).toEqual(['Countess', 'Thomas']);
    expect(chat.you?.name).toBe('Countess');
  });
});

describe('a message of one’s own', () => {
  const pending = addPending(after(welcome('1')), { ref: 'r1', text: 'text 1', at: 0 });

  it('waits until the server has it', () => {
    expect(pending.pending).toHaveLength(1);
    expect(receive(pending, { type: 'said', said: said(1, ada) }).pending).toEqual([]);
  });

  it('is not taken for confirmed by somebody else’s of the same reference', () => {
    expect(receive(pending, { type: 'said', said: said(1, eve, 'r1') }).pending).toHaveLength(1);
  });

  it('may be refused, and then tried again or dropped', () => {
    const refused = receive(pending, { type: 'refused', message: 'Too fast', ref: 'r1' });
    expect(refused.pending[0]?.refused).toBe('Too fast');
    const again = addPending(refused, { ref: 'r1', text: 'text 1', at: 0 });
    expect(again.pending).toEqual([{ ref: 'r1', text: 'text 1', at: 0 }]);
    expect(dropPending(refused, 'r1').pending).toEqual([]);
  });
});

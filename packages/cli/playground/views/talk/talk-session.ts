import {
  cleanName,
  limits,
  type ClientMessage,
  type News,
  type ServerMessage,
} from '../../../src/talk/messages.js';
import { Store } from '../../store.js';
import { BoardModel } from './board/board-model.js';
import { Cursors } from './board/cursors.js';
import { Pen } from './board/pen.js';
import { addPending, dropPending, emptyChat, receive, type ChatState } from './chat/chat-state.js';
import { OwnTyping, TypingPeople } from './chat/typing.js';
import { randomMark, rememberedName, rememberName, windowSecret } from './identity.js';
import { Link } from './link/link.js';
import { Meter } from './link/meter.js';

/** Messages that may wait for the connection. */
export const maxPending = 20;

/** Everything behind the Talk view: one connection, and what is said and drawn over it. */
export class TalkSession {
  readonly meter = new Meter();
  readonly link: Link;
  readonly chat = new Store<ChatState>(emptyChat);
  readonly news = new Store<News | null>(null);
  readonly name = new Store(rememberedName());
  readonly typing = new TypingPeople();
  readonly ownTyping = new OwnTyping((on) => this.#send({ type: 'typing', on }));
  readonly board = new BoardModel();
  readonly cursors = new Cursors();
  readonly pen: Pen;
  /** What the others wrote since the chat was last looked at. */
  readonly unread = new Store(0);
  /** What has just been said, for a screen reader. */
  readonly spoken = new Store('');
  /** Whether the chat is before the reader's eyes. */
  isChatSeen: () => boolean = () => true;
  readonly #key = windowSecret();
  #welcome = false;

  constructor(url: string) {
    this.link = new Link({
      url,
      meter: this.meter,
      opened: () => {
        this.#welcome = false;
        this.link.send({ type: 'hello', name: this.name.value, key: this.#key });
      },
      received: (message) => this.#received(message),
    });
    this.link.state.watch(({ phase }) => {
      if (phase === 'open') return;
      this.#welcome = false;
      this.typing.clear();
      this.cursors.clear();
    });
    this.pen = new Pen(this.board, {
      send: (message) => this.#send(message),
      backlog: () => this.link.backlog,
    });
  }

  start(): void {
    this.meter.start();
    this.link.connect();
  }

  dispose(): void {
    this.meter.stop();
    this.pen.dispose();
    this.link.dispose();
  }

  /** `false` when too many messages wait already, so that the text stays where it is. */
  say(text: string): boolean {
    if (this.chat.value.pending.length >= maxPending) return false;
    this.#post(randomMark(6), text, Date.now());
    this.ownTyping.stop();
    return true;
  }

  /** Tries again with a message that was refused. */
  sayAgain(ref: string): void {
    const pending = this.chat.value.pending.find((one) => one.ref === ref);
    if (pending) this.#post(ref, pending.text, pending.at);
  }

  discard(ref: string): void {
    this.chat.set(dropPending(this.chat.value, ref));
  }

  rename(wanted: string): void {
    const name = cleanName(wanted).slice(0, limits.nameLength).trim();
    if (name === '' || name === this.name.value) return;
    rememberName(name);
    this.name.set(name);
    this.#send({ type: 'rename', name });
  }

  undo(): void {
    if (this.pen.isDown) return;
    if (!this.#send({ type: 'undo' })) this.board.dropLastDraft();
  }

  clear(): void {
    this.#send({ type: 'clear' });
  }

  restore(): void {
    this.#send({ type: 'restore' });
  }

  /** Nothing may go out before the server knows who speaks. */
  #send(message: ClientMessage): boolean {
    return this.#welcome && this.link.send(message);
  }

  #post(ref: string, text: string, at: number): void {
    this.chat.set(addPending(this.chat.value, { ref, text, at }));
    this.#send({ type: 'say', ref, text });
  }

  #received(message: ServerMessage): void {
    this.chat.set(receive(this.chat.value, message));
    switch (message.type) {
      case 'welcome':
        this.#welcomed(message);
        break;
      case 'said':
        this.#heard(message);
        break;
      case 'typing':
        this.typing.set(message.from, message.on);
        break;
      case 'left':
        this.typing.set(message.person.id, false);
        this.cursors.move(message.person.id, null);
        this.board.endAllOf(message.person.id);
        break;
      case 'news':
        this.news.set(message.news);
        break;
      default:
        this.#drew(message);
    }
  }

  #welcomed({ you, cleared }: Extract<ServerMessage, { type: 'welcome' }>): void {
    this.#welcome = true;
    this.board.you = you.id;
    this.board.setCleared(cleared);
    this.board.reset();
    this.link.startPings();
    for (const { ref, text, refused } of this.chat.value.pending) {
      if (refused === undefined) this.#send({ type: 'say', ref, text });
    }
    this.pen.resend(this.board.drafts());
  }

  #heard({ said }: Extract<ServerMessage, { type: 'said' }>): void {
    if (said.from === this.chat.value.you?.id) return;
    this.typing.set(said.from, false);
    this.spoken.set(`${said.name}: ${said.text}`);
    if (!this.isChatSeen()) this.unread.set(this.unread.value + 1);
  }

  #drew(message: ServerMessage): void {
    switch (message.type) {
      case 'cursor':
        this.cursors.move(message.from, message.at);
        break;
      case 'strokes':
        this.board.add(message.strokes);
        break;
      case 'stroke':
        this.board.beginRemote(message.stroke);
        this.cursors.follow(message.stroke);
        break;
      case 'points': {
        const stroke = this.board.extendRemote(message.seq, message.points);
        if (stroke) this.cursors.follow(stroke);
        break;
      }
      case 'end':
        this.board.endRemote(message.seq);
        break;
      case 'drawn':
        this.pen.resend(this.board.confirm(message.id, message.seq));
        break;
      case 'erased':
        this.board.erase(message.seqs);
        break;
      case 'cleared':
        this.board.clear(message.cleared);
        break;
      case 'restored':
        this.board.setCleared(null);
        break;
      default:
        // The types of the chat; and a newer server may know some that this page does not.
        break;
    }
  }
}

import { Board } from './board.js';
import { freeName, Member, personId, type Peer } from './member.js';
import {
  limits,
  MessageError,
  parseClientMessage,
  type ClientMessage,
  type News,
  type Person,
  type Said,
  type ServerMessage,
} from './messages.js';
import { Traffic } from './traffic.js';

/** Everybody who said hello listens to this topic. */
export const topic = 'talk';

/** The close code for a connection whose window has opened another one. */
export const replacedCode = 4001;

/** How many chat messages a newcomer is told. */
const historyLength = 200;
/** Milliseconds that a connection has to say hello. */
const helloTimeout = 10_000;
/** Numbers in the points of one `strokes` message, so that none is long. */
const numbersPerMessage = 8192;

export interface RoomOptions<P extends Peer> {
  /** Sends to everyone who listens to `topic`. */
  publish(text: string, except?: P): void;
  /** The clock: milliseconds since 1970. */
  now(): number;
  /** Differs after every start, so that a page knows whether its history goes on. */
  epoch: string;
}

type Handlers<P extends Peer> = {
  readonly [T in Exclude<ClientMessage['type'], 'hello'>]: (
    member: Member<P>,
    person: Person,
    message: Extract<ClientMessage, { type: T }>,
  ) => void;
};

/** The people, the chat and the board. It knows no network: connections come in as `Peer`. */
export class Room<P extends Peer = Peer> {
  readonly #options: RoomOptions<P>;
  readonly #members = new Map<P, Member<P>>();
  readonly #board = new Board();
  readonly #history: Said[] = [];
  readonly #started: number;
  readonly #toServer: Traffic;
  readonly #toClients: Traffic;
  #rates: Pick<News, 'toServer' | 'toClients'> = {
    toServer: { messages: 0, bytes: 0 },
    toClients: { messages: 0, bytes: 0 },
  };
  #said = 0;

  constructor(options: RoomOptions<P>) {
    this.#options = options;
    this.#started = options.now();
    this.#toServer = new Traffic(this.#started);
    this.#toClients = new Traffic(this.#started);
  }

  enter(peer: P): void {
    this.#members.set(peer, new Member(peer, this.#options.now()));
  }

  leave(peer: P): void {
    const member = this.#members.get(peer);
    this.#members.delete(peer);
    if (member?.person) this.#publish({ type: 'left', person: member.person, at: this.#options.now() });
  }

  receive(peer: P, data: string | Uint8Array): void {
    const member = this.#members.get(peer);
    if (!member) return;
    const now = this.#options.now();
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    this.#toServer.count(length);
    if (!member.pace.take(1, now) || !member.volume.take(length, now)) {
      this.#expel(peer, 1008, 'Too many messages in too short a time');
      return;
    }
    try {
      if (typeof data !== 'string') throw new MessageError(1008, 'Talk takes text messages only');
      this.#take(member, parseClientMessage(data));
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.#expel(peer, error.closeCode, error.message);
    }
  }

  /** The connection takes more: goes on telling it the board. */
  drain(peer: P): void {
    const member = this.#members.get(peer);
    if (member) this.#pay(member);
  }

  /** To be called every couple of seconds: tells the news, and ends connections that never said hello. */
  tick(): void {
    const now = this.#options.now();
    for (const member of this.#members.values()) {
      if (!member.person && now - member.since > helloTimeout) {
        this.#expel(member.peer, 1008, 'Nobody said hello');
      }
    }
    this.#rates = { toServer: this.#toServer.take(now), toClients: this.#toClients.take(now) };
    this.#publish({ type: 'news', news: this.#news(now) });
  }

  /** What it sends from now on is not looked at, however long its closing handshake takes. */
  #expel(peer: P, code: number, reason: string): void {
    this.leave(peer);
    peer.close(code, reason);
  }

  #news(now: number): News {
    return {
      time: now,
      uptime: now - this.#started,
      people: this.#people().length,
      said: this.#said,
      strokes: this.#board.size,
      ...this.#rates,
    };
  }

  #take(member: Member<P>, message: ClientMessage): void {
    if (message.type === 'hello') {
      this.#greet(member, message.name, message.key);
      return;
    }
    if (!member.person) throw new MessageError(1008, 'The first message must be "hello"');
    const handle = this.#handlers[message.type] as (
      member: Member<P>,
      person: Person,
      message: ClientMessage,
    ) => void;
    handle(member, member.person, message);
  }

  #greet(member: Member<P>, wanted: string, key: string): void {
    if (member.person) throw new MessageError(1008, '"hello" is said once');
    const id = personId(key);
    for (const other of this.#members.values()) {
      if (other.person?.id !== id) continue;
      this.#expel(other.peer, replacedCode, 'This window has connected again');
    }
    const person = { id, name: this.#freeName(wanted, id) };
    member.person = person;
    this.#send(member, {
      type: 'welcome',
      you: person,
      epoch: this.#options.epoch,
      people: this.#people(),
      said: this.#history,
      cleared: this.#board.cleared,
    });
    for (const stroke of this.#board.strokes()) member.owed.add(stroke);
    member.peer.subscribe(topic);
    this.#pay(member);
    this.#publish({ type: 'joined', person, at: this.#options.now() }, member);
    this.#send(member, { type: 'news', news: this.#news(this.#options.now()) });
  }

  readonly #handlers: Handlers<P> = {
    rename: (member, person, { name }) => {
      const renamed = { id: person.id, name: this.#freeName(name, person.id) };
      member.person = renamed;
      this.#publish({ type: 'renamed', person: renamed, was: person.name, at: this.#options.now() });
    },
    say: (member, person, { ref, text }) => this.#say(member, person, ref, text),
    typing: (member, person, { on }) => this.#publish({ type: 'typing', from: person.id, on }, member),
    cursor: (member, person, { at }) => this.#publish({ type: 'cursor', from: person.id, at }, member),
    stroke: (member, person, begun) => {
      const { stroke, erased } = this.#board.begin(person.id, begun);
      this.#erased(erased);
      this.#publish({ type: 'stroke', stroke }, member);
    },
    points: (member, person, { id, points }) => {
      const change = this.#board.extend(person.id, id, points);
      // Somebody may have cleared the board meanwhile: nothing is wrong with that.
      if (!change) return;
      this.#publish({ type: 'points', seq: change.stroke.seq, points }, member);
      this.#erased(change.erased);
    },
    end: (member, person, { id }) => {
      const stroke = this.#board.find(person.id, id);
      // `seq` 0: taken, and gone already. Either way the page need not send it again.
      this.#send(member, { type: 'drawn', id, seq: stroke?.seq ?? 0 });
      if (stroke) this.#publish({ type: 'end', seq: stroke.seq }, member);
    },
    undo: (_member, person) => {
      const seq = this.#board.eraseLast(person.id);
      if (seq !== undefined) this.#erased([seq]);
    },
    clear: (_member, person) => {
      const cleared = this.#board.clear(person.name);
      if (cleared) this.#publish({ type: 'cleared', cleared });
    },
    restore: (_member, person) => this.#restore(person),
    ping: (member, _person, { n }) => this.#send(member, { type: 'pong', n }),
  };

  #say(member: Member<P>, person: Person, ref: string, text: string): void {
    if (!member.chatter.take(1, this.#options.now())) {
      const message = 'You are writing faster than the others can read; wait a moment.';
      this.#send(member, { type: 'refused', message, ref });
      return;
    }
    const before = this.#history.find((said) => said.from === person.id && said.ref === ref);
    if (before) {
      this.#send(member, { type: 'said', said: before });
      return;
    }
    const said = {
      seq: ++this.#said,
      from: person.id,
      name: person.name,
      text,
      at: this.#options.now(),
      ref,
    };
    this.#history.push(said);
    if (this.#history.length > historyLength) this.#history.shift();
    this.#publish({ type: 'said', said });
  }

  #restore(person: Person): void {
    const restored = this.#board.restore();
    if (!restored) return;
    this.#publish({ type: 'restored', by: person.name });
    this.#erased(restored.erased);
    for (const member of this.#members.values()) {
      if (!member.person) continue;
      // Forgets what is gone, so that a connection that takes nothing is not owed ever more.
      for (const stroke of member.owed) if (!this.#board.has(stroke)) member.owed.delete(stroke);
      for (const stroke of restored.strokes) member.owed.add(stroke);
      this.#pay(member);
    }
  }

  #erased(seqs: readonly number[]): void {
    if (seqs.length > 0) this.#publish({ type: 'erased', seqs });
  }

  /**
   * Sends strokes that a connection is owed, until it is full. A stroke is read when it is sent and not when it
   * was owed: points drawn meanwhile are in it, and the page ignores points of strokes it has not seen.
   */
  #pay(member: Member<P>): void {
    while (member.owed.size > 0) {
      const strokes = [];
      let numbers = 0;
      for (const stroke of member.owed) {
        if (numbers >= numbersPerMessage) break;
        member.owed.delete(stroke);
        if (!this.#board.has(stroke)) continue;
        strokes.push(stroke);
        numbers += stroke.points.length;
      }
      if (strokes.length > 0 && !this.#send(member, { type: 'strokes', strokes })) return;
    }
  }

  #people(): Person[] {
    return [...this.#members.values()].flatMap(({ person }) => (person ? [person] : []));
  }

  #freeName(wanted: string, id: string): string {
    const others = this.#people().filter((person) => person.id !== id);
    return freeName(wanted, new Set(others.map((person) => person.name)), limits.nameLength);
  }

  #send(member: Member<P>, message: ServerMessage): boolean {
    const text = JSON.stringify(message);
    this.#toClients.count(Buffer.byteLength(text));
    return member.peer.send(text);
  }

  #publish(message: ServerMessage, except?: Member<P>): void {
    const text = JSON.stringify(message);
    const listeners = this.#people().length - (except?.person ? 1 : 0);
    this.#toClients.count(Buffer.byteLength(text) * listeners, listeners);
    this.#options.publish(text, except?.peer);
  }
}

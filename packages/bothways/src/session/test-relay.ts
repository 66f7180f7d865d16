import type { Content } from './records.js';
import type { HttpExchange, SocketLink, TextStream } from './server-carriers.js';
import type { SessionSocket } from './server-socket.js';
import { SessionServer, type Asker, type SessionOpening } from './server.js';
import type { ServerSession } from './server-session.js';
import { SERVER_SETTINGS } from './test-model.js';
import { testBase64 } from './test-network.js';
import type { Peers, PeersListener } from './peers.js';
import { VirtualTime } from './test-time.js';

/** How long something is under way between two servers, milliseconds. */
export const DELAY = 2;

export const OPENING_KEY = 'k'.repeat(22);

/** A session at the server that has it. */
export interface Visit {
  readonly at: string;
  readonly session: ServerSession;
  readonly messages: Content[];
  /** With which code it ended, and when. */
  readonly ends: (readonly [code: number, time: number])[];
}

/** Servers that share sessions, each of which a test may ask what it likes. */
export class TestCluster {
  readonly time = new VirtualTime();
  readonly peers = new TestWires(this.time);
  readonly servers = new Map<string, SessionServer>();
  readonly visits: Visit[] = [];
  /** Openings that nobody has decided about, if the test decides. */
  readonly openings: { readonly at: string; readonly opening: SessionOpening }[] = [];
  isDeciding = false;
  #ids = 0;

  constructor(names: readonly string[], settings: Partial<typeof SERVER_SETTINGS> = {}) {
    const { time } = this;
    const platform = {
      clock: time,
      base64: testBase64,
      randomId: () => `id-${this.#ids++}`.padEnd(22, '-'),
      seconds: () => time.now() / 1000,
      sign: (text: string) => Buffer.from(text).toString('hex').slice(0, 60).padEnd(60, '0'),
      isEqual: (one: string, other: string) => one === other,
    };
    const all = { ...SERVER_SETTINGS, resumeTimeout: 60_000, ...settings };
    for (const name of names) this.servers.set(name, new SessionServer(all, platform, this.peers.add(name)));
  }

  asker(at: string): Asker {
    return {
      binding: 'somebody',
      decide: (_protocols, opening) => {
        if (this.isDeciding) this.openings.push({ at, opening });
        else this.accept(at, opening);
      },
    };
  }

  accept(at: string, opening: SessionOpening): void {
    opening.accept('', (session) => {
      const visit: Visit = { at, session, messages: [], ends: [] };
      this.visits.push(visit);
      return {
        isWilling: true,
        onMessage: (content) => void visit.messages.push(content),
        onSent: () => {},
        onEnd: ({ code }) => void visit.ends.push([code, this.time.now()]),
      };
    });
  }

  /** A request, as HTTP has it. */
  post(at: string, header: object, token?: string, ...lines: string[]): TestAnswer {
    const server = this.servers.get(at)!;
    const answer = new TestAnswer();
    const asker = this.asker(at);
    const place = token === undefined ? undefined : server.find(asker, token);
    const body = [JSON.stringify(header), ...lines].map((line) => `${line}\n`).join('');
    if (token !== undefined && place === undefined) answer.answer(404, '');
    else server.request(asker, place, body, answer);
    return answer;
  }

  get(at: string, ticket: string): TestAnswer {
    const answer = new TestAnswer();
    this.servers.get(at)!.events(this.asker(at), ticket, answer);
    return answer;
  }

  socket(at: string, header: object): TestSocket {
    const socket = new TestSocket();
    socket.end = this.servers.get(at)!.socket(this.asker(at), socket);
    socket.say(JSON.stringify(header));
    return socket;
  }

  /** Opens a session at a server, by polling. */
  open(at: string): { readonly token: string; readonly visit: Visit } {
    const answer = this.post(at, headerOf({ open: `${OPENING_KEY}${this.visits.length}` }));
    this.time.pass(10 * DELAY);
    const { token } = JSON.parse(answer.body) as { token: string };
    answer.leave();
    return { token, visit: this.visits.at(-1)! };
  }

  /** How much is relayed between servers, as each of them knows it. */
  get links(): number[] {
    return [...this.servers.values()].map(({ relay }) => relay!.size);
  }

  /** Lets pass what is said between servers. */
  settle(): void {
    this.time.pass(20 * DELAY);
  }
}

/** What goes from one server to another, and what becomes of it. */
export class TestWires {
  /** Whether what is sent arrives; if not, whoever has sent it is told or not. */
  fate: ((from: string, to: string) => 'refused' | 'lost' | undefined) | undefined;
  /** Servers that are not there, or of which that cannot be told. */
  readonly states = new Map<string, 'gone' | 'unsure'>();
  /** Whether nobody can tell who has claimed what. */
  areClaimsAway = false;
  readonly #time: VirtualTime;
  readonly #listeners = new Map<string, PeersListener>();
  readonly #claims = new Map<string, string>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** How many keys are claimed. */
  get claimed(): number {
    return this.#claims.size;
  }

  /** Whom a server tells what it hears. */
  listenerOf(id: string): PeersListener {
    return this.#listeners.get(id)!;
  }

  add(id: string): Peers {
    const listeners = this.#listeners;
    return {
      id,
      claims: {
        claim: (key, _milliseconds, onClaimed) => {
          const holder = this.#claims.get(key) ?? id;
          this.#claims.set(key, holder);
          this.#time.after(DELAY, () => onClaimed(this.areClaimsAway ? undefined : holder));
        },
        release: (key) => {
          if (this.#claims.get(key) === id) this.#claims.delete(key);
        },
      },
      stateOf: (node) => this.states.get(node) ?? 'here',
      send: (to, number, content) => {
        const fate = this.fate?.(id, to);
        const text = JSON.stringify(content);
        if (fate === undefined) {
          this.#time.after(DELAY, () =>
            listeners.get(to)?.receive(id, number, JSON.parse(text) as unknown[]),
          );
        }
        return fate !== 'refused';
      },
      set listener(listener: PeersListener) {
        listeners.set(id, listener);
      },
    };
  }
}

/** The first header of a generation, with what else it says. */
export function headerOf(more: object = {}): object {
  return { gen: 1, ack: 0, seq: 1, window: 65_536, ...more };
}

/** A request, as its client sees it. */
export class TestAnswer implements HttpExchange {
  status = 0;
  body = '';
  retryAfter: number | undefined;
  isEnded = false;
  isAbandoned = false;
  hasGoneOut = false;
  /** Whether the connection takes no more. */
  isFull = false;
  #onGone: (() => void) | undefined;
  #onDrain: (() => void) | undefined;

  set onGone(onGone: (() => void) | undefined) {
    this.#onGone = onGone;
  }

  answer(status: number, body: string, retryAfter?: number): void {
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
    this.isEnded = true;
  }

  nothing(): void {
    this.answer(204, '');
  }

  stream(onDrain: () => void, _type: 'lines' | 'events'): TextStream {
    this.status = 200;
    this.#onDrain = onDrain;
    return {
      write: (text) => {
        this.body += text;
        return !this.isFull;
      },
      end: () => {
        this.isEnded = true;
        this.leave();
      },
    };
  }

  abandon(): void {
    this.isAbandoned = true;
    this.leave();
  }

  /** The connection takes more again. */
  drain(): void {
    this.isFull = false;
    this.#onDrain!();
  }

  /** Its client has got all, or has hung up. */
  leave(): void {
    this.hasGoneOut = true;
    this.#onGone?.();
  }
}

/** A WebSocket, as its client sees it. */
export class TestSocket implements SocketLink {
  end!: SessionSocket;
  readonly received: Content[] = [];
  code: number | undefined;
  isPaused = false;
  isFull = false;
  readonly #early: Content[] = [];

  send(message: Content): boolean {
    this.received.push(message);
    return !this.isFull;
  }

  close(code: number): void {
    if (this.code !== undefined) return;
    this.code = code;
    this.end.close();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const message of this.#early.splice(0)) this.end.receive(message);
  }

  say(...messages: Content[]): void {
    for (const message of messages) {
      if (this.isPaused) this.#early.push(message);
      else this.end.receive(message);
    }
  }

  drain(): void {
    this.isFull = false;
    this.end.drain();
  }
}

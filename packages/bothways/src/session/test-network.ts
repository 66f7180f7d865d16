import type {
  Abortable,
  ClientPlatform,
  ClientRequest,
  ClientSocket,
  NetworkEvents,
  RequestEvents,
  SocketEvents,
} from './client-platform.js';
import type { Base64, Content } from './records.js';
import type { HttpExchange, TextStream } from './server-carriers.js';
import { TestLife } from './test-life.js';
import { TestStore } from './test-store.js';
import {
  SessionServer,
  type Asker,
  type Durability,
  type SessionOpening,
  type SessionServerSettings,
} from './server.js';
import { TestPeers } from './test-peers.js';
import type { VirtualTime } from './test-time.js';

/** How a network treats what is sent through it; a number is a probability. Times are milliseconds. */
export interface Weather {
  /** The longest time that something is under way; how long is drawn each time. */
  latency: number;
  /** A connection is refused; a request does not arrive. */
  refuse: number;
  /** An answer is lost, or cut in the middle. */
  cutAnswer: number;
  /** A request arrives twice. */
  duplicate: number;
  /** A piece on a WebSocket or a stream cuts it. */
  cutPiece: number;
  /** A piece on a WebSocket or a stream is the last one that comes, and nobody is told for long. */
  stall: number;
  /** A WebSocket or a stream takes no more for a while. */
  full: number;
}

export const FINE: Weather = {
  latency: 20,
  refuse: 0,
  cutAnswer: 0,
  duplicate: 0,
  cutPiece: 0,
  stall: 0,
  full: 0,
};

export const testBase64: Base64 = {
  encode: (bytes) => Buffer.from(bytes).toString('base64'),
  decode: (text) => new Uint8Array(Buffer.from(text, 'base64')),
};

/** How long a connection that has stalled lives before both ends are told that it is gone. */
const STALL = 120_000;

/** Decides about openings. */
export interface TestHost {
  decide(binding: string, protocols: readonly string[], opening: SessionOpening): void;
  /** Goes on with a session of a server that is dead; sessions are saved if this is there. */
  restore?: Durability['restore'] | undefined;
}

/** A server, and how long it lives. */
interface Living {
  readonly id: string;
  readonly server: SessionServer;
  readonly life: TestLife;
}

/** A client and servers of sessions, any of which takes any request, and a network between them that misbehaves as it is told. */
export class TestNetwork {
  /** The first of the servers. */
  readonly server: SessionServer;
  readonly peers: TestPeers;
  readonly store: TestStore;
  readonly #settings: SessionServerSettings;
  readonly #servers: Living[] = [];
  readonly #isShared: boolean;
  readonly #host: TestHost;
  weather: Weather = FINE;
  isOnline = true;
  /** What carriers do not get through at all, by name of what they use. */
  readonly blocked = new Set<'socket' | 'request' | 'stream' | 'events'>();
  /** How many requests and WebSockets have been asked for. */
  requests = 0;
  sockets = 0;
  readonly #time: VirtualTime;
  readonly #random: () => number;
  #ids = 0;
  #watchers = new Set<NetworkEvents>();
  remembered: string | undefined;

  constructor(
    time: VirtualTime,
    random: () => number,
    settings: SessionServerSettings,
    host: TestHost,
    servers = 1,
  ) {
    this.#time = time;
    this.#random = random;
    this.#host = host;
    this.#settings = settings;
    this.#isShared = servers > 1;
    this.peers = new TestPeers(time, () => this.#delay() / 10, random);
    this.store = new TestStore(time, () => this.#delay() / 10, random);
    for (let index = 0; index < servers; index++) this.#start();
    this.server = this.#servers[0]!.server;
  }

  /** Kills one of the servers: the others find that after some time, and another one takes its place. */
  kill(): void {
    if (this.#servers.length < 2) return;
    const [dead] = this.#servers.splice(Math.floor(this.#random() * this.#servers.length), 1);
    dead!.life.end();
    this.#time.after(this.#random() * 8_000, () => this.peers.remove(dead!.id));
    this.#time.after(this.#random() * 8_000, () => this.#start());
  }

  /** Closes one of the servers, which leaves its sessions to the others. */
  leave(): void {
    if (this.#servers.length < 2) return;
    const leaving = this.#servers[Math.floor(this.#random() * this.#servers.length)]!;
    leaving.server.leave(() => {
      const index = this.#servers.indexOf(leaving);
      if (index === -1) return;
      this.#servers.splice(index, 1);
      this.peers.remove(leaving.id);
      leaving.server.cut();
      this.#time.after(this.#random() * 8_000, () => this.#start());
    });
  }

  /** The others take one of the servers for dead, for some time. */
  suspect(): void {
    const { id } = this.#servers[Math.floor(this.#random() * this.#servers.length)]!;
    this.peers.suspect(id, this.#random() * 8_000);
  }

  #start(): void {
    const id = `server-${this.#ids++}`;
    const life = new TestLife(this.#time);
    const platform = {
      clock: life.clock,
      base64: testBase64,
      randomId: () => `id-${this.#ids++}`.padEnd(22, '-'),
      seconds: () => this.#time.now() / 1000,
      sign: (text: string) => signed(text),
      isEqual: (one: string, other: string) => one === other,
    };
    const peers = this.#isShared ? this.peers.add(id, life) : undefined;
    const { restore } = this.#host;
    const durability = restore && { store: this.store.of(id, life), restore, onFailed };
    const server = new SessionServer(this.#settings, platform, peers, durability);
    this.#servers.push({ id, server, life });
  }

  /** The one that a balancer sends something to. */
  #balance(): Living {
    if (this.#servers.length === 1) return this.#servers[0]!;
    return this.#servers[Math.floor(this.#random() * this.#servers.length)]!;
  }

  /** Whoever asks from there. */
  asker(binding: string): Asker {
    return { binding, decide: (protocols, opening) => this.#host.decide(binding, protocols, opening) };
  }

  /** What a client sees of it. */
  platform(binding = 'http://example.com\n'): ClientPlatform {
    const asker = this.asker(binding);
    return {
      clock: this.#time,
      base64: testBase64,
      random: this.#random,
      maxMessage: Infinity,
      randomKey: () => `key-${this.#ids++}`.padEnd(22, '-'),
      openSocket: (events) => this.#openSocket(asker, events),
      request: (request, events) => this.#request(asker, request, events),
      openEvents: (ticket, onEvent, onEnd) => this.#openEvents(asker, ticket, onEvent, onEnd),
      isOnline: () => this.isOnline,
      watchNetwork: (events) => {
        this.#watchers.add(events);
        return () => this.#watchers.delete(events);
      },
      recall: () => this.remembered,
      remember: (carrier) => {
        this.remembered = carrier;
      },
    };
  }

  /** What the device tells the page. */
  tell(event: keyof NetworkEvents): void {
    if (event !== 'wake') this.isOnline = event === 'online';
    for (const watcher of this.#watchers) watcher[event]();
  }

  #isSo(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }

  #delay(): number {
    return this.#random() * this.weather.latency;
  }

  #openSocket(asker: Asker, events: SocketEvents): ClientSocket {
    this.sockets++;
    let isOver = false;
    const up = new Line(this.#time, () => this.#delay());
    const down = new Line(this.#time, () => this.#delay());
    const close = (code: number): void => {
      if (isOver) return;
      isOver = true;
      life.cuts.delete(cut);
      down.send(() => events.close(code, '', 0));
      up.send(() => life.isOver || socket.close());
    };
    const { server, life } = this.#balance();
    const cut = (): void => close(1006);
    life.cuts.add(cut);
    const piece = (line: Line, call: () => void): void => {
      if (isOver) return;
      if (this.#isSo(this.weather.cutPiece)) close(1006);
      else if (this.#isSo(this.weather.stall)) {
        up.stop();
        down.stop();
        this.#time.after(STALL, () => close(1006));
      } else line.send(call);
    };
    let isPaused = false;
    let waiting: Content[] = [];
    const receive = (content: Content): void => {
      if (life.isOver) return;
      if (isPaused) waiting.push(content);
      else socket.receive(content);
    };
    const socket = server.socket(asker, {
      send: (message) => {
        piece(down, () => {
          if (!isGivenUp) events.message(message);
        });
        if (!this.#isSo(this.weather.full)) return true;
        this.#time.after(this.#delay(), () => life.isOver || socket.drain());
        return false;
      },
      close: (code, reason) => {
        if (isOver) return;
        isOver = true;
        down.send(() => {
          if (!isGivenUp) events.close(code, reason, 0);
        });
        this.#time.after(0, () => life.isOver || socket.close());
      },
      pause: () => {
        isPaused = true;
      },
      resume: () => {
        isPaused = false;
        const early = waiting;
        waiting = [];
        for (const content of early) socket.receive(content);
      },
    });
    let isGivenUp = false;
    if (this.blocked.has('socket') || !this.isOnline || this.#isSo(this.weather.refuse)) close(1006);
    else piece(down, () => (isGivenUp ? undefined : events.open()));
    return {
      send: (content) => piece(up, () => receive(content)),
      close: () => {
        isGivenUp = true;
        if (isOver) return;
        isOver = true;
        up.send(() => life.isOver || socket.close());
      },
    };
  }

  #request(asker: Asker, request: ClientRequest, events: RequestEvents): Abortable {
    this.requests++;
    const exchange = new TestExchange(this.#time, () => this.#delay(), events, this.weather, this.#random);
    const isLost = this.blocked.has('request') || !this.isOnline || this.#isSo(this.weather.refuse);
    const isBlocked = this.blocked.has('stream') && request.body.includes('"stream":"lines"');
    if (isLost || isBlocked) {
      this.#time.after(this.#delay(), () => exchange.fail());
      return exchange;
    }
    const arrive = (answer: TestExchange): void => {
      const { token, body } = request;
      const { server, life } = this.#balance();
      answer.arrive(life);
      const place = token === undefined ? undefined : server.find(asker, token);
      if (token !== undefined && place === undefined) answer.answer(404, '{"error":"unknown-session"}\n');
      else server.request(asker, place, body, answer);
    };
    this.#time.after(this.#delay(), () => arrive(exchange));
    if (this.#isSo(this.weather.duplicate)) {
      const phantom = new TestExchange(this.#time, () => this.#delay(), NOBODY, FINE, this.#random);
      this.#time.after(this.#delay() * 3, () => {
        arrive(phantom);
        this.#time.after(this.#delay(), () => phantom.abort());
      });
    }
    return exchange;
  }

  #openEvents(asker: Asker, ticket: string, onEvent: (data: string) => void, onEnd: () => void): Abortable {
    let rest = '';
    const exchange = new TestExchange(
      this.#time,
      () => this.#delay(),
      {
        head: () => {},
        text: (text) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop()!;
          for (const line of lines) if (line.startsWith('data:')) onEvent(line.slice(5));
        },
        end: onEnd,
        fail: onEnd,
      },
      this.weather,
      this.#random,
    );
    this.#time.after(this.#delay(), () => {
      if (this.blocked.has('events')) exchange.fail();
      else {
        const { server, life } = this.#balance();
        exchange.arrive(life);
        server.events(asker, ticket, exchange);
      }
    });
    return exchange;
  }
}

const NOBODY: RequestEvents = { head: () => {}, text: () => {}, end: () => {}, fail: () => {} };

/** What arrives in the order in which it was sent, each some time later. */
class Line {
  readonly #time: VirtualTime;
  readonly #delay: () => number;
  #last = 0;
  #isStopped = false;

  constructor(time: VirtualTime, delay: () => number) {
    this.#time = time;
    this.#delay = delay;
  }

  send(call: () => void): void {
    if (this.#isStopped) return;
    this.#last = Math.max(this.#last, this.#time.now() + this.#delay());
    this.#time.after(this.#last - this.#time.now(), call);
  }

  /** Nothing more arrives. */
  stop(): void {
    this.#isStopped = true;
    this.send = (call) => void this.#time.after(STALL, call);
  }
}

/** A request and its answer, as both ends see them. */
class TestExchange implements HttpExchange, Abortable {
  readonly hasGoneOut = true;
  #life: TestLife | undefined;
  #onGone: (() => void) | undefined;
  readonly #time: VirtualTime;
  readonly #events: RequestEvents;
  readonly #weather: Weather;
  readonly #random: () => number;
  readonly #down: Line;
  #isOver = false;
  #isAnswered = false;

  constructor(
    time: VirtualTime,
    delay: () => number,
    events: RequestEvents,
    weather: Weather,
    random: () => number,
  ) {
    this.#time = time;
    this.#events = events;
    this.#weather = weather;
    this.#random = random;
    this.#down = new Line(time, delay);
  }

  set onGone(onGone: (() => void) | undefined) {
    this.#onGone = onGone;
  }

  /** It has come to a server. */
  arrive(life: TestLife): void {
    life.cuts.add(this.#cutOff);
    this.#life = life;
  }

  abandon(): void {}

  nothing(): void {
    this.fail();
  }

  answer(status: number, body: string, retryAfter?: number): void {
    if (this.#isAnswered) throw new Error('A request is answered once');
    this.#isAnswered = true;
    const isCut = this.#isSo(this.#weather.cutAnswer);
    const cutAt = Math.floor(this.#random() * (body.length + 1));
    this.#down.send(() => {
      if (this.#isOver) return;
      if (isCut && this.#random() < 0.5) {
        this.fail();
        return;
      }
      this.#events.head(status, true, retryAfter);
      this.#text(isCut ? body.slice(0, cutAt) : body);
      if (this.#isOver) return;
      // A cut that looks like an end has to be noticed as well.
      this.#end();
      if (isCut && this.#random() < 0.5) this.#events.fail('cut');
      else this.#events.end();
      this.#gone();
    });
  }

  stream(onDrain: () => void, _type: 'lines' | 'events'): TextStream {
    if (this.#isAnswered) throw new Error('A request is answered once');
    this.#isAnswered = true;
    this.#down.send(() => {
      if (!this.#isOver) this.#events.head(200, true, undefined);
    });
    return {
      write: (text) => {
        if (this.#isOver) return true;
        if (this.#isSo(this.#weather.cutPiece)) this.#cut(text);
        else if (this.#isSo(this.#weather.stall)) {
          this.#down.stop();
          this.#time.after(STALL, () => this.#cut(''));
        } else this.#down.send(() => this.#text(text));
        if (!this.#isSo(this.#weather.full)) return true;
        this.#time.after(100, () => this.#life?.isOver === true || onDrain());
        return false;
      },
      end: () =>
        this.#down.send(() => {
          if (this.#isOver) return;
          this.#end();
          this.#events.end();
          this.#gone();
        }),
    };
  }

  fail(): void {
    if (this.#isOver) return;
    this.#end();
    this.#events.fail('The network failed');
    this.#gone();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#time.after(0, () => this.#gone());
  }

  readonly #cutOff = (): void => this.fail();

  #end(): void {
    this.#isOver = true;
    this.#life?.cuts.delete(this.#cutOff);
  }

  #gone(): void {
    if (this.#life?.isOver !== true) this.#onGone?.();
  }

  #cut(text: string): void {
    const part = text.slice(0, Math.floor(this.#random() * text.length));
    this.#down.send(() => {
      this.#text(part);
      this.fail();
    });
    this.#time.after(1, () => this.#gone());
  }

  #text(text: string): void {
    if (!this.#isOver && text !== '') this.#events.text(text);
  }

  #isSo(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }
}

/** No cryptography: the same text has the same code. */
function signed(text: string): string {
  let hash = 5381;
  for (let index = 0; index < text.length; index++)
    hash = (Math.imul(hash, 33) ^ text.charCodeAt(index)) >>> 0;
  return hash.toString(36).padEnd(22, '-');
}

function onFailed(thrown: unknown): never {
  throw thrown;
}

import {
  HereExchange,
  HereSocket,
  RelayedExchange,
  RelayedSocket,
  type Link,
  type Voice,
} from './relay-links.js';
import type { Alarm } from '../protocol/clock.js';
import { isEntry, sizeOf, type Entry } from './relay-entries.js';
import type { HttpExchange, SocketLink } from './server-carriers.js';
import type { Asker, SessionServer } from './server.js';
import { UNKNOWN, errorLine } from './server-session.js';

/** How much is sent to another server in one piece, UTF-16 code units, about. */
const PIECE = 262_144;

/** After how long it is tried again to tell that something is lost, milliseconds. */
const RETRY = 1_000;

/** Pieces are numbered from a multiple of this on, a higher one each time that the other server was forgotten. */
const ERA = 2 ** 32;

/** What whoever relays something says of it; all else is said by whoever has the session. */
const SAID_BY_RELAY: ReadonlySet<string> = new Set(['message', 'took', 'gone']);

/**
 * Another server: what has come here and is relayed to it (`away`), and what it relays to this one (`here`). Whoever
 * relays something gives it a number, by which both call it. What is said between two servers is sent in pieces, which
 * are numbered as well: where one is missing, all that is relayed between them breaks. Whoever finds that says `reset`,
 * and the other `broken`, with which all is over that it has relayed until then.
 */
export class RelayPeer {
  readonly #server: SessionServer;
  readonly #send: (number: number, content: readonly Entry[]) => boolean;
  readonly #away = new Map<number, Link>();
  readonly #here = new Map<number, Link>();
  readonly #retry: Alarm;
  #links = 0;
  #sent: number;
  #received = 0;
  #entries: Entry[] = [];
  #size = 0;

  /**
   * @param era another one, and higher, each time that there is one for the same server; from 0 on.
   * @param send sends a piece; it returns false when it cannot.
   */
  constructor(
    server: SessionServer,
    era: number,
    send: (number: number, content: readonly Entry[]) => boolean,
  ) {
    this.#server = server;
    this.#sent = era * ERA;
    this.#send = send;
    this.#retry = server.clock.alarm(() => this.reset());
  }

  /** How much is relayed. */
  get size(): number {
    return this.#away.size + this.#here.size;
  }

  relayExchange(exchange: HttpExchange, [kind, ...details]: readonly [kind: string, ...unknown[]]): void {
    const link = ++this.#links;
    this.#away.set(link, new RelayedExchange(exchange, this.#voiceOf(this.#away, link)));
    this.#say([kind, link, ...details]);
  }

  relaySocket(socket: SocketLink, [kind, ...details]: readonly [kind: string, ...unknown[]]): RelayedSocket {
    const link = ++this.#links;
    const relayed = new RelayedSocket(socket, this.#voiceOf(this.#away, link), this.#server.base64);
    this.#away.set(link, relayed);
    this.#say([kind, link, ...details]);
    return relayed;
  }

  /** Takes a piece. */
  take(number: number, content: readonly unknown[]): void {
    const before = this.#received;
    if (number <= before) return;
    this.#received = number;
    const isFirst = number % ERA === 1;
    const isNext = isFirst || number === before + 1;
    // Whoever begins again has forgotten all that was relayed.
    if (isFirst && before > 0) this.#breakLinks();
    if (!isNext) this.reset();
    for (const entry of content) if (isEntry(entry)) this.#take(entry);
  }

  /** Something is lost: what is relayed breaks, at both servers. */
  reset(): void {
    this.#breakLinks();
    this.#say(['reset', 0]);
  }

  /** What is relayed breaks; the other server is told, if it can be, and nothing more is said. */
  close(): void {
    this.#breakLinks();
    this.#retry.clear();
    this.#send(++this.#sent, [['reset', 0]]);
  }

  #breakLinks(): void {
    this.#entries = [];
    this.#size = 0;
    breakAll(this.#away);
    breakAll(this.#here);
  }

  #take([kind, link, ...details]: Entry): void {
    if (kind === 'request') this.#takeRequest(link, details);
    else if (kind === 'events') this.#takeEvents(link, details);
    else if (kind === 'socket') this.#takeSocket(link, details);
    else if (kind === 'reset') {
      this.#breakLinks();
      this.#say(['broken', 0]);
    } else if (kind === 'broken') breakAll(this.#here);
    else (SAID_BY_RELAY.has(kind) ? this.#here : this.#away).get(link)?.take(kind, details);
  }

  #takeRequest(link: number, [binding, token, body]: readonly unknown[]): void {
    const from = askerOf(binding);
    const exchange = this.#addExchange(link);
    const place = typeof token === 'string' ? this.#server.find(from, token) : undefined;
    if (typeof token === 'string' && place === undefined) {
      exchange.answer(404, errorLine('unknown-session', UNKNOWN));
    } else {
      this.#server.request(from, place, String(body), exchange);
    }
  }

  #takeEvents(link: number, [binding, ticket]: readonly unknown[]): void {
    this.#server.events(askerOf(binding), String(ticket), this.#addExchange(link));
  }

  #takeSocket(link: number, [binding]: readonly unknown[]): void {
    const socket = new HereSocket(this.#voiceOf(this.#here, link), this.#server.base64);
    this.#here.set(link, socket);
    socket.end = this.#server.socket(askerOf(binding), socket);
  }

  #addExchange(link: number): HereExchange {
    const exchange = new HereExchange(this.#voiceOf(this.#here, link), this.#server.clock);
    this.#here.set(link, exchange);
    return exchange;
  }

  #voiceOf(links: Map<number, Link>, link: number): Voice {
    return {
      say: (kind, ...details) => {
        if (links.has(link)) this.#say([kind, link, ...details]);
      },
      end: () => void links.delete(link),
    };
  }

  #say(entry: Entry): void {
    if (this.#entries.push(entry) === 1) this.#server.clock.soon(() => this.#flush());
    this.#size += sizeOf(entry);
    if (this.#size >= PIECE) this.#flush();
  }

  #flush(): void {
    const entries = this.#entries;
    if (entries.length === 0) return;
    this.#entries = [];
    this.#size = 0;
    if (this.#send(++this.#sent, entries)) return;
    this.#breakLinks();
    // The other server finds that this number is missing, as soon as it gets another one.
    this.#retry.set(RETRY);
  }
}

/** Who asked at another server: nobody here can decide about an opening of theirs. */
function askerOf(binding: unknown): Asker {
  return { binding: String(binding) };
}

function breakAll(links: Map<number, Link>): void {
  const broken = [...links.values()];
  links.clear();
  for (const link of broken) link.break();
}

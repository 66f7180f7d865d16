import {
  HereExchange,
  HereSocket,
  RelayedExchange,
  RelayedSocket,
  type Link,
  type Voice,
} from './relay-links.js';
import type { HttpExchange, SocketLink } from './server-carriers.js';
import type { Asker, SessionServer } from './server.js';
import { UNKNOWN, errorLine } from './server-session.js';

/** What is said of a link, which is called by its number. */
type Entry = readonly [kind: string, link: number, ...details: unknown[]];

/** How much is sent to another server in one piece, UTF-16 code units, about. */
const PIECE = 262_144;

/** What whoever relays something says of it; all else is said by whoever has the session. */
const SAID_BY_RELAY: ReadonlySet<string> = new Set(['message', 'took', 'gone']);

/**
 * Another server: what has come here and is relayed to it (`away`), and what it relays to this one (`here`). Whoever
 * relays something gives it a number, by which both call it. What is said between two servers is sent in pieces, which
 * are numbered as well: where one is missing, all that is relayed between them breaks.
 */
export class RelayPeer {
  readonly #server: SessionServer;
  readonly #send: (number: number, content: readonly Entry[]) => boolean;
  readonly #away = new Map<number, Link>();
  readonly #here = new Map<number, Link>();
  #links = 0;
  #sent = 0;
  #received = 0;
  #entries: Entry[] = [];
  #size = 0;

  /** @param send sends a piece; it returns false when it cannot. */
  constructor(server: SessionServer, send: (number: number, content: readonly Entry[]) => boolean) {
    this.#server = server;
    this.#send = send;
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
    if (number <= this.#received) return;
    const isNext = number === this.#received + 1;
    this.#received = number;
    if (!isNext) this.reset();
    for (const entry of content) if (isEntry(entry)) this.#take(entry);
  }

  /** Something is lost: what is relayed breaks, at both servers. */
  reset(): void {
    this.breakLinks();
    this.#say(['reset', 0]);
  }

  breakLinks(): void {
    this.#entries = [];
    this.#size = 0;
    for (const links of [this.#away, this.#here]) {
      const broken = [...links.values()];
      links.clear();
      for (const link of broken) link.break();
    }
  }

  #take([kind, link, ...details]: Entry): void {
    if (kind === 'request') this.#takeRequest(link, details);
    else if (kind === 'events') this.#takeEvents(link, details);
    else if (kind === 'socket') this.#takeSocket(link, details);
    else if (kind === 'reset') this.breakLinks();
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
    for (const detail of entry) if (typeof detail === 'string') this.#size += detail.length;
    if (this.#size >= PIECE) this.#flush();
  }

  #flush(): void {
    const entries = this.#entries;
    if (entries.length === 0) return;
    this.#entries = [];
    this.#size = 0;
    // The other server finds that this number is missing.
    if (!this.#send(++this.#sent, entries)) this.breakLinks();
  }
}

/** Who asked at another server: nobody here can decide about an opening of theirs. */
function askerOf(binding: unknown): Asker {
  return { binding: String(binding) };
}

function isEntry(value: unknown): value is Entry {
  return Array.isArray(value) && typeof value[0] === 'string' && Number.isSafeInteger(value[1]);
}

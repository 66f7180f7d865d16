import { CloseCode } from '../protocol/close.js';
import type { CarrierName } from '../protocol/contract.js';
import { readClientHeader, type ClientHeader } from './headers.js';
import type { Alarm, Clock } from '../protocol/clock.js';
import type { Journal } from './journal.js';
import { MESSAGE_OVERHEAD } from './inbox.js';
import { ERRORS, Closing, isLarger, isNumbered, parseLines, type Base64, type Numbered } from './records.js';
import type { HttpExchange, SocketLink } from './server-carriers.js';
import {
  FENCED,
  ServerSession,
  NO_WINDOW,
  UNKNOWN,
  errorLine,
  errorOf,
  type SessionKeeper,
  type SessionOwner,
  type SessionSettings,
} from './server-session.js';
import type { Peers } from './peers.js';
import { Relay } from './relay.js';
import type { SavedSession, SessionStore } from './store.js';
import { SessionSocket } from './server-socket.js';
import { readToken, writeToken, type Signer } from './token.js';

/** What the server of sessions needs of its platform. */
export interface SessionPlatform extends Signer {
  readonly clock: Clock;
  readonly base64: Base64;
  /** 128 random bits in base64url. */
  randomId(): string;
  /** Seconds since 1970. */
  seconds(): number;
}

/** Who asks, and with what. */
export interface Asker {
  /** The `Origin` and the user that its token is bound to. */
  readonly binding: string;
  /** Decides about an opening; `undefined` where none can be decided about. */
  decide?(protocols: readonly string[], opening: SessionOpening): void;
}

/** A session that is not here. */
export interface Elsewhere {
  readonly session: string;
  readonly binding: string;
  /** The server that had it when its token was written. */
  readonly node: string;
  readonly token: string;
}

/** What lets another server go on with the sessions of one that is dead. */
export interface Durability {
  readonly store: SessionStore;
  /** Makes the owner of a session that another server had. @param fields what its owner there had saved. */
  restore(session: ServerSession, fields: Readonly<Record<string, string>>): SessionOwner;
  /** What was kept of a session cannot be gone on with. */
  onFailed(thrown: unknown): void;
}

/** An opening that waits for a decision: exactly one of its methods is called, once. */
export interface SessionOpening {
  accept(protocol: string, begin: (session: ServerSession) => SessionOwner): void;
  refuse(status: number, message: string, retryAfter?: number): void;
}

export interface SessionServerSettings extends SessionSettings {
  /** How long a token is worth something, seconds. */
  readonly tokenLifetime: number;
}

/** One attempt to attach a carrier: a request, or a WebSocket whose first message has come. */
export interface Attempt {
  readonly header: ClientHeader;
  readonly carrier: CarrierName;
  attach(session: ServerSession): void;
  /** Goes on at another server. */
  readonly relay: (node: string) => void;
  readonly refuse: (
    error: keyof typeof ERRORS,
    message: string,
    status?: number,
    retryAfter?: number,
  ) => void;
}

/** Whoever looks for a session. */
interface Seeker {
  readonly onHere: (session: ServerSession) => void;
  readonly onThere: (node: string) => void;
  readonly refuse: Attempt['refuse'];
}

/** Where a session is: here, at another server, or nowhere. */
type Found = ServerSession | { readonly node: string } | undefined | 'nobody knows';

/** The newest attempt with an opening key that is not decided about. */
interface Undecided {
  attempt: Attempt;
}

interface Ticket {
  readonly session: ServerSession;
  readonly generation: number;
  readonly until: number;
}

/** How often a token is renewed while it is good: one that is lost on the way may be followed by another. */
const RENEWALS = 3;
/**
 * How long an opening key is good once the client has shown its token, and how long it is remembered when the session
 * has ended, milliseconds; and how many are.
 */
const KEY_LIFETIME = 60_000;
const ENDED_KEYS = 10_000;

/** How long it is known to all servers which of them has an opening key, milliseconds: no request is under way for longer. */
const CLAIM_LIFETIME = 600_000;

/** How often what is saved is saved again, although nothing happens, milliseconds: so it must be kept for longer. */
export const REFRESH = 60_000;

/** How long a ticket is good, milliseconds. */
const TICKET_LIFETIME = 30_000;

/** All sessions of a server: makes them, finds them, and lets go of them (PROTOCOL.md sections 4 and 9). */
export class SessionServer implements SessionKeeper {
  readonly settings: SessionServerSettings;
  readonly clock: Clock;
  readonly base64: Base64;
  /** To the servers that share the sessions, if there are any. */
  readonly relay: Relay | undefined;
  readonly store: SessionStore | undefined;
  readonly #platform: SessionPlatform;
  readonly #peers: Peers | undefined;
  readonly #durability: Durability | undefined;
  readonly #node: string;
  /** Those that are asked for at the store, and who waits for them. */
  readonly #taking = new Map<string, ((found: Found) => void)[]>();
  readonly #refresh: Alarm | undefined;
  readonly #sessions = new Map<string, ServerSession>();
  /** By binding and opening key. */
  readonly #opened = new Map<string, ServerSession>();
  /** The opening keys of those that have ended, and until when they are remembered: oldest first. */
  readonly #ended = new Map<string, number>();
  readonly #undecided = new Map<string, Undecided>();
  readonly #tickets = new Map<string, Ticket>();
  #isClosed = false;
  /** Of sessions that have ended: what is still to be saved, and who waits for that. */
  readonly #lasts = new Set<Journal>();
  #onSaved: (() => void) | undefined;
  /** Those with which other servers are to go on: none is taken any more. */
  #leaving: ServerSession[] | undefined;

  constructor(
    settings: SessionServerSettings,
    platform: SessionPlatform,
    peers?: Peers,
    durability?: Durability,
  ) {
    this.settings = settings;
    this.clock = platform.clock;
    this.base64 = platform.base64;
    this.#platform = platform;
    this.#peers = peers;
    this.#node = peers?.id ?? platform.randomId();
    if (peers !== undefined) this.relay = new Relay(peers, this);
    if (durability === undefined) return;
    this.#durability = durability;
    this.store = durability.store;
    this.#refresh = this.clock.alarm(() => this.#refreshSaved());
    this.#refresh.set(REFRESH);
  }

  /** A header, as many messages as the window has room for, and a few records that nobody knows. */
  get #mostLines(): number {
    return 16 + this.settings.window / MESSAGE_OVERHEAD;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** How many openings are asked for and not decided about. */
  get undecided(): number {
    return this.#undecided.size;
  }

  /** The living session of a token, if it is of one who asks from here, or which server has it. */
  find(from: Asker, token: string): ServerSession | Elsewhere | undefined {
    // In every case the same is done, and what is answered says nothing more.
    const content = readToken(token, from.binding, this.#platform.seconds(), this.#platform);
    const session = content === undefined ? undefined : this.#sessions.get(content.session);
    if (session !== undefined) return session.binding === from.binding ? session : undefined;
    if (content === undefined || this.#peers === undefined) return undefined;
    return { ...content, binding: from.binding, token };
  }

  /**
   * A POST with its body.
   *
   * @param place that of its token; `undefined` when it has none, and opens one.
   */
  request(
    from: Asker,
    place: ServerSession | Elsewhere | undefined,
    body: string,
    exchange: HttpExchange,
  ): void {
    if (place === undefined || place instanceof ServerSession) {
      this.#request(from, place, body, exchange);
      return;
    }
    const refuse = refusalOf(exchange);
    this.#seek(place, {
      onHere: (session) => this.#request(from, session, body, exchange),
      onThere: (node) => this.relay!.request(node, from, place.token, body, exchange),
      refuse,
    });
  }

  #request(from: Asker, session: ServerSession | undefined, body: string, exchange: HttpExchange): void {
    const records = parseLines(body, this.#mostLines, this.base64);
    const header = readClientHeader(records?.[0]);
    // A control record that nobody knows is ignored.
    const items = records?.slice(1).filter((record) => typeof record !== 'object' || isNumbered(record));
    const refuse = refusalOf(exchange);
    if (header === undefined || items === undefined || !items.every((item) => isNumbered(item))) {
      refuse('malformed', 'The body is not a header and messages behind it, as lines.');
      return;
    }
    if (items.some((item) => this.isTooLarge(item))) {
      refuse('too-large', TOO_LARGE);
      return;
    }
    const attach = (found: ServerSession): void => {
      const error = errorOf(found, header, items);
      if (error !== undefined) refuse(...error);
      else if (!found.exchange(header, items, exchange)) refuse('fenced', FENCED);
    };
    const relay = (node: string): void => this.relay!.request(node, from, undefined, body, exchange);
    const attempt = { header, carrier: carrierOf(header), attach, relay, refuse };
    if (session === undefined) this.#findByKey(from, attempt);
    else this.#attach(session, attempt);
  }

  /** A GET of an `EventSource`. */
  events(from: Asker, ticket: string, exchange: HttpExchange): void {
    const node = TICKET.exec(ticket)?.[1] ?? this.#node;
    if (node !== this.#node && this.#stateOf(node) === 'here') {
      this.relay!.events(node, from, ticket, exchange);
    } else if (!this.#attachEvents(from, ticket, exchange)) exchange.nothing();
  }

  /** A WebSocket that was opened for a session. */
  socket(from: Asker, link: SocketLink): SessionSocket {
    return new SessionSocket(this, from, link);
  }

  /** The first record of a WebSocket. */
  open(from: Asker, header: ClientHeader, attempt: Attempt): void {
    if (header.token === undefined) {
      this.#findByKey(from, attempt);
      return;
    }
    const place = this.find(from, header.token);
    if (place === undefined) attempt.refuse('unknown-session', UNKNOWN);
    else if (place instanceof ServerSession) this.#attach(place, attempt);
    else {
      this.#seek(place, {
        onHere: (session) => this.#attach(session, attempt),
        onThere: attempt.relay,
        refuse: attempt.refuse,
      });
    }
  }

  /**
   * Saves all sessions for other servers to go on with, and takes no others.
   *
   * @param onLeft is told when all are saved: then the others may know, and what carries them may be `cut`.
   */
  leave(onLeft: () => void): void {
    this.#leaving = [...this.#sessions.values()];
    let left = this.#leaving.length;
    if (left === 0) onLeft();
    for (const session of this.#leaving) {
      session.leave(() => {
        if (--left === 0) onLeft();
      });
    }
  }

  /** Sends the clients of all sessions that have left elsewhere, also of those that could not be saved. */
  cut(): void {
    for (const session of this.#leaving?.splice(0) ?? []) session.cut();
  }

  /** @param onSaved is told when all is saved of the sessions that have ended. */
  whenSaved(onSaved: () => void): void {
    this.#onSaved = onSaved;
    if (this.#lasts.size === 0) onSaved();
  }

  /** Nothing is relayed any more. */
  close(): void {
    this.#isClosed = true;
    this.#refresh?.clear();
    this.relay?.close();
  }

  isTooLarge(item: Numbered): boolean {
    return !(item instanceof Closing) && isLarger(item, this.settings.maxMessage);
  }

  // What a session asks (SessionKeeper).

  renewedToken(session: ServerSession): string | undefined {
    const seconds = this.#platform.seconds();
    return seconds < session.renewAt ? undefined : this.#tokenFor(session, seconds);
  }

  ticketFor(session: ServerSession): string {
    this.#forgetTicket(session);
    const ticket = `${this.#node}.${this.#platform.randomId()}`;
    const until = this.clock.now() + TICKET_LIFETIME;
    this.#tickets.set(ticket, { session, generation: session.generation, until });
    session.ticket = ticket;
    return ticket;
  }

  forget(session: ServerSession): void {
    this.#sessions.delete(session.id);
    if (session.openingKey !== '') {
      this.#opened.delete(session.openingKey);
      this.#rememberEnded(session.openingKey);
    }
    this.#forgetTicket(session);
  }

  /** @returns false when the ticket is good for nothing. */
  #attachEvents(from: Asker, ticket: string, exchange: HttpExchange): boolean {
    const found = this.#tickets.get(ticket);
    if (found === undefined) return false;
    const { session, generation, until } = found;
    if (!isOfPage(session.binding, from.binding)) return false;
    this.#forgetTicket(session);
    return until >= this.clock.now() && session.attachEvents(generation, exchange);
  }

  /** The client has shown the session's token: soon its opening key is good for nothing any more. */
  #attach(session: ServerSession, attempt: Attempt): void {
    if (session.hasEnded) {
      attempt.refuse('unknown-session', UNKNOWN);
      return;
    }
    session.greeting = undefined;
    attempt.attach(session);
  }

  #stateOf(node: string): 'here' | 'gone' | 'unsure' {
    if (this.#isClosed) return 'unsure';
    return this.#peers?.stateOf(node) ?? 'gone';
  }

  /** Goes on where a session is now. */
  #seek(place: Elsewhere, { onHere, onThere, refuse }: Seeker): void {
    const { node } = place;
    const state = node === this.#node ? 'gone' : this.#peers!.stateOf(node);
    if (this.#leaving !== undefined) refuse('unavailable', LEAVING);
    else if (state === 'here') onThere(node);
    else if (state === 'unsure') refuse('unavailable', UNSURE, undefined, RETRY_AFTER);
    else if (this.#durability === undefined) refuse('unknown-session', UNKNOWN);
    else {
      this.#take(this.#durability, place.session, (found) => {
        if (found === 'nobody knows') refuse('unavailable', UNSURE, undefined, RETRY_AFTER);
        else if (found === undefined) refuse('unknown-session', UNKNOWN);
        else if (typeof found === 'object' && 'node' in found) onThere(found.node);
        else if (found.binding === place.binding) onHere(found);
        else refuse('unknown-session', UNKNOWN);
      });
    }
  }

  /** Takes a session from a server that is gone, if nobody has done so. */
  #take(durability: Durability, id: string, onFound: (found: Found) => void): void {
    const here = this.#sessions.get(id);
    const waiting = this.#taking.get(id);
    if (here !== undefined) onFound(here);
    else if (waiting !== undefined) waiting.push(onFound);
    else {
      const all = [onFound];
      this.#taking.set(id, all);
      const isGone = (node: string): boolean => node === this.#node || this.#peers!.stateOf(node) === 'gone';
      durability.store.take(id, isGone, (found, isKnown) => {
        this.#taking.delete(id);
        const place =
          isKnown && this.#leaving === undefined ? this.#placeOf(durability, id, found) : 'nobody knows';
        for (const tell of all) tell(place);
      });
    }
  }

  #placeOf(durability: Durability, id: string, found: SavedSession | string | undefined): Found {
    if (found === undefined) return undefined;
    if (typeof found === 'string') {
      return this.#peers!.stateOf(found) === 'here' ? { node: found } : 'nobody knows';
    }
    const { binding = '', carrier, ended } = found.fields;
    if (ended !== undefined) {
      // The other one died between the last it did of it and its removal.
      durability.store.remove(id);
      return undefined;
    }
    const session = new ServerSession(id, binding, carrier as CarrierName, this, found);
    this.#sessions.set(id, session);
    try {
      session.owner = durability.restore(session, found.fields);
    } catch (thrown) {
      durability.onFailed(thrown);
      session.terminate({ code: CloseCode.INTERNAL_ERROR, reason: '', wasClean: false, initiator: 'local' });
    }
    return session.hasEnded ? undefined : session;
  }

  /** What is saved is forgotten after some time, so that of a session that nobody takes nothing stays. */
  #refreshSaved(): void {
    for (const session of this.#sessions.values()) session.refresh(REFRESH);
    this.#refresh!.set(REFRESH);
  }

  #findByKey(from: Asker, attempt: Attempt): void {
    const { open, protocols = [], gen, window } = attempt.header;
    if (window === undefined) {
      attempt.refuse('malformed', NO_WINDOW);
      return;
    }
    if (open === undefined) {
      attempt.refuse('malformed', 'Neither a token nor "open" is there: which session is meant?');
      return;
    }
    const key = `${open}\n${from.binding}`;
    const session = this.#opened.get(key);
    if (session !== undefined) {
      // Attempts that were made before the client had a token may come late.
      const isShown = session.greeting === undefined && gen > session.generation;
      if (isShown && this.clock.now() > session.openingKeyUntil) attempt.refuse('unknown-session', UNKNOWN);
      else attempt.attach(session);
      return;
    }
    if (this.#leaving === undefined && (this.#ended.get(key) ?? 0) > this.clock.now()) {
      attempt.refuse('unknown-session', UNKNOWN);
      return;
    }
    if (this.#leaving !== undefined) {
      attempt.refuse('unavailable', LEAVING);
      return;
    }
    const undecided = this.#undecided.get(key);
    if (undecided !== undefined) {
      const [newer, older] =
        gen > undecided.attempt.header.gen ? [attempt, undecided.attempt] : [undecided.attempt, attempt];
      undecided.attempt = newer;
      older.refuse('fenced', FENCED);
      return;
    }
    if (from.decide === undefined) {
      attempt.refuse('unknown-session', UNKNOWN);
      return;
    }
    const opening = { attempt };
    this.#undecided.set(key, opening);
    const decide = (): void => from.decide!(protocols, this.#openingOf(from, key, opening));
    const claims = this.#peers?.claims;
    if (claims === undefined) decide();
    else {
      claims.claim(this.#platform.sign(key), CLAIM_LIFETIME, (holder) =>
        this.#onClaimed(key, opening, holder, decide),
      );
    }
  }

  /** Attempts of one client may come to several servers at once: whoever is the first to claim its key has it. */
  #onClaimed(key: string, undecided: Undecided, holder: string | undefined, decide: () => void): void {
    if (holder === this.#node) {
      decide();
      return;
    }
    this.#undecided.delete(key);
    const { attempt } = undecided;
    // It may have been claimed all the same, and nobody is told.
    if (holder === undefined) this.#peers!.claims!.release(this.#platform.sign(key));
    const state = holder === undefined ? 'unsure' : this.#peers!.stateOf(holder);
    if (state === 'here') attempt.relay(holder!);
    else if (state === 'gone') attempt.refuse('unknown-session', UNKNOWN);
    else attempt.refuse('unavailable', UNSURE, undefined, RETRY_AFTER);
  }

  #openingOf(from: Asker, key: string, undecided: Undecided): SessionOpening {
    return {
      accept: (protocol, begin) => {
        this.#undecided.delete(key);
        const session = new ServerSession(
          this.#platform.randomId(),
          from.binding,
          undecided.attempt.carrier,
          this,
        );
        this.#sessions.set(session.id, session);
        this.#opened.set(key, session);
        session.openingKey = key;
        session.openingKeyUntil = this.clock.now() + KEY_LIFETIME;
        const token = this.#tokenFor(session, this.#platform.seconds());
        session.greeting = { session: session.id, token, protocol };
        session.owner = begin(session);
        if (!session.hasEnded) undecided.attempt.attach(session);
        else undecided.attempt.refuse('unknown-session', UNKNOWN);
      },
      refuse: (status, message, retryAfter) => {
        this.#undecided.delete(key);
        // It may be accepted another time, and elsewhere.
        this.#peers?.claims?.release(this.#platform.sign(key));
        undecided.attempt.refuse(nameOf(status), message, status, retryAfter);
      },
    };
  }

  #tokenFor(session: ServerSession, seconds: number): string {
    const { tokenLifetime } = this.settings;
    session.renewAt = seconds + tokenLifetime / RENEWALS;
    const content = { session: session.id, node: this.#node, expiry: Math.floor(seconds + tokenLifetime) };
    return writeToken(content, session.binding, this.#platform);
  }

  #rememberEnded(key: string): void {
    const now = this.clock.now();
    for (const [oldest, until] of this.#ended) {
      if (until > now && this.#ended.size < ENDED_KEYS) break;
      this.#ended.delete(oldest);
    }
    this.#ended.set(key, now + KEY_LIFETIME);
  }

  saveLast(journal: Journal): void {
    this.#lasts.add(journal);
    journal.leave(() => {
      this.#lasts.delete(journal);
      if (this.#lasts.size === 0) this.#onSaved?.();
    });
  }

  #forgetTicket(session: ServerSession): void {
    if (session.ticket === undefined) return;
    this.#tickets.delete(session.ticket);
    session.ticket = undefined;
  }
}

/** A ticket, and the server that gave it. */
const TICKET = /^([\w-]{1,64})\.[\w-]{22}$/;
/** After how long it is asked again which servers are there, seconds. */
const RETRY_AFTER = 1;
const LEAVING = 'This server is closing: another one goes on with its sessions.';
const UNSURE = 'It is not known yet which server has this session: try again.';
export const TOO_LARGE = 'A message, or the request, is larger than this server takes.';

function refusalOf(exchange: HttpExchange): Attempt['refuse'] {
  return (error, message, status = ERRORS[error], retryAfter) =>
    exchange.answer(status, errorLine(error, message), retryAfter);
}

function carrierOf({ stream, wait = 0 }: ClientHeader): CarrierName {
  if (stream !== undefined) return stream === 'lines' ? 'streaming' : 'eventsource';
  return wait > 0 ? 'long-polling' : 'polling';
}

function nameOf(status: number): keyof typeof ERRORS {
  const known = Object.entries(ERRORS).find(([, each]) => each === status);
  return (known?.[0] ?? (status < 500 ? 'forbidden' : 'unavailable')) as keyof typeof ERRORS;
}

/**
 * Whether a GET may be of the page to which a session is bound. A page sends no `Origin` when it gets something of its
 * own origin (Fetch, "append a request `Origin` header"); one of another origin always does for an `EventSource`. So
 * without it the user has to be the same, and the ticket does the rest.
 */
function isOfPage(binding: string, asker: string): boolean {
  return binding === asker || (asker.startsWith('\n') && binding.slice(binding.indexOf('\n')) === asker);
}

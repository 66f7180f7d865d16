import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { CloseCode } from '../protocol/close.js';
import type { HandshakeRequest } from '../protocol/handshake-server-request.js';
import { Refusal, type HandshakeAcceptance } from '../protocol/handshake-server-response.js';
import type { Peers } from '../session/peers.js';
import {
  SessionServer,
  type Asker,
  type Durability,
  type SessionOpening,
  type SessionPlatform,
} from '../session/server.js';
import type { SessionSocket } from '../session/server-socket.js';
import type { ServerSession, SessionOwner } from '../session/server-session.js';
import type { OpenTransport, OpeningHandshake } from './acceptor.js';
import { NodeConnection } from './connection.js';
import type { Handlers } from './handlers.js';
import { nodeClock } from './node-clock.js';
import { sessionSettingsOf, type ServerSessionOptions } from './session-options.js';
import type {
  ConnectionLimits,
  ConnectionOwner,
  ConnectionTopics,
  ServedConnection,
} from './served-connection.js';
import { nodeBase64, randomId } from './session-platform.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';
import { NO_TOPICS } from './no-topics.js';

/** Who asks for a session. */
export interface Visitor extends Asker {
  readonly request: HandshakeRequest;
}

/** What becomes of an opening that was accepted. */
export interface OpenSession {
  begin(protocol: string, makeOwner: (session: ServerSession) => SessionOwner): void;
}

/** What the hub asks of the server it is part of. */
export interface HubHost {
  readonly limits: ConnectionLimits;
  /** Decides as about a handshake. */
  decide(request: HandshakeRequest, handshake: OpeningHandshake<OpenSession>): void;
}

/** How many WebSockets may be open that have not said yet which session they are for. */
const MAX_STRANGERS = 10_000;

/** How large the first message of a WebSocket may be, bytes: it is a header (PROTOCOL.md section 6.1). */
const FIRST_MESSAGE = 16_384;

const TOO_MANY_SESSIONS = new Refusal(503, 'The server has as many sessions as it may: try again later.', {
  'Retry-After': '30',
});

/** The sessions of a server, and the WebSockets that carry them. */
export class SessionHub {
  readonly sessions: SessionServer;
  readonly #host: HubHost;
  readonly #options: ServerSessionOptions;
  readonly #handshakeTimeout: number;
  readonly #carriers: CarrierOwner;
  readonly #maxMessageSize: number;
  #strangers = 0;

  /**
   * @param peers the servers that share the sessions, if there are any.
   * @param durability by which others go on with them.
   */
  constructor(
    options: ServerSessionOptions,
    handshakeTimeout: number,
    host: HubHost,
    peers: Peers | undefined,
    durability: Durability | undefined,
  ) {
    this.#options = options;
    this.#handshakeTimeout = handshakeTimeout;
    this.#host = host;
    const settings = sessionSettingsOf(options, host.limits);
    this.sessions = new SessionServer(settings, new NodePlatform(options.secret), peers, durability);
    // A text has one character before it (PROTOCOL.md section 3).
    this.#maxMessageSize = host.limits.maxMessageSize + 1;
    this.#carriers = new CarrierOwner(host.limits);
  }

  /** Whether no more WebSockets are taken at the moment, of a server that takes so many connections. */
  isFull(maxConnections: number): boolean {
    return this.#strangers >= Math.min(MAX_STRANGERS, maxConnections);
  }

  /** Resolves when the last WebSocket is gone: they have been told already. */
  async close(): Promise<void> {
    const left = this.#carriers.empty();
    this.sessions.close();
    await left;
  }

  /** @throws what the option `user` throws. */
  visitor(request: HandshakeRequest, socket: Duplex): Visitor {
    const user = this.#options.user?.(request) ?? '';
    return {
      request,
      binding: `${request.origin ?? ''}\n${user}`,
      decide: (protocols, opening) =>
        this.#decide(request.offering(protocols), new OpeningOfSession(opening, socket)),
    };
  }

  /** A WebSocket that was opened for a session. */
  carry(transport: OpenTransport, visitor: Visitor): void {
    const agreement = { request: visitor.request, protocol: '', extensions: '' };
    const connection = new NodeConnection<Carried>(transport.socket, this.#carriers, agreement, undefined!);
    const link = {
      send: (message: string | Uint8Array) => connection.send(message),
      close: (code: number, reason: string) => connection.close(code, reason),
      pause: () => connection.pause(),
      resume: () => {
        connection.maxMessageSize = this.#maxMessageSize;
        connection.resume();
      },
    };
    const stranger = new Stranger(connection, () => this.#strangers--);
    this.#strangers++;
    if (this.#handshakeTimeout > 0) setDeadline(stranger, this.#handshakeTimeout);
    connection.state = { socket: this.sessions.socket(visitor, link), stranger };
    this.#carriers.add(connection);
    connection.start(transport.greeting, transport.head, undefined);
  }

  #decide(request: HandshakeRequest, opening: OpeningOfSession): void {
    const { maxSessions = 100_000 } = this.#options;
    // This one is undecided as well.
    if (this.sessions.size + this.sessions.undecided > maxSessions) {
      opening.refuse(TOO_MANY_SESSIONS);
      return;
    }
    this.#host.decide(request, opening);
  }
}

/** What a WebSocket carries, and whether that is known. */
interface Carried {
  readonly socket: SessionSocket;
  readonly stranger: Stranger;
}

/** A WebSocket that has not said yet which session it is for. */
class Stranger extends Timed {
  readonly #connection: NodeConnection<Carried>;
  #onKnown: (() => void) | undefined;

  constructor(connection: NodeConnection<Carried>, onKnown: () => void) {
    super();
    this.#connection = connection;
    this.#onKnown = onKnown;
  }

  known(): void {
    if (this.#onKnown === undefined) return;
    clearDeadline(this);
    this.#onKnown();
    this.#onKnown = undefined;
  }

  onDeadline(): void {
    this.#connection.close(CloseCode.POLICY_VIOLATION, 'The first message did not come in time');
  }
}

/** Who keeps the WebSockets of sessions: they have no topics, and are no connections of the application's. */
class CarrierOwner implements ConnectionOwner<Carried> {
  readonly role = 'server';
  readonly topics: ConnectionTopics<Carried> = NO_TOPICS;
  readonly #carriers = new Set<ServedConnection<Carried>>();
  #onEmpty: (() => void) | undefined;
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<Carried> = {
    message: ({ state }, data) => {
      state.stranger.known();
      state.socket.receive(data);
    },
    drain: ({ state }) => state.socket.drain(),
    close: ({ state }) => {
      state.stranger.known();
      state.socket.close();
    },
  };

  constructor(limits: ConnectionLimits) {
    // Whoever has shown no token may not make the server keep much.
    this.limits = { ...limits, idleTimeout: 0, maxMessageSize: FIRST_MESSAGE };
  }

  /** Resolves when there is none left; those that are there have `closeTimeout` to leave. */
  empty(): Promise<void> {
    for (const carrier of this.#carriers) carrier.close(CloseCode.GOING_AWAY);
    if (this.#carriers.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  add(carrier: NodeConnection<Carried>): void {
    this.#carriers.add(carrier);
  }

  remove(carrier: ServedConnection<Carried>): void {
    this.#carriers.delete(carrier);
    if (this.#carriers.size === 0) this.#onEmpty?.();
  }
}

/** The opening of a session as an opening handshake: the same rules decide about it. */
class OpeningOfSession implements OpeningHandshake<OpenSession> {
  readonly isGone = false;
  readonly socket: Duplex;
  readonly #opening: SessionOpening;

  constructor(opening: SessionOpening, socket: Duplex) {
    this.#opening = opening;
    this.socket = socket;
  }

  refuse({ status, reason, headers }: Refusal): void {
    const retryAfter = Number((headers as Record<string, string>)['Retry-After'] ?? Number.NaN);
    this.#opening.refuse(status, reason, Number.isNaN(retryAfter) ? undefined : retryAfter);
  }

  accept(_answer: HandshakeAcceptance): OpenSession {
    return { begin: (protocol, makeOwner) => this.#opening.accept(protocol, makeOwner) };
  }

  drop(): void {}
}

/** What the sessions of a server need of Node. */
class NodePlatform implements SessionPlatform {
  readonly clock = nodeClock;
  readonly base64 = nodeBase64;
  readonly randomId = randomId;
  readonly #secret: string | Uint8Array;

  constructor(secret: string | Uint8Array = randomBytes(32)) {
    this.#secret = secret;
  }

  seconds(): number {
    return Date.now() / 1000;
  }

  sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }

  isEqual(one: string, other: string): boolean {
    return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
  }
}

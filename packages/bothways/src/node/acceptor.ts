import type { Duplex } from 'node:stream';
import type { HandshakeRequest } from '../protocol/handshake-server-request.js';
import { Refusal, chooseProtocol, type HandshakeAcceptance } from '../protocol/handshake-server-response.js';
import { createOriginCheck, type OriginCheck } from '../protocol/origin.js';
import { parseWebSocketUrl } from '../protocol/url.js';
import { SUBPROTOCOL } from '../session/records.js';
import type { CompressionAnswer } from './compression.js';
import type { Agreement } from './connection.js';
import { isThenable, toError } from './handlers.js';
import { DEFAULT_HANDSHAKE_TIMEOUT, type ServeOptions } from './options.js';
import type { OpenSession } from './session-hub.js';
import { Admission, type Decision } from './admission.js';
import { Rejection } from './rejection.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';
import type { TopicRights } from '../pubsub/subscriptions.js';

/** An opening handshake that waits for its answer, in whatever version of HTTP. It is answered once. */
export interface OpeningHandshake<Opened = OpenTransport> {
  /** Whether the client has left, or got an answer from somebody else. */
  readonly isGone: boolean;
  /** What the request came on. */
  readonly socket: Duplex;
  refuse(refusal: Refusal): void;
  accept(answer: HandshakeAcceptance): Opened;
  /** Nobody is there to be answered, or somebody else has answered. */
  drop(): void;
}

type AnyOpening = OpeningHandshake<OpenTransport | OpenSession>;

/** What carries the frames of a connection that was accepted. */
export interface OpenTransport {
  readonly socket: Duplex;
  /** What has to be written before the first frame, in ISO 8859-1. */
  readonly greeting: string;
  /** What came behind the handshake. */
  readonly head: Buffer;
}

/** What happens to the handshakes: told to the server that asked for them. */
export interface Gate<State> {
  /** Why the server accepts nothing any more, once it is closing. */
  readonly closing: Refusal | undefined;
  /** Says why no further connection from this address can be had at the moment; otherwise it has a place. */
  admit(address: string): Refusal | undefined;
  /** Takes back the place of a handshake that came to nothing. */
  leave(address: string): void;
  /** What the extensions that a client offers come to. */
  agree(request: HandshakeRequest): CompressionAnswer | undefined;
  open(
    opened: OpenTransport | OpenSession,
    agreement: Agreement,
    state: State,
    rights: TopicRights | undefined,
  ): void;
  /** Whether a WebSocket is to carry a session: which one is not known yet, so nobody else decides about it. */
  isForSession(request: HandshakeRequest): boolean;
  /** Why no WebSocket is taken for a session at the moment. */
  refusesCarriers(): Refusal | undefined;
  carry(transport: OpenTransport, request: HandshakeRequest): void;
  /** `accept` or `protocols` threw. */
  failed(error: Error): void;
}

/** Decides about opening handshakes: by path, origin, limits, and what the application's `accept` says. */
export class Acceptor<State> {
  readonly #options: ServeOptions<State>;
  readonly #gate: Gate<State>;
  readonly #isWelcome: OriginCheck;
  readonly #timeout: number;
  readonly #undecided = new Set<Undecided>();

  constructor(options: ServeOptions<State>, gate: Gate<State>) {
    this.#options = options;
    this.#gate = gate;
    this.#isWelcome = createOriginCheck(options.origins);
    this.#timeout = options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT;
  }

  /** Refuses all handshakes that `accept` has not decided about. */
  refuseUndecided(refusal: Refusal): void {
    for (const undecided of this.#undecided) undecided.refuse(refusal);
  }

  /** Whether a request is for this server at all, by its path. */
  isForPath(url: string | undefined): boolean {
    const { path } = this.#options;
    if (path === undefined || url === undefined) return true;
    const target = url.startsWith('/') ? url : resourceOf(url);
    return target === path || (target.startsWith(path) && target[path.length] === '?');
  }

  /** @param request what was read of it: it may be a refusal already. */
  decide(request: HandshakeRequest | Refusal, handshake: OpeningHandshake): void {
    const refusal = request instanceof Refusal ? request : this.#refusalOf(request);
    if (refusal !== undefined) handshake.refuse(refusal);
    else if (this.#gate.isForSession(request as HandshakeRequest))
      this.#carry(request as HandshakeRequest, handshake);
    else this.admit(request as HandshakeRequest, handshake);
  }

  /** Decides about what may ask: a handshake, or the opening of a session. */
  admit(admitted: HandshakeRequest, handshake: AnyOpening): void {
    const notAdmitted = this.#gate.admit(admitted.remoteAddress);
    if (notAdmitted === undefined) this.#ask(admitted, handshake);
    else handshake.refuse(notAdmitted);
  }

  #carry(request: HandshakeRequest, handshake: OpeningHandshake): void {
    const refusal = this.#gate.closing ?? this.#gate.refusesCarriers();
    if (refusal !== undefined) handshake.refuse(refusal);
    else this.#gate.carry(handshake.accept({ key: request.key, protocol: SUBPROTOCOL }), request);
  }

  #refusalOf(request: HandshakeRequest): Refusal | undefined {
    if (!this.isForPath(request.url)) return NOT_FOUND;
    // A page of another origin would act with the user's cookies (RFC 6455 section 10.2).
    const { origin } = request;
    return origin === undefined || this.#isWelcome(origin, request.host) ? undefined : FOREIGN_ORIGIN;
  }

  #ask(request: HandshakeRequest, handshake: AnyOpening): void {
    const { accept } = this.#options;
    if (accept === undefined) {
      this.#conclude(request, handshake, undefined as State);
      return;
    }
    let decision: ReturnType<typeof accept>;
    try {
      decision = accept(request, handshake.socket);
    } catch (thrown) {
      this.#fail(thrown, request, handshake);
      return;
    }
    if (isThenable(decision)) void this.#await(decision, request, handshake);
    else this.#conclude(request, handshake, decision);
  }

  /** Meanwhile nothing is read from the socket, so what the client sends waits in it, and then in the client. */
  async #await(
    decision: PromiseLike<unknown>,
    request: HandshakeRequest,
    handshake: AnyOpening,
  ): Promise<void> {
    const undecided = new Undecided((refusal) => {
      this.#undecided.delete(undecided);
      this.#refuse(request, handshake, refusal);
    });
    this.#undecided.add(undecided);
    if (this.#timeout > 0) setDeadline(undecided, this.#timeout);
    let state: Decision<State>;
    try {
      state = (await decision) as Decision<State>;
    } catch (thrown) {
      if (this.#settle(undecided)) this.#fail(thrown, request, handshake);
      else this.#gate.failed(toError(thrown));
      return;
    }
    if (this.#settle(undecided)) this.#conclude(request, handshake, state);
  }

  /** Whether the decision still counts. */
  #settle(undecided: Undecided): boolean {
    clearDeadline(undecided);
    return this.#undecided.delete(undecided);
  }

  #conclude(request: HandshakeRequest, handshake: AnyOpening, decision: Decision<State>): void {
    if (decision instanceof Rejection) {
      this.#refuse(request, handshake, decision);
      return;
    }
    if (handshake.isGone) {
      // The client left while `accept` was thinking.
      this.#gate.leave(request.remoteAddress);
      handshake.drop();
      return;
    }
    let protocol: string;
    try {
      protocol = this.#chooseProtocol(request);
    } catch (thrown) {
      this.#fail(thrown, request, handshake);
      return;
    }
    const { closing } = this.#gate;
    if (closing !== undefined) {
      this.#refuse(request, handshake, closing);
      return;
    }
    const agreed = this.#gate.agree(request);
    const extensions = agreed === undefined ? [] : [agreed.extension];
    const transport = handshake.accept({ key: request.key, protocol, extensions });
    const { text = '', compression } = agreed ?? {};
    const agreement = { request, protocol, extensions: text, compression };
    if (decision instanceof Admission) {
      this.#gate.open(transport, agreement, decision.state, decision.rights);
    } else {
      this.#gate.open(transport, agreement, decision, undefined);
    }
  }

  #chooseProtocol(request: HandshakeRequest): string {
    const { protocols } = this.#options;
    if (protocols === undefined || request.protocols.length === 0) return '';
    if (typeof protocols !== 'function') return chooseProtocol(request.protocols, protocols);
    const chosen = protocols(request.protocols, request) ?? '';
    if (chosen === '' || request.protocols.includes(chosen)) return chosen;
    throw new TypeError(`The option 'protocols' chose a subprotocol that was not offered`);
  }

  /** Refuses a handshake that had a place. */
  #refuse(request: HandshakeRequest, handshake: AnyOpening, refusal: Refusal): void {
    this.#gate.leave(request.remoteAddress);
    handshake.refuse(refusal);
  }

  #fail(thrown: unknown, request: HandshakeRequest, handshake: AnyOpening): void {
    this.#refuse(request, handshake, BROKEN);
    this.#gate.failed(toError(thrown));
  }
}

/** Path and query of a request-target in absolute form (RFC 9112 section 3.2.2), `''` for what is none. */
function resourceOf(url: string): string {
  try {
    return parseWebSocketUrl(url).resource;
  } catch {
    return '';
  }
}

const NOT_FOUND = new Refusal(404, 'No WebSocket can be opened at this path.');
const FOREIGN_ORIGIN = new Refusal(
  403,
  "Pages of this origin may not connect: the server's option 'origins' says which may.",
);
const TOO_SLOW = new Refusal(503, 'The server took too long to decide: try again later.', {
  'Retry-After': '5',
});
const BROKEN = new Refusal(500, 'The server failed to decide about this handshake.');

/** A handshake about which `accept` is still thinking. */
class Undecided extends Timed {
  readonly refuse: (refusal: Refusal) => void;

  constructor(onRefusal: (refusal: Refusal) => void) {
    super();
    this.refuse = onRefusal;
  }

  onDeadline(): void {
    this.refuse(TOO_SLOW);
  }
}

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ExtensionOffer } from '../protocol/extension.js';
import { readHandshakeRequest, type HandshakeRequest } from '../protocol/handshake-server-request.js';
import {
  Refusal,
  chooseProtocol,
  formatHandshakeResponse,
  formatRefusal,
} from '../protocol/handshake-server-response.js';
import { createOriginCheck, type OriginCheck } from '../protocol/origin.js';
import { parseWebSocketUrl } from '../protocol/url.js';
import type { CompressionAnswer } from './compression.js';
import type { Agreement } from './connection.js';
import { isThenable, toError } from './handlers.js';
import { DEFAULT_HANDSHAKE_TIMEOUT, type ServeOptions } from './options.js';
import { sha1Base64 } from './platform.js';
import { Rejection } from './rejection.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** What happens to the handshakes: told to the server that asked for them. */
export interface Gate<State> {
  /** Says why no further connection from this address can be had at the moment; otherwise it has a place. */
  admit(address: string): Refusal | undefined;
  /** Takes back the place of a handshake that came to nothing. */
  leave(address: string): void;
  /** What the extensions that a client offers come to. */
  agree(offers: readonly ExtensionOffer[]): CompressionAnswer | undefined;
  /** The handshake is accepted: `response` is the 101 that opens the connection. */
  open(socket: Duplex, head: Buffer, response: string, agreement: Agreement, state: State): void;
  /** `accept` or `protocols` threw. */
  failed(error: Error): void;
}

/** How long a refused client has to take the refusal, milliseconds. */
const LINGER = 1_000;

/** Turns HTTP/1.1 upgrade requests into connections or refusals (RFC 6455 section 4.2). */
export class Http1Acceptor<State> {
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

  /** Takes over the socket of an upgrade request: it ends as a connection or with a refusal. */
  accept(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Nobody else listens any more, and an error that nobody listens to would end the process.
    socket.on('error', ignoreError);
    const remoteAddress = (socket as Socket).remoteAddress ?? '';
    const request = readHandshakeRequest({
      method: message.method ?? '',
      httpVersion: message.httpVersion,
      url: message.url ?? '',
      rawHeaders: message.rawHeaders,
      remoteAddress,
    });
    const refusal = request instanceof Refusal ? request : this.#refusalOf(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    const notAdmitted = this.#gate.admit(remoteAddress);
    if (notAdmitted === undefined) this.#decide(request as HandshakeRequest, socket, head);
    else refuse(socket, notAdmitted);
  }

  #refusalOf(request: HandshakeRequest): Refusal | undefined {
    if (!this.isForPath(request.url)) return NOT_FOUND;
    // A page of another origin would act with the user's cookies (RFC 6455 section 10.2).
    return this.#isWelcome(request.origin, request.host) ? undefined : FOREIGN_ORIGIN;
  }

  #decide(request: HandshakeRequest, socket: Duplex, head: Buffer): void {
    const { accept } = this.#options;
    if (accept === undefined) {
      this.#conclude(request, socket, head, undefined as State);
      return;
    }
    try {
      const decision = accept(request);
      if (isThenable(decision)) void this.#await(decision, request, socket, head);
      else this.#conclude(request, socket, head, decision);
    } catch (thrown) {
      this.#fail(thrown, request, socket);
    }
  }

  /** Meanwhile nothing is read from the socket, so what the client sends waits in it, and then in the client. */
  async #await(
    decision: PromiseLike<unknown>,
    request: HandshakeRequest,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    const undecided = new Undecided((refusal) => {
      this.#undecided.delete(undecided);
      this.#gate.leave(request.remoteAddress);
      refuse(socket, refusal);
    });
    this.#undecided.add(undecided);
    if (this.#timeout > 0) setDeadline(undecided, this.#timeout);
    try {
      const state = (await decision) as State | Rejection;
      if (this.#settle(undecided)) this.#conclude(request, socket, head, state);
    } catch (thrown) {
      if (this.#settle(undecided)) this.#fail(thrown, request, socket);
      else this.#gate.failed(toError(thrown));
    }
  }

  /** Whether the decision still counts. */
  #settle(undecided: Undecided): boolean {
    clearDeadline(undecided);
    return this.#undecided.delete(undecided);
  }

  #conclude(request: HandshakeRequest, socket: Duplex, head: Buffer, decision: State | Rejection): void {
    if (decision instanceof Rejection) {
      this.#gate.leave(request.remoteAddress);
      end(socket, decision.response);
      return;
    }
    if (socket.destroyed || socket.readableEnded) {
      // The client left while `accept` was thinking.
      this.#gate.leave(request.remoteAddress);
      socket.destroy();
      return;
    }
    const agreed = this.#gate.agree(request.extensions);
    const extensions = agreed === undefined ? [] : [agreed.extension];
    let protocol: string;
    let response: string;
    try {
      protocol = this.#chooseProtocol(request);
      response = formatHandshakeResponse({ key: request.key, protocol, extensions }, sha1Base64);
    } catch (thrown) {
      this.#fail(thrown, request, socket);
      return;
    }
    socket.off('error', ignoreError);
    const agreement = {
      request,
      protocol,
      extensions: agreed?.text ?? '',
      compression: agreed?.compression,
    };
    this.#gate.open(socket, head, response, agreement, decision);
  }

  #chooseProtocol(request: HandshakeRequest): string {
    const { protocols } = this.#options;
    if (protocols === undefined || request.protocols.length === 0) return '';
    if (typeof protocols !== 'function') return chooseProtocol(request.protocols, protocols);
    const chosen = protocols(request.protocols, request) ?? '';
    if (chosen === '' || request.protocols.includes(chosen)) return chosen;
    throw new TypeError(`The option 'protocols' chose a subprotocol that was not offered`);
  }

  #fail(thrown: unknown, request: HandshakeRequest, socket: Duplex): void {
    this.#gate.leave(request.remoteAddress);
    refuse(socket, BROKEN);
    this.#gate.failed(toError(thrown));
  }
}

/** Answers an upgrade request with an ordinary HTTP response and closes. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  end(socket, formatRefusal(refusal));
}

function end(socket: Duplex, response: string): void {
  socket.on('error', ignoreError);
  socket.end(response);
  // What the client still sends is discarded: closing on it would reset the connection under the response.
  socket.resume();
  const linger = new Linger(socket);
  socket.on('close', () => clearDeadline(linger));
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

/** Cuts a client that does not take its refusal. */
class Linger extends Timed {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    setDeadline(this, LINGER);
  }

  onDeadline(): void {
    this.#socket.destroy();
  }
}

/** A client that vanishes during its handshake is no news: its socket closes, and that is all. */
function ignoreError(): void {}

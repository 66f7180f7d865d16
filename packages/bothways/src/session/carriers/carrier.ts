import type { ClientPlatform } from '../client-platform.js';
import type { ClientHeader, ServerHeader } from '../headers.js';
import type { Incoming } from '../incoming.js';
import type { Outgoing } from '../outgoing.js';
import { ERRORS, type Control, type Numbered } from '../records.js';
import type { CarrierName } from '../../protocol/contract.js';

/** Why a carrier is lost. */
export interface Loss {
  /**
   * `network`: it can be tried again. `refused`: what answers is no session endpoint, or does not want us. `fatal`: it
   * is one, and said what cannot heal. `fenced`: a newer carrier is there. `unknown`: the session is gone.
   */
  readonly kind: 'network' | 'refused' | 'fatal' | 'fenced' | 'unknown';
  /** The HTTP status, or 0. */
  readonly status: number;
  readonly reason: string;
  /** Seconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
}

/** What carriers ask of the session they carry, and tell it. */
export interface CarrierHost {
  readonly platform: ClientPlatform;
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly token: string | undefined;
  /** How often the server lets us hear from it; the longest time a request is held. */
  readonly heartbeat: number;
  /** It has asked for its end. */
  readonly isClosing: boolean;
  /** How often a carrier of polling asks, milliseconds. */
  readonly pollInterval: number;
  /** Whether it has the newest generation: it alone sends. */
  isNewest(carrier: ClientCarrier): boolean;
  /** A carrier can begin to carry; its `attach` is called if it is wanted. */
  onReady(carrier: ClientCarrier): void;
  /** The header with which a carrier attaches: its generation is new from now on. */
  attach(carrier: ClientCarrier): ClientHeader;
  /** What a header says, whatever it came on. */
  learn(header: ServerHeader): void;
  /** The header with which the server answers to a new generation, or to a request of it. */
  onHeader(carrier: ClientCarrier, header: ServerHeader): void;
  onItem(carrier: ClientCarrier, number: number, item: Numbered): void;
  onControl(record: Control): void;
  /** Messages were acknowledged: there may be room for more. */
  onAcknowledgement(number: number): void;
  onLost(carrier: ClientCarrier, loss: Loss): void;
}

/** One carrier of a session, at its client: from the attempt to connect until it is lost or abandoned. */
export abstract class ClientCarrier {
  abstract readonly name: CarrierName;
  /** The generation it has attached with; 0 before. */
  generation = 0;
  /** The last message that was ever sent when it attached. */
  sentBefore = 0;
  /** The server has answered to that. */
  isAttached = false;
  /** When anything was heard, and when anything was heard or sent last. */
  lastHeard = 0;
  lastUsed = 0;
  /** Since when it carries. */
  attachedAt = 0;
  protected readonly host: CarrierHost;
  #isOver = false;

  constructor(host: CarrierHost) {
    this.host = host;
  }

  /** Nothing is to come of it any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Another one has a newer generation: what still comes on this one may be taken, but it sends nothing. */
  protected get isOvertaken(): boolean {
    return !this.host.isNewest(this);
  }

  /** Begins to connect. */
  abstract start(): void;
  /** Begins to carry: sends its header, and what waits. */
  abstract attach(): void;
  /** There may be something to send. */
  abstract flush(): void;
  /** Acknowledges one last time. */
  abstract farewell(): void;
  protected abstract release(): void;

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.release();
  }

  protected lose(loss: Loss): void {
    if (this.#isOver) return;
    this.abandon();
    this.host.onLost(this, loss);
  }

  protected used(): void {
    this.lastUsed = this.host.platform.clock.now();
  }

  protected heard(): void {
    this.used();
    this.lastHeard = this.lastUsed;
  }

  /** A header for what is not the first request of this generation. */
  protected header(): { gen: number; ack: number; seq: number } {
    const { incoming, outgoing } = this.host;
    incoming.owed = 0;
    return { gen: this.generation, ack: incoming.received, seq: outgoing.sent + 1 };
  }
}

export function networkLoss(reason: string, status = 0): Loss {
  return { kind: 'network', status, reason };
}

/** Statuses that say that what was asked is not there or not for us, whoever answers. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 410, 411, 415, 426, 501]);
const FATAL: ReadonlySet<number> = new Set([400, 401, 403, 413, 415]);

/**
 * What an HTTP status means.
 *
 * @param isOurs whether the answer is of a session's server, and not of a proxy or of something else.
 */
export function lossOf(status: number, isOurs: boolean, reason: string, retryAfter?: number): Loss {
  const isTime = retryAfter !== undefined && retryAfter >= 0;
  return {
    kind: kindOf(status, isOurs),
    status,
    reason,
    retryAfter: isTime ? Math.min(retryAfter, LONGEST_WAIT) : undefined,
  };
}

/** How long a server may make its clients wait, seconds. */
const LONGEST_WAIT = 3_600;

function kindOf(status: number, isOurs: boolean): Loss['kind'] {
  if (!isOurs) {
    // A proxy takes no request of this size, today or tomorrow.
    if (status === ERRORS['too-large']) return 'fatal';
    return REFUSALS.has(status) || status < 400 ? 'refused' : 'network';
  }
  if (status === ERRORS['unknown-session']) return 'unknown';
  if (status === ERRORS.fenced) return 'fenced';
  if (FATAL.has(status)) return 'fatal';
  return status < 500 && status !== ERRORS['too-many'] ? 'fatal' : 'network';
}

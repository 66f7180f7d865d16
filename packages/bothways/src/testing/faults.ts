import {
  checkTimes,
  checkWhole,
  type CutResponseOptions,
  type Direction,
  type RequestFaultOptions,
} from './fault-options.js';

/** The faults that are switched on or armed, for all connections of one proxy. */
export class Faults {
  /** How much later a chunk that comes now is passed on, milliseconds. */
  delay: (() => number) | undefined;
  isRefusing = false;
  readonly stalled: Record<Direction, boolean> = { up: false, down: false };
  responseCut: ResponseCut | undefined;
  duplicates: ArmedFault | undefined;
  drops: ArmedFault | undefined;
  reorders: ArmedFault | undefined;
  /** How long a request is held at most so that another one overtakes it, milliseconds. */
  holdTimeout = 0;

  /** Whether a fault waits for a request that it has to see before the target does. */
  get awaitsRequest(): boolean {
    return [this.duplicates, this.drops, this.reorders].some((fault) => fault?.isArmed === true);
  }

  clear(): void {
    this.delay = undefined;
    this.isRefusing = false;
    this.stalled.up = false;
    this.stalled.down = false;
    this.responseCut = undefined;
    this.duplicates = undefined;
    this.drops = undefined;
    this.reorders = undefined;
  }
}

/** A fault that is for a number of requests. */
export class ArmedFault {
  readonly #match: (head: string) => boolean;
  #left: number;

  /** @throws {TypeError} for options that are not allowed. */
  constructor({ times = 1, match }: RequestFaultOptions) {
    if (match !== undefined && typeof match !== 'function') throw new TypeError("'match' must be a function");
    this.#left = checkTimes(times);
    this.#match = match ?? (() => true);
  }

  get isArmed(): boolean {
    return this.#left > 0;
  }

  matches(head: string): boolean {
    return this.isArmed && this.#match(head);
  }

  /** Counts one request that it is for. */
  use(): void {
    this.#left--;
  }

  /** Whether it is for the request with this head; if so, that is counted. */
  take(head: string): boolean {
    const isTaken = this.matches(head);
    if (isTaken) this.use();
    return isTaken;
  }
}

/** Responses are to be cut. */
export class ResponseCut extends ArmedFault {
  /** How many bytes of a response are passed on. */
  readonly after: number;
  readonly reset: boolean;
  /** Whether a connection is meant even if nothing is known of its request. */
  readonly isForAny: boolean;

  /** @throws {TypeError} for options that are not allowed. */
  constructor(options: CutResponseOptions) {
    super(options);
    this.after = checkWhole('after', options.after ?? 0, 0, Number.MAX_SAFE_INTEGER);
    this.reset = options.reset ?? false;
    this.isForAny = options.match === undefined;
  }
}

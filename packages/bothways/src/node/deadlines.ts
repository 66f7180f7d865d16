import { CloseCode } from '../protocol/close.js';
import { TimeoutError } from '../protocol/errors.js';
import { Timed, setDeadline } from './timer-wheel.js';

/** What the deadlines need of a connection; times are milliseconds. */
interface Watched {
  /** Whether this end has stopped reading, so that silence says nothing about the peer. */
  readonly isStopped: boolean;
  /** How many messages this end's reader has taken. */
  readonly taken: number;
  ping(): void;
  close(code: number, reason: string): void;
  /** Cuts the connection and keeps the reason. */
  abandon(reason: Error): void;
}

/**
 * A Ping every `interval`, and the end of a peer from whom nothing at all was heard for `timeout` after one.
 * It reads no clock: the connection says `isHeard` on every read, and the steps between deadlines are counted.
 */
export class Heartbeat extends Timed {
  isHeard = false;
  readonly #watched: Watched;
  readonly #interval: number;
  readonly #timeout: number;
  #step: number;
  #untilPing: number;
  #isPinged = false;
  /** How long nothing has been heard after a Ping. */
  #silence = 0;

  constructor(watched: Watched, interval: number, timeout: number) {
    super();
    this.#watched = watched;
    this.#interval = interval;
    this.#timeout = timeout === 0 ? Infinity : timeout;
    this.#step = interval;
    this.#untilPing = interval;
    setDeadline(this, interval);
  }

  onDeadline(): void {
    if (this.isHeard || this.#watched.isStopped) {
      this.isHeard = false;
      this.#isPinged = false;
      this.#silence = 0;
    } else if (this.#isPinged) {
      this.#silence += this.#step;
    }
    if (this.#silence >= this.#timeout) {
      const text = `The peer did not answer a ping within pingTimeout, ${this.#timeout} ms`;
      this.#watched.abandon(new TimeoutError('ping', this.#timeout, text));
      return;
    }
    this.#untilPing -= this.#step;
    if (this.#untilPing <= 0) {
      this.#watched.ping();
      this.#isPinged = true;
      this.#untilPing = this.#interval;
    }
    this.#step = this.#isPinged ? Math.min(this.#untilPing, this.#timeout - this.#silence) : this.#untilPing;
    setDeadline(this, this.#step);
  }
}

/** Closes a connection on which neither end has sent a message for `timeout`. */
export class IdleDeadline extends Timed {
  readonly #watched: Watched;
  readonly #timeout: number;
  #lastMessage = performance.now();

  constructor(watched: Watched, timeout: number) {
    super();
    this.#watched = watched;
    this.#timeout = timeout;
    setDeadline(this, timeout);
  }

  /** A message went or came. */
  touch(): void {
    this.#lastMessage = performance.now();
  }

  onDeadline(): void {
    const left = this.#lastMessage + this.#timeout - performance.now();
    if (left > 0) setDeadline(this, left);
    else this.#watched.close(CloseCode.TIMEOUT, `No message for idleTimeout, ${this.#timeout} ms`);
  }
}

/** Cuts a connection that is still there `timeout` after it began to close. */
export class CloseDeadline extends Timed {
  readonly #watched: Watched;
  readonly #timeout: number;
  #taken: number;

  constructor(watched: Watched, timeout: number) {
    super();
    this.#watched = watched;
    this.#timeout = timeout;
    this.#taken = watched.taken;
    setDeadline(this, timeout);
  }

  onDeadline(): void {
    const { isStopped, taken } = this.#watched;
    if (isStopped && taken !== this.#taken) {
      // The peer may well have answered: it is our reader who is on the way to it.
      this.#taken = taken;
      setDeadline(this, this.#timeout);
      return;
    }
    const text = `The peer did not finish closing within closeTimeout, ${this.#timeout} ms`;
    this.#watched.abandon(new TimeoutError('close', this.#timeout, text));
  }
}

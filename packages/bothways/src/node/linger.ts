import type { Duplex } from 'node:stream';
import { cutTransport } from './cut-transport.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** How long a refused client has to take the refusal, milliseconds. */
const LINGER = 1_000;

/** Cuts a client that does not take the refusal it was sent. */
export function cutLater(transport: Duplex): void {
  const linger = new Linger(transport);
  transport.once('close', () => clearDeadline(linger));
  setDeadline(linger, LINGER);
}

class Linger extends Timed {
  readonly #transport: Duplex;

  constructor(transport: Duplex) {
    super();
    this.#transport = transport;
  }

  onDeadline(): void {
    cutTransport(this.#transport);
  }
}

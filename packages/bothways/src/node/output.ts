import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a connection's bytes go out. What comes after its end goes nowhere. */
export interface Output {
  /** Called when something has been taken by the operating system; set while somebody waits for that. */
  onWritten: (() => void) | undefined;
  /** Bytes that were written and that the operating system has not taken. */
  readonly waiting: number;
  /** Whether what is written now is likely not kept; or, behind a write, whether its memory may be used again. */
  readonly isIdle: boolean;
  write(bytes: Uint8Array): void;
  /** Both together, in one call of the operating system. */
  writeBoth(first: Uint8Array, second: Uint8Array): void;
}

/** The way out through any stream. */
export class StreamOutput implements Output {
  onWritten: (() => void) | undefined;
  readonly #socket: Duplex;
  /** Whether nothing of what was taken is kept: the operating system copies it, or it is encrypted. */
  readonly #copiesOut: boolean;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#copiesOut = socket instanceof Socket;
  }

  get waiting(): number {
    return this.#socket.writableLength;
  }

  get isIdle(): boolean {
    return this.#copiesOut && this.#socket.writableLength === 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes, this.onWritten);
  }

  writeBoth(first: Uint8Array, second: Uint8Array): void {
    this.#socket.cork();
    this.write(first);
    this.write(second);
    this.#socket.uncork();
  }
}

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** Where a connection's bytes go out. What comes after its end goes nowhere. */
export interface Output {
  /** Called when something has been taken by the operating system; set while somebody waits for that. */
  onWritten: (() => void) | undefined;
  /** Bytes that were written and that the operating system has not taken. */
  readonly waiting: number;
  /** Whether what is written now is likely not kept. */
  readonly isIdle: boolean;
  /** @returns whether the memory may be used again. */
  write(bytes: Uint8Array): boolean;
  /** Both together, in one call of the operating system. @returns whether the memory of both may be used again. */
  writeBoth(first: Uint8Array, second: Uint8Array): boolean;
}

/** The way out through any stream. */
export class StreamOutput implements Output {
  onWritten: (() => void) | undefined;
  readonly #socket: Duplex;
  /** Whether what is taken is not kept: the operating system copies it, or it is encrypted. */
  readonly #copiesOut: boolean;
  /** Whether that is so before it is taken: what comes to a TLS socket that has nothing to write is encrypted at once. */
  readonly #encrypts: boolean;

  constructor(socket: Duplex) {
    this.#socket = socket;
    // Whoever took the place of its write may keep what it is given.
    const isUsual = !Object.hasOwn(socket, 'write');
    this.#copiesOut = socket instanceof Socket && isUsual;
    this.#encrypts = Object.getPrototypeOf(socket) === TLSSocket.prototype && isUsual;
  }

  get waiting(): number {
    return this.#socket.writableLength;
  }

  get isIdle(): boolean {
    return this.#copiesOut && this.#socket.writableLength === 0;
  }

  write(bytes: Uint8Array): boolean {
    const wasIdle = this.isIdle;
    if (this.#socket.writable) this.#socket.write(bytes, this.onWritten);
    return this.#isFree(wasIdle);
  }

  writeBoth(first: Uint8Array, second: Uint8Array): boolean {
    const wasIdle = this.isIdle;
    this.#socket.cork();
    this.write(first);
    this.write(second);
    this.#socket.uncork();
    return this.#isFree(wasIdle);
  }

  /** Whether the memory of what was just written may be used again. */
  #isFree(wasIdle: boolean): boolean {
    return this.#encrypts ? wasIdle : this.isIdle;
  }
}

import { Blob } from 'node:buffer';
import type { NodeConnection } from './connection.js';
import { toError } from './handlers.js';

/** A message as WHATWG's `send` takes it: bytes, a text, or a Blob still to be read. */
export type OutgoingMessage = string | Uint8Array | Blob;

/**
 * What a WHATWG WebSocket sends. A Blob takes a while to be read, and what is sent after it waits for it; and
 * `bufferedAmount` counts as the standard says: without framing, and not falling before the next task.
 */
export class Outbox {
  #connection: NodeConnection<undefined> | undefined;
  /** What waits for a Blob that is being read, the Blob first. The bytes in it are copies. */
  readonly #queue: (OutgoingMessage | (() => void))[] = [];
  /** Bytes in the queue. */
  #waiting = 0;
  /** Bytes given to the connection that it may not have sent yet. */
  #unsent = 0;
  /** Bytes that came too late to be sent. */
  #discarded = 0;
  /** In the task in which something was sent, the amount does not fall. */
  #isFresh = false;

  get bufferedAmount(): number {
    this.#settle();
    return this.#waiting + this.#unsent + this.#discarded;
  }

  open(connection: NodeConnection<undefined>): void {
    this.#connection = connection;
  }

  /** Sends a message, or counts it if it comes too late. */
  send(message: OutgoingMessage, isOpen: boolean): void {
    if (!isOpen) {
      this.#discarded += sizeOf(message);
    } else if (this.#queue.length > 0 || message instanceof Blob) {
      this.#waiting += sizeOf(message);
      this.#enqueue(message instanceof Uint8Array ? Uint8Array.from(message) : message);
    } else {
      this.#sendNow(message);
    }
  }

  /** Closes the connection after all that was sent. */
  close(code: number | undefined, reason: string): void {
    const connection = this.#connection!;
    const close = (): void => connection.closeWith(code, reason);
    if (this.#queue.length > 0) this.#enqueue(close);
    else close();
  }

  /** The connection is gone: what was not sent never will be. */
  end(): void {
    this.#settle();
    this.#connection = undefined;
  }

  #sendNow(message: string | Uint8Array): void {
    this.#settle();
    this.#unsent += sizeOf(message);
    this.#connection?.sendTaken(message);
    if (this.#isFresh) return;
    this.#isFresh = true;
    setImmediate(() => {
      this.#isFresh = false;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#isFresh || this.#connection?.isConnected !== true) return;
    this.#unsent = Math.min(this.#unsent, this.#connection.bufferedAmount);
  }

  #enqueue(item: OutgoingMessage | (() => void)): void {
    if (this.#queue.push(item) === 1) this.#work().catch((thrown: unknown) => this.#fail(thrown));
  }

  /** A Blob that cannot be read (its file is gone) leaves a hole that nothing can fill: the connection ends. */
  #fail(error: unknown): void {
    this.#queue.length = 0;
    this.#connection?.abandon(toError(error));
  }

  async #work(): Promise<void> {
    for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
      if (typeof item === 'function') {
        item();
      } else {
        const message = item instanceof Blob ? new Uint8Array(await item.arrayBuffer()) : item;
        this.#waiting -= sizeOf(item);
        this.#sendNow(message);
      }
      this.#queue.shift();
    }
  }
}

function sizeOf(message: OutgoingMessage): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  return message instanceof Blob ? message.size : message.length;
}

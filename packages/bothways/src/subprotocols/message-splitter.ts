import { LimitError } from '../protocol/errors.js';
import type { MessageFinder } from './contract.js';

/** What the first piece of a message reserves at least, bytes. */
const MIN_CAPACITY = 256;

/**
 * Makes messages of the bytes of one direction, as they come. It keeps the message that is not complete yet and nothing
 * else: at most `maxMessageSize`, and never more than twice what has come of it, or 256 bytes.
 *
 * What it throws is for good: it is of no use then.
 */
export class MessageSplitter {
  readonly #finder: MessageFinder;
  readonly #maxMessageSize: number;
  /** What has come of a message that began in an earlier piece. */
  #collected = new Uint8Array(0);
  #length = 0;

  /**
   * @param finder of its own: `stomp.fromServer()`.
   * @param maxMessageSize the largest message, bytes.
   * @throws {RangeError} when `maxMessageSize` is no positive number.
   */
  constructor(finder: MessageFinder, maxMessageSize: number) {
    this.#finder = finder;
    this.#maxMessageSize = checkedLimit(maxMessageSize);
  }

  /** How much of a message has come that is not complete, bytes. */
  get bufferedBytes(): number {
    return this.#length;
  }

  /** Whether a message has begun that has not ended. */
  get isWithin(): boolean {
    return this.#finder.isWithin;
  }

  /**
   * Hands each message on that ends in `bytes`, before it returns.
   *
   * @param bytes what comes next.
   * @param onMessage takes a message: a part of `bytes` when it lies in them whole, and so no longer there than they are;
   * otherwise memory of its own.
   * @throws {ProtocolError} `ERR_SUBPROTOCOL` when the bytes are not of the protocol.
   * @throws {LimitError} `ERR_MESSAGE_TOO_BIG` as soon as there is more of a message than `maxMessageSize`.
   */
  push(bytes: Uint8Array, onMessage: (message: Uint8Array) => void): void {
    let start = 0;
    while (start < bytes.length) {
      const end = findEnd(this.#finder, bytes, start);
      const stop = end === -1 ? bytes.length : end;
      checkSize(this.#length + stop - start, this.#maxMessageSize);
      const piece = start === 0 && stop === bytes.length ? bytes : bytes.subarray(start, stop);
      if (end === -1) this.#collect(piece);
      else onMessage(this.#length === 0 ? piece : this.#complete(piece));
      start = stop;
    }
  }

  #complete(last: Uint8Array): Uint8Array {
    this.#collect(last);
    const message = this.#collected.subarray(0, this.#length);
    this.#collected = new Uint8Array(0);
    this.#length = 0;
    return message;
  }

  #collect(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#collected.length) {
      const capacity = Math.max(length, 2 * this.#collected.length, MIN_CAPACITY);
      const collected = new Uint8Array(Math.min(capacity, this.#maxMessageSize));
      collected.set(this.#collected.subarray(0, this.#length));
      this.#collected = collected;
    }
    this.#collected.set(piece, this.#length);
    this.#length = length;
  }
}

/**
 * Counts the messages of one direction and sees that none is too large, and keeps nothing of them: for bytes that pass
 * through as they come.
 *
 * What it throws is for good: it is of no use then.
 */
export class MessageFollower {
  readonly #finder: MessageFinder;
  readonly #maxMessageSize: number;
  /** How much of a message has come that is not complete. */
  #length = 0;

  /**
   * @param finder of its own: `stomp.fromClient()`.
   * @param maxMessageSize the largest message, bytes.
   * @throws {RangeError} when `maxMessageSize` is no positive number.
   */
  constructor(finder: MessageFinder, maxMessageSize: number) {
    this.#finder = finder;
    this.#maxMessageSize = checkedLimit(maxMessageSize);
  }

  /** Whether a message has begun that has not ended. */
  get isWithin(): boolean {
    return this.#finder.isWithin;
  }

  /**
   * @param bytes what comes next.
   * @returns how many messages end in them.
   * @throws {ProtocolError} `ERR_SUBPROTOCOL` when the bytes are not of the protocol.
   * @throws {LimitError} `ERR_MESSAGE_TOO_BIG` as soon as there is more of a message than `maxMessageSize`.
   */
  follow(bytes: Uint8Array): number {
    let ended = 0;
    let start = 0;
    while (start < bytes.length) {
      const end = findEnd(this.#finder, bytes, start);
      const stop = end === -1 ? bytes.length : end;
      this.#length += stop - start;
      checkSize(this.#length, this.#maxMessageSize);
      start = stop;
      if (end === -1) break;
      this.#length = 0;
      ended++;
    }
    return ended;
  }
}

/** A finder that goes wrong, perhaps one of somebody else, is told so, and nobody waits for its end for ever. */
function findEnd(finder: MessageFinder, bytes: Uint8Array, start: number): number {
  const end = finder.findEnd(bytes, start);
  if (end === -1 || (end > start && end <= bytes.length)) return end;
  throw new RangeError(`findEnd() has to return -1, or from ${start + 1} to ${bytes.length}, and not ${end}`);
}

function checkSize(size: number, maxMessageSize: number): void {
  if (size <= maxMessageSize) return;
  const text = `A message is larger than maxMessageSize, ${maxMessageSize} bytes`;
  throw new LimitError('ERR_MESSAGE_TOO_BIG', text, 'maxMessageSize', maxMessageSize);
}

function checkedLimit(maxMessageSize: number): number {
  if (maxMessageSize > 0) return maxMessageSize;
  throw new RangeError('maxMessageSize must be a positive number of bytes');
}

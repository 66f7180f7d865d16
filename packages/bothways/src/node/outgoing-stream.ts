import type { Data, MessageSource } from '../protocol/contract.js';
import { Opcode } from '../protocol/frame.js';
import { toError } from './handlers.js';
import { toBytes } from './to-bytes.js';

/** Where the fragments of a message go. */
export interface FragmentSink {
  /** Sends a fragment; resolves when the next one may come. */
  sendFragment(firstByte: number, payload: Uint8Array): Promise<void>;
  /** Ends the message whose fragments were sent. */
  endFragments(): void;
  /** Sends a whole message without content. */
  sendEmpty(opcode: number): void;
  /** A message has begun that can never be completed. */
  sendFailed(error: Error): void;
}

/** One message that is sent piece by piece, as its source yields them. */
export class OutgoingStream {
  /** What it counts before it begins, bytes: nobody knows. */
  readonly size = 0;
  /** Settles as `Connection.sendStream` promises. */
  readonly done: Promise<void>;
  readonly #source: MessageSource;
  readonly #sink: FragmentSink;
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  #isText: boolean | undefined;
  #hasBegun = false;
  /** The first half of a surrogate pair that the source has cut. */
  #half = '';
  #cancelled: Error | undefined;
  /** Ends the wait for the source. */
  #interrupt: ((error: Error) => void) | undefined;

  constructor(source: MessageSource, sink: FragmentSink) {
    this.#source = source;
    this.#sink = sink;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Sends it; never rejects. */
  async run(): Promise<void> {
    let iterator: PieceIterator | undefined;
    try {
      iterator = iterate(this.#source);
      for (let next = await this.#next(iterator); next.done !== true; next = await this.#next(iterator)) {
        await this.#send(this.#encode(next.value));
      }
      if (this.#half !== '') await this.#send(Buffer.from(this.#half));
      if (this.#hasBegun) this.#sink.endFragments();
      else this.#sink.sendEmpty(this.#opcode);
      this.#resolve();
    } catch (thrown) {
      const error = toError(thrown);
      this.#reject(error);
      if (this.#cancelled === undefined && this.#hasBegun) this.#sink.sendFailed(error);
      void letGo(iterator);
    }
  }

  /** The connection is gone. */
  cancel(error: Error): void {
    this.#cancelled = error;
    this.#reject(error);
    this.#interrupt?.(error);
  }

  get #opcode(): number {
    return this.#isText === true ? Opcode.TEXT : Opcode.BINARY;
  }

  #next(iterator: PieceIterator): Promise<IteratorResult<Data>> {
    return new Promise((resolve, reject) => {
      if (this.#cancelled !== undefined) throw this.#cancelled;
      this.#interrupt = reject;
      Promise.resolve(iterator.next()).then(resolve, reject);
    });
  }

  async #send(payload: Uint8Array): Promise<void> {
    if (payload.length === 0) return;
    const opcode = this.#hasBegun ? Opcode.CONTINUATION : this.#opcode;
    this.#hasBegun = true;
    await this.#sink.sendFragment(opcode, payload);
  }

  #encode(piece: Data): Uint8Array {
    this.#isText ??= typeof piece === 'string';
    if (this.#isText !== (typeof piece === 'string')) {
      throw new TypeError('The pieces of a message are all strings or all bytes, and these are mixed');
    }
    if (typeof piece !== 'string') return toBytes(piece);
    let text = this.#half + piece;
    this.#half = '';
    const last = text.charCodeAt(text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    return Buffer.from(text);
  }
}

interface PieceIterator {
  next(): IteratorResult<Data> | Promise<IteratorResult<Data>>;
  return?(): unknown;
}

/** @throws {TypeError} for what cannot be iterated; whatever the source throws. */
function iterate(source: MessageSource): PieceIterator {
  if (typeof source !== 'object' || source === null || !isIterable(source)) {
    throw new TypeError(
      'The source of a message must be an iterable or async iterable of strings or of bytes',
    );
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

function isIterable(source: object): boolean {
  return Symbol.asyncIterator in source || Symbol.iterator in source;
}

/** Tells the source that nothing more is wanted of it. What it says to that changes nothing. */
async function letGo(iterator: PieceIterator | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // The first error is the one that counts.
  }
}

import type { Data, MessageSource } from '../protocol/contract.js';
import { Opcode } from '../protocol/frame.js';
import { toError } from './handlers.js';
import { MESSAGE_OVERHEAD } from '../session/inbox.js';
import { toBytes } from './to-bytes.js';

/** Where the fragments of a message go. */
export interface FragmentSink {
  /** What a piece of the message becomes as the payload of a fragment. */
  encodeFragment(payload: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Sends a fragment; resolves when the next one may come. */
  sendFragment(opcode: number, encoded: Uint8Array): Promise<void>;
  /** Ends the message whose fragments were sent. */
  endFragments(): void;
  /** Sends a whole message without content. */
  sendEmpty(opcode: number): void;
  /** A message has begun that can never be completed. */
  sendFailed(error: Error): void;
}

/** After so much of a message the event loop gets its turn, bytes: a source may always have the next piece ready. */
const TURN = 64 * 1024;

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
  #isRunning = false;
  /** Whether a fragment of it may have been sent. */
  #hasBegun = false;
  #sinceTurn = 0;
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
    this.#isRunning = true;
    try {
      iterator = iterate(this.#source);
      for (let next = await this.#next(iterator); next.done !== true; next = await this.#next(iterator)) {
        await this.#send(this.#encode(next.value));
      }
      if (this.#half !== '') await this.#send(Buffer.from(this.#half));
      this.#checkCancelled();
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

  /** It will not be sent, or not to the end. */
  cancel(error: Error): void {
    this.#cancelled = error;
    this.#reject(error);
    if (this.#isRunning) this.#interrupt?.(error);
    else void release(this.#source);
  }

  get #opcode(): number {
    return this.#isText === true ? Opcode.TEXT : Opcode.BINARY;
  }

  #next(iterator: PieceIterator): Promise<IteratorResult<Data>> {
    return new Promise((resolve, reject) => {
      this.#checkCancelled();
      this.#interrupt = reject;
      Promise.resolve(iterator.next()).then(resolve, reject);
    });
  }

  async #send(payload: Uint8Array): Promise<void> {
    if (payload.length === 0) return;
    const opcode = this.#hasBegun ? Opcode.CONTINUATION : this.#opcode;
    this.#hasBegun = true;
    const encoded = await this.#sink.encodeFragment(payload);
    this.#checkCancelled();
    await this.#sink.sendFragment(opcode, encoded);
    this.#sinceTurn += payload.length + MESSAGE_OVERHEAD;
    if (this.#sinceTurn < TURN) return;
    this.#sinceTurn = 0;
    await new Promise(setImmediate);
  }

  #checkCancelled(): void {
    if (this.#cancelled !== undefined) throw this.#cancelled;
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

/** What a source may have to be told: a stream of Node, one of the web, or a generator. */
interface Releasable {
  destroy?(): unknown;
  cancel?(): unknown;
  return?(): unknown;
}

/** Tells a source that was asked for nothing that nothing is wanted of it. */
export async function release(source: MessageSource): Promise<void> {
  const releasable = (source ?? {}) as Releasable;
  try {
    if (releasable.destroy !== undefined) releasable.destroy();
    else if (releasable.cancel === undefined) releasable.return?.();
    else await releasable.cancel();
  } catch {
    // Nothing was lost with it.
  }
}

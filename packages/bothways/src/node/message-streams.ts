import type { MessageStream } from '../protocol/contract.js';
import { Inbox, MESSAGE_OVERHEAD } from '../session/inbox.js';

/** Messages that are read while they arrive, one after the other. It is bounded by its owner, as an inbox is. */
export class MessageStreams implements AsyncIterableIterator<MessageStream<Buffer>> {
  /** How much waits, in bytes (of a text: in UTF-16 units). */
  bytes = 0;
  /** How many pieces have been taken. */
  taken = 0;
  /** Whether somebody iterates: asked for a message and has not broken off since. */
  hasReader = false;
  readonly #onTaken: (streams: MessageStreams) => void;
  /** What arrives now. */
  #arriving: IncomingStream | undefined;
  /** What the reader was given last. */
  #given: IncomingStream | undefined;
  #waiting: IncomingStream[] = [];
  #readers: ((result: IteratorResult<IncomingStream, undefined>) => void)[] = [];
  /** The message that arrives was broken off: the rest of it is dropped. */
  #isBrokenOff = false;
  #isEnded = false;

  /** @param onTaken is called after a reader took a piece, or does not want the rest of a message. */
  constructor(onTaken: (streams: MessageStreams) => void) {
    this.#onTaken = onTaken;
  }

  /** The next piece of the message that arrives. */
  put(piece: string | Buffer): void {
    if (this.#isBrokenOff) return;
    this.#arriving ??= this.#begin(typeof piece === 'string');
    this.#arriving.put(piece);
  }

  /** The message that arrives is complete; without a piece it is empty. */
  endMessage(isText: boolean): void {
    if (this.#isBrokenOff) {
      this.#isBrokenOff = false;
      return;
    }
    this.#arriving ??= this.#begin(isText);
    this.#arriving.end(undefined);
    this.#arriving = undefined;
  }

  /** The message that arrives, of which the next piece is there or the end, is not taken any further. */
  breakOff(error: Error): void {
    this.#isBrokenOff = true;
    this.#arriving?.end(error);
    this.#arriving = undefined;
  }

  /** There will be no more; what waits can still be read, and a message that is not complete ends with the error. */
  end(error: Error): void {
    this.#isEnded = true;
    this.#arriving?.end(error);
    for (const reader of this.#readers.splice(0)) reader({ value: undefined, done: true });
  }

  /** The next message. What was not read of the one before is discarded. */
  next(): Promise<IteratorResult<MessageStream<Buffer>, undefined>> {
    this.hasReader = true;
    this.#given?.discard();
    const message = this.#waiting.shift();
    if (message !== undefined) {
      this.bytes -= MESSAGE_OVERHEAD;
      this.#given = message;
      return Promise.resolve({ value: message, done: false });
    }
    if (this.#isEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** The reader breaks off. */
  return(): Promise<IteratorResult<MessageStream<Buffer>, undefined>> {
    this.hasReader = false;
    this.#given?.discard();
    this.#onTaken(this);
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(isText: boolean): IncomingStream {
    const message = new IncomingStream(isText, (change, isTaken) => {
      this.bytes += change;
      if (!isTaken) return;
      this.taken++;
      this.#onTaken(this);
    });
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#waiting.push(message);
      this.bytes += MESSAGE_OVERHEAD;
    } else {
      this.#given = message;
      reader({ value: message, done: false });
    }
    return message;
  }
}

/** One of them. */
class IncomingStream implements MessageStream<Buffer> {
  readonly isText: boolean;
  readonly #onChange: (change: number, isTaken: boolean) => void;
  readonly #pieces: Inbox<string | Buffer>;
  #counted = 0;
  #isDiscarded = false;

  /** @param onChange is told by how many bytes more or less waits, and whether somebody took them. */
  constructor(isText: boolean, onChange: (change: number, isTaken: boolean) => void) {
    this.isText = isText;
    this.#onChange = onChange;
    this.#pieces = new Inbox(() => this.#count(true));
  }

  put(piece: string | Buffer): void {
    if (this.#isDiscarded) return;
    this.#pieces.put(piece);
    this.#count(false);
  }

  end(error: Error | undefined): void {
    this.#pieces.end(error);
  }

  /** Nobody wants the rest. */
  discard(): void {
    if (this.#isDiscarded) return;
    this.#isDiscarded = true;
    this.#pieces.clear();
    this.#count(true);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer> {
    return {
      next: () => this.#pieces.next(),
      return: () => {
        this.discard();
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #count(isTaken: boolean): void {
    const change = this.#pieces.bytes - this.#counted;
    this.#counted = this.#pieces.bytes;
    this.#onChange(change, isTaken);
  }
}

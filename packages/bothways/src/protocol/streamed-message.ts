import type { InflateStream } from './inflater.js';
import type { Platform } from './platform.js';
import { UTF8_INVALID, UTF8_START, checkUtf8, incompleteTail } from './utf8.js';

/** What `pull` found: a piece; that everything was pulled; or that there is something wrong with the message. */
export type Pulled = 'piece' | 'all' | 'corrupt' | 'not-utf8';

/**
 * A message that is handed over as it arrives: what is pushed is pulled in pieces, inflated where that is needed.
 * A piece of text has whole characters only.
 */
export class StreamedMessage<Bytes extends Uint8Array> {
  readonly isText: boolean;
  /** Whether all of it was pushed. */
  isEnded = false;
  /** What was pulled last. */
  piece: string | Bytes = '';
  readonly #platform: Platform<Bytes>;
  readonly #inflate: InflateStream<Bytes> | undefined;
  /** What was pushed and not pulled. */
  #pushed: Bytes | undefined;
  /** The beginning of a character of which the rest is still to come. */
  #cut: Bytes | undefined;

  constructor(isText: boolean, platform: Platform<Bytes>, inflate: InflateStream<Bytes> | undefined) {
    this.isText = isText;
    this.#platform = platform;
    this.#inflate = inflate;
  }

  /** Adds what came next; everything before it has been pulled. */
  push(bytes: Bytes): void {
    if (this.#inflate === undefined) this.#pushed = bytes;
    else this.#inflate.push(bytes);
  }

  /** Nothing more will be pushed. */
  end(): void {
    this.isEnded = true;
    this.#inflate?.end();
  }

  /** Takes the next piece into `piece`, if there is one. */
  pull(): Pulled {
    for (let bytes = this.#take(); bytes !== undefined; bytes = this.#take()) {
      if (bytes === 'corrupt') return 'corrupt';
      const piece = this.isText ? this.#decode(bytes) : bytes;
      if (piece === undefined) return 'not-utf8';
      if (piece.length === 0) continue;
      this.piece = piece;
      return 'piece';
    }
    return this.isEnded && this.#cut !== undefined ? 'not-utf8' : 'all';
  }

  /** Lets go of what inflating takes. */
  close(): void {
    this.#inflate?.close();
  }

  #take(): Bytes | 'corrupt' | undefined {
    if (this.#inflate !== undefined) return this.#inflate.pull();
    const pushed = this.#pushed;
    this.#pushed = undefined;
    return pushed;
  }

  /** The text of the bytes, less a character that they do not end; `undefined` when it is none. */
  #decode(bytes: Bytes): string | undefined {
    const all = this.#cut === undefined ? bytes : this.#join(this.#cut, bytes);
    const { length } = all;
    let tail = incompleteTail(all, 0, length);
    const state = checkUtf8(all, length - tail, length, UTF8_START);
    if (state === UTF8_INVALID) return undefined;
    if (state === UTF8_START) tail = 0;
    this.#cut = tail === 0 ? undefined : this.#join(all.subarray(length - tail), undefined);
    return this.#platform.decodeUtf8(all, 0, length - tail);
  }

  #join(first: Uint8Array, second: Uint8Array | undefined): Bytes {
    const joined = this.#platform.allocate(first.length + (second?.length ?? 0));
    joined.set(first);
    if (second !== undefined) joined.set(second, first.length);
    return joined;
  }
}

import { mask } from './mask.js';
import type { Platform } from './platform.js';
import { UTF8_INVALID, UTF8_START, checkUtf8, incompleteTail, type Utf8State } from './utf8.js';

/** What a header alone may reserve, bytes, whatever length it announces. */
const MAX_RESERVED_AHEAD = 64 * 1024;

/** When this part of a message has arrived there is memory for all of it: little was copied until then. */
const BELIEVED_FROM = 1 / 32;

/** What the first of several fragments reserves at least, bytes. */
const MIN_CAPACITY = 256;

/** From this size on, a piece of text is checked by the platform and not byte by byte. */
const NATIVE_CHECK_FROM = 32;

/**
 * A message that did not come in one piece: fragments, or a frame larger than a read. All of it lies in one
 * buffer that grows with what has arrived, so a fragment costs nothing but its bytes, however many there are.
 */
export class PartialMessage<Bytes extends Uint8Array> {
  readonly isText: boolean;
  /** How many bytes have arrived. */
  length = 0;
  #bytes: Bytes | undefined;
  #utf8: Utf8State = UTF8_START;
  readonly #platform: Platform<Bytes>;

  constructor(isText: boolean, platform: Platform<Bytes>) {
    this.isText = isText;
    this.#platform = platform;
  }

  /**
   * Adds `source[start, end)`, which is unmasked with `key` where there is one.
   *
   * @param promised how long the message is, by what the headers so far have said.
   * @param isLast whether no fragment will follow.
   * @returns `false` when the text so far is not UTF-8.
   */
  append(
    source: Uint8Array,
    start: number,
    end: number,
    key: number | undefined,
    phase: number,
    promised: number,
    isLast: boolean,
  ): boolean {
    const from = this.length;
    const to = from + end - start;
    const bytes = this.#reserve(to, promised, isLast);
    // Where it was read to, not where it goes: that may be memory in which masking is fastest.
    if (key !== undefined) mask(source, start, end, key, phase);
    bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), from);
    this.length = to;
    if (this.isText) this.#utf8 = this.#check(bytes, from, to);
    return this.#utf8 !== UTF8_INVALID;
  }

  /** The whole message, or `undefined` when its text ends inside a character. */
  finish(): string | Bytes | undefined {
    const bytes = this.#bytes ?? this.#platform.allocate(0);
    if (!this.isText) return this.#platform.view(bytes, 0, this.length);
    return this.#utf8 === UTF8_START ? this.#platform.decodeUtf8(bytes, 0, this.length) : undefined;
  }

  #reserve(needed: number, promised: number, isLast: boolean): Bytes {
    const current = this.#bytes;
    if (current !== undefined && current.length >= needed) return current;
    const isBelieved = needed >= promised * BELIEVED_FROM;
    const ahead = isBelieved ? promised : Math.min(promised, Math.max(MAX_RESERVED_AHEAD, 2 * needed));
    // A message of one frame ends in a buffer of exactly its size; one of fragments has room for the next.
    const capacity = isLast ? ahead : Math.max(MIN_CAPACITY, 2 * needed, ahead);
    const bytes = this.#platform.allocate(capacity);
    if (current !== undefined) bytes.set(current.subarray(0, this.length));
    this.#bytes = bytes;
    return bytes;
  }

  /** RFC 6455 section 8.1; a character may be split between pieces, so a tail is checked byte by byte. */
  #check(bytes: Bytes, from: number, to: number): Utf8State {
    if (this.#utf8 !== UTF8_START || to - from < NATIVE_CHECK_FROM) {
      return checkUtf8(bytes, from, to, this.#utf8);
    }
    const whole = to - incompleteTail(bytes, from, to);
    if (!this.#platform.isUtf8(bytes.subarray(from, whole))) return UTF8_INVALID;
    return checkUtf8(bytes, whole, to, UTF8_START);
  }
}

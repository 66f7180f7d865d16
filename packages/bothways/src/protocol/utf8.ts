/**
 * UTF-8 as it arrives (RFC 3629 section 4). A state between two pieces is one number: 0 between characters,
 * otherwise what the next byte must be, so that the first byte that cannot be right is noticed at once:
 *
 *     bits 16 and up   how many continuation bytes are still to come
 *     bits 8 to 15     the lowest value the next byte may have
 *     bits 0 to 7      the highest
 */
export type Utf8State = number;

/** Between two characters: where a text starts and where it may end. */
export const UTF8_START: Utf8State = 0;

/** What came is not UTF-8 and no further byte can mend it. */
export const UTF8_INVALID: Utf8State = -1;

const ONE_MORE = (1 << 16) | 0x80bf;
const TWO_MORE = (2 << 16) | 0x80bf;
const THREE_MORE = (3 << 16) | 0x80bf;

/** Checks `bytes[start, end)` byte by byte, from the state that the bytes before left; returns the new state. */
export function checkUtf8(bytes: Uint8Array, start: number, end: number, state: Utf8State): Utf8State {
  for (let at = start; at < end && state !== UTF8_INVALID; at++) {
    const byte = bytes[at]!;
    if (state === UTF8_START) {
      if (byte >= 0x80) state = afterLead(byte);
    } else if (byte < ((state >>> 8) & 0xff) || byte > (state & 0xff)) {
      state = UTF8_INVALID;
    } else {
      const remaining = (state >>> 16) - 1;
      state = remaining === 0 ? UTF8_START : (remaining << 16) | 0x80bf;
    }
  }
  return state;
}

/**
 * How many bytes at the end of `bytes[start, end)` belong to a character that may not be complete, 0 to 3.
 * What is before them can be checked as a whole.
 */
export function incompleteTail(bytes: Uint8Array, start: number, end: number): number {
  for (let length = 1; length <= 3 && end - length >= start; length++) {
    const byte = bytes[end - length]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length;
  }
  return 0;
}

/** The table of RFC 3629 section 4: no overlong form, no surrogate, nothing above U+10FFFF. */
function afterLead(byte: number): Utf8State {
  if (byte < 0xc2) return UTF8_INVALID;
  if (byte <= 0xdf) return ONE_MORE;
  if (byte === 0xe0) return (2 << 16) | 0xa0bf;
  if (byte === 0xed) return (2 << 16) | 0x809f;
  if (byte <= 0xef) return TWO_MORE;
  if (byte === 0xf0) return (3 << 16) | 0x90bf;
  if (byte <= 0xf3) return THREE_MORE;
  if (byte === 0xf4) return (3 << 16) | 0x808f;
  return UTF8_INVALID;
}

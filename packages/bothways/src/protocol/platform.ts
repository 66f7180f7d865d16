/**
 * What the platform does better than any code of ours, handed to the protocol as one value. The protocol calls
 * nothing else of the world outside.
 */
export interface Platform<Bytes extends Uint8Array = Uint8Array> {
  /** Whether the bytes are valid UTF-8. */
  isUtf8(bytes: Uint8Array): boolean;
  /** The text of `bytes[start, end)`, or `undefined` when they are not valid UTF-8. A byte order mark stays. */
  decodeUtf8(bytes: Uint8Array, start: number, end: number): string | undefined;
  /** The UTF-8 of `text`; a lone surrogate becomes U+FFFD. */
  encodeUtf8(text: string): Uint8Array;
  /** Memory for a message, its content undefined. */
  allocate(size: number): Bytes;
  /** `bytes[start, end)` without copying. */
  view(bytes: Uint8Array, start: number, end: number): Bytes;
  /** `bytes[start, end)` in memory of its own. */
  copy(bytes: Uint8Array, start: number, end: number): Bytes;
}

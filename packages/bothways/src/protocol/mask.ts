import { maskKernel, type MaskKernel } from './mask-kernel.js';

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Below this many bytes a view of 32-bit words, or a call of the kernel, costs more than it saves (measured). */
const WORDS_FROM = 128;

/** From this many bytes on the kernel is faster even if they must be copied into its memory and back (measured). */
const KERNEL_FROM = 1024;

/**
 * Masks or unmasks `bytes[start, end)` in place (RFC 6455 section 5.3): byte i is XORed with byte i modulo 4
 * of the key.
 *
 * @param key 32 bits whose lowest byte belongs to the first byte.
 * @param phase how many bytes of the payload went before `start`; only its value modulo 4 counts.
 */
export function mask(bytes: Uint8Array, start: number, end: number, key: number, phase: number): void {
  const rotated = rotate(key, phase);
  const length = end - start;
  if (length < WORDS_FROM) {
    maskBytes(bytes, start, end, rotated);
  } else if (maskKernel !== undefined && bytes.buffer === maskKernel.buffer) {
    maskKernel.mask(bytes.byteOffset + start, length, rotated);
  } else if (maskKernel !== undefined && length >= KERNEL_FROM) {
    maskByKernel(maskKernel, bytes, start, end, rotated);
  } else {
    maskByWords(bytes, start, end, rotated);
  }
}

/** Turns the key so that its lowest byte is the one for payload byte `by`. */
function rotate(key: number, by: number): number {
  const bits = (by & 3) * 8;
  return (key >>> bits) | (key << (32 - bits));
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): void {
  const second = key >>> 8;
  const third = key >>> 16;
  const fourth = key >>> 24;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    bytes[at]! ^= key;
    bytes[at + 1]! ^= second;
    bytes[at + 2]! ^= third;
    bytes[at + 3]! ^= fourth;
  }
  if (at < end) bytes[at++]! ^= key;
  if (at < end) bytes[at++]! ^= second;
  if (at < end) bytes[at]! ^= third;
}

function maskByKernel(kernel: MaskKernel, bytes: Uint8Array, start: number, end: number, key: number): void {
  const { scratch, scratchAt } = kernel;
  // The size of the scratch is a multiple of 4: each piece begins with the same byte of the key.
  for (let at = start; at < end; at += scratch.length) {
    const piece = bytes.subarray(at, Math.min(at + scratch.length, end));
    scratch.set(piece);
    kernel.mask(scratchAt, piece.length, key);
    piece.set(piece.length === scratch.length ? scratch : scratch.subarray(0, piece.length));
  }
}

/** @internal What does without the kernel, for any length. */
export function maskByWords(bytes: Uint8Array, start: number, end: number, key: number): void {
  const wordsStart = Math.min(end, start + (-(bytes.byteOffset + start) & 3));
  maskBytes(bytes, start, wordsStart, key);
  const rotated = rotate(key, wordsStart - start);
  const count = (end - wordsStart) >>> 2;
  maskWords(new Int32Array(bytes.buffer, bytes.byteOffset + wordsStart, count), rotated);
  maskBytes(bytes, wordsStart + count * 4, end, rotated);
}

function maskWords(words: Int32Array, key: number): void {
  const word = LITTLE_ENDIAN ? key : swapBytes(key);
  const count = words.length;
  let at = 0;
  for (const last = count - 7; at < last; at += 8) {
    words[at]! ^= word;
    words[at + 1]! ^= word;
    words[at + 2]! ^= word;
    words[at + 3]! ^= word;
    words[at + 4]! ^= word;
    words[at + 5]! ^= word;
    words[at + 6]! ^= word;
    words[at + 7]! ^= word;
  }
  for (; at < count; at++) words[at]! ^= word;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

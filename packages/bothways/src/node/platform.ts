import { hash, createHash, randomBytes, randomFillSync } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { copyBytes } from './copy-bytes.js';
import type { Platform } from '../protocol/platform.js';

/** What Node does better than any code of ours. */
export const nodePlatform: Platform<Buffer> = {
  isUtf8,
  decodeUtf8,
  encodeUtf8: (text) => Buffer.from(text),
  allocate: (size) => Buffer.allocUnsafe(size),
  view: (bytes, start, end) => (bytes as Buffer).subarray(start, end),
  copy,
};

function copy(bytes: Uint8Array, start: number, end: number): Buffer {
  const target = Buffer.allocUnsafe(end - start);
  copyBytes(target, 0, bytes, start, end);
  return target;
}

/**
 * Decodes first and asks questions later: the decoder puts U+FFFD where the bytes are wrong, so only a text
 * that contains one needs the check.
 */
function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = (bytes as Buffer).toString('utf8', start, end);
  if (text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, end))) return undefined;
  return text;
}

const KEYS = new Int32Array(2048);
let nextKey = KEYS.length;

/** A fresh, unpredictable masking key (RFC 6455 section 10.3), 32 bits. */
export function randomMaskingKey(): number {
  if (nextKey === KEYS.length) {
    randomFillSync(KEYS);
    nextKey = 0;
  }
  return KEYS[nextKey++]!;
}

/** A fresh `Sec-WebSocket-Key`: 16 random bytes in base64 (RFC 6455 section 4.1). */
export function randomHandshakeKey(): string {
  return randomBytes(16).toString('base64');
}

/** SHA-1 in base64, for `Sec-WebSocket-Accept`. */
export const sha1Base64: (text: string) => string =
  typeof hash === 'function'
    ? (text) => hash('sha1', text, 'base64')
    : (text) => createHash('sha1').update(text).digest('base64');

import { types } from 'node:util';
import type { Data } from '../protocol/contract.js';

/** Whatever a message was given as, as bytes; a string as its UTF-8. */
export function toBytes(data: Data): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (types.isAnyArrayBuffer(data)) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(
    `A message is a string or bytes (a Uint8Array, an ArrayBuffer or a view of one), not ${describe(data)}`,
  );
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return Object.prototype.toString.call(value).slice(8, -1);
}

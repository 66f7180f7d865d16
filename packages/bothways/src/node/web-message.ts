import { types } from 'node:util';
import { toBytes } from './to-bytes.js';
import { toText } from './web-idl.js';

/** A message in the forms that a page has for one: bytes as they are, anything else as its text. */
export function toMessage(value: unknown): string | Uint8Array {
  return types.isArrayBuffer(value) || ArrayBuffer.isView(value) ? toBytes(value) : toText(value);
}

/** A received message as the form of it that a page gets. */
export function toArrayBuffer({ buffer, byteOffset, length }: Buffer): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + length);
}

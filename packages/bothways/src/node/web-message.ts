import { toText } from './web-idl.js';

/** A message in the forms that a page has for one: bytes as they are, anything else as its text. */
export function toMessage(value: unknown): string | Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return toText(value);
}

/** A received message as the form of it that a page gets. */
export function toArrayBuffer({ buffer, byteOffset, length }: Buffer): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + length);
}

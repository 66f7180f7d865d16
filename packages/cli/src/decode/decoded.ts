/** Who has sent a message. */
export type Side = 'client' | 'server';

/** A message of a subprotocol, for people to read. All text in it is safe to print, but not `payload`. */
export interface Decoded {
  /** What it is, such as `PUBLISH`, `Basic.Deliver` or `iq`; `malformed` when it cannot be read. */
  readonly name: string;
  /** The message in one line of at most MAX_SUMMARY characters. */
  readonly summary: string;
  /** Its parts, at most MAX_FIELDS, each of at most MAX_VALUE characters. */
  readonly fields: readonly Field[];
  /** What it carries: a part of the message, as it came. */
  readonly payload?: Uint8Array;
}

export type Field = readonly [name: string, value: string];

/** The longest summary, characters. */
export const MAX_SUMMARY = 240;
export const MAX_FIELDS = 64;
/** The longest value of a field, characters. */
export const MAX_VALUE = 200;

/** @param summary what to say of it, which need be neither short nor safe. */
export function decoded(
  name: string,
  summary: string,
  fields: Iterable<Field>,
  payload?: Uint8Array,
): Decoded {
  const shown: Field[] = [];
  for (const [field, value] of fields) {
    if (shown.length === MAX_FIELDS) break;
    shown.push([safeText(field, MAX_VALUE), safeText(value, MAX_VALUE)]);
  }
  const part = payload === undefined || payload.length === 0 ? {} : { payload };
  return { name: safeText(name, MAX_VALUE), summary: safeText(summary, MAX_SUMMARY), fields: shown, ...part };
}

/** @param why in words, such as `its length is missing`. */
export function malformed(why: string, bytes: Uint8Array): Decoded {
  return decoded('malformed', `malformed: ${why} (${countBytes(bytes.length)})`, [], bytes);
}

export function countBytes(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`;
}

/** What a decoder throws when the bytes are wrong, and nothing else catches. */
export class Malformed extends Error {}

/**
 * Control characters, what turns the direction of text around, ends of lines that only some know, and halves of
 * characters: none of them may reach a terminal or a page.
 */
const UNSAFE = /[\p{Cc}\p{Cs}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu;

const SHORT: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\\0',
  '\u001B': '\\e',
};

/** Text in one line, of at most `limit` characters, with what could do harm shown instead of done. */
export function safeText(text: string, limit: number): string {
  // Each character of it becomes one or more, so that what is behind the limit is not looked at.
  const isCut = text.length > limit;
  const safe = (isCut ? text.slice(0, limit) : text).replace(UNSAFE, escapeCharacter);
  return isCut || safe.length > limit ? `${safe.slice(0, limit - 1)}…` : safe;
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x100) return SHORT[character] ?? `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u${code.toString(16).padStart(4, '0')}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** @returns `undefined` for what is not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Text of what ought to be UTF-8: what is wrong in it is replaced. */
export function lenientTextOf(bytes: Uint8Array): string {
  return lenient.decode(bytes);
}

export function hexOf(bytes: Uint8Array): string {
  let text = '';
  // Two digits a byte, one character of grace so that a cut is seen.
  for (const byte of bytes.subarray(0, MAX_VALUE / 2 + 1)) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes that may be text: in quotation marks if they are, and as hexadecimal digits if not. */
export function showBytes(bytes: Uint8Array): string {
  const text = textOf(bytes.length > 4 * MAX_VALUE ? bytes.subarray(0, 4 * MAX_VALUE) : bytes);
  if (text === undefined || hasControls(text)) return `0x${hexOf(bytes)}`;
  return JSON.stringify(text);
}

function hasControls(text: string): boolean {
  return /[^\P{Cc}\t\r\n]/u.test(text);
}

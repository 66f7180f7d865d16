/**
 * What both sides of a session say to each other (PROTOCOL.md section 3): messages, acknowledgements and control
 * records; as lines of JSON over HTTP, and as the messages of a WebSocket.
 */

import { MAX_CLOSE_REASON, isCloseCodeOnWire } from '../protocol/close.js';

/** What a message is: a text, or bytes. */
export type Content = string | Uint8Array;

/** The end of a session, which has a sequence number as a message has (section 8). */
export class Closing {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string) {
    this.code = code;
    this.reason = reason;
  }

  toJSON(): object {
    return this.reason === '' ? { close: this.code } : { close: this.code, reason: this.reason };
  }
}

/** What has a sequence number. */
export type Numbered = Content | Closing;

/** A control record, as it came: nothing of it has been looked at. */
export type Control = Readonly<Record<string, unknown>>;

/** Any record, as it is in memory; a number is an acknowledgement. */
export type AnyRecord = Numbered | number | Control;

/** Base64 with padding (RFC 4648 section 4), by the platform. */
export interface Base64 {
  encode(bytes: Uint8Array): string;
  /** @returns `undefined` for what is none. */
  decode(text: string): Uint8Array | undefined;
}

export const SUBPROTOCOL = 'bothways.session.1';
export const MEDIA_TYPE = 'application/vnd.bothways';

/** What the errors of section 7 are called, and their status. */
export const ERRORS = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  'unknown-session': 404,
  fenced: 409,
  'too-large': 413,
  unsupported: 415,
  'too-many': 429,
  unavailable: 503,
} as const;

/** Of the code of a WebSocket's close for an error, which is this plus the status. */
export const CLOSE_CODE_BASE = 4000;

/** The longest body of a request that opens a session, bytes (section 6.2). */
export const OPENING_BODY = 524_288;

/** What a body may be longer than twice `maxMessage`, bytes. */
export const BODY_SLACK = 65_536;

export function isNumbered(record: AnyRecord): record is Numbered {
  return typeof record === 'string' || record instanceof Uint8Array || record instanceof Closing;
}

/** A record as a line, with its line feed. */
export function toLine(record: AnyRecord, base64: Base64): string {
  // A lone surrogate is no character: on a WebSocket it would become U+FFFD as well.
  if (typeof record === 'string') return `${JSON.stringify(toWellFormed(record))}\n`;
  if (record instanceof Uint8Array) return `["${base64.encode(record)}"]\n`;
  return `${JSON.stringify(record)}\n`;
}

/** @returns `undefined` when it is no record. */
export function parseLine(line: string, base64: Base64): AnyRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    return value.length === 1 && typeof value[0] === 'string' ? base64.decode(value[0]) : undefined;
  }
  if (typeof value === 'number') return isCount(value) ? value : undefined;
  return typeof value === 'object' && value !== null ? toRecord(value as Control) : undefined;
}

/**
 * All records of a body; `undefined` when one of its lines is none, the last one is not whole, or there are more than
 * `most`.
 */
export function parseLines(text: string, most: number, base64: Base64): AnyRecord[] | undefined {
  const records: AnyRecord[] = [];
  for (let start = 0; start < text.length;) {
    if (records.length >= most) return undefined;
    const end = text.indexOf('\n', start);
    const record = end === -1 ? undefined : parseLine(text.slice(start, end), base64);
    if (record === undefined) return undefined;
    records.push(record);
    start = end + 1;
  }
  return records;
}

/** What a record is as a WebSocket message. */
export function toSocketMessage(record: AnyRecord): Content {
  if (typeof record === 'string') return `.${record}`;
  if (record instanceof Uint8Array) return record;
  return JSON.stringify(record);
}

/** @returns `undefined` when it is no record. */
export function parseSocketMessage(message: Content): AnyRecord | undefined {
  if (typeof message !== 'string') return message;
  if (message.startsWith('.')) return message.slice(1);
  return message.startsWith('{') || DIGITS.test(message) ? parseLine(message, NO_BASE64) : undefined;
}

/** Whether it is a number that a record may have. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const DIGITS = /^\d{1,16}$/;
const NO_BASE64: Base64 = { encode: () => '', decode: () => undefined };

function toRecord(control: Control): Closing | Control | undefined {
  if (!Object.hasOwn(control, 'close')) return control;
  const { close, reason = '' } = control;
  const isAllowed =
    isCount(close) && isCloseCodeOnWire(close) && typeof reason === 'string' && isCloseReason(reason);
  return isAllowed ? new Closing(close, reason) : undefined;
}

/** Whether it has at most 123 bytes of UTF-8 (RFC 6455 section 5.5.1). */
export function isCloseReason(text: string): boolean {
  return !isLarger(text, MAX_CLOSE_REASON);
}

/** Whether a message has more than so many bytes; a text, of UTF-8. */
export function isLarger(content: Content, most: number): boolean {
  if (content.length > most || typeof content !== 'string') return content.length > most;
  return content.length * 3 > most && byteLengthOf(content) > most;
}

/** How many bytes of UTF-8 a text has; half a surrogate pair has three, as U+FFFD, which stands for it. */
export function byteLengthOf(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
    // A pair has four bytes.
    if (isPair) index++;
  }
  return length;
}

function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

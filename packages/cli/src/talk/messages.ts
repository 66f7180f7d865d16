/**
 * The messages of the Talk view, for both sides: small JSON texts with a `type`. The page and the server import
 * this one file, so they cannot disagree about a message without one of them failing to compile.
 */

/** What a message may hold; what exceeds it is refused. Lengths are UTF-16 code units, as in `maxlength`. */
export const limits = {
  nameLength: 24,
  textLength: 1000,
  pointsPerMessage: 256,
  pointsPerStroke: 4096,
  /** Bytes of one message; more than the longest well-formed message needs. */
  messageSize: 16 * 1024,
} as const;

/** The board's own coordinates: whole numbers, finer than a pixel on the screens of today, 4 by 3. */
export const boardSize = { width: 4000, height: 3000 } as const;
export const colorCount = 6;
export const strokeWidth = { min: 2, max: 120 } as const;

/** Numbers a point takes in `points`: x, y and pressure (0 to 100; 50 where the device has none). */
export const numbersPerPoint = 3;

export interface Person {
  /** Derived from the person's key: the same after a reconnection, even to a server that was restarted. */
  readonly id: string;
  readonly name: string;
}

/** One chat message as everyone sees it. */
export interface Said {
  readonly seq: number;
  readonly from: string;
  /** The name at that time. */
  readonly name: string;
  readonly text: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly at: number;
  /** The sender's own reference: one message sent twice around a reconnection is taken once. */
  readonly ref: string;
}

export interface Stroke {
  /** Given by the server; strokes are painted in this order. */
  readonly seq: number;
  readonly from: string;
  /** Chosen by the one who draws. */
  readonly id: string;
  /** An index into the palette; each theme has its own shades of it. */
  readonly color: number;
  /** In the board's units. */
  readonly width: number;
  /** x, y, pressure, x, y, pressure, ... */
  readonly points: number[];
}

export interface Cleared {
  readonly by: string;
  readonly strokes: number;
}

/** What the server tells everyone every couple of seconds, whether or not anybody asked. */
export interface News {
  readonly time: number;
  /** Milliseconds. */
  readonly uptime: number;
  readonly people: number;
  /** Chat messages since the server started. */
  readonly said: number;
  /** Strokes on the board. */
  readonly strokes: number;
  /** WebSocket messages and their bytes a second, of all connections together. */
  readonly toServer: Rate;
  readonly toClients: Rate;
}

export interface Rate {
  readonly messages: number;
  readonly bytes: number;
}

export type Position = readonly [x: number, y: number];

export type ClientMessage =
  /** Always first. The key is the window's secret: whoever shows it again is the same person. */
  | { readonly type: 'hello'; readonly name: string; readonly key: string }
  | { readonly type: 'rename'; readonly name: string }
  | { readonly type: 'say'; readonly ref: string; readonly text: string }
  | { readonly type: 'typing'; readonly on: boolean }
  /** `null`: the pointer left the board. */
  | { readonly type: 'cursor'; readonly at: Position | null }
  /** Begins a stroke. An id used before replaces that stroke, so that sending one again is harmless. */
  | {
      readonly type: 'stroke';
      readonly id: string;
      readonly color: number;
      readonly width: number;
      readonly points: number[];
    }
  | { readonly type: 'points'; readonly id: string; readonly points: number[] }
  | { readonly type: 'end'; readonly id: string }
  /** Takes back the sender's own last stroke. */
  | { readonly type: 'undo' }
  | { readonly type: 'clear' }
  /** Brings back what the last `clear` took away. */
  | { readonly type: 'restore' }
  /** A browser's WebSocket cannot send a Ping frame, so the round trip is measured with messages. */
  | { readonly type: 'ping'; readonly n: number };

export type ServerMessage =
  | {
      readonly type: 'welcome';
      readonly you: Person;
      /** Differs after every start of the server. */
      readonly epoch: string;
      readonly people: readonly Person[];
      readonly said: readonly Said[];
      readonly cleared: Cleared | null;
    }
  /** A part of the board, for a newcomer and after `restore`. */
  | { readonly type: 'strokes'; readonly strokes: readonly Stroke[] }
  | { readonly type: 'joined'; readonly person: Person; readonly at: number }
  | { readonly type: 'left'; readonly person: Person; readonly at: number }
  | { readonly type: 'renamed'; readonly person: Person; readonly was: string; readonly at: number }
  | { readonly type: 'said'; readonly said: Said }
  | { readonly type: 'typing'; readonly from: string; readonly on: boolean }
  | { readonly type: 'cursor'; readonly from: string; readonly at: Position | null }
  | { readonly type: 'stroke'; readonly stroke: Stroke }
  | { readonly type: 'points'; readonly seq: number; readonly points: number[] }
  | { readonly type: 'end'; readonly seq: number }
  /** To the one who drew it: the stroke with this id is on the board, whole. */
  | { readonly type: 'drawn'; readonly id: string; readonly seq: number }
  | { readonly type: 'erased'; readonly seqs: readonly number[] }
  | { readonly type: 'cleared'; readonly cleared: Cleared }
  | { readonly type: 'restored'; readonly by: string }
  | { readonly type: 'news'; readonly news: News }
  | { readonly type: 'pong'; readonly n: number }
  /** A message was not taken, and why; `ref` says which chat message it was, if it was one. */
  | { readonly type: 'refused'; readonly message: string; readonly ref?: string };

/** A message that is none, with the close code (RFC 6455 section 7.4.1) and the reason it deserves. */
export class MessageError extends Error {
  readonly closeCode: 1007 | 1008;

  constructor(closeCode: 1007 | 1008, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function parseFields(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MessageError(1007, 'The message is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MessageError(1007, 'The message is not a JSON object');
  }
  return value as Fields;
}

/**
 * Reads what a page sent, and believes none of it.
 *
 * @throws {MessageError} for anything that is not one of the messages above, within its limits.
 */
export function parseClientMessage(text: string): ClientMessage {
  const fields = parseFields(text);
  const type = fields['type'];
  if (typeof type !== 'string' || !Object.hasOwn(readers, type)) {
    throw new MessageError(1008, 'The message has no known type');
  }
  return readers[type as ClientMessage['type']](fields);
}

/**
 * Reads what the server sent. The server is the page's own origin and its messages were made from the types
 * above, so the type is looked at and the rest is taken as it is.
 *
 * @throws {MessageError} when it is not a JSON object with a type.
 */
export function parseServerMessage(text: string): ServerMessage {
  const fields = parseFields(text);
  if (typeof fields['type'] !== 'string') throw new MessageError(1008, 'The message has no type');
  return fields as unknown as ServerMessage;
}

const readers: { readonly [T in ClientMessage['type']]: (fields: Fields) => ClientMessage } = {
  hello: (fields) => ({ type: 'hello', name: readName(fields), key: readMark(fields, 'key', 16, 64) }),
  rename: (fields) => ({ type: 'rename', name: readName(fields) }),
  say: (fields) => ({ type: 'say', ref: readMark(fields, 'ref', 1, 24), text: readText(fields) }),
  typing: (fields) => ({ type: 'typing', on: readBoolean(fields, 'on') }),
  cursor: (fields) => ({ type: 'cursor', at: fields['at'] === null ? null : readPosition(fields['at']) }),
  stroke: (fields) => ({
    type: 'stroke',
    id: readMark(fields, 'id', 1, 24),
    color: readInteger(fields['color'], 'color', 0, colorCount - 1),
    width: readInteger(fields['width'], 'width', strokeWidth.min, strokeWidth.max),
    points: readPoints(fields),
  }),
  points: (fields) => ({ type: 'points', id: readMark(fields, 'id', 1, 24), points: readPoints(fields) }),
  end: (fields) => ({ type: 'end', id: readMark(fields, 'id', 1, 24) }),
  undo: () => ({ type: 'undo' }),
  clear: () => ({ type: 'clear' }),
  restore: () => ({ type: 'restore' }),
  ping: (fields) => ({ type: 'ping', n: readInteger(fields['n'], 'n', 0, Number.MAX_SAFE_INTEGER) }),
};

/**
 * Control characters, and the marks that would let one text rearrange the text around it or hide in it. The
 * joiners of emoji and of several scripts stay.
 */
const unwanted = /[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF\uFFF9-\uFFFB]/g;

/** A name on one line, without what does not show. May be empty. */
export function cleanName(raw: string): string {
  const visible = raw.normalize('NFC').replace(unwanted, '');
  return visible.replace(/[\p{Cc}\p{Cs}\p{Z}]+/gu, ' ').trim();
}

function readName(fields: Fields): string {
  const raw = fields['name'];
  const name = typeof raw === 'string' && raw.length <= 4 * limits.nameLength ? cleanName(raw) : '';
  if (name === '' || name.length > limits.nameLength) {
    throw new MessageError(1008, `A name has 1 to ${limits.nameLength} characters`);
  }
  return name;
}

function readText(fields: Fields): string {
  const raw = fields['text'];
  // Lines may break; every other control character goes.
  const text = typeof raw === 'string' ? raw.replace(/[^\P{Cc}\n\t]/gu, '').trim() : '';
  if (text === '' || text.length > limits.textLength) {
    throw new MessageError(1008, `A chat message has 1 to ${limits.textLength} characters`);
  }
  return text;
}

/** An identifier that the page made: letters, digits, `-` and `_`. */
function readMark(fields: Fields, field: string, min: number, max: number): string {
  const value = fields[field];
  if (typeof value === 'string' && value.length >= min && value.length <= max && /^[\w-]+$/.test(value)) {
    return value;
  }
  throw new MessageError(1008, `"${field}" must be ${min} to ${max} letters or digits`);
}

function readBoolean(fields: Fields, field: string): boolean {
  const value = fields[field];
  if (typeof value === 'boolean') return value;
  throw new MessageError(1008, `"${field}" must be true or false`);
}

function readInteger(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new MessageError(1008, `"${field}" must be a whole number from ${min} to ${max}`);
}

function readPosition(value: unknown): Position {
  if (!Array.isArray(value) || value.length !== 2) throw new MessageError(1008, '"at" must be [x, y]');
  return [readInteger(value[0], 'x', 0, boardSize.width), readInteger(value[1], 'y', 0, boardSize.height)];
}

function readPoints(fields: Fields): number[] {
  const value = fields['points'];
  if (!Array.isArray(value) || value.length === 0 || value.length % numbersPerPoint !== 0) {
    throw new MessageError(1008, '"points" must be [x, y, pressure, ...]');
  }
  if (value.length > limits.pointsPerMessage * numbersPerPoint) {
    throw new MessageError(1008, `A message has at most ${limits.pointsPerMessage} points`);
  }
  const most = [boardSize.width, boardSize.height, 100];
  return value.map((n, index) => readInteger(n, 'points', 0, most[index % numbersPerPoint] ?? 0));
}

/**
 * What a recording is: lines of JSON. The first says what was connected, one follows for each message, and the last says
 * how it ended; a line with a note before it says why messages are missing. It is written by `recording.ts`; nothing here
 * needs Node, so that a page can read recordings too.
 */
import { z } from 'zod';

/** The version of the format. A reader refuses what is newer. */
export const RECORDING_VERSION = 1;

/** The longest line, characters. A message that needs more is recorded as its length. */
export const MAX_LINE = 32 * 1024 * 1024;

const headerLine = z.object({
  recording: z.int().min(1),
  /** When it began, ISO 8601 in UTC. */
  time: z.string(),
  route: z.string(),
  /** The name of the protocol, such as `stomp`. */
  protocol: z.string(),
  /** The token of `Sec-WebSocket-Protocol` that was agreed on, if any. */
  subprotocol: z.string().optional(),
  user: z.string().optional(),
  /** The address of the client. */
  address: z.string(),
  /** The server behind. */
  upstream: z.string().optional(),
  handshake: z.object({
    /** The path with its query. */
    url: z.string(),
    headers: z.record(z.string(), z.string()),
  }),
  /** Whether secrets were left out. */
  redacted: z.boolean(),
});

/** Milliseconds since the beginning. */
const t = z.number().min(0);

/** A message of the WebSocket: its text, or base64 of a binary one, or the length (bytes) alone of one that is left out. */
const messageLine = z
  .object({
    t,
    from: z.enum(['client', 'server']),
    text: z.string().optional(),
    base64: z
      .string()
      .regex(/^[\w+/]*={0,2}$/, { error: 'is no base64' })
      .optional(),
    length: z.int().min(0).optional(),
    /** Whether something in it was replaced. */
    redacted: z.boolean().optional(),
  })
  .refine(
    ({ text, base64, length }) => [text, base64, length].filter((part) => part !== undefined).length === 1,
    {
      error: 'has to have one of text, base64 and length',
    },
  );

const noteLine = z.object({ t, note: z.string() });

const endLine = z.object({
  t,
  end: z.object({
    /** What the client's side was closed with. */
    code: z.int(),
    reason: z.string(),
    /** Who ended it: the client, the server behind, or the gateway. */
    by: z.string().optional(),
  }),
});

export type HeaderLine = z.output<typeof headerLine>;
export type MessageLine = z.output<typeof messageLine>;
export type NoteLine = z.output<typeof noteLine>;
export type EndLine = z.output<typeof endLine>;
export type RecordedEnd = EndLine['end'];
export type RecordingLine = HeaderLine | MessageLine | NoteLine | EndLine;

/** A line that is none of a recording: its message goes on from `line 3`. */
export class LineError extends Error {}

/** @throws {LineError} for the first line of something that is no recording. */
export function parseHeader(line: string): HeaderLine {
  const value = parseObject(line);
  if (!('recording' in value)) throw new LineError('is not the beginning of a recording');
  if (typeof value['recording'] === 'number' && value['recording'] > RECORDING_VERSION) {
    throw new LineError(
      `is of version ${value['recording']} of the format, which this program does not know yet`,
    );
  }
  return check(headerLine, value);
}

/** @throws {LineError} for what is no line behind the first. */
export function parseLine(line: string): MessageLine | NoteLine | EndLine {
  const value = parseObject(line);
  if ('end' in value) return check(endLine, value);
  return 'note' in value ? check(noteLine, value) : check(messageLine, value);
}

/** What a message line holds, as it was on the WebSocket; `undefined` if it is left out. */
export function messageOf({ text, base64 }: MessageLine): string | Uint8Array | undefined {
  if (base64 === undefined) return text;
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new LineError('is no JSON');
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new LineError('is no JSON object');
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new LineError(`is wrong: ${where === '' ? '' : `${where}: `}${issue?.message ?? 'it is malformed'}`);
}

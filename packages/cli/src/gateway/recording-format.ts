/**
 * What a recording is: lines of JSON. The first says what was connected, one follows for each message, and the last says
 * how it ended; a line with a note says why messages are missing. It is written by `recording.ts`; nothing here needs
 * Node, so that a page can read recordings too.
 */
import type { Side } from '../decode/decoded.js';

/** The version of the format. A reader refuses what is newer. */
export const RECORDING_VERSION = 1;

/** The longest line, characters. A message that needs more is recorded as its length. */
export const MAX_LINE = 32 * 1024 * 1024;

/** What is recorded of how the connection began. */
export interface RecordedHandshake {
  /** The path with its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HeaderLine {
  readonly recording: number;
  /** When it began, ISO 8601 in UTC. */
  readonly time: string;
  readonly route: string;
  /** The name of the protocol, such as `stomp`. */
  readonly protocol: string;
  /** The token of `Sec-WebSocket-Protocol` that was agreed on, if any. */
  readonly subprotocol?: string;
  readonly user?: string;
  /** The address of the client. */
  readonly address: string;
  /** The server behind. */
  readonly upstream?: string;
  readonly handshake: RecordedHandshake;
  /** Whether secrets were left out. */
  readonly redacted: boolean;
}

/** A message of the WebSocket: `text`, or `base64` of a binary one, or `length` (bytes) alone of one that is left out. */
export interface MessageLine {
  /** Milliseconds since the beginning. */
  readonly t: number;
  readonly from: Side;
  readonly text?: string;
  readonly base64?: string;
  readonly length?: number;
  /** Whether something in it was replaced. */
  readonly redacted?: true;
}

export interface NoteLine {
  readonly t: number;
  readonly note: string;
}

export interface EndLine {
  readonly t: number;
  readonly end: RecordedEnd;
}

export interface RecordedEnd {
  /** What the client's side was closed with. */
  readonly code: number;
  readonly reason: string;
  /** Who ended it: the client, the server behind, or the gateway. */
  readonly by?: string;
}

export type RecordingLine = HeaderLine | MessageLine | NoteLine | EndLine;

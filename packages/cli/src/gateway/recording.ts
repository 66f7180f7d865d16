import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_CLOSE_REASON } from 'bothways/protocol';
import { createRedactor, redactHandshake, type Redactor } from '../decode/redact.js';
import type { Side } from '../decode/decoded.js';
import type { RecordingConfig } from './config/schema.js';
import { RecordingFolder } from './recording-folder.js';
import {
  MAX_LINE,
  RECORDING_VERSION,
  type HeaderLine,
  type RecordedEnd,
  type RecordingLine,
} from './recording-format.js';

/** What is known of a connection when it begins. */
export interface RecordingSubject {
  /** The name of the protocol, such as `stomp`. */
  readonly protocol: string;
  /** The token of `Sec-WebSocket-Protocol` that was agreed on, if any. */
  readonly subprotocol?: string | undefined;
  readonly user?: string | undefined;
  /** The address of the client. */
  readonly address: string;
  /** The server behind. */
  readonly upstream?: string | undefined;
  readonly handshake: {
    /** The path with its query. */
    readonly url: string;
    /** As Node has them: names in lower case. */
    readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  };
}

export interface RecorderOptions {
  /** Hears of what is not recorded, and why. A logger of `pino` will do. */
  readonly log: { warn(about: object, message: string): void };
  /** Parameters of the query that hold tokens, besides those whose names say so. */
  readonly secretParameters?: readonly string[];
  /** For tests: from 0 to less than 1. */
  readonly random?: () => number;
  /** For tests: makes a file that must not be there yet. */
  readonly openFile?: (path: string) => Promise<RecordingFile>;
}

/** The part of a `FileHandle` that is used. */
export interface RecordingFile {
  appendFile(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Recordings that are written at the same time, of one route, at most: each holds a file open. */
const MAX_OPEN = 1_000;
/** What waits for the disk at most, bytes: of one recording, unless it is one message alone, and of all of a route. */
const MAX_WAITING = 1024 * 1024;
const MAX_WAITING_OF_ALL = 32 * 1024 * 1024;
/** Kept free in a recording for a note and the end, bytes. */
const RESERVE = 2 * 1024;
/** How long a disk is waited for when the process is to end, milliseconds. */
const FLUSH_TIMEOUT = 5_000;

/**
 * Records the connections of one route. What goes wrong with it (a full disk, or one that is too slow) ends a recording
 * and never a connection: the log says so, and so does the recording where that is still possible.
 */
export class Recorder {
  readonly #route: string;
  readonly #config: RecordingConfig;
  readonly #options: RecorderOptions;
  readonly #folder: RecordingFolder;
  readonly #open = new Set<Recording>();
  /** What waits for the disk, of all recordings, bytes. */
  #waiting = 0;
  #isFull = false;

  constructor(route: string, config: RecordingConfig, options: RecorderOptions) {
    this.#route = route;
    this.#config = config;
    this.#options = options;
    this.#folder = new RecordingFolder(config.directory, config.max_total_bytes);
  }

  /** @returns `undefined` for a connection that is not to be recorded. */
  begin(subject: RecordingSubject): Recording | undefined {
    const { sample, redact, max_bytes } = this.#config;
    if ((this.#options.random ?? Math.random)() >= sample || !this.#hasPlace()) return undefined;
    const header = headerOf(this.#route, subject, redact, this.#options.secretParameters ?? []);
    const bytes = encodeLine(header);
    const name = nameOf(header.time);
    if (bytes.length + RESERVE > max_bytes) {
      this.#options.log.warn({ route: this.#route }, 'A connection is not recorded: max_bytes is too small');
      return undefined;
    }
    const recording = new Recording({
      header: bytes,
      maxBytes: max_bytes,
      redactor: redact ? createRedactor(subject.protocol) : undefined,
      openFile: async () => {
        await this.#folder.prepare();
        if (!this.#folder.makeRoom(name, bytes.length + RESERVE)) throw new Error(TOO_MANY);
        return (this.#options.openFile ?? createFile)(join(this.#config.directory, name));
      },
      makeRoom: (count) => this.#folder.makeRoom(name, count),
      canWait: (count) => this.#waiting + count <= MAX_WAITING_OF_ALL,
      wait: (count) => (this.#waiting += count),
      onCut: (reason) => this.#warn(name, `A recording is cut short: ${reason}`),
      onDone: (error) => {
        this.#open.delete(recording);
        this.#folder.finish(name);
        if (error !== undefined) this.#warn(name, 'A recording has failed', error);
      },
    });
    this.#open.add(recording);
    return recording;
  }

  /** Resolves when the recordings that have ended are in their files, or after FLUSH_TIMEOUT: before the process ends. */
  async flush(): Promise<void> {
    const ended = [...this.#open].filter(({ hasEnded }) => hasEnded).map(({ done }) => done);
    await Promise.race([Promise.all(ended), delay(FLUSH_TIMEOUT, undefined, { ref: false })]);
  }

  #hasPlace(): boolean {
    const isFull = this.#open.size >= MAX_OPEN;
    if (isFull && !this.#isFull) {
      this.#options.log.warn(
        { route: this.#route },
        `${MAX_OPEN} connections are being recorded; others are not`,
      );
    }
    this.#isFull = isFull;
    return !isFull;
  }

  #warn(file: string, message: string, err?: unknown): void {
    this.#options.log.warn({ route: this.#route, file, ...(err === undefined ? {} : { err }) }, message);
  }
}

interface RecordingParts {
  readonly header: Buffer;
  readonly maxBytes: number;
  readonly redactor: Redactor | undefined;
  openFile(): Promise<RecordingFile>;
  /** Whether so many bytes more may be written. */
  makeRoom(count: number): boolean;
  /** Whether so many bytes may wait, together with what waits of others. */
  canWait(count: number): boolean;
  /** @param count bytes that wait from now on; less than 0 for such that no longer do. */
  wait(count: number): void;
  onCut(reason: string): void;
  /** @param error why nothing more could be written. */
  onDone(error: unknown): void;
}

/** One connection that is recorded. None of its methods throws or waits. */
export class Recording {
  readonly #parts: RecordingParts;
  readonly #begun = performance.now();
  #lines: Buffer[] = [];
  #waiting = 0;
  /** What has been written and what waits, bytes. */
  #size = 0;
  /** Why messages are missing, and how it ends: written behind all others. */
  #note: Buffer = Buffer.alloc(0);
  #last: Buffer = Buffer.alloc(0);
  #isCut = false;
  #hasEnded = false;
  #wake: () => void = () => {};
  /** Resolves when the file is closed, or given up. */
  readonly done: Promise<void>;

  constructor(parts: RecordingParts) {
    this.#parts = parts;
    this.#size = parts.header.length;
    this.done = this.#write().then(
      () => parts.onDone(undefined),
      (error: unknown) => {
        this.#giveUp();
        parts.onDone(error);
      },
    );
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** A message of the WebSocket, as it comes from or goes to the client. Its bytes are copied. */
  message(from: Side, data: string | Uint8Array): void {
    if (this.#isCut || this.#hasEnded) return;
    const { redactor, maxBytes } = this.#parts;
    // What cannot fit need not be encoded: a character or a byte is one or more of a line.
    if (this.#size + data.length + RESERVE > maxBytes) return this.#cut('max_bytes is reached');
    const shown = redactor === undefined ? data : redactor.redact(from, data);
    const line = encodeLine({ t: this.#time(), from, ...contentOf(data, shown) });
    if (this.#size + line.length + RESERVE > maxBytes) return this.#cut('max_bytes is reached');
    if (!this.#canWait(line.length)) return this.#cut(TOO_SLOW);
    this.#push(line);
  }

  /** The connection is closed. The file is closed when all is in it. */
  end(end: RecordedEnd): void {
    if (this.#hasEnded) return;
    const { code, by } = end;
    const reason = end.reason.slice(0, MAX_CLOSE_REASON);
    this.#last = encodeLine({ t: this.#time(), end: { code, reason, ...(by === undefined ? {} : { by }) } });
    this.#hasEnded = true;
    this.#wake();
  }

  /** Nothing more is recorded but this and the end. */
  #cut(note: string): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#note = encodeLine({ t: this.#time(), note });
    this.#parts.onCut(note);
  }

  #canWait(count: number): boolean {
    const isAlone = this.#waiting === 0;
    return (isAlone || this.#waiting + count <= MAX_WAITING) && this.#parts.canWait(count);
  }

  #push(line: Buffer): void {
    this.#waiting += line.length;
    this.#size += line.length;
    this.#lines.push(line);
    this.#parts.wait(line.length);
    this.#wake();
  }

  /** Writes what there is, all of it at a time, until the end. */
  async #write(): Promise<void> {
    const file = await this.#parts.openFile();
    try {
      await file.appendFile(this.#parts.header);
      while (this.#lines.length > 0 || !this.#hasEnded) {
        if (this.#lines.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        else await this.#writeLines(file);
      }
      // There is room for both in any case: RESERVE.
      await file.appendFile(Buffer.concat([this.#note, this.#last]));
    } finally {
      await file.close();
    }
  }

  async #writeLines(file: RecordingFile): Promise<void> {
    const bytes = Buffer.concat(this.#lines);
    this.#lines = [];
    const hasRoom = this.#parts.makeRoom(bytes.length);
    if (hasRoom) await file.appendFile(bytes);
    this.#waiting -= bytes.length;
    this.#parts.wait(-bytes.length);
    if (!hasRoom) this.#cut(TOO_MANY);
  }

  #giveUp(): void {
    this.#isCut = true;
    this.#hasEnded = true;
    this.#lines = [];
    this.#parts.wait(-this.#waiting);
    this.#waiting = 0;
  }

  #time(): number {
    return Math.round(performance.now() - this.#begun);
  }
}

const TOO_SLOW = 'the disk is too slow';
const TOO_MANY = 'max_total_bytes is reached';

/** Sorted by its beginning; nobody who knows that can guess the rest (128 bits). */
function nameOf(time: string): string {
  return `${time.replaceAll(/[-:]/g, '')}-${randomBytes(16).toString('hex')}.ndjson`;
}

function createFile(path: string): Promise<RecordingFile> {
  return open(path, 'wx', 0o600);
}

function headerOf(
  route: string,
  { protocol, subprotocol, user, address, upstream, handshake }: RecordingSubject,
  isRedacted: boolean,
  secretParameters: readonly string[],
): HeaderLine {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(handshake.headers)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  const begun = { url: handshake.url, headers };
  return {
    recording: RECORDING_VERSION,
    time: new Date().toISOString(),
    route,
    protocol,
    ...(subprotocol === undefined || subprotocol === '' ? {} : { subprotocol }),
    ...(user === undefined ? {} : { user }),
    address,
    ...(upstream === undefined ? {} : { upstream }),
    handshake: isRedacted ? redactHandshake(begun, subprotocol, secretParameters) : begun,
    redacted: isRedacted,
  };
}

function contentOf(
  data: string | Uint8Array,
  shown: string | Uint8Array | undefined,
): { readonly text: string } | { readonly base64: string } | { readonly length: number } {
  // Six characters are the most that JSON makes of one.
  if (shown === undefined || shown.length * 6 + 256 > MAX_LINE) {
    return { length: typeof data === 'string' ? Buffer.byteLength(data) : data.length };
  }
  const mark = shown === data ? {} : { redacted: true };
  if (typeof shown === 'string') return { text: shown, ...mark };
  const { buffer, byteOffset, length } = shown;
  return { base64: Buffer.from(buffer, byteOffset, length).toString('base64'), ...mark };
}

function encodeLine(line: RecordingLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

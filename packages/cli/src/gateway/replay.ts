import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Connection, type Handlers } from 'bothways';
import { safeText } from '../decode/decoded.js';
import { createDecoder, type Decoder } from '../decode/index.js';
import { connectFailure, Failure } from '../failure.js';
import { decodedText, hasColor } from '../terminal/decoded-text.js';
import { messageOf, type HeaderLine, type MessageLine, type RecordedEnd } from './recording-format.js';
import { openRecording } from './recording-reader.js';

export interface ReplayOptions {
  /** Times as fast as it was; 0: as fast as the other side answers. */
  readonly speed: number;
}

/** How long an answer is waited for that is recorded, or the end, milliseconds. */
const ANSWER_TIMEOUT = 10_000;

/**
 * Sends what the client of a recording has sent, and prints what comes back.
 *
 * @throws {Failure} when not all could be sent, unless the other side has closed as it did when it was recorded.
 */
export async function replay(file: string, url: string, { speed }: ReplayOptions): Promise<void> {
  const { header, lines } = await openRecording(file);
  const run = await Replay.start(url, header, speed);
  try {
    let end: RecordedEnd | undefined;
    for await (const { number, line } of lines) {
      if ('note' in line) console.error(`The recording is cut short: ${safeText(line.note, 200)}`);
      else if ('end' in line) {
        await run.waitUntil(line.t);
        ({ end } = line);
      } else if (line.from === 'server') await run.expectMessage();
      else await run.send(line, `${file}: line ${number}`);
    }
    await run.finish(end);
  } finally {
    run.terminate();
  }
}

class Replay {
  #connection!: Connection;
  readonly #decoder: Decoder;
  readonly #speed: number;
  readonly #begun = performance.now();
  readonly #isColored = hasColor(process.stdout);
  readonly #closing = new AbortController();
  #expected = 0;
  #received = 0;
  #sent = 0;
  #unsent = 0;
  #onProgress: () => void = () => {};

  private constructor(protocol: string, speed: number) {
    this.#decoder = createDecoder(protocol);
    this.#speed = speed;
  }

  static async start(url: string, { protocol, subprotocol }: HeaderLine, speed: number): Promise<Replay> {
    const run = new Replay(protocol, speed);
    const protocols = subprotocol === undefined ? [] : [subprotocol];
    const handlers: Handlers = {
      message: (socket, message) => run.#take(socket, message),
      close: () => {
        run.#closing.abort();
        run.#onProgress();
      },
    };
    run.#connection = await connect(url, { protocols }, handlers).catch((error: unknown) => {
      throw connectFailure(error, url);
    });
    return run;
  }

  /** Waits until so many milliseconds of the recording have passed. */
  async waitUntil(t: number): Promise<void> {
    if (this.#speed === 0) return;
    const left = t / this.#speed - (performance.now() - this.#begun);
    // A timer has 31 bits; nobody replays weeks.
    if (left > 0)
      await delay(Math.min(left, 2 ** 31 - 1), undefined, { signal: this.#closing.signal }).catch(() => {});
  }

  /** The other side has sent a message here. */
  async expectMessage(): Promise<void> {
    this.#expected++;
    if (this.#speed > 0) return;
    await this.#until(() => this.#received >= this.#expected);
    if (this.#received >= this.#expected || this.#isClosed) return;
    throw new Failure(
      `The other side has sent ${this.#received} messages, and had sent ${this.#expected} when it was recorded: nothing came within ${ANSWER_TIMEOUT / 1_000} s.`,
    );
  }

  async send(line: MessageLine, where: string): Promise<void> {
    const message = messageOf(line);
    if (message === undefined) {
      throw new Failure(
        `${where} is a message whose content was left out, for a secret may be in it: it cannot be sent. Record with redact = false.`,
      );
    }
    await this.waitUntil(line.t);
    if (this.#isClosed) {
      this.#unsent++;
      return;
    }
    if (line.redacted) console.error(`${where}: secrets in it were left out and are sent as ***.`);
    // The decoder has to see both sides; what is sent is not shown.
    this.#decoder.decode('client', message);
    this.#sent++;
    if (!this.#connection.send(message)) await this.#connection.ready;
  }

  /** Ends as the recording has ended. */
  async finish(end: RecordedEnd | undefined): Promise<void> {
    const isTheirs = end?.by !== undefined && end.by !== 'client';
    if (isTheirs) await this.#until(() => false);
    this.#connection.close(1000);
    const { code, reason, initiator } = await this.#connection.closed;
    const said = `${code}${reason === '' ? '' : `: ${safeText(reason, 200)}`}`;
    console.error(`Sent ${this.#sent} messages, received ${this.#received}. Closed with ${said}`);
    if (this.#unsent === 0 || (initiator === 'remote' && code === end?.code)) return;
    const then = end === undefined ? 'has no end' : `ended with ${end.code}`;
    throw new Failure(
      `The other side closed with ${said} before ${this.#unsent} messages more could be sent. The recording ${then}.`,
    );
  }

  /** For when it has failed. */
  terminate(): void {
    this.#connection.close(1000);
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #take(socket: Connection, message: string | Uint8Array): void {
    this.#received++;
    const t = performance.now() - this.#begun;
    let isWritten = true;
    for (const one of this.#decoder.decode('server', message)) {
      isWritten = process.stdout.write(`${decodedText(t, 'server', one, this.#isColored)}\n`);
    }
    this.#onProgress();
    if (isWritten) return;
    socket.pause();
    process.stdout.once('drain', () => socket.resume());
  }

  /** Waits until something is so, the connection is closed, or ANSWER_TIMEOUT has passed without any message. */
  async #until(isDone: () => boolean): Promise<void> {
    for (;;) {
      if (isDone() || this.#isClosed) return;
      const timer = new AbortController();
      const progress = new Promise<boolean>((resolve) => (this.#onProgress = () => resolve(true)));
      const timeout = delay(ANSWER_TIMEOUT, false, { signal: timer.signal }).catch(() => false);
      const hasProgressed = await Promise.race([progress, timeout]);
      timer.abort();
      if (!hasProgressed) return;
    }
  }
}

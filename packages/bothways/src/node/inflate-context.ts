import { constants, createInflateRaw } from 'node:zlib';
import { DEFLATE_TAIL, MAX_WINDOW_BITS } from '../protocol/deflate.js';
import type { Inflated, InflateFailure, InflateStream } from '../protocol/inflater.js';
import { InflateOutput, SCRATCH } from './inflate-output.js';
import { ZlibState } from './zlib.js';

/** Up to this size a compressed message is inflated at once, bytes. */
export const INFLATE_AT_ONCE = 16 * 1024;

/** How far back a message can refer at most, bytes. */
const MAX_WINDOW = 1 << MAX_WINDOW_BITS;

/** A deflate stream may end within a message (BFINAL) and another begin; this often it means nothing any more. */
const MAX_ENDS = 16;

/** In so many pieces the last window is kept, at most. */
const MAX_RECENT = 64;

/**
 * What the peer has taken off the end of a message, and a byte more (RFC 7692 section 7.2.2). A message is whole if it
 * ends where a block ends, and only then is exactly that byte left over.
 */
const TAIL = Buffer.from([...DEFLATE_TAIL, 0x00]);

/** Where the tail is inflated to: nothing comes of it. */
const NO_OUTPUT = Buffer.allocUnsafeSlow(64);

type Progress = 'whole' | 'more' | InflateFailure;

/** An inflate state, and what it takes to go on behind the end of a deflate stream. */
export class InflateContext {
  readonly #windowBits: number;
  readonly #isKept: boolean;
  readonly #output = new InflateOutput();
  #state: ZlibState;
  /** What later messages may refer to; kept as soon as a deflate stream has ended, and zlib with it. */
  #history: Buffer | undefined;

  /** @param isKept whether messages may refer back to earlier ones. */
  constructor(windowBits: number, isKept: boolean) {
    this.#windowBits = windowBits;
    this.#isKept = isKept;
    this.#state = createState(windowBits);
  }

  /** Inflates a message of at most `INFLATE_AT_ONCE` bytes. */
  inflate(payload: Buffer, limit: number, isText: boolean): Inflated<Buffer> {
    this.#output.begin(limit);
    let outcome: Progress = 'more';
    for (let at = 0, ends = 0; outcome === 'more'; ends++) {
      const failure = this.#pour(payload, at);
      at = payload.length - this.#state.unused;
      outcome = failure ?? this.#settle(at === payload.length, ends);
    }
    return this.#finish(outcome, isText);
  }

  /** Inflates a message of any size in the thread pool; it never rejects. */
  async inflateInPool(payload: Buffer, limit: number): Promise<Inflated<Buffer>> {
    this.#output.begin(limit);
    let outcome: Progress = 'more';
    for (let at = 0, ends = 0; outcome === 'more'; ends++) {
      const { stream } = this.#state;
      const before = stream.bytesWritten;
      const failure = await this.#pourInPool(payload.subarray(at));
      // Closed meanwhile, or over the failure: there is nothing to go on with.
      if (this.isClosed) {
        this.#output.begin(0);
        return failure ?? 'corrupt';
      }
      at += stream.bytesWritten - before;
      outcome = failure ?? this.#settle(at === payload.length, ends);
    }
    return this.#finish(outcome, false);
  }

  /**
   * Begins a message that is inflated as it arrives; the next one comes after it.
   *
   * @param onClose is called when nothing more of it is wanted.
   */
  openStream(onClose?: () => void): InflateStream<Buffer> {
    return new StreamedInflate(this, onClose);
  }

  /** For a message that is inflated as it arrives. */
  get state(): ZlibState {
    return this.#state;
  }

  /** The same, of which a deflate stream has ended: another one may follow, and refer back to what came last. */
  restart(recent: readonly Buffer[]): void {
    this.#state.close();
    this.#history = lastWindow([this.#history ?? NOTHING, ...recent]);
    this.#state = createState(this.#windowBits, this.#history);
  }

  /** The same, which is complete. */
  endStream(recent: readonly Buffer[]): void {
    if (this.#history !== undefined) this.#history = lastWindow([this.#history, ...recent]);
  }

  /** Forgets the last message, if later ones may not refer to it. */
  forget(): void {
    if (this.#isKept) return;
    if (this.#history === undefined) {
      this.#state.reset();
    } else {
      this.#history = undefined;
      this.#state.close();
      this.#state = createState(this.#windowBits);
    }
  }

  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  close(): void {
    this.#state.close();
  }

  /** Inflates `input` from `at` on, or what there is of it up to the end of a deflate stream. */
  #pour(input: Buffer, at: number): InflateFailure | undefined {
    const state = this.#state;
    const output = this.#output;
    let isGood = true;
    do {
      if (!state.write(input, at, input.length, output.block, output.at, output.end)) return 'corrupt';
      at = input.length - state.unused;
      isGood = output.advance(output.end - state.free);
    } while (state.free === 0 && isGood);
    return isGood ? undefined : 'too-big';
  }

  /** The same in the thread pool. */
  #pourInPool(input: Buffer): Promise<InflateFailure | undefined> {
    const { stream } = this.#state;
    return new Promise((resolve) => {
      const done = (failure?: InflateFailure): void => {
        stream.off('data', onData).off('error', onError).off('end', done);
        // Otherwise it would go on with what is left of the input. No other message will be read.
        if (failure !== undefined) stream.close();
        resolve(failure);
      };
      const onData = (chunk: Buffer): void => {
        if (!this.#output.add(chunk)) done('too-big');
      };
      const onError = (): void => done('corrupt');
      stream.on('data', onData).on('error', onError).on('end', done);
      stream.write(input);
      stream.flush(constants.Z_SYNC_FLUSH, () => done());
    });
  }

  /** Where a message stands, of which all is used or a deflate stream has ended. */
  #settle(isUsed: boolean, ends: number): Progress {
    const end = isUsed ? endOf(this.#state) : 'stream';
    if (end === 'block') return 'whole';
    if (end === 'none' || ends === MAX_ENDS) return 'corrupt';
    // Another deflate stream may follow, and refer back to this one.
    this.#beginAnew();
    return isUsed ? 'whole' : 'more';
  }

  #beginAnew(): void {
    this.#state.close();
    this.#history ??= NOTHING;
    this.#state = createState(this.#windowBits, this.#window);
  }

  /** What comes next may refer to this. */
  get #window(): Buffer {
    return lastWindow([this.#history!, this.#output.tail(MAX_WINDOW)]);
  }

  #finish(outcome: 'whole' | InflateFailure, isText: boolean): Inflated<Buffer> {
    if (this.#isKept && this.#history !== undefined) this.#history = this.#window;
    this.forget();
    const inflated = outcome !== 'whole' ? outcome : isText ? this.#output.lend() : this.#output.join();
    this.#output.begin(0);
    return inflated;
  }
}

/** What a message can refer to, if this is what came before it. */
function lastWindow(pieces: readonly Buffer[]): Buffer {
  return Buffer.from(Buffer.concat(pieces).subarray(-MAX_WINDOW));
}

/** What ends where the input ends: a block, with its tail; a whole deflate stream, which takes no tail; or nothing. */
function endOf(state: ZlibState): 'block' | 'stream' | 'none' {
  const isRead = state.write(TAIL, 0, TAIL.length, NO_OUTPUT, 0, NO_OUTPUT.length, constants.Z_BLOCK);
  if (!isRead || state.free < NO_OUTPUT.length) return 'none';
  if (state.unused === TAIL.length) return 'stream';
  return state.unused === 1 ? 'block' : 'none';
}

function createState(windowBits: number, dictionary?: Buffer): ZlibState {
  const options = { windowBits, autoDestroy: false };
  const isEmpty = dictionary === undefined || dictionary.length === 0;
  return new ZlibState(createInflateRaw(isEmpty ? options : { ...options, dictionary }));
}

/** A message that is inflated as it arrives, on this thread. */
class StreamedInflate implements InflateStream<Buffer> {
  readonly #context: InflateContext;
  readonly #onClose: (() => void) | undefined;
  /** What came out of it last, a window at least, as long as the stream that it is in has not ended. */
  #recent: Buffer[] = [];
  #recentLength = 0;
  #input: Buffer = NOTHING;
  #at = 0;
  #isLast = false;
  /** Not a byte of it has come. */
  #isEmpty = true;
  /** The last piece filled the output: there may be more, even without input. */
  #isFull = false;
  #ends = 0;

  constructor(context: InflateContext, onClose: (() => void) | undefined) {
    this.#context = context;
    this.#onClose = onClose;
  }

  push(payload: Buffer): void {
    this.#input = payload;
    this.#at = 0;
    if (payload.length > 0) this.#isEmpty = false;
  }

  end(): void {
    this.#isLast = true;
  }

  pull(): Buffer | 'corrupt' | undefined {
    while (this.#at < this.#input.length || this.#isFull) {
      const { state } = this.#context;
      if (!state.write(this.#input, this.#at, this.#input.length, SCRATCH, 0, SCRATCH.length))
        return 'corrupt';
      this.#at = this.#input.length - state.unused;
      this.#isFull = state.free === 0;
      const piece = Buffer.from(SCRATCH.subarray(0, SCRATCH.length - state.free));
      this.#remember(piece);
      if (!this.#isFull && state.unused > 0 && !this.#goOn()) return 'corrupt';
      if (piece.length > 0) return piece;
    }
    if (!this.#isLast) return undefined;
    this.#isLast = false;
    // As of a message that comes whole: a compressor that is flushed twice has nothing to say the second time.
    if (this.#isEmpty) return undefined;
    const end = endOf(this.#context.state);
    if (end === 'stream') this.#goOn();
    this.#context.endStream(this.#recent);
    return end === 'none' ? 'corrupt' : undefined;
  }

  close(): void {
    this.#context.forget();
    this.#onClose?.();
  }

  /** A deflate stream ended, and another one may follow. */
  #goOn(): boolean {
    this.#context.restart(this.#recent);
    this.#recent = [];
    this.#recentLength = 0;
    return ++this.#ends <= MAX_ENDS;
  }

  /** Keeps a copy, for the piece is given away. */
  #remember(piece: Buffer): void {
    const copy = Buffer.from(piece.subarray(-MAX_WINDOW));
    this.#recent.push(copy);
    this.#recentLength += copy.length;
    while (this.#recentLength - this.#recent[0]!.length >= MAX_WINDOW) {
      this.#recentLength -= this.#recent.shift()!.length;
    }
    // A peer may send byte by byte, and a Buffer for each would take a hundred times as much.
    if (this.#recent.length > MAX_RECENT) this.#recent = [Buffer.concat(this.#recent)];
  }
}

const NOTHING = Buffer.alloc(0);

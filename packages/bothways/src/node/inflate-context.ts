import { constants, createInflateRaw } from 'node:zlib';
import { DEFLATE_TAIL } from '../protocol/deflate.js';
import type { Inflated, InflateFailure, InflateStream } from '../protocol/inflater.js';
import { InflateOutput, SCRATCH } from './inflate-output.js';
import { ZlibState } from './zlib.js';

/** Up to this size a compressed message is inflated at once, bytes. */
export const INFLATE_AT_ONCE = 16 * 1024;

export const MAX_WINDOW_BITS = 15;

/** How far back a message can refer at most, bytes. */
const MAX_WINDOW = 1 << MAX_WINDOW_BITS;

/** A deflate stream may end within a message (BFINAL) and another begin; this often it means nothing any more. */
const MAX_ENDS = 16;

/** What a message ends with where later ones may refer to it. */
const TAIL = Buffer.from(DEFLATE_TAIL);

/**
 * What it ends with otherwise: the tail, an empty last block, and one byte too many. A message that is whole ends
 * between two blocks, and only then is exactly that byte left over.
 */
const TAIL_AND_END = Buffer.from([...DEFLATE_TAIL, 0x01, 0x00, 0x00, 0xff, 0xff, 0x00]);

/** A small message with its tail. */
const INPUT = Buffer.allocUnsafeSlow(INFLATE_AT_ONCE + TAIL_AND_END.length);

type Progress = 'whole' | 'more' | InflateFailure;

/** An inflate state, and what it takes to go on behind the end of a deflate stream. */
export class InflateContext {
  readonly #windowBits: number;
  readonly #isKept: boolean;
  readonly #tail: Buffer;
  readonly #output = new InflateOutput();
  #state: ZlibState;
  /** What later messages may refer to; kept as soon as a deflate stream has ended, and zlib with it. */
  #history: Buffer | undefined;

  /** @param isKept whether messages may refer back to earlier ones. */
  constructor(windowBits: number, isKept: boolean) {
    this.#windowBits = windowBits;
    this.#isKept = isKept;
    this.#tail = isKept ? TAIL : TAIL_AND_END;
    this.#state = createState(windowBits);
  }

  /** Inflates a message of at most `INFLATE_AT_ONCE` bytes. */
  inflate(payload: Buffer, limit: number, isText: boolean): Inflated<Buffer> {
    const length = payload.length + this.#tail.length;
    INPUT.set(payload);
    INPUT.set(this.#tail, payload.length);
    this.#output.begin(limit);
    let outcome: Progress = 'more';
    for (let at = 0, ends = 0; outcome === 'more'; ends++) {
      const failure = this.#pour(INPUT, at, length);
      at = length - this.#state.unused;
      outcome = failure ?? this.#settle(at, payload.length, ends);
    }
    return this.#finish(outcome, isText);
  }

  /** Inflates a message of any size in the thread pool; it never rejects. */
  async inflateInPool(payload: Buffer, limit: number): Promise<Inflated<Buffer>> {
    const input = Buffer.concat([payload, this.#tail]);
    this.#output.begin(limit);
    let outcome: Progress = 'more';
    for (let at = 0, ends = 0; outcome === 'more'; ends++) {
      const { stream } = this.#state;
      const before = stream.bytesWritten;
      const failure = await this.#pourInPool(input.subarray(at));
      at += stream.bytesWritten - before;
      outcome = failure ?? this.#settle(at, payload.length, ends);
    }
    return this.#finish(outcome, false);
  }

  /** Begins a message that is inflated as it arrives; the next one comes after it. */
  openStream(): InflateStream<Buffer> {
    return new StreamedInflate(this, this.#tail, this.#isKept);
  }

  /** For a message that is inflated as it arrives. */
  get state(): ZlibState {
    return this.#state;
  }

  /** A deflate stream ended within a message that is not kept: another one may follow. */
  restart(): void {
    this.#state.stream.close();
    this.#state = createState(this.#windowBits);
    this.#history = undefined;
  }

  close(): void {
    this.#state.stream.close();
  }

  /** Inflates `input[at, end)`, or what there is of it up to the end of a deflate stream. */
  #pour(input: Buffer, at: number, end: number): InflateFailure | undefined {
    const state = this.#state;
    const output = this.#output;
    let isGood = true;
    do {
      if (!state.write(input, at, end, output.block, output.at, output.end)) return 'corrupt';
      at = end - state.unused;
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

  /** Where a message stands after so much of it and its tail was used. */
  #settle(used: number, payloadLength: number, ends: number): Progress {
    // With its tail the message is all deflate data, be its last block marked as the last one or not.
    if (used === payloadLength + TAIL.length) return 'whole';
    if (!this.#isKept && used === payloadLength + TAIL_AND_END.length - 1) return 'whole';
    if (used > payloadLength || ends === MAX_ENDS) return 'corrupt';
    // A deflate stream ended here. Another one may follow, and refer back to this one.
    this.#beginAnew();
    return used === payloadLength ? 'whole' : 'more';
  }

  #beginAnew(): void {
    this.#state.stream.close();
    this.#history ??= Buffer.alloc(0);
    this.#state = createState(this.#windowBits, this.#dictionary());
  }

  /** What a message may refer to by now. */
  #dictionary(): Buffer {
    return Buffer.concat([this.#history!, this.#output.join()]).subarray(-MAX_WINDOW);
  }

  #finish(outcome: 'whole' | InflateFailure, isText: boolean): Inflated<Buffer> {
    if (this.#isKept) {
      if (this.#history !== undefined) this.#history = Buffer.from(this.#dictionary());
    } else if (this.#history !== undefined) {
      this.restart();
    } else {
      this.#state.reset();
    }
    const inflated = outcome !== 'whole' ? outcome : isText ? this.#output.lend() : this.#output.join();
    this.#output.begin(0);
    return inflated;
  }
}

function createState(windowBits: number, dictionary?: Buffer): ZlibState {
  const options = { windowBits, autoDestroy: false };
  const isEmpty = dictionary === undefined || dictionary.length === 0;
  return new ZlibState(createInflateRaw(isEmpty ? options : { ...options, dictionary }));
}

/** A message that is inflated as it arrives, on this thread. */
class StreamedInflate implements InflateStream<Buffer> {
  readonly #context: InflateContext;
  readonly #tail: Buffer;
  readonly #isKept: boolean;
  #input: Buffer = NOTHING;
  #at = 0;
  #isLast = false;
  #isWhole = false;
  /** The last piece filled the output: there may be more, even without input. */
  #isFull = false;
  #ends = 0;

  constructor(context: InflateContext, tail: Buffer, isKept: boolean) {
    this.#context = context;
    this.#tail = tail;
    this.#isKept = isKept;
  }

  push(payload: Buffer): void {
    this.#input = payload;
    this.#at = 0;
  }

  end(): void {
    this.#isLast = true;
    this.push(Buffer.concat([this.#input.subarray(this.#at), this.#tail]));
  }

  pull(): Buffer | 'corrupt' | undefined {
    while (this.#at < this.#input.length || this.#isFull) {
      const { state } = this.#context;
      if (!state.write(this.#input, this.#at, this.#input.length, SCRATCH, 0, SCRATCH.length))
        return 'corrupt';
      this.#at = this.#input.length - state.unused;
      this.#isFull = state.free === 0;
      if (!this.#isFull && state.unused > 0 && !this.#goOn(state.unused)) return 'corrupt';
      if (state.free < SCRATCH.length) return Buffer.from(SCRATCH.subarray(0, SCRATCH.length - state.free));
    }
    return this.#isLast && !this.#isWhole && !this.#isKept ? 'corrupt' : undefined;
  }

  close(): void {
    if (!this.#isKept) this.#context.close();
  }

  /** A deflate stream ended, and so much was not used. */
  #goOn(unused: number): boolean {
    this.#isWhole = this.#isLast && (unused === this.#tail.length || (unused === 1 && !this.#isKept));
    if (this.#isWhole) this.#at = this.#input.length;
    this.#context.restart();
    return ++this.#ends <= MAX_ENDS;
  }
}

const NOTHING = Buffer.alloc(0);

import { constants, createInflateRaw } from 'node:zlib';
import { DEFLATE_TAIL } from '../protocol/deflate.js';
import type { Inflated, InflateFailure, Inflater } from '../protocol/inflater.js';
import { ZlibState, canDriveZlib } from './zlib.js';

/** Up to this size a compressed message is inflated at once, and above it in the thread pool, bytes. */
const INFLATE_AT_ONCE = 16 * 1024;

/** What is told of a message that is inflated in the thread pool. */
export interface InflateHost {
  /** It begins: nothing more can be read before it ends. */
  inflating(): void;
  inflated(outcome: Inflated<Buffer>): void;
}

/**
 * Inflates the messages of one connection. Without context takeover nothing is kept between messages, and all
 * connections share what is needed for one.
 */
export class MessageInflater implements Inflater<Buffer> {
  readonly #host: InflateHost;
  readonly #windowBits: number;
  readonly #contextTakeover: boolean;
  #own: InflateContext | undefined;

  constructor(host: InflateHost, windowBits: number, contextTakeover: boolean) {
    this.#host = host;
    this.#windowBits = windowBits;
    this.#contextTakeover = contextTakeover;
  }

  inflate(payload: Buffer, limit: number, isText: boolean): Inflated<Buffer> | 'later' {
    // A compressor that is flushed twice has nothing to say the second time: not even the byte 00.
    if (payload.length === 0) return payload;
    if (payload.length <= INFLATE_AT_ONCE && canDriveZlib) {
      return (this.#contextTakeover ? this.#context : sharedContext()).inflate(payload, limit, isText);
    }
    this.#host.inflating();
    void this.#inflateInPool(payload, limit);
    return 'later';
  }

  /** Gives the memory back. */
  close(): void {
    this.#own?.close();
  }

  get #context(): InflateContext {
    this.#own ??= new InflateContext(this.#windowBits, true);
    return this.#own;
  }

  async #inflateInPool(payload: Buffer, limit: number): Promise<void> {
    if (this.#contextTakeover) {
      this.#host.inflated(await this.#context.inflateInPool(payload, limit));
      return;
    }
    const context = new InflateContext(MAX_WINDOW_BITS, false);
    const outcome = await context.inflateInPool(payload, limit);
    context.close();
    this.#host.inflated(outcome);
  }
}

const MAX_WINDOW_BITS = 15;

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
class InflateContext {
  readonly #windowBits: number;
  readonly #isKept: boolean;
  readonly #tail: Buffer;
  readonly #output = new Output();
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
    if (used === payloadLength + this.#tail.length - (this.#isKept ? 0 : 1)) return 'whole';
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
      this.#state.stream.close();
      this.#state = createState(this.#windowBits);
      this.#history = undefined;
    } else {
      this.#state.reset();
    }
    const message = isText ? this.#output.lend() : this.#output.join();
    this.#output.begin(0);
    return outcome === 'whole' ? message : outcome;
  }
}

function createState(windowBits: number, dictionary?: Buffer): ZlibState {
  const options = { windowBits, autoDestroy: false };
  const isEmpty = dictionary === undefined || dictionary.length === 0;
  return new ZlibState(createInflateRaw(isEmpty ? options : { ...options, dictionary }));
}

/** Where a small message is inflated to. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);

/** A message as it is inflated: in `SCRATCH` as long as it fits, and then in blocks that grow with it. */
class Output {
  /** Where to write: `block[at, end)`. */
  block = SCRATCH;
  at = 0;
  end = 0;
  #limit = 0;
  #full: Buffer[] = NONE;
  #fullLength = 0;

  begin(limit: number): void {
    this.block = SCRATCH;
    this.at = 0;
    this.#limit = limit;
    this.#full = NONE;
    this.#fullLength = 0;
    this.end = Math.min(SCRATCH.length, limit + 1);
  }

  /** The block was written up to here; `false` when that is more than the limit. */
  advance(at: number): boolean {
    this.at = at;
    const left = this.#limit - this.#fullLength - at;
    if (left < 0) return false;
    if (at < this.end) return true;
    this.#keep(this.block === SCRATCH ? Buffer.from(this.block.subarray(0, at)) : this.block.subarray(0, at));
    // One byte beyond the limit shows that there is more.
    this.block = Buffer.allocUnsafeSlow(Math.min(2 * this.#fullLength, left + 1));
    this.at = 0;
    this.end = this.block.length;
    return true;
  }

  /** Adds bytes that somebody else wrote; `false` when that is more than the limit. */
  add(bytes: Buffer): boolean {
    if (this.#fullLength + bytes.length > this.#limit) return false;
    this.#keep(bytes);
    return true;
  }

  /** All there is. */
  join(): Buffer {
    const last = this.block.subarray(0, this.at);
    return this.#full.length === 0 ? Buffer.from(last) : Buffer.concat([...this.#full, last]);
  }

  /** All there is, in memory that is used again. */
  lend(): Buffer {
    return this.#full.length === 0 ? this.block.subarray(0, this.at) : this.join();
  }

  #keep(bytes: Buffer): void {
    if (this.#full === NONE) this.#full = [];
    this.#full.push(bytes);
    this.#fullLength += bytes.length;
  }
}

const NONE: Buffer[] = [];

let shared: InflateContext | undefined;

/** For the messages of all connections without context takeover, one after the other. */
function sharedContext(): InflateContext {
  shared ??= new InflateContext(MAX_WINDOW_BITS, false);
  return shared;
}

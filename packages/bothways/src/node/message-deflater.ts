import { constants, createDeflateRaw } from 'node:zlib';
import { DEFLATE_TAIL } from '../protocol/deflate.js';
import { ZlibState } from './zlib.js';
import { Spares, inTurn } from './zlib-pool.js';

/** Up to this size a message is compressed at once, and above it in the thread pool, bytes. */
const DEFLATE_AT_ONCE = 16 * 1024;

/** How zlib compresses, as its manual has it. */
export interface DeflateSettings {
  readonly level: number;
  readonly memLevel: number;
  /** How far back a message may refer, as the base-2 logarithm of bytes: 8 to 15. */
  readonly windowBits: number;
}

/** The most that a message can become, bytes: zlib's bound for any settings, and what a flush adds. */
export function deflatedBound(length: number): number {
  return length + (length >>> 3) + (length >>> 6) + 32;
}

/**
 * Compresses the messages of one connection (RFC 7692 section 7.2.1). Without context takeover nothing is kept
 * between messages, and all connections with the same settings share what is needed for one.
 */
export class MessageDeflater {
  readonly #settings: DeflateSettings;
  readonly #contextTakeover: boolean;
  #own: ZlibState | undefined;

  constructor(settings: DeflateSettings, contextTakeover: boolean) {
    this.#settings = settings;
    this.#contextTakeover = contextTakeover;
  }

  get windowBits(): number {
    return this.#settings.windowBits;
  }

  /** Whether messages refer back to earlier ones, so that whatever is compressed must be sent. */
  get keepsContext(): boolean {
    return this.#contextTakeover;
  }

  /** Whether a message of this size is compressed at once. */
  isAtOnce(length: number): boolean {
    return length <= DEFLATE_AT_ONCE;
  }

  /**
   * Compresses `input[0, length)`, which is not empty (zlib flushes twice in a row only once), into `output`, which
   * has room for `deflatedBound(length)` bytes from `at` on.
   *
   * @returns the offset after it.
   */
  deflate(input: Uint8Array, length: number, output: Buffer, at: number): number {
    const state = this.#contextTakeover ? this.#context : sharedState(this.#settings);
    state.write(input, 0, length, output, at, output.length);
    if (state.free === 0) throw new Error('A message became larger by compression than zlib says it can');
    if (!this.#contextTakeover) state.reset();
    return output.length - state.free - DEFLATE_TAIL.length;
  }

  /** Compresses a message of any size; in the thread pool if it takes long, and then one at a time. */
  deflateWhole(message: Uint8Array): Buffer | Promise<Buffer> {
    const { length } = message;
    if (!this.isAtOnce(length)) return this.deflateInPool(message);
    const output = Buffer.allocUnsafe(deflatedBound(length));
    return output.subarray(0, this.deflate(message, length, output, 0));
  }

  /** Compresses a message in the thread pool; one at a time. */
  deflateInPool(message: Uint8Array): Promise<Buffer> {
    if (this.#contextTakeover) return pour(this.#context, message);
    return inTurn(async () => {
      const kind = kindOf(this.#settings);
      const state = spares.take(kind, () => createState(this.#settings));
      const deflated = await pour(state, message);
      state.reset();
      spares.give(kind, state);
      return deflated;
    });
  }

  /** Gives the memory back. */
  close(): void {
    this.#own?.close();
  }

  get #context(): ZlibState {
    this.#own ??= createState(this.#settings);
    return this.#own;
  }
}

/** Compresses a message in the thread pool, without its tail. */
function pour({ stream }: ZlibState, input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', onData).once('error', reject);
    stream.write(input);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData).off('error', reject);
      resolve(Buffer.concat(chunks).subarray(0, -DEFLATE_TAIL.length));
    });
  });
}

function createState({ level, memLevel, windowBits }: DeflateSettings): ZlibState {
  // zlib does not compress with a window of 256 bytes. With one of 512 it refers back 250 bytes at most: it keeps
  // a distance of 262 from the window's end.
  return new ZlibState(createDeflateRaw({ level, memLevel, windowBits: Math.max(9, windowBits) }));
}

/** One for each of the settings that are in use, of which there are no more than 10 × 9 × 8: it is used at once. */
const shared = new Map<number, ZlibState>();
/** What is used in the thread pool. */
const spares = new Spares<ZlibState>();

function sharedState(settings: DeflateSettings): ZlibState {
  const kind = kindOf(settings);
  let state = shared.get(kind);
  if (state === undefined) {
    state = createState(settings);
    shared.set(kind, state);
  }
  return state;
}

/** Which settings these are, as one number. */
function kindOf({ level, memLevel, windowBits }: DeflateSettings): number {
  return (level * 16 + memLevel) * 16 + windowBits;
}

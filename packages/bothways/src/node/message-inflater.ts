import type { Inflated, Inflater, InflateStream } from '../protocol/inflater.js';
import { MAX_WINDOW_BITS } from '../protocol/deflate.js';
import { INFLATE_AT_ONCE, InflateContext } from './inflate-context.js';
import { Spares, inTurn } from './zlib-pool.js';

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
    if (payload.length <= INFLATE_AT_ONCE) {
      return (this.#contextTakeover ? this.#context : sharedContext()).inflate(payload, limit, isText);
    }
    this.#host.inflating();
    void this.#inflateInPool(Buffer.from(payload), limit);
    return 'later';
  }

  openStream(): InflateStream<Buffer> {
    if (this.#contextTakeover) return this.#context.openStream();
    // Other connections go on meanwhile: it gets a context for this message.
    const context = takeSpare();
    return context.openStream(() => giveSpare(context));
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
    const outcome = this.#contextTakeover
      ? await this.#context.inflateInPool(payload, limit)
      : await inTurn(async () => {
          const context = takeSpare();
          const inflated = await context.inflateInPool(payload, limit);
          giveSpare(context);
          return inflated;
        });
    this.#host.inflated(outcome);
  }
}

let shared: InflateContext | undefined;

/** For the messages of all connections without context takeover, one after the other. */
function sharedContext(): InflateContext {
  shared ??= new InflateContext(MAX_WINDOW_BITS, false);
  return shared;
}

const spares = new Spares<InflateContext>();

function takeSpare(): InflateContext {
  return spares.take(MAX_WINDOW_BITS, () => new InflateContext(MAX_WINDOW_BITS, false));
}

function giveSpare(context: InflateContext): void {
  spares.give(MAX_WINDOW_BITS, context);
}

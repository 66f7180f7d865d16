import { Duplex, type DuplexOptions } from 'node:stream';
import { ReadyState, type Connection, type Data } from '../protocol/contract.js';
import { toError } from './handlers.js';
import { toBytes } from './to-bytes.js';
import { COPY_LIMIT } from './write-batch.js';

type Callback = (error?: Error | null) => void;

/** The options of Node's `Duplex` that make sense here. */
export type ToDuplexOptions = Pick<
  DuplexOptions,
  | 'decodeStrings'
  | 'defaultEncoding'
  | 'encoding'
  | 'highWaterMark'
  | 'objectMode'
  | 'readableHighWaterMark'
  | 'readableObjectMode'
  | 'signal'
  | 'writableHighWaterMark'
  | 'writableObjectMode'
>;

/**
 * A connection as a stream of Node. What is written is sent, a chunk a message, and a write is done when no more than
 * the connection's `highWaterMark` waits; what is received can be read, and while it is not, the peer is slowed. Without
 * `objectMode` it is a stream of bytes: chunks are sent as binary messages, and empty messages are left out. With it the
 * chunks are the messages, strings for texts and bytes for the others, both ways.
 *
 * Ending it closes the connection with 1000, and finishes when both ends have; destroying it terminates the connection.
 * It ends when the peer closes, and is destroyed with the reason when the connection is lost. A connection that is read
 * this way has no `message` handler, and is read in no other way.
 *
 *     await pipeline(createReadStream('large.bin'), toDuplex(await connect('ws://127.0.0.1:8080/')));
 */
export function toDuplex(connection: Connection, options: ToDuplexOptions = {}): Duplex {
  return new ConnectionDuplex(connection, options);
}

class ConnectionDuplex extends Duplex {
  readonly #connection: Connection;
  readonly #messages: AsyncIterator<string | Uint8Array>;

  constructor(connection: Connection, options: ToDuplexOptions) {
    super({ ...options, allowHalfOpen: false });
    this.#connection = connection;
    this.#messages = connection[Symbol.asyncIterator]();
    this.#watch().catch((thrown: unknown) => this.destroy(toError(thrown)));
  }

  override _read(): void {
    this.#pull().catch((thrown: unknown) => this.destroy(toError(thrown)));
  }

  override _write(chunk: Data, encoding: BufferEncoding | undefined, callback: Callback): void {
    settle(this.#send(chunk, encoding), callback);
  }

  override _final(callback: Callback): void {
    settle(this.#close(), callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#connection.terminate();
    callback(error);
  }

  /** Tells of the end whoever only writes. Those who read learn of it behind the last message. */
  async #watch(): Promise<void> {
    const { wasClean } = await this.#connection.closed;
    if (wasClean) {
      this.end();
      this.read(0);
    } else if (this.readableFlowing === null) {
      await this.#fail();
    }
  }

  /** The next message, or the end. */
  async #pull(): Promise<void> {
    for (;;) {
      const { value, done } = await this.#messages.next();
      if (done === true) break;
      if (value.length === 0 && !this.readableObjectMode) continue;
      this.push(value);
      return;
    }
    const { wasClean } = await this.#connection.closed;
    if (!wasClean) await this.#fail();
    this.push(null);
    // It ends as well where nobody reads, if nothing is left to be read.
    this.read(0);
  }

  async #send(chunk: Data, encoding: BufferEncoding | undefined): Promise<void> {
    if (this.#connection.readyState !== ReadyState.OPEN) await this.#fail();
    this.#connection.send(typeof chunk === 'string' ? encode(chunk, encoding) : taken(chunk));
    await this.#connection.ready;
  }

  async #close(): Promise<void> {
    this.#connection.close();
    const { wasClean } = await this.#connection.closed;
    if (!wasClean) await this.#fail();
  }

  /** Rejects with the reason for which the connection ended; where none is known, as what is sent too late does. */
  async #fail(): Promise<void> {
    const { error } = await this.#connection.closed;
    if (error !== undefined) throw error;
    await this.#connection.sendStream([]);
  }
}

/** A text, unless it stands for bytes. In object mode Node names no encoding for one that was written without. */
function encode(text: string, encoding: BufferEncoding | undefined): Data {
  return [undefined, 'utf8', 'utf-8'].includes(encoding) ? text : Buffer.from(text, encoding);
}

/** Bytes that the caller may change as soon as the write is done, which is before they have gone out. */
function taken(chunk: Exclude<Data, string>): Uint8Array {
  const bytes = toBytes(chunk);
  return bytes.length > COPY_LIMIT ? new Uint8Array(bytes) : bytes;
}

/** Calls back with what a promise comes to, and outside of it: what the callback throws is no rejection. */
function settle(promise: Promise<void>, callback: Callback): void {
  promise.then(
    () => process.nextTick(callback),
    (thrown: unknown) => process.nextTick(callback, toError(thrown)),
  );
}

import type { Duplex } from 'node:stream';
import { FIN, Opcode, RSV1 } from '../protocol/frame.js';
import type { AgreedCompression } from './compression.js';
import { MessageDeflater } from './message-deflater.js';
import type { PublishedMessage } from './published-message.js';
import { COPY_LIMIT, TEXT_COPY_LIMIT, WriteBatch } from './write-batch.js';

/** Where a short text is encoded before it is compressed. */
const SCRATCH = Buffer.allocUnsafeSlow(COPY_LIMIT);

const TEXT = FIN | Opcode.TEXT;

/** Stands for an empty list: most connections never need one of their own. */
const NONE: never[] = [];

/** Something to send, or to do, when all that was sent before has gone out. */
interface Task {
  /** What it counts until then, bytes. */
  readonly size: number;
  run(): void | Promise<void>;
}

/**
 * The sending half of a connection: messages become frames, compressed where that was agreed on, in the order in
 * which they were sent. What takes a while, because it is compressed in the thread pool, holds back the messages
 * that come after it, but no Ping and no Pong.
 */
export class MessageSender {
  readonly batch: WriteBatch;
  readonly #socket: Duplex;
  readonly #host: { sendFailed(error: unknown): void };
  readonly #threshold: number;
  readonly #deflater: MessageDeflater | undefined;
  /** What waits, the first of it at work. */
  #tasks: Task[] = NONE;
  #taskBytes = 0;

  /** @param host is told when a message could not be compressed, which only a fault of zlib explains. */
  constructor(
    socket: Duplex,
    masks: boolean,
    compression: AgreedCompression | undefined,
    host: { sendFailed(error: unknown): void },
  ) {
    this.#socket = socket;
    this.#host = host;
    this.batch = new WriteBatch(socket, masks);
    // An empty message is not worth a byte.
    this.#threshold = compression === undefined ? Infinity : Math.max(1, compression.threshold);
    if (compression !== undefined) {
      const { outgoing } = compression;
      this.#deflater = new MessageDeflater(outgoing, outgoing.contextTakeover);
    }
  }

  /** Bytes that were sent and that the operating system has not taken. */
  get bufferedAmount(): number {
    return this.batch.length + this.#socket.writableLength + this.#taskBytes;
  }

  /** A text message. */
  sendText(text: string): void {
    if (this.#tasks.length > 0 || text.length > TEXT_COPY_LIMIT) {
      this.sendBytes(TEXT, Buffer.from(text));
    } else if (text.length * 3 < this.#threshold) {
      this.batch.writeText(TEXT, text);
    } else {
      this.#sendNow(TEXT, SCRATCH, SCRATCH.write(text));
    }
  }

  /** A message whose payload is there. Above `COPY_LIMIT` it must not change any more. */
  sendBytes(firstByte: number, payload: Uint8Array): void {
    const { length } = payload;
    const takesLong = length >= this.#threshold && !this.#deflater!.isAtOnce(length);
    if (this.#tasks.length === 0 && !takesLong) {
      this.#sendNow(firstByte, payload, length);
      return;
    }
    const kept = length > COPY_LIMIT ? payload : Uint8Array.prototype.slice.call(payload);
    this.#enqueue(
      length,
      takesLong ? () => this.#sendLater(firstByte, kept) : () => this.#sendNow(firstByte, kept, length),
    );
  }

  /** A message that many connections get; it is compressed once for all that keep no context. */
  publish(message: PublishedMessage): void {
    const isCompressed = message.payload.length >= this.#threshold;
    if (isCompressed && this.#deflater!.keepsContext) {
      this.sendBytes(message.firstByte, message.payload);
      return;
    }
    const frame = isCompressed ? message.deflated(this.#deflater!) : message.frame;
    if (this.#tasks.length === 0 && frame instanceof Buffer) {
      this.batch.writeEncoded(frame);
      return;
    }
    this.#enqueue(message.payload.length, async () => this.batch.writeEncoded(await frame));
  }

  /** Does something when all that was sent before is in the batch; at once if it is. */
  afterAll(run: () => void): void {
    if (this.#tasks.length === 0) run();
    else this.#enqueue(0, run);
  }

  /** Drops what waits: the connection is gone, or failed. */
  discard(): void {
    this.#tasks = NONE;
    this.#taskBytes = 0;
  }

  /** Gives back what compression took. */
  close(): void {
    this.discard();
    this.#deflater?.close();
  }

  #sendNow(firstByte: number, payload: Uint8Array, length: number): void {
    if (length >= this.#threshold) this.batch.writeDeflated(firstByte, payload, length, this.#deflater!);
    else this.batch.writeFrame(firstByte, length === payload.length ? payload : payload.subarray(0, length));
  }

  async #sendLater(firstByte: number, payload: Uint8Array): Promise<void> {
    const deflater = this.#deflater!;
    const deflated = await deflater.deflateInPool(payload);
    const isSmaller = deflated.length < payload.length || deflater.keepsContext;
    this.batch.writeFrame(isSmaller ? firstByte | RSV1 : firstByte, isSmaller ? deflated : payload);
  }

  #enqueue(size: number, run: Task['run']): void {
    if (this.#tasks === NONE) this.#tasks = [];
    this.#taskBytes += size;
    if (this.#tasks.push({ size, run }) === 1) void this.#work(this.#tasks);
  }

  async #work(tasks: Task[]): Promise<void> {
    try {
      for (let task = tasks[0]; task !== undefined; task = tasks[0]) {
        await task.run();
        if (tasks !== this.#tasks) return;
        tasks.shift();
        this.#taskBytes -= task.size;
      }
    } catch (thrown) {
      this.discard();
      this.#host.sendFailed(thrown);
    }
  }
}

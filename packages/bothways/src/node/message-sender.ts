import type { Duplex } from 'node:stream';
import type { MessageSource } from '../protocol/contract.js';
import { DEFLATE_TAIL } from '../protocol/deflate.js';
import { FIN, Opcode, RSV1 } from '../protocol/frame.js';
import type { AgreedCompression } from './compression.js';
import { toError } from './handlers.js';
import { MessageDeflater } from './message-deflater.js';
import { MESSAGE_OVERHEAD } from '../session/inbox.js';
import { OutgoingStream, type FragmentSink } from './outgoing-stream.js';
import type { PublishedMessage } from './published-message.js';
import { COPY_LIMIT, TEXT_COPY_LIMIT, WriteBatch } from './write-batch.js';

const TEXT = FIN | Opcode.TEXT;

const NOTHING = Buffer.alloc(0);
const TAIL = Buffer.from(DEFLATE_TAIL);
/** The first byte of an empty block; the rest of it is the tail. */
const EMPTY_BLOCK = Buffer.from([0x00]);

/** Where a short text is encoded before it is compressed. */
const SCRATCH = Buffer.allocUnsafeSlow(COPY_LIMIT);

/** Stands for an empty list: most connections never need one of their own. */
const NONE: never[] = [];

/** Something to send, or to do, when all that was sent before has gone out. */
interface Task {
  /** What it counts until then, bytes. */
  readonly size: number;
  /** Whether it is no message, and is done even where the messages before it never will be; at once, then. */
  readonly isControl?: boolean;
  run(): void | Promise<void>;
  /** It will not be done. */
  cancel?(error: Error): void;
}

/** What the sending half asks of its connection. */
export interface SenderHost {
  readonly highWaterMark: number;
  /** Why nothing more can be sent. */
  readonly closedError: Error;
  /** A fragment will be sent: makes the connection call `onWritten` when something was written. */
  fragmentComes(): void;
  /** A message could not be sent, and what was sent of it cannot be taken back. */
  sendFailed(error: Error): void;
}

/**
 * The sending half of a connection: messages become frames, compressed where that was agreed on, in the order in
 * which they were sent. What takes a while, because it is compressed in the thread pool or comes from a stream,
 * holds back the messages that come after it, but no Ping and no Pong.
 */
export class MessageSender implements FragmentSink {
  readonly batch: WriteBatch;
  readonly #host: SenderHost;
  readonly #threshold: number;
  readonly #deflater: MessageDeflater | undefined;
  /** What waits, the first of it at work. */
  #tasks: Task[] = NONE;
  #taskBytes = 0;
  /** Goes on with a stream when no more than the high-water mark waits. */
  #onBelow: (() => void) | undefined;

  constructor(socket: Duplex, masks: boolean, compression: AgreedCompression | undefined, host: SenderHost) {
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
    return this.batch.bufferedAmount + this.#taskBytes;
  }

  /** The same, and what it takes to keep it: messages that wait are not free, even empty ones. */
  get heldBytes(): number {
    return this.bufferedAmount + this.#tasks.length * MESSAGE_OVERHEAD;
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
    const kept = length > COPY_LIMIT ? payload : new Uint8Array(payload);
    const run = takesLong
      ? (): Promise<void> => this.#sendLater(firstByte, kept)
      : (): void => this.#sendNow(firstByte, kept, length);
    this.#enqueue({ size: length, run });
  }

  /** A message whose pieces the source yields. */
  sendStream(source: MessageSource): Promise<void> {
    const stream = new OutgoingStream(source, this);
    this.#enqueue(stream);
    return stream.done;
  }

  /** A message that many connections get; it is compressed once for all that keep no context. */
  publish(message: PublishedMessage): void {
    const isCompressed = message.payload.length >= this.#threshold;
    if (isCompressed && this.#deflater!.keepsContext) {
      this.sendBytes(message.firstByte, message.payload);
      return;
    }
    const frame = isCompressed ? message.deflated(this.#deflater!) : message.frame;
    if (this.#tasks.length === 0 && Buffer.isBuffer(frame)) {
      this.batch.writeEncoded(frame);
      return;
    }
    const run = async (): Promise<void> => this.batch.writeEncoded(await frame);
    this.#enqueue({ size: message.payload.length, run });
  }

  /** Does something when all that was sent before is in the batch; at once if it is. */
  afterAll(run: () => void): void {
    if (this.#tasks.length === 0) run();
    else this.#enqueue({ size: 0, isControl: true, run });
  }

  /** The operating system has taken something. */
  onWritten(): void {
    if (this.#onBelow === undefined || this.isAbove) return;
    const goOn = this.#onBelow;
    this.#onBelow = undefined;
    goOn();
  }

  /** Drops the messages that wait: what was to be done after them is done now. */
  discardMessages(): void {
    for (const task of this.#takeAll()) {
      if (task.isControl === true) void task.run();
      else task.cancel?.(this.#host.closedError);
    }
  }

  /** Drops what comes from a stream, and what was sent after it: the peer said nothing more will come of it. */
  discardStreams(): void {
    const at = this.#tasks.findIndex((task) => task instanceof OutgoingStream);
    if (at === 0) this.discardMessages();
    if (at <= 0) return;
    for (const task of this.#tasks.splice(at)) {
      if (task.isControl === true) {
        this.#tasks.push(task);
      } else {
        this.#taskBytes -= task.size;
        task.cancel?.(this.#host.closedError);
      }
    }
  }

  /** The connection is gone: drops what waits, and gives back what compression took. */
  close(): void {
    for (const task of this.#takeAll()) task.cancel?.(this.#host.closedError);
    this.#deflater?.close();
  }

  // What a stream asks (FragmentSink).

  encodeFragment(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const deflater = this.#deflater;
    if (deflater === undefined) return payload;
    const deflated = deflater.deflateWhole(payload);
    return Buffer.isBuffer(deflated) ? withTail(deflated) : deflated.then(withTail);
  }

  async sendFragment(opcode: number, encoded: Uint8Array): Promise<void> {
    // A large payload goes to the socket at once: whoever waits for it must be known before.
    this.#host.fragmentComes();
    const isCompressed = this.#deflater !== undefined && opcode !== Opcode.CONTINUATION;
    this.batch.writeFrame(isCompressed ? opcode | RSV1 : opcode, encoded);
    if (this.isAbove) await new Promise<void>((resolve) => (this.#onBelow = resolve));
  }

  endFragments(): void {
    const payload = this.#deflater === undefined ? NOTHING : EMPTY_BLOCK;
    this.batch.writeFrame(FIN | Opcode.CONTINUATION, payload);
  }

  sendEmpty(opcode: number): void {
    this.batch.writeFrame(FIN | opcode, NOTHING);
  }

  sendFailed(error: Error): void {
    this.#host.sendFailed(error);
  }

  /** Whether more waits to be written than should. What is still to be compressed or streamed does not count. */
  get isAbove(): boolean {
    return this.batch.bufferedAmount > this.#host.highWaterMark;
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

  #enqueue(task: Task): void {
    if (this.#tasks === NONE) this.#tasks = [];
    this.#taskBytes += task.size;
    if (this.#tasks.push(task) === 1) void this.#work(this.#tasks);
  }

  async #work(tasks: Task[]): Promise<void> {
    try {
      for (let task = tasks[0]; task !== undefined; task = tasks[0]) {
        const done = task.run();
        if (done !== undefined) await done;
        if (tasks !== this.#tasks) return;
        tasks.shift();
        this.#taskBytes -= task.size;
      }
    } catch (thrown) {
      this.#host.sendFailed(toError(thrown));
    }
  }

  #takeAll(): Task[] {
    const tasks = this.#tasks;
    this.#tasks = NONE;
    this.#taskBytes = 0;
    this.#onBelow?.();
    this.#onBelow = undefined;
    return tasks;
  }
}

/** Between fragments the tail stays: it is the end of the last one that has none (RFC 7692 section 7.2.1). */
function withTail(deflated: Buffer): Buffer {
  return Buffer.concat([deflated, TAIL]);
}

import type { Duplex } from 'node:stream';
import { MAX_HEADER, RSV1, headerLength, writeHeader } from '../protocol/frame.js';
import { mask } from '../protocol/mask.js';
import { copyBytes } from './copy-bytes.js';
import { DirectOutput } from './direct-output.js';
import { deflatedBound, type MessageDeflater } from './message-deflater.js';
import { StreamOutput, type Output } from './output.js';
import { randomMaskingKey } from './platform.js';

/** Payloads up to this size are copied into the batch; larger ones are written from where they are, bytes. */
export const COPY_LIMIT = 16 * 1024;

/** The longest text whose UTF-8 surely fits into `COPY_LIMIT`, UTF-16 units. */
export const TEXT_COPY_LIMIT = Math.floor(COPY_LIMIT / 3);

/** Blocks of one size, and those of them that wait to be used again. */
class Stock {
  readonly size: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  /** @param most how many may wait. */
  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  giveBack(block: Buffer): void {
    if (this.#free.length < this.#most) this.#free.push(block);
  }
}

/** What a connection gets that sends outside of its own read, as one of thousands in a broadcast may: 8 MiB may wait. */
const SMALL = new Stock(2 * 1024, 4_096);
/** What it gets when that is full, as in a broadcast of many messages: 16 MiB may wait. */
const MIDDLE = new Stock(8 * 1024, 2_048);
/** What one gets that handles what it has read, or when the others are full: 4 MiB may wait. */
const LARGE = new Stock(64 * 1024, 64);

/**
 * Frames on their way out of one connection. All that is sent while one chunk is being handled, or within one
 * tick, is gathered in one block and goes to the socket in one write: this is most of what makes many small
 * messages cheap.
 */
export class WriteBatch {
  readonly #output: Output;
  readonly #masks: boolean;
  #block: Buffer | undefined;
  #length = 0;
  #isHeld = false;

  constructor(socket: Duplex, masks: boolean) {
    this.#output = openOutput(socket);
    this.#masks = masks;
  }

  /** Bytes that were sent and that the operating system has not taken. */
  get bufferedAmount(): number {
    return this.#length + this.#output.waiting;
  }

  /** What is called when the operating system has taken something; set while somebody waits for that. */
  set onWritten(call: (() => void) | undefined) {
    this.#output.onWritten = call;
  }

  get onWritten(): (() => void) | undefined {
    return this.#output.onWritten;
  }

  /** Nothing is written until `release`: a chunk is being handled, and more may follow. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#length > 0) this.flush();
  }

  /** Adds one frame. A payload above `COPY_LIMIT` is not copied by a server, so it must not change any more. */
  writeFrame(firstByte: number, payload: Uint8Array): void {
    const length = payload.length;
    if (length > COPY_LIMIT) {
      this.#writeLarge(firstByte, payload);
      return;
    }
    const block = this.#reserve(MAX_HEADER + length);
    const key = this.#masks ? randomMaskingKey() : undefined;
    const at = writeHeader(block, this.#length, firstByte, length, key);
    copyBytes(block, at, payload, 0, length);
    if (key !== undefined) mask(block, at, at + length, key, 0);
    this.#length = at + length;
  }

  /** Adds one frame whose payload is the UTF-8 of `text`, at most `TEXT_COPY_LIMIT` units long. */
  writeText(firstByte: number, text: string): void {
    const block = this.#reserve(MAX_HEADER + text.length * 3);
    const start = this.#length;
    // Most text is ASCII: write where it then belongs, and move it if it turns out to be longer.
    const expected = start + headerLength(text.length, this.#masks);
    const length = block.write(text, expected, 'utf8');
    const payload = start + headerLength(length, this.#masks);
    if (payload !== expected) block.copyWithin(payload, expected, expected + length);
    const key = this.#masks ? randomMaskingKey() : undefined;
    writeHeader(block, start, firstByte, length, key);
    if (key !== undefined) mask(block, payload, payload + length, key, 0);
    this.#length = payload + length;
  }

  /**
   * Adds one compressed message of the payload's first `length` bytes; as it is, if that is not larger and the
   * deflater does not need the peer to have the same.
   */
  writeDeflated(firstByte: number, payload: Uint8Array, length: number, deflater: MessageDeflater): void {
    const block = this.#reserve(MAX_HEADER + deflatedBound(length));
    const start = this.#length;
    // Where the payload goes if it becomes half as long; it is moved if the header turns out to need other room.
    const expected = start + headerLength(length >>> 1, this.#masks);
    const end = deflater.deflate(payload, length, block, expected);
    const deflatedLength = end - expected;
    if (deflatedLength >= length && !deflater.keepsContext) {
      this.writeFrame(firstByte, payload.subarray(0, length));
      return;
    }
    const at = start + headerLength(deflatedLength, this.#masks);
    if (at !== expected) block.copyWithin(at, expected, end);
    const key = this.#masks ? randomMaskingKey() : undefined;
    writeHeader(block, start, firstByte | RSV1, deflatedLength, key);
    this.#length = at + deflatedLength;
    if (key !== undefined) mask(block, at, this.#length, key, 0);
  }

  /** Adds bytes that are frames already: those of a message to many. They must not change any more. */
  writeEncoded(frames: Uint8Array): void {
    if (frames.length > COPY_LIMIT) {
      this.flush();
      this.#output.write(frames);
      return;
    }
    this.#reserve(frames.length).set(frames, this.#length);
    this.#length += frames.length;
  }

  /** Hands everything to the socket. */
  flush(): void {
    const block = this.#block;
    if (block === undefined) return;
    const length = this.#takeBlock();
    // Much of a block would be kept for the little that has to wait in it.
    if (length < block.length / 2 && !this.#output.isIdle) {
      this.#output.write(Buffer.from(block.subarray(0, length)));
      giveBack(block);
      return;
    }
    if (this.#output.write(block.subarray(0, length))) giveBack(block);
  }

  #writeLarge(firstByte: number, payload: Uint8Array): void {
    const length = payload.length;
    if (this.#masks) {
      const key = randomMaskingKey();
      const frame = Buffer.allocUnsafe(MAX_HEADER + length);
      const at = writeHeader(frame, 0, firstByte, length, key);
      frame.set(payload, at);
      mask(frame, at, at + length, key, 0);
      this.flush();
      this.#output.write(frame.subarray(0, at + length));
      return;
    }
    const block = this.#reserve(MAX_HEADER);
    this.#length = writeHeader(block, this.#length, firstByte, length);
    if (this.#output.writeBoth(block.subarray(0, this.#takeBlock()), payload)) giveBack(block);
  }

  /** @returns how much was in it. */
  #takeBlock(): number {
    const length = this.#length;
    this.#block = undefined;
    this.#length = 0;
    return length;
  }

  /** A block with room for `size` bytes after what is in it. */
  #reserve(size: number): Buffer {
    const block = this.#block;
    if (block === undefined) return this.#begin(size);
    if (this.#length + size <= block.length) return block;
    if (block.length < LARGE.size) {
      const larger = stockFor(this.#length + size).take();
      larger.set(block.subarray(0, this.#length));
      giveBack(block);
      this.#block = larger;
      return larger;
    }
    this.flush();
    return this.#begin(size);
  }

  #begin(size: number): Buffer {
    if (!this.#isHeld) flushLater(this);
    this.#block = (this.#isHeld ? LARGE : stockFor(size)).take();
    return this.#block;
  }
}

/** Writes bytes without a batch, before there is one: they must not change any more. */
export function writeAlone(socket: Duplex, bytes: Uint8Array): void {
  openOutput(socket).write(bytes);
}

function openOutput(socket: Duplex): Output {
  return DirectOutput.open(socket) ?? new StreamOutput(socket);
}

let waiting: WriteBatch[] = [];

/** One callback at the end of the tick for all connections that sent something in it. */
function flushLater(batch: WriteBatch): void {
  if (waiting.push(batch) === 1) process.nextTick(flushWaiting);
}

function flushWaiting(): void {
  const batches = waiting;
  waiting = [];
  for (const batch of batches) batch.flush();
}

function stockFor(size: number): Stock {
  if (size <= SMALL.size) return SMALL;
  return size <= MIDDLE.size ? MIDDLE : LARGE;
}

function giveBack(block: Buffer): void {
  if (block.length === SMALL.size) SMALL.giveBack(block);
  else if (block.length === MIDDLE.size) MIDDLE.giveBack(block);
  else LARGE.giveBack(block);
}

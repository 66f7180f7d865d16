import type { Data } from '../protocol/contract.js';
import { FIN, Opcode, RSV1, headerLength, writeHeader } from '../protocol/frame.js';
import type { MessageDeflater } from './message-deflater.js';
import { toBytes } from './to-bytes.js';
import { COPY_LIMIT } from './write-batch.js';

/** One message as a frame for all to whom a server publishes it: encoded once, and compressed once. */
export class PublishedMessage {
  readonly firstByte: number;
  readonly payload: Uint8Array;
  readonly #text: string | undefined;
  #content: string | Uint8Array | undefined;
  #frame: Buffer | undefined;
  /** By window bits. */
  #deflated: (Buffer | Promise<Buffer>)[] | undefined;

  /** @param takesLong whether it may be compressed when the call that publishes it has returned. */
  constructor(data: Data, takesLong: boolean) {
    const bytes = toBytes(data);
    const isText = typeof data === 'string';
    this.#text = isText ? data : undefined;
    this.firstByte = FIN | (isText ? Opcode.TEXT : Opcode.BINARY);
    this.payload = takesLong && !isText && bytes.length > COPY_LIMIT ? new Uint8Array(bytes) : bytes;
  }

  /** The message, for those that keep it until it is acknowledged: one copy for all of them. */
  get content(): string | Uint8Array {
    this.#content ??= this.#text ?? Uint8Array.prototype.slice.call(this.payload);
    return this.#content;
  }

  /** The frame as it is for those without compression. */
  get frame(): Buffer {
    this.#frame ??= encodeFrame(this.firstByte, this.payload);
    return this.#frame;
  }

  /** The compressed frame, for those without context takeover; a promise while it is made in the thread pool. */
  deflated(deflater: MessageDeflater): Buffer | Promise<Buffer> {
    this.#deflated ??= [];
    this.#deflated[deflater.windowBits] ??= this.#deflate(deflater);
    return this.#deflated[deflater.windowBits]!;
  }

  #deflate(deflater: MessageDeflater): Buffer | Promise<Buffer> {
    const deflated = deflater.deflateWhole(this.payload);
    return Buffer.isBuffer(deflated)
      ? this.#encodeDeflated(deflated)
      : deflated.then((later) => this.#encodeDeflated(later));
  }

  #encodeDeflated(deflated: Buffer): Buffer {
    return deflated.length < this.payload.length ? encodeFrame(this.firstByte | RSV1, deflated) : this.frame;
  }
}

function encodeFrame(firstByte: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerLength(payload.length, false) + payload.length);
  frame.set(payload, writeHeader(frame, 0, firstByte, payload.length));
  return frame;
}

/** One `ProtocolConnection`, fed with bytes in pieces, and everything that it calls. */
import { MessageInflater } from '../../packages/bothways/dist/node/message-inflater.js';
import { nodePlatform } from '../../packages/bothways/dist/node/platform.js';
import { ProtocolConnection } from '../../packages/bothways/dist/protocol/connection.js';
import { must } from './finding.mjs';
import { show } from './talk.mjs';

/**
 * @param {object} setup as `randomSetup` makes it
 * @param {Buffer} bytes what arrives
 * @param {readonly number[]} cuts
 * @param {readonly { call: number, chunks: number }[]} pauses
 */
export async function drive(setup, bytes, cuts = [], pauses = []) {
  const driven = new Driven(setup, pauses);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const end = Math.min(Math.max(cut, from), bytes.length);
    driven.receive(bytes.subarray(from, end));
    from = end;
    // What waits for the thread pool is sometimes there before the next chunk, and sometimes not.
    if (driven.isInflating && cut % 2 === 0) await driven.settled;
  }
  await driven.finish();
  return driven;
}

/** The host of the connection and of its inflater. */
class Driven {
  /** What was called, in order; the pieces of a message are one call at its end. */
  calls = [];
  /** What has come of a streamed message that has not ended. */
  pieces = [];
  /** The sizes of what `platform.allocate` was asked for. */
  allocated = [];
  /** Whether chunks had to be kept because nobody read. */
  hasHeld = false;
  /** A message is in the thread pool, until `settled` resolves. */
  isInflating = false;
  settled = Promise.resolve();
  #onSettled = () => {};
  /** What went wrong in a call that nobody made from here. */
  #problem;
  #connection;
  #inflater;
  #pauses;
  #count = 0;
  /** How many chunks more the connection is paused; -1 when it is not. */
  #chunksToWait = -1;
  #isOver = false;
  #isClosing = false;
  /** Bytes that were given away, and what they were then. */
  #given = [];

  constructor({ role, streams, lendsChunks = false, maxMessageSize, closesFirst, deflate }, pauses) {
    this.#pauses = pauses;
    const allocate = (size) => {
      this.allocated.push(size);
      return nodePlatform.allocate(size);
    };
    if (deflate !== undefined) {
      this.#inflater = new MessageInflater(this, deflate.windowBits, deflate.takeover);
    }
    const options = { role, maxMessageSize, inflater: this.#inflater };
    this.#connection = new ProtocolConnection(options, this, { ...nodePlatform, allocate });
    this.#connection.streams = streams;
    this.#connection.chunksAreLent = lendsChunks;
    if (closesFirst) this.#connection.close(1000, '');
  }

  receive(piece) {
    if (this.#chunksToWait >= 0 || this.isInflating) this.hasHeld = true;
    // The chunk belongs to the connection, or is used again: a copy, aligned in any way.
    const offset = piece.length % 4;
    const chunk = Buffer.allocUnsafeSlow(offset + piece.length).subarray(offset);
    piece.copy(chunk);
    this.#connection.receive(chunk);
    if (this.#connection.chunksAreLent) chunk.fill(0xa5);
    if (this.#chunksToWait > 0) this.#chunksToWait--;
    else if (this.#chunksToWait === 0) this.#resume();
  }

  async finish() {
    for (;;) {
      if (this.isInflating) await this.settled;
      else if (this.#chunksToWait >= 0) this.#resume();
      else break;
    }
    if (this.#problem !== undefined) throw this.#problem;
    this.#connection.stop();
    this.#inflater?.close();
    for (const { bytes, was } of this.#given) must(show(bytes) === was, 'bytes change after they were given');
  }

  // ConnectionHost

  onMessage(message) {
    must(this.pieces.length === 0, 'a message comes before the pieces of the last one ended');
    this.#call(
      typeof message === 'string' ? `text ${show(Buffer.from(message))}` : `binary ${this.#give(message)}`,
    );
  }

  onPiece(piece) {
    must(piece.length > 0, 'an empty piece');
    if (typeof piece !== 'string') this.#give(piece);
    this.pieces.push(piece);
    this.#call(undefined);
  }

  onPiecesEnd(isText) {
    const whole = this.joined();
    must(this.pieces.length === 0 || (typeof whole === 'string') === isText, 'pieces of the other kind');
    this.pieces = [];
    this.#call(`${isText ? 'text' : 'binary'} ${show(Buffer.from(whole))}`);
  }

  onPing(payload) {
    this.#call(`ping ${this.#give(payload)}`);
  }

  onPong(payload) {
    this.#call(`pong ${this.#give(payload)}`);
  }

  onClose() {
    const { closeReceived, closeReason, isCloseComplete } = this.#connection;
    must(isCloseComplete, 'a Close frame is not answered');
    this.#call(`close ${closeReceived} ${show(Buffer.from(closeReason))}`);
    this.#isOver = true;
  }

  onFail(error) {
    must(this.#connection.failure === error && !this.#connection.isOpen, 'a failure that is not kept');
    this.#call(`fail ${error.code} ${error.closeCode ?? 1009}`);
    this.#isOver = true;
  }

  writeFrame(firstByte, payload) {
    must(firstByte === 0x88 && !this.#isClosing, 'a frame other than one Close is written');
    must(payload.length !== 1 && payload.length <= 125, 'a Close frame of a wrong length is written');
    this.#isClosing = true;
  }

  // InflateHost

  inflating() {
    must(!this.isInflating, 'two messages are inflated at once');
    this.isInflating = true;
    this.settled = new Promise((resolve) => (this.#onSettled = resolve));
  }

  inflated(outcome) {
    this.isInflating = false;
    // The next message may go to the thread pool before this returns.
    const onSettled = this.#onSettled;
    try {
      this.#connection.inflated(outcome);
    } catch (error) {
      this.#problem = error;
    }
    onSettled();
  }

  /** What has come of the message that has not ended. */
  joined() {
    const { pieces } = this;
    return typeof pieces[0] === 'string' ? pieces.join('') : Buffer.concat(pieces);
  }

  #call(text) {
    must(!this.#isOver, 'the host is called after the end', text);
    if (text !== undefined) this.calls.push(text);
    const index = this.#count++;
    for (const { call, chunks } of this.#pauses) {
      if (call !== index) continue;
      this.#connection.pause();
      this.#chunksToWait = chunks;
      if (chunks === 0) this.#resume();
    }
  }

  #resume() {
    this.#chunksToWait = -1;
    this.#connection.resume();
  }

  #give(bytes) {
    const was = show(bytes);
    this.#given.push({ bytes, was });
    return was;
  }
}

import { CloseCode, encodeClose, isCloseCodeOnWire } from './close.js';
import { LimitError, ProtocolError, type Initiator } from './errors.js';
import {
  FIN,
  MASK,
  MAX_CONTROL_PAYLOAD,
  MAX_HEADER,
  Opcode,
  RSV1,
  RSV2,
  RSV3,
  readKey,
  readUint32,
} from './frame.js';
import type { Inflated, Inflater } from './inflater.js';
import { mask } from './mask.js';
import { PartialMessage } from './message.js';
import type { Platform } from './platform.js';
import { StreamedMessage } from './streamed-message.js';

/** Which end this is: it decides who masks (RFC 6455 section 5.1). */
export type Role = 'server' | 'client';

/**
 * What a connection calls as bytes arrive. Nothing is called after `onFail`, nor after `onClose`; none of these
 * may throw.
 */
export interface ConnectionHost<Bytes extends Uint8Array = Uint8Array> {
  /** A message is complete. */
  onMessage(message: string | Bytes): void;
  /** The next piece of a message that is streamed: of a text, whole characters. */
  onPiece(piece: string | Bytes): void;
  /** The message whose pieces came, if it is not empty, is complete. */
  onPiecesEnd(isText: boolean): void;
  /** A Ping arrived: MUST be answered with a Pong of the same payload, unless a newer one is (section 5.5.3). */
  onPing(payload: Bytes): void;
  onPong(payload: Bytes): void;
  /** The peer's Close frame arrived; ours has been written if it had not been before. */
  onClose(): void;
  /** The connection was failed and a Close frame has been written: end the transport. */
  onFail(error: Error): void;
  /** MUST send one frame, masked by a client, in order. `firstByte` has FIN, RSV bits and opcode. */
  writeFrame(firstByte: number, payload: Uint8Array): void;
}

export interface ProtocolOptions<Bytes extends Uint8Array = Uint8Array> {
  readonly role: Role;
  /** The largest message that is accepted, bytes; for a compressed one, when it is inflated. */
  readonly maxMessageSize: number;
  /** What inflates the peer's messages, if permessage-deflate was agreed on (RFC 7692). */
  readonly inflater?: Inflater<Bytes> | undefined;
}

/** What the reading side is doing, and why it does not read: any of these together. */
const READING: number = 0;
const PAUSED: number = 1;
/** A message is being inflated, and what comes after it has to wait. */
const INFLATING: number = 2;
/** A Close frame arrived or the connection was failed: whatever else comes is discarded (section 1.4). */
const DONE: number = 4;

/** A header, or a whole control frame: what is kept together when a read cuts it. */
const MAX_KEPT = MAX_HEADER + MAX_CONTROL_PAYLOAD;

/** What a compressed message may be larger than it is inflated, beside an eighth of it, bytes. */
const MAX_DEFLATE_OVERHEAD = 1024;

/** No Close frame was sent, or received. */
const NONE = 0;

/**
 * One end of an open WebSocket connection, after the opening handshake: bytes in, calls to the host and frames
 * out (RFC 6455 sections 5 to 8). It knows no socket, no clock and no randomness, and nothing that a peer sends
 * makes it throw: the connection is failed with the close code that the standard gives.
 *
 *     OPEN ──close()──▶ closeSent ──────── peer's Close ──▶ both: the transport may go
 *       │                                                     ▲
 *       ├─── peer's Close: echoed at once ────────────────────┘
 *       └─── fail(): Close sent, reading is over
 */
export class ProtocolConnection<Bytes extends Uint8Array = Uint8Array> {
  /** The code of the Close frame that was sent: 0 for none, 1005 for one without a code. */
  closeSent: number = NONE;
  /** The code of the Close frame that was received: 0 for none, 1005 for one without a code. */
  closeReceived: number = NONE;
  closeReason = '';
  /** Who sent a Close frame first; `network` while nobody has. */
  initiator: Initiator = 'network';
  /**
   * Whether the messages that begin from now on are streamed: handed over in pieces as they arrive. Nothing of
   * them is kept, so `maxMessageSize` does not apply to them.
   */
  streams = false;
  /**
   * Whether the bytes that `receive` is given are used again as soon as it returns. What the host gets, and what is
   * kept, is a copy then.
   */
  chunksAreLent = false;
  /** Why the connection was failed. */
  failure: Error | undefined;
  /** What the peer was told about it. */
  failureReason = '';

  readonly #host: ConnectionHost<Bytes>;
  readonly #platform: Platform<Bytes>;
  readonly #isServer: boolean;
  /** More is not taken from the next frame on, bytes. */
  maxMessageSize: number;
  readonly #inflater: Inflater<Bytes> | undefined;

  #mode = READING;
  #inReceive = false;
  /** Whether what is being read must not be kept. */
  #isLent = false;
  /** The rest of a chunk that was lent, from a message on, in memory that may be kept. */
  #copied: Bytes | undefined;
  /** What a paused connection has not looked at yet. */
  #held: Bytes | undefined;
  /** What became of a message that was inflated meanwhile. */
  #inflated: Inflated<Bytes> | undefined;
  /** The beginning of a header or of a control frame that the last read cut. */
  #kept: Bytes | undefined;

  // The frame whose header was read last.
  #fin = false;
  #opcode = 0;
  #length = 0;
  #key: number | undefined;
  /** Payload bytes of a data frame that are still to come. */
  #remaining = 0;
  /** Whether the message that is arriving is compressed: its first frame has RSV1 (RFC 7692 section 6). */
  #isCompressed = false;
  /** Whether the message that is arriving is handed over in pieces. */
  #isStreamed = false;
  /** Whether the message that is arriving is a text. */
  #isText = false;
  /** The message that is arriving in more than one piece. */
  #partial: PartialMessage<Bytes> | undefined;
  /** The message that is arriving and is handed over in pieces. */
  #streamed: StreamedMessage<Bytes> | undefined;

  constructor(options: ProtocolOptions<Bytes>, host: ConnectionHost<Bytes>, platform: Platform<Bytes>) {
    this.#isServer = options.role === 'server';
    this.maxMessageSize = options.maxMessageSize;
    this.#inflater = options.inflater;
    this.#host = host;
    this.#platform = platform;
  }

  /** Whether messages may still be sent. */
  get isOpen(): boolean {
    return this.closeSent === NONE;
  }

  /** Whether both Close frames were exchanged (section 7.1.4). */
  get isCloseComplete(): boolean {
    return this.closeSent !== NONE && this.closeReceived !== NONE;
  }

  /**
   * Starts the closing handshake (section 7.1.2); does nothing when a Close frame was already sent.
   *
   * @throws {RangeError} for a code that must not be on the wire or a reason above 123 bytes.
   */
  close(code: number | undefined, reason: string): void {
    const payload = encodeClose(code, reason, this.#platform);
    if (this.closeSent === NONE) this.#sendClose(code ?? CloseCode.NO_STATUS, payload, 'local');
  }

  /**
   * Fails the connection (section 7.1.7): sends Close with the code and the reason, and stops reading.
   *
   * @param reason what the peer is told, at most 123 bytes.
   */
  fail(error: Error, code: number, reason: string = error.message): void {
    if (this.#isDone) return;
    const payload = encodeClose(code, reason, this.#platform);
    this.#mode = DONE;
    this.#release();
    this.failure = error;
    this.failureReason = reason;
    if (this.closeSent === NONE) this.#sendClose(code, payload, 'local');
    this.#host.onFail(error);
  }

  /** Stops calling the host for good: whatever else comes is discarded. No Close frame is sent. */
  stop(): void {
    this.#mode = DONE;
    this.#release();
  }

  /**
   * Stops calling the host, in the middle of a read if need be. What has arrived is kept, and what still comes is
   * added to it, without a limit: stop the transport as well.
   */
  pause(): void {
    if (!this.#isDone) this.#mode |= PAUSED;
  }

  /** Goes on with what was kept; the host may be called before this returns. */
  resume(): void {
    this.#mode &= ~PAUSED;
    this.#receiveHeld();
  }

  /** Takes what became of the message for which the inflater answered `later`. */
  inflated(outcome: Inflated<Bytes>): void {
    if (this.#isDone) return;
    this.#mode &= ~INFLATING;
    this.#inflated = outcome;
    this.#receiveHeld();
  }

  /**
   * Takes what came from the transport, in any pieces. The bytes belong to the connection from now on, or until this
   * returns if `chunksAreLent`. It must not be called from within a call to the host.
   */
  receive(chunk: Uint8Array): void {
    if (this.#mode !== READING) {
      if (!this.#isDone) this.#held = this.#join(this.#held, chunk, Infinity);
      return;
    }
    this.#inReceive = true;
    this.#isLent = this.chunksAreLent;
    let bytes = chunk;
    let offset = this.#kept === undefined ? 0 : this.#receiveCut(this.#kept, bytes);
    while (offset < bytes.length && this.#mode === READING) {
      offset = this.#remaining > 0 ? this.#receivePayload(bytes, offset) : this.#receiveFrame(bytes, offset);
      if (this.#copied === undefined) continue;
      offset -= bytes.length - this.#copied.length;
      bytes = this.#copied;
      this.#copied = undefined;
    }
    this.#inReceive = false;
    if (this.#mode !== READING && !this.#isDone && offset < bytes.length) {
      this.#held = this.#own(bytes, offset, bytes.length);
    }
  }

  get #isDone(): boolean {
    return (this.#mode & DONE) !== 0;
  }

  #receiveHeld(): void {
    const held = this.#held;
    if (this.#mode !== READING || this.#inReceive) return;
    this.#inReceive = true;
    if (this.#streamed !== undefined) this.#handOver(this.#streamed);
    const inflated = this.#inflated;
    this.#inflated = undefined;
    if (inflated !== undefined) this.#deliverInflated(inflated);
    this.#inReceive = false;
    if (this.#mode !== READING || held === undefined) return;
    this.#held = undefined;
    this.receive(held);
  }

  /** Reads one frame from its beginning, or as much of it as is here; returns the offset after what it used. */
  #receiveFrame(chunk: Uint8Array, offset: number): number {
    const headerLength = this.#readHeader(chunk, offset, chunk.length);
    const end = offset + headerLength + this.#length;
    const isControl = this.#opcode >= Opcode.CLOSE;
    if (headerLength === 0 || (isControl && end > chunk.length)) {
      if (!this.#isDone) this.#kept = this.#join(undefined, chunk.subarray(offset), MAX_KEPT);
      return chunk.length;
    }
    const start = offset + headerLength;
    if (isControl) {
      this.#receiveControl(chunk, start, end);
      return end;
    }
    if (end <= chunk.length && this.#fin && !this.#isInMessage && !this.#isStreamed) {
      this.#receiveWhole(chunk, start, end);
      return end;
    }
    return this.#beginPayload(start);
  }

  /**
   * Goes on with a header or control frame that an earlier read cut: it is put together with the beginning of
   * this chunk, and read from there.
   */
  #receiveCut(kept: Bytes, chunk: Uint8Array): number {
    const joined = this.#join(kept, chunk, MAX_KEPT);
    const headerLength = this.#readHeader(joined, 0, joined.length);
    const isControl = this.#opcode >= Opcode.CLOSE;
    const needed = headerLength + (isControl ? this.#length : 0);
    if (headerLength === 0 || needed > joined.length) {
      this.#kept = this.#isDone ? undefined : joined;
      return chunk.length;
    }
    this.#kept = undefined;
    const offset = needed - kept.length;
    if (isControl) {
      this.#receiveControl(joined, headerLength, needed);
      return offset;
    }
    return this.#beginPayload(offset);
  }

  /**
   * Reads a header into the fields of the current frame, checking each byte as soon as it is there.
   *
   * @returns its length; 0 when it is not whole, or when the connection was failed over it.
   */
  #readHeader(bytes: Uint8Array, offset: number, end: number): number {
    const first = bytes[offset]!;
    this.#fin = (first & FIN) !== 0;
    this.#opcode = first & 0x0f;
    const wrong = this.#firstByteError(first);
    if (wrong !== undefined) return this.#refuse(wrong[0], wrong[1]);
    if (this.#opcode === Opcode.TEXT || this.#opcode === Opcode.BINARY) {
      this.#isText = this.#opcode === Opcode.TEXT;
      this.#isCompressed = (first & RSV1) !== 0;
      this.#isStreamed = this.streams;
    }
    if (offset + 2 > end) return 0;

    const second = bytes[offset + 1]!;
    const masked = (second & MASK) !== 0;
    if (masked !== this.#isServer) {
      return this.#isServer
        ? this.#refuse('ERR_MASK_MISSING', 'A client must mask its frames')
        : this.#refuse('ERR_MASK_FORBIDDEN', 'A server must not mask its frames');
    }
    let length = second & 0x7f;
    let headerLength = 2;
    if (this.#opcode >= Opcode.CLOSE) {
      if (length > MAX_CONTROL_PAYLOAD) {
        return this.#refuse('ERR_CONTROL_LENGTH', 'A control frame has at most 125 bytes of payload');
      }
    } else if (length > 125) {
      headerLength = length === 126 ? 4 : 10;
      if (offset + headerLength > end) return 0;
      length = this.#readExtendedLength(bytes, offset + 2, headerLength);
      if (length < 0) return 0;
    }
    if (this.#opcode < Opcode.CLOSE && !this.#fitsLimit(length)) return 0;
    this.#length = length;
    if (!masked) {
      this.#key = undefined;
      return headerLength;
    }
    if (offset + headerLength + 4 > end) return 0;
    this.#key = readKey(bytes, offset + headerLength);
    return headerLength + 4;
  }

  /** What is wrong with a frame's first byte, in the order RFC 6455 section 5.2 names the bits. */
  #firstByteError(first: number): readonly [code: string, message: string] | undefined {
    const reserved = first & (RSV1 | RSV2 | RSV3);
    if (reserved !== 0 && (reserved !== RSV1 || !this.#mayBeCompressed)) {
      return ['ERR_RESERVED_BIT', 'A reserved bit is set and no extension gives it a meaning'];
    }
    switch (this.#opcode) {
      case Opcode.CONTINUATION:
        if (this.#isInMessage) return undefined;
        return ['ERR_CONTINUATION', 'A continuation frame came without a message to continue'];
      case Opcode.TEXT:
      case Opcode.BINARY:
        if (!this.#isInMessage) return undefined;
        return ['ERR_INTERLEAVED', 'A new message began before the last one ended'];
      case Opcode.CLOSE:
      case Opcode.PING:
      case Opcode.PONG:
        if (this.#fin) return undefined;
        return ['ERR_CONTROL_FRAGMENTED', 'A control frame must not be fragmented'];
      default:
        return ['ERR_RESERVED_OPCODE', 'The opcode is reserved'];
    }
  }

  /** RFC 7692 section 6: RSV1 is for the first frame of a message, if compression was agreed on. */
  get #mayBeCompressed(): boolean {
    return this.#inflater !== undefined && (this.#opcode === Opcode.TEXT || this.#opcode === Opcode.BINARY);
  }

  /** The 16 or 64 bits of an extended payload length, or -1 when the connection was failed over it. */
  #readExtendedLength(bytes: Uint8Array, offset: number, headerLength: number): number {
    let length: number;
    if (headerLength === 4) {
      length = (bytes[offset]! << 8) | bytes[offset + 1]!;
    } else {
      const high = readUint32(bytes, offset);
      if (high >= 0x8000_0000) {
        this.#refuse('ERR_LENGTH', 'The most significant bit of a 64-bit length must be 0');
        return -1;
      }
      length = high * 0x1_0000_0000 + readUint32(bytes, offset + 4);
    }
    if (length < (headerLength === 4 ? 126 : 65_536)) {
      this.#refuse('ERR_LENGTH', 'A payload length must be encoded in the fewest bytes');
      return -1;
    }
    return length;
  }

  /** Whether the message stays within the limit; otherwise the connection is failed, before its payload came. */
  #fitsLimit(length: number): boolean {
    if (this.#isStreamed) return this.#isCountable(length);
    const before = this.#partial === undefined ? 0 : this.#partial.length;
    // What does not compress becomes a little larger; how large it really is shows when it is inflated.
    const surplus = this.#isCompressed ? Math.floor(this.maxMessageSize / 8) + MAX_DEFLATE_OVERHEAD : 0;
    if (before + length <= this.maxMessageSize + surplus) return true;
    this.#refuseSize();
    return false;
  }

  /** A streamed message has no limit, but where the payload of a frame ends must be known to the byte. */
  #isCountable(length: number): boolean {
    if (length <= Number.MAX_SAFE_INTEGER) return true;
    const text = 'A frame has at most 2^53 - 1 bytes of payload here';
    this.fail(new ProtocolError('ERR_LENGTH', text, CloseCode.MESSAGE_TOO_BIG), CloseCode.MESSAGE_TOO_BIG);
    return false;
  }

  /** A message in one frame in one read: the common case, without a copy and without state. */
  #receiveWhole(chunk: Uint8Array, start: number, end: number): void {
    if (this.#key !== undefined) mask(chunk, start, end, this.#key, 0);
    if (this.#isCompressed) {
      this.#inflate(this.#platform.view(chunk, start, end));
      return;
    }
    if (!this.#isText) {
      this.#deliverBinary(chunk, start, end);
      return;
    }
    this.#deliverText(chunk, start, end);
  }

  /** More of them may follow in a chunk that is lent: they are copied together, and read from the copy. */
  #deliverBinary(chunk: Uint8Array, start: number, end: number): void {
    if (!this.#isLent) {
      this.#host.onMessage(this.#platform.view(chunk, start, end));
      return;
    }
    const copied = this.#platform.copy(chunk, start, chunk.length);
    this.#copied = copied;
    this.#isLent = false;
    this.#host.onMessage(end === chunk.length ? copied : this.#platform.view(copied, 0, end - start));
  }

  #deliverText(bytes: Uint8Array, start: number, end: number): void {
    const text = this.#platform.decodeUtf8(bytes, start, end);
    if (text === undefined) this.#refuseText();
    else this.#host.onMessage(text);
  }

  #inflate(payload: Bytes): void {
    const outcome = this.#inflater!.inflate(payload, this.maxMessageSize, this.#isText);
    if (outcome === 'later') this.#mode |= INFLATING;
    else this.#deliverInflated(outcome);
  }

  #deliverInflated(outcome: Inflated<Bytes>): void {
    if (outcome === 'too-big') {
      this.#refuseSize();
    } else if (outcome === 'corrupt') {
      this.#refuseDeflate();
    } else if (this.#isText) {
      this.#deliverText(outcome, 0, outcome.length);
    } else {
      this.#host.onMessage(outcome);
    }
  }

  /** Whether a message has begun that has not ended. */
  get #isInMessage(): boolean {
    return this.#partial !== undefined || this.#streamed !== undefined;
  }

  /** Begins with the payload of a frame, and with a message if it is the first frame of one. */
  #beginPayload(offset: number): number {
    if (!this.#isInMessage) this.#beginMessage();
    this.#remaining = this.#length;
    return this.#length === 0 ? this.#endFrame(offset) : offset;
  }

  #beginMessage(): void {
    if (this.#isStreamed) {
      const inflate = this.#isCompressed ? this.#inflater!.openStream() : undefined;
      this.#streamed = new StreamedMessage(this.#isText, this.#platform, inflate);
    } else {
      // Whether it is a text is checked as it arrives, unless it is compressed.
      this.#partial = new PartialMessage(this.#isText && !this.#isCompressed, this.#platform);
    }
  }

  /** Hands over what has arrived of a message, as long as it is wanted. */
  #handOver(message: StreamedMessage<Bytes>): void {
    while (this.#mode === READING) {
      const pulled = message.pull();
      if (pulled === 'piece') {
        this.#host.onPiece(message.piece);
      } else if (pulled === 'all') {
        if (!message.isEnded) return;
        message.close();
        this.#streamed = undefined;
        this.#host.onPiecesEnd(message.isText);
        return;
      } else if (pulled === 'corrupt') {
        this.#refuseDeflate();
      } else {
        this.#refuseText();
      }
    }
  }

  #receivePayload(chunk: Uint8Array, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#remaining);
    const phase = this.#length - this.#remaining;
    if (this.#streamed !== undefined) {
      if (this.#key !== undefined) mask(chunk, offset, end, this.#key, phase);
      this.#remaining -= end - offset;
      this.#streamed.push(this.#own(chunk, offset, end));
      if (this.#remaining === 0) return this.#endFrame(end);
      this.#handOver(this.#streamed);
      return end;
    }
    const partial = this.#partial!;
    const promised = partial.length + this.#remaining;
    this.#remaining -= end - offset;
    if (!partial.append(chunk, offset, end, this.#key, phase, promised, this.#fin)) {
      this.#refuseText();
      return end;
    }
    return this.#remaining === 0 ? this.#endFrame(end) : end;
  }

  #endFrame(offset: number): number {
    if (this.#streamed !== undefined) {
      if (this.#fin) this.#streamed.end();
      this.#handOver(this.#streamed);
      return offset;
    }
    if (!this.#fin) return offset;
    const message = this.#partial!.finish();
    this.#partial = undefined;
    if (message === undefined) this.#refuseText();
    else if (this.#isCompressed) this.#inflate(message as Bytes);
    else this.#host.onMessage(message);
    return offset;
  }

  #receiveControl(bytes: Uint8Array, start: number, end: number): void {
    if (this.#key !== undefined) mask(bytes, start, end, this.#key, 0);
    if (this.#opcode === Opcode.CLOSE) this.#receiveClose(bytes, start, end);
    else if (this.#opcode === Opcode.PING) this.#host.onPing(this.#own(bytes, start, end));
    else this.#host.onPong(this.#own(bytes, start, end));
  }

  /** Section 5.5.1: a code and a reason, or nothing; answered with the same at once. */
  #receiveClose(bytes: Uint8Array, start: number, end: number): void {
    if (end === start) {
      this.#endReading(undefined, '');
      return;
    }
    if (end - start === 1) {
      this.#refuse('ERR_CLOSE_PAYLOAD', 'The payload of a Close frame has 1 byte: too short for a code');
      return;
    }
    const code = (bytes[start]! << 8) | bytes[start + 1]!;
    const reason = this.#platform.decodeUtf8(bytes, start + 2, end);
    if (isCloseCodeOnWire(code)) {
      if (reason === undefined) this.#refuseText();
      else this.#endReading(code, reason);
    } else if (this.closeSent === NONE) {
      this.#refuse('ERR_CLOSE_CODE', `Close code ${code} must not be sent`);
    } else {
      // Some servers answer an empty Close with the code 1005 spelt out. We are leaving: that is answer enough.
      this.#endReading(undefined, '');
    }
  }

  #endReading(code: number | undefined, reason: string): void {
    this.#mode = DONE;
    this.#release();
    this.closeReceived = code ?? CloseCode.NO_STATUS;
    this.closeReason = reason;
    if (this.closeSent === NONE) {
      this.#sendClose(this.closeReceived, encodeClose(code, reason, this.#platform), 'remote');
    }
    this.#host.onClose();
  }

  #sendClose(code: number, payload: Uint8Array, initiator: Initiator): void {
    this.closeSent = code;
    this.initiator = initiator;
    this.#host.writeFrame(FIN | Opcode.CLOSE, payload);
  }

  #refuseText(): void {
    this.fail(
      new ProtocolError('ERR_UTF8', 'The text is not valid UTF-8', CloseCode.INVALID_PAYLOAD),
      CloseCode.INVALID_PAYLOAD,
    );
  }

  #refuseDeflate(): void {
    const text = 'A compressed message is not valid deflate data';
    this.fail(new ProtocolError('ERR_INFLATE', text, CloseCode.INVALID_PAYLOAD), CloseCode.INVALID_PAYLOAD);
  }

  #refuseSize(): void {
    const text = `A message is larger than maxMessageSize, ${this.maxMessageSize} bytes`;
    const error = new LimitError('ERR_MESSAGE_TOO_BIG', text, 'maxMessageSize', this.maxMessageSize);
    this.fail(error, CloseCode.MESSAGE_TOO_BIG);
  }

  #refuse(code: string, message: string): 0 {
    this.fail(new ProtocolError(code, message, CloseCode.PROTOCOL_ERROR), CloseCode.PROTOCOL_ERROR);
    return 0;
  }

  /** Nothing more will be read: lets go of what was kept for it. */
  #release(): void {
    this.#held = undefined;
    this.#inflated = undefined;
    this.#kept = undefined;
    this.#partial = undefined;
    this.#streamed?.close();
    this.#streamed = undefined;
  }

  /** `bytes[start, end)` of what was received, for whoever may keep it. */
  #own(bytes: Uint8Array, start: number, end: number): Bytes {
    return this.#isLent ? this.#platform.copy(bytes, start, end) : this.#platform.view(bytes, start, end);
  }

  /** A copy of the one and the other together, cut at `limit` bytes. */
  #join(first: Bytes | undefined, second: Uint8Array, limit: number): Bytes {
    const before = first === undefined ? 0 : first.length;
    const joined = this.#platform.allocate(Math.min(before + second.length, limit));
    if (first !== undefined) joined.set(first);
    joined.set(second.subarray(0, joined.length - before), before);
    return joined;
  }
}

import { readUint32 } from '../protocol/frame.js';
import type { MessageFinder, Subprotocol } from './contract.js';
import { malformed } from './malformed.js';

/**
 * AMQP 1.0 and 0-9-1, and 0-8 and 0-9, whose frames are the same. Each frame is a message, and so is each protocol header.
 * What is told apart by them: a client begins with a header, and so does a server of 1.0, but one of 0-9-1 only when it
 * refuses the client's.
 */
export const amqp: Subprotocol = {
  name: 'amqp',
  // That of "AMQP WebSocket Binding" 1.0 section 2.1, and the one of its drafts. 0-9-1 has none.
  protocols: ['amqp', 'AMQPWSB10'],
  isTokenOptional: true,
  sends: 'binary',
  acceptsText: false,
  fromClient: () => new AmqpFinder(undefined),
  fromServer: () => new AmqpFinder('0-9-1'),
};

/** The frames that may come: `undefined` where a header has to come first, `unknown` behind one that we cannot follow. */
type Framing = '1.0' | '0-9-1' | 'unknown' | undefined;

const HEADER_LENGTH = 8;

/** What each protocol header says behind "AMQP". */
const VERSIONS: Readonly<Record<string, Framing>> = {
  '0 1 0 0': '1.0',
  '3 1 0 0': '1.0', // with SASL, until the next header
  '0 0 9 1': '0-9-1',
  '1 1 0 9': '0-9-1', // 0-9
  '1 1 8 0': '0-9-1', // 0-8
};

/** What a frame of 0-9-1 has before its payload: type, channel and size. Section 4.2.3. */
const OLD_HEAD_LENGTH = 7;
/** Method, header, body and heartbeat. */
const OLD_TYPES: readonly number[] = [1, 2, 3, 8];
/** What ends it. */
const OLD_FRAME_END = 0xce;

/** What a frame of 1.0 has before its extended header. AMQP 1.0 part 2 section 2.3.1. */
const HEAD_LENGTH = 8;

/** The first byte of a header. As that of a frame of 1.0 it would say that it is larger than 1 GiB. */
const LETTER_A = 0x41;

class AmqpFinder implements MessageFinder {
  #framing: Framing;
  /** The head of a message that does not lie in one piece. */
  readonly #head = new Uint8Array(Math.max(HEADER_LENGTH, HEAD_LENGTH, OLD_HEAD_LENGTH));
  #headLength = 0;
  /** How much of the message is still to come behind its head. */
  #remaining = 0;
  /** Whether what is still to come ends with OLD_FRAME_END. */
  #hasFrameEnd = false;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  get isWithin(): boolean {
    return this.#headLength > 0 || this.#remaining > 0;
  }

  findEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    if (this.#remaining === 0) {
      at = this.#readHead(bytes, start);
      if (at === -1) return -1;
    }
    const end = at + this.#remaining;
    if (end > bytes.length) {
      this.#remaining = end - bytes.length;
      return -1;
    }
    this.#remaining = 0;
    if (this.#hasFrameEnd && bytes[end - 1] !== OLD_FRAME_END) {
      throw malformed('AMQP', 'no frame-end octet is where a frame of 0-9-1 says that it ends');
    }
    return end;
  }

  /** @returns the index behind the head, or -1 when it goes on beyond `bytes`. */
  #readHead(bytes: Uint8Array, start: number): number {
    if (start === bytes.length) return -1;
    if (this.#headLength === 0) {
      const end = start + this.#lengthOfHead(bytes[start]!);
      if (end <= bytes.length) {
        this.#understand(bytes, start);
        return end;
      }
    }
    return this.#collectHead(bytes, start);
  }

  #collectHead(bytes: Uint8Array, start: number): number {
    for (let at = start; at < bytes.length;) {
      this.#head[this.#headLength++] = bytes[at++]!;
      if (this.#headLength < this.#lengthOfHead(this.#head[0]!)) continue;
      this.#headLength = 0;
      this.#understand(this.#head, 0);
      return at;
    }
    return -1;
  }

  #lengthOfHead(first: number): number {
    if (first === LETTER_A) return HEADER_LENGTH;
    return this.#framing === '1.0' ? HEAD_LENGTH : OLD_HEAD_LENGTH;
  }

  #understand(source: Uint8Array, at: number): void {
    this.#hasFrameEnd = false;
    if (source[at] === LETTER_A) {
      this.#framing = framingAfter(source, at);
    } else if (this.#framing === '1.0') {
      this.#remaining = sizeOfFrame(source, at) - HEAD_LENGTH;
    } else if (this.#framing === '0-9-1') {
      this.#remaining = sizeOfOldPayload(source, at) + 1;
      this.#hasFrameEnd = true;
    } else if (this.#framing === undefined) {
      throw malformed('AMQP', 'it does not begin with a protocol header');
    } else {
      throw malformed('AMQP', 'what follows a protocol header is of no version that is known here');
    }
  }
}

/** A server may refuse with the header of any version that it has; what matters is whether something follows it. */
function framingAfter(source: Uint8Array, at: number): Framing {
  if (readUint32(source, at) !== 0x41_4d_51_50) throw malformed('AMQP', 'a protocol header is wrong');
  return VERSIONS[source.subarray(at + 4, at + HEADER_LENGTH).join(' ')] ?? 'unknown';
}

function sizeOfFrame(source: Uint8Array, at: number): number {
  const size = readUint32(source, at);
  // Of the extended header, in units of four bytes, counted from the beginning of the frame.
  const offset = source[at + 4]!;
  if (size < HEAD_LENGTH) throw malformed('AMQP', 'a frame is smaller than its header');
  if (offset < 2 || offset * 4 > size) throw malformed('AMQP', 'the body of a frame begins outside of it');
  return size;
}

function sizeOfOldPayload(source: Uint8Array, at: number): number {
  if (!OLD_TYPES.includes(source[at]!)) throw malformed('AMQP', 'there is no frame of this type in 0-9-1');
  return readUint32(source, at + 3);
}

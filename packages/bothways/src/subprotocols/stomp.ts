import type { MessageFinder, Subprotocol } from './contract.js';
import { malformed } from './malformed.js';

/** STOMP 1.0, 1.1 and 1.2. Each frame is a message, and so is each end of line between frames: a heart-beat. */
export const stomp: Subprotocol = {
  name: 'stomp',
  protocols: ['v12.stomp', 'v11.stomp', 'v10.stomp'],
  isTokenOptional: true,
  sends: 'text-if-utf8',
  acceptsText: true,
  fromClient: () => new StompFinder(),
  fromServer: () => new StompFinder(),
};

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** What begins a line that says where the frame ends; names of headers are told apart by case. No escape of 1.1 makes it. */
const CONTENT_LENGTH = Uint8Array.from('content-length:', (character) => character.charCodeAt(0));

/**
 * STOMP 1.2, "Augmented BNF":
 *
 *     frame = command EOL *( header EOL ) EOL *OCTET NULL *( EOL )        EOL = [CR] LF
 *
 * 1.0 and 1.1 have no CR there, and none that means anything else.
 */
class StompFinder implements MessageFinder {
  #part:
    | 'nothing'
    | 'heart-beat' // behind its CR
    | 'line' // what does not matter of a line
    | 'line start'
    | 'empty line' // behind its CR
    | 'name' // what has been CONTENT_LENGTH so far
    | 'length'
    | 'counted body'
    | 'end of counted body'
    | 'body' = 'nothing';
  /** How many bytes of CONTENT_LENGTH have been there. */
  #matched = 0;
  /** What the first `content-length` says, then how much of it is still to come; -1 without one. */
  #length = -1;
  /** The value of `content-length`, while it is read: whether a digit may follow, and one has been there. */
  #digits: 'expected' | 'there' | 'over' = 'expected';

  get isWithin(): boolean {
    return this.#part !== 'nothing';
  }

  findEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length) {
      at = this.#read(bytes, at);
      if (this.#part === 'nothing') return at;
    }
    return -1;
  }

  /** Reads on from `at`, one byte or more; returns the index behind them. */
  #read(bytes: Uint8Array, at: number): number {
    switch (this.#part) {
      case 'line':
        return this.#readLine(bytes, at);
      case 'name':
        return this.#readName(bytes, at);
      case 'counted body':
        return this.#readCountedBody(bytes, at);
      case 'body':
        return this.#readBody(bytes, at);
      default:
        this.#readByte(bytes[at]!);
        return at + 1;
    }
  }

  #readByte(byte: number): void {
    switch (this.#part) {
      case 'nothing':
        return this.#begin(byte);
      case 'heart-beat':
        if (byte !== LF) throw malformed('STOMP', 'a CR between frames has no LF behind it');
        this.#part = 'nothing';
        return;
      case 'line start':
        return this.#beginLine(byte);
      case 'empty line':
        if (byte !== LF) throw malformed('STOMP', 'a header begins with CR');
        return this.#beginBody();
      case 'length':
        return this.#readLength(byte);
      default:
        if (byte !== NUL) throw malformed('STOMP', 'no NUL is where content-length says that the body ends');
        this.#part = 'nothing';
    }
  }

  #begin(byte: number): void {
    if (byte === LF) return;
    if (byte === NUL) throw malformed('STOMP', 'a frame begins with NUL');
    this.#length = -1;
    this.#part = byte === CR ? 'heart-beat' : 'line';
  }

  /** The rest of the command, or of a header. */
  #readLine(bytes: Uint8Array, at: number): number {
    while (at < bytes.length) {
      const byte = bytes[at++]!;
      if (byte === LF) {
        this.#part = 'line start';
        return at;
      }
      // The grammar lets NUL be in a header. None needs it, and a frame that lost its empty line would never end.
      if (byte === NUL) throw malformed('STOMP', 'NUL is before the empty line that ends the headers');
    }
    return at;
  }

  #beginLine(byte: number): void {
    if (byte === LF) return this.#beginBody();
    if (byte === CR) {
      this.#part = 'empty line';
      return;
    }
    if (byte === NUL) throw malformed('STOMP', 'NUL is before the empty line that ends the headers');
    // Of several headers of one name the first counts (1.2, "Repeated Header Entries").
    this.#part = byte === CONTENT_LENGTH[0] && this.#length === -1 ? 'name' : 'line';
    this.#matched = 1;
  }

  #readName(bytes: Uint8Array, at: number): number {
    while (at < bytes.length) {
      if (bytes[at] !== CONTENT_LENGTH[this.#matched]) {
        // This byte may be the end of the line.
        this.#part = 'line';
        return at;
      }
      at++;
      if (++this.#matched === CONTENT_LENGTH.length) {
        this.#part = 'length';
        this.#digits = 'expected';
        this.#length = 0;
        return at;
      }
    }
    return at;
  }

  /** A byte of the number, of the spaces that 1.0 allows around it, or of the end of its line. */
  #readLength(byte: number): void {
    if (byte >= ZERO && byte <= NINE && this.#digits !== 'over') {
      this.#digits = 'there';
      this.#length = this.#length * 10 + (byte - ZERO);
      if (this.#length > Number.MAX_SAFE_INTEGER) throw malformed('STOMP', 'content-length is absurd');
    } else if (byte === LF && this.#digits !== 'expected') {
      this.#part = 'line start';
    } else if (this.#digits !== 'expected' && (byte === CR || byte === SPACE)) {
      this.#digits = 'over';
    } else if (byte !== SPACE) {
      throw malformed('STOMP', 'content-length is no number');
    }
  }

  #beginBody(): void {
    if (this.#length === -1) this.#part = 'body';
    else this.#part = this.#length === 0 ? 'end of counted body' : 'counted body';
  }

  #readCountedBody(bytes: Uint8Array, at: number): number {
    const there = Math.min(this.#length, bytes.length - at);
    this.#length -= there;
    if (this.#length === 0) this.#part = 'end of counted body';
    return at + there;
  }

  #readBody(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(NUL, at);
    if (end === -1) return bytes.length;
    this.#part = 'nothing';
    return end + 1;
  }
}

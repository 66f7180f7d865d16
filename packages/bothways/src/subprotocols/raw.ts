import { incompleteTail } from '../protocol/utf8.js';
import type { MessageFinder, Subprotocol } from './contract.js';

/**
 * Bytes that nothing is known of: each piece of them is a message as it comes.
 *
 * @param protocols the tokens of `Sec-WebSocket-Protocol` that a client may offer, best first; it may offer none.
 * @param options.text whether they are text: then a piece that ends within a character of UTF-8 is cut before it, and the
 * client may send text as well. Otherwise messages are binary.
 */
export function rawSubprotocol(
  protocols: readonly string[] = [],
  { text = false }: { readonly text?: boolean } = {},
): Subprotocol {
  const makeFinder = (): MessageFinder => (text ? new TextFinder() : new PieceFinder());
  return {
    name: 'raw',
    protocols,
    isTokenOptional: true,
    sends: text ? 'text-if-utf8' : 'binary',
    acceptsText: text,
    fromClient: makeFinder,
    fromServer: makeFinder,
  };
}

class PieceFinder implements MessageFinder {
  readonly isWithin = false;

  findEnd(bytes: Uint8Array, start: number): number {
    return start < bytes.length ? bytes.length : -1;
  }
}

/** Ends between characters, if it is UTF-8; what is not is cut anywhere. */
class TextFinder implements MessageFinder {
  /** How many bytes the character still needs with which the message has begun. */
  #missing = 0;

  get isWithin(): boolean {
    return this.#missing > 0;
  }

  findEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    while (this.#missing > 0 && at < bytes.length) {
      this.#missing = isContinuation(bytes[at]!) ? this.#missing - 1 : 0;
      at++;
    }
    if (this.#missing > 0 || start === bytes.length) return -1;
    const last = bytes.length - incompleteTail(bytes, at, bytes.length);
    const missing = last < bytes.length ? lengthOfCharacter(bytes[last]!) - (bytes.length - last) : 0;
    if (missing <= 0) return bytes.length;
    if (last > start) return last;
    this.#missing = missing;
    return -1;
  }
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

/** By its first byte (RFC 3629 section 3); 1 for what begins no character. */
function lengthOfCharacter(lead: number): number {
  if (lead >= 0xf5 || lead < 0xc2) return 1;
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

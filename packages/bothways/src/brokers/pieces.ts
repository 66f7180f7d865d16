// A message that is larger than the broker takes is carried in pieces. Each says which message it is of, how long that
// is, and where in it the piece begins. They are cut anew whenever a message is sent again, perhaps by another limit, so
// it is their offset that counts, and not how many there were.

const PIECE = 0x50;
const NODE_LENGTH = 11;
/** The node and the number of the message, as in its envelope. */
const MESSAGE_LENGTH = NODE_LENGTH + 6;
const HEADER = 1 + MESSAGE_LENGTH + 4 + 4;

/** Part of an envelope. */
export interface Piece {
  readonly node: string;
  readonly number: number;
  /** The length of the envelope, bytes. */
  readonly length: number;
  /** Where in the envelope it begins. */
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * Cuts an envelope.
 *
 * @param limit the longest that a piece may be, bytes.
 * @throws {RangeError} when the limit leaves no room for anything.
 */
export function* cutIntoPieces(envelope: Buffer, limit: number): Generator<Buffer, void> {
  const room = limit - HEADER;
  if (room < 1)
    throw new RangeError(`A piece takes more than ${HEADER} bytes, and no more than ${limit} may`);
  for (let offset = 0; offset < envelope.length; offset += room) {
    const end = Math.min(offset + room, envelope.length);
    const piece = Buffer.allocUnsafe(HEADER + end - offset);
    piece[0] = PIECE;
    envelope.copy(piece, 1, 1, 1 + MESSAGE_LENGTH);
    piece.writeUInt32BE(envelope.length, 1 + MESSAGE_LENGTH);
    piece.writeUInt32BE(offset, 1 + MESSAGE_LENGTH + 4);
    envelope.copy(piece, HEADER, offset, end);
    yield piece;
  }
}

/** @returns `undefined` for what is none. */
export function readPiece(bytes: Buffer): Piece | undefined {
  if (bytes.length <= HEADER || bytes[0] !== PIECE) return undefined;
  return {
    node: bytes.toString('latin1', 1, 1 + NODE_LENGTH),
    number: bytes.readUIntBE(1 + NODE_LENGTH, 6),
    length: bytes.readUInt32BE(1 + MESSAGE_LENGTH),
    offset: bytes.readUInt32BE(1 + MESSAGE_LENGTH + 4),
    bytes: bytes.subarray(HEADER),
  };
}

/** A message of which the first pieces have come. */
interface Incomplete {
  readonly number: number;
  readonly length: number;
  readonly parts: Buffer[];
  received: number;
}

/**
 * Joins pieces: of each node one message at a time, for a node sends one after the other. Pieces may come twice, by
 * another subscription or because they were sent again.
 */
export class PieceJoiner {
  readonly #limit: number;
  readonly #onDropped: () => void;
  readonly #incomplete = new Map<string, Incomplete>();
  #waiting = 0;

  /**
   * @param limit how much may wait for the rest, bytes. Above it, what has waited longest is dropped.
   * @param onDropped that happened, or a message was too long.
   */
  constructor(limit: number, onDropped: () => void) {
    this.#limit = limit;
    this.#onDropped = onDropped;
  }

  /** How much waits for the rest, bytes. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @returns the envelope, when it is complete. */
  add(piece: Piece): Buffer | undefined {
    const message = this.#messageOf(piece);
    if (message === undefined || piece.length !== message.length) return undefined;
    const { received, length } = message;
    const end = piece.offset + piece.bytes.length;
    // What is known, what comes after something that did not come, and what contradicts itself.
    if (end <= received || piece.offset > received || end > length) return undefined;
    const rest = piece.bytes.subarray(received - piece.offset);
    message.parts.push(rest);
    message.received += rest.length;
    this.#waiting += rest.length;
    if (message.received === length) {
      this.#forget(piece.node);
      return Buffer.concat(message.parts, length);
    }
    this.#makeRoom();
    return undefined;
  }

  /** Forgets what is incomplete: its rest may not come. */
  clear(): void {
    this.#incomplete.clear();
    this.#waiting = 0;
  }

  #messageOf({ node, number, length, offset }: Piece): Incomplete | undefined {
    const present = this.#incomplete.get(node);
    if (present !== undefined && number <= present.number) {
      return number === present.number ? present : undefined;
    }
    // Whoever has subscribed in the middle of a message does not get it.
    if (offset > 0) return undefined;
    if (length > this.#limit) {
      this.#onDropped();
      return undefined;
    }
    this.#forget(node);
    const message = { number, length, parts: [], received: 0 };
    this.#incomplete.set(node, message);
    return message;
  }

  #forget(node: string): void {
    this.#waiting -= this.#incomplete.get(node)?.received ?? 0;
    this.#incomplete.delete(node);
  }

  #makeRoom(): void {
    for (const node of this.#incomplete.keys()) {
      if (this.#waiting <= this.#limit) return;
      this.#forget(node);
      this.#onDropped();
    }
  }
}

/**
 * How far back deflate data refers (RFC 1951). zlib inflates data whose references are longer than the window it was
 * told, as long as the output is still at hand, so it cannot tell whether a peer keeps to the window that was agreed
 * on. This reads the blocks without inflating them, and only measures.
 */

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12_289, 16_385, 24_577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** RFC 1951 section 3.2.7: the order in which the lengths of the code length codes come. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;
const END_OF_BLOCK = 256;

export interface References {
  /** The longest distance, bytes; 0 when nothing refers back. */
  readonly farthest: number;
  /** How far a reference goes back beyond the beginning of the data at most, bytes. */
  readonly beyond: number;
}

/** @param bytes whole blocks; a last one that is cut off ends the measuring. */
export function farthestReference(bytes: Uint8Array): References {
  const bits = new BitReader(bytes);
  let farthest = 0;
  let beyond = 0;
  let length = 0;
  const onReference = (distance: number, count: number): void => {
    farthest = Math.max(farthest, distance);
    beyond = Math.max(beyond, distance - length);
    length += count;
  };
  const onLiterals = (count: number): void => void (length += count);
  try {
    while (!bits.atEnd) {
      const isFinal = bits.read(1) === 1;
      const type = bits.read(2);
      if (type === 0) onLiterals(bits.skipStored());
      else if (type === 1) readBlock(bits, FIXED_LITERALS, FIXED_DISTANCES, onLiterals, onReference);
      else readBlock(bits, ...readCodes(bits), onLiterals, onReference);
      // What follows the last block of a stream begins another, at a byte boundary (RFC 7692 section 7.2.1).
      if (isFinal) bits.align();
    }
  } catch (error) {
    if (error !== CUT) throw error;
  }
  return { farthest, beyond };
}

function readBlock(
  bits: BitReader,
  literals: Code,
  distances: Code,
  onLiterals: (count: number) => void,
  onReference: (distance: number, count: number) => void,
): void {
  for (;;) {
    const symbol = literals.read(bits);
    if (symbol === END_OF_BLOCK) return;
    if (symbol < END_OF_BLOCK) {
      onLiterals(1);
      continue;
    }
    const at = symbol - 257;
    const count = LENGTH_BASE[at]! + bits.read(LENGTH_EXTRA[at]!);
    const far = distances.read(bits);
    onReference(DISTANCE_BASE[far]! + bits.read(DISTANCE_EXTRA[far]!), count);
  }
}

function readCodes(bits: BitReader): [Code, Code] {
  const literalCount = bits.read(5) + 257;
  const distanceCount = bits.read(5) + 1;
  const lengthCount = bits.read(4) + 4;
  const lengthLengths = zeros(19);
  for (let at = 0; at < lengthCount; at++) lengthLengths[ORDER[at]!] = bits.read(3);
  const lengthCode = new Code(lengthLengths);
  const lengths: number[] = [];
  while (lengths.length < literalCount + distanceCount) {
    const symbol = lengthCode.read(bits);
    if (symbol < 16) lengths.push(symbol);
    else if (symbol === 16) repeat(lengths, lengths.at(-1)!, 3 + bits.read(2));
    else if (symbol === 17) repeat(lengths, 0, 3 + bits.read(3));
    else repeat(lengths, 0, 11 + bits.read(7));
  }
  return [new Code(lengths.slice(0, literalCount)), new Code(lengths.slice(literalCount))];
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

function repeat(list: number[], value: number, times: number): void {
  for (let time = 0; time < times; time++) list.push(value);
}

/** A Huffman code by the lengths of its codes (RFC 1951 section 3.2.2). */
class Code {
  readonly #counts = zeros(MAX_BITS + 1);
  readonly #symbols: number[] = [];

  constructor(lengths: readonly number[]) {
    for (let length = 1; length <= MAX_BITS; length++) {
      for (const [symbol, own] of lengths.entries()) {
        if (own !== length) continue;
        this.#symbols.push(symbol);
        this.#counts[length]!++;
      }
    }
  }

  read(bits: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code |= bits.read(1);
      const count = this.#counts[length]!;
      if (code - count < first) return this.#symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Error('A code that is none: this is not deflate data');
  }
}

const FIXED_LITERALS = new Code(
  Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8)),
);
const FIXED_DISTANCES = new Code(Array.from({ length: 30 }, () => 5));

/** The data ends inside a block. */
const CUT = new Error('cut');

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #bit = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  read(count: number): number {
    let value = 0;
    for (let at = 0; at < count; at++) {
      if (this.atEnd) throw CUT;
      value |= ((this.#bytes[this.#at]! >> this.#bit) & 1) << at;
      if (++this.#bit === 8) {
        this.#bit = 0;
        this.#at++;
      }
    }
    return value;
  }

  align(): void {
    if (this.#bit === 0) return;
    this.#bit = 0;
    this.#at++;
  }

  /** The length of a block without compression, which is stepped over. */
  skipStored(): number {
    this.align();
    const length = this.read(16);
    this.read(16);
    if (this.#at + length > this.#bytes.length) throw CUT;
    this.#at += length;
    return length;
  }
}

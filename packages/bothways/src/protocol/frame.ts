/**
 * Frames on the wire (RFC 6455 section 5.2):
 *
 *     byte 0   FIN | RSV1 | RSV2 | RSV3 | opcode (4 bits)
 *     byte 1   MASK | payload length (7 bits): 0 to 125, or 126, or 127
 *     then     126: 2 bytes, 127: 8 bytes of payload length, big-endian, minimally encoded
 *     then     4 bytes of masking key if MASK is set
 *     then     the payload
 */

/** The opcodes of RFC 6455 section 5.2. All others are reserved. */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** The bits of a frame's first byte above the opcode. */
export const FIN = 0x80;
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;

/** The bit of a frame's second byte that says that the payload is masked. */
export const MASK = 0x80;

/** The largest payload of a control frame (RFC 6455 section 5.5), bytes. */
export const MAX_CONTROL_PAYLOAD = 125;

/** The largest frame header, bytes. */
export const MAX_HEADER = 14;

/** How many bytes the header of a frame takes. */
export function headerLength(payloadLength: number, masked: boolean): number {
  const length = payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10;
  return masked ? length + 4 : length;
}

/**
 * Writes a frame header at `offset`; the target must have room for it.
 *
 * @param firstByte FIN, RSV bits and opcode.
 * @param payloadLength bytes, below 2^53.
 * @param key the masking key as `readKey` gives it, or `undefined` for an unmasked frame.
 * @returns the offset after the header.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  firstByte: number,
  payloadLength: number,
  key?: number,
): number {
  const maskBit = key === undefined ? 0 : MASK;
  target[offset++] = firstByte;
  if (payloadLength < 126) {
    target[offset++] = maskBit | payloadLength;
  } else if (payloadLength < 65_536) {
    target[offset++] = maskBit | 126;
    target[offset++] = payloadLength >>> 8;
    target[offset++] = payloadLength;
  } else {
    target[offset++] = maskBit | 127;
    offset = writeUint32(target, offset, Math.floor(payloadLength / 0x1_0000_0000));
    offset = writeUint32(target, offset, payloadLength);
  }
  if (key !== undefined) {
    target[offset++] = key;
    target[offset++] = key >>> 8;
    target[offset++] = key >>> 16;
    target[offset++] = key >>> 24;
  }
  return offset;
}

/** Reads the 4 bytes of a masking key as one 32-bit integer whose lowest byte masks the first payload byte. */
export function readKey(source: Uint8Array, offset: number): number {
  return (
    source[offset]! | (source[offset + 1]! << 8) | (source[offset + 2]! << 16) | (source[offset + 3]! << 24)
  );
}

/** Reads a 32-bit unsigned integer, big-endian. */
export function readUint32(source: Uint8Array, offset: number): number {
  return (
    source[offset]! * 0x100_0000 +
    ((source[offset + 1]! << 16) | (source[offset + 2]! << 8) | source[offset + 3]!)
  );
}

function writeUint32(target: Uint8Array, offset: number, value: number): number {
  target[offset++] = value >>> 24;
  target[offset++] = value >>> 16;
  target[offset++] = value >>> 8;
  target[offset++] = value;
  return offset;
}

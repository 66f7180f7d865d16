/** Frames of RFC 6455 section 5.2, written plainly: what is tested must not be tested with its own code. */
export const FIN = 0x80;
export const RSV1 = 0x40;
export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/**
 * @param {number} first FIN, RSV bits and opcode
 * @param {Uint8Array} payload
 * @param {number | undefined} key 32 bits, the first byte highest; `undefined` for a frame of a server
 */
export function encodeFrame(first, payload, key) {
  const maskBit = key === undefined ? 0 : 0x80;
  const header = [first];
  if (payload.length < 126) {
    header.push(maskBit | payload.length);
  } else if (payload.length < 65_536) {
    header.push(maskBit | 126, payload.length >> 8, payload.length & 0xff);
  } else {
    header.push(maskBit | 127, 0, 0, 0, 0);
    for (const shift of [24, 16, 8, 0]) header.push((payload.length >>> shift) & 0xff);
  }
  if (key === undefined) return Buffer.concat([Buffer.from(header), payload]);
  const mask = [key >>> 24, (key >>> 16) & 0xff, (key >>> 8) & 0xff, key & 0xff];
  const start = header.length + 4;
  const frame = Buffer.concat([Buffer.from([...header, ...mask]), payload]);
  for (let at = start; at < frame.length; at++) frame[at] ^= mask[(at - start) & 3];
  return frame;
}

/** The payload of a Close frame. */
export function closePayload(code, reason = Buffer.alloc(0)) {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason]);
}

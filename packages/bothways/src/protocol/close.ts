import { MAX_CONTROL_PAYLOAD } from './frame.js';
import type { Platform } from './platform.js';

/** Close codes with a meaning of their own here (RFC 6455 section 7.4.1 and the IANA registry). */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  /** It cannot take this kind of message: a text, or bytes. */
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the Close frame had no code. */
  NO_STATUS: 1005,
  /** Never on the wire: there was no Close frame. */
  ABNORMAL: 1006,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  /** Registered with IANA: what a gateway got of the server behind it makes no sense, or nothing came. */
  BAD_GATEWAY: 1014,
  /** Registered with IANA for those who use WebSockets: the peer was silent for too long. */
  TIMEOUT: 3008,
} as const;

/** The longest close reason: what a control frame leaves beside the code, bytes of UTF-8. */
export const MAX_CLOSE_REASON = MAX_CONTROL_PAYLOAD - 2;

/**
 * Whether a code may stand in a Close frame (RFC 6455 section 7.4): registered ones that are not reserved
 * (1000 to 1003, 1007 to 1014), and those of libraries and applications (3000 to 4999).
 */
export function isCloseCodeOnWire(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/**
 * The payload of a Close frame. Without a code it is empty.
 *
 * @throws {RangeError} when the code must not be on the wire or the reason is longer than 123 bytes.
 */
export function encodeClose(code: number | undefined, reason: string, platform: Platform): Uint8Array {
  if (code === undefined) {
    if (reason !== '')
      throw new RangeError('A close reason needs a close code: pass 1000 for a normal closure');
    return new Uint8Array(0);
  }
  if (!Number.isInteger(code) || !isCloseCodeOnWire(code)) {
    throw new RangeError(
      `Close code ${code} cannot be sent: use 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455 section 7.4)`,
    );
  }
  const text = platform.encodeUtf8(reason);
  if (text.length > MAX_CLOSE_REASON) {
    throw new RangeError(
      `A close reason has at most ${MAX_CLOSE_REASON} bytes of UTF-8; this one has ${text.length}`,
    );
  }
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >>> 8;
  payload[1] = code;
  payload.set(text, 2);
  return payload;
}

import { CloseCode, MAX_CLOSE_REASON } from '../protocol/close.js';
import { clampToUint16, toText } from './web-idl.js';

/** WHATWG WebSockets, "validate close code and reason"; the code is clamped to 16 bits as WebIDL does. */
export function checkClose(code: unknown, reason: unknown): [number | undefined, string] {
  let checked: number | undefined;
  if (code !== undefined) {
    checked = clampToUint16(Number(code));
    if (checked !== 1000 && (checked < 3000 || checked > 4999)) {
      throw new DOMException(
        `Close code ${checked} cannot be sent: use 1000 or 3000 to 4999`,
        'InvalidAccessError',
      );
    }
  }
  const text = reason === undefined ? '' : toText(reason);
  if (Buffer.byteLength(text) > MAX_CLOSE_REASON) {
    throw new DOMException(`A close reason has at most ${MAX_CLOSE_REASON} bytes of UTF-8`, 'SyntaxError');
  }
  return [text === '' ? checked : (checked ?? CloseCode.NORMAL), text];
}

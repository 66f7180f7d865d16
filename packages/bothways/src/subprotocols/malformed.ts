import { CloseCode } from '../protocol/close.js';
import { ProtocolError } from '../protocol/errors.js';

/** What to throw when the bytes are not of the protocol called `name`. */
export function malformed(name: string, what: string): ProtocolError {
  return new ProtocolError('ERR_SUBPROTOCOL', `This is not ${name}: ${what}`, CloseCode.PROTOCOL_ERROR);
}

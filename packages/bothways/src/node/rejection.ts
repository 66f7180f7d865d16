import type { HeaderFields } from '../protocol/handshake.js';
import { Refusal, listRefusalFields } from '../protocol/handshake-server-response.js';

/** What `accept` returns to refuse a handshake; made by `reject`. */
export class Rejection extends Refusal {}

/**
 * Refuses an opening handshake, from within `accept`.
 *
 *     accept: (request) => isKnown(request.headers.authorization) ? { user } : reject(401, 'Who are you?')
 *
 * @param status an HTTP status from 300 to 599, such as 401, 403, 429 or 503.
 * @param body what the client is told, as text.
 * @param headers further header fields, such as `WWW-Authenticate` or `Retry-After`.
 * @throws {RangeError} for any other status.
 * @throws {TypeError} for a header field that cannot be sent.
 */
export function reject(status: number, body = '', headers: HeaderFields = {}): Rejection {
  const rejection = new Rejection(status, body, headers);
  // Whoever wrote it learns here that it cannot be sent, and not when the client is told.
  listRefusalFields(rejection);
  return rejection;
}

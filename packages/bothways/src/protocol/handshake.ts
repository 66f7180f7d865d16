import { isFieldValue, isToken, quote } from './headers.js';

/** SHA-1 of the text's bytes (it is ASCII), in base64. The platform has it, so it is handed in. */
export type Sha1Base64 = (text: string) => string;

/** Header fields that the application adds; an array is one field for each of its elements. */
export type HeaderFields = Readonly<Record<string, string | readonly string[]>>;

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What `Sec-WebSocket-Accept` answers to `Sec-WebSocket-Key` (RFC 6455 section 4.2.2, item 5.4). */
export function acceptKey(key: string, sha1Base64: Sha1Base64): string {
  return sha1Base64(key + GUID);
}

/** What the handshake says itself, and what would change where the message ends (RFC 9112 section 6). */
const OWNED: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * The application's header fields as names and values that can be written as they are.
 *
 * @throws {TypeError} naming the field, when it would end the line it stands on or is the handshake's own.
 */
export function checkHandshakeHeaders(headers: HeaderFields): [name: string, value: string][] {
  const pairs = checkHeaderFields(headers);
  for (const [name] of pairs) {
    const lowerCase = name.toLowerCase();
    if (OWNED.has(lowerCase) || lowerCase.startsWith('sec-websocket-')) {
      throw new TypeError(`The header field ${quote(name)} belongs to the handshake and cannot be given`);
    }
  }
  return pairs;
}

/** As {@link checkHandshakeHeaders}, whoever the fields belong to. */
export function checkHeaderFields(headers: HeaderFields): [name: string, value: string][] {
  const pairs: [name: string, value: string][] = [];
  for (const [name, given] of Object.entries(headers)) {
    if (!isToken(name)) {
      throw new TypeError(`A header field cannot have the name ${quote(name)}: names are tokens (RFC 9110)`);
    }
    const values: readonly unknown[] = Array.isArray(given) ? given : [given];
    for (const value of values) {
      if (typeof value !== 'string' || !isFieldValue(value)) {
        throw new TypeError(
          `The header field ${quote(name)} must be a string without line breaks, control characters, or ` +
            'characters above U+00FF',
        );
      }
      pairs.push([name, value]);
    }
  }
  return pairs;
}

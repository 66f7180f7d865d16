import { isFieldValue } from './headers.js';

/**
 * The header fields that a handshake is made of, from either side; `undefined` where one did not come.
 *
 * Repeated fields are joined with `, ` (RFC 9110 section 5.3). So a list may be spread over several lines, and
 * a field that must come once no longer matches its grammar if it comes again.
 */
export class HandshakeFields {
  host: string | undefined;
  origin: string | undefined;
  upgrade: string | undefined;
  connection: string | undefined;
  key: string | undefined;
  accept: string | undefined;
  version: string | undefined;
  protocol: string | undefined;
  extensions: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  /** Whether one of these has a character that no field value may have: CR, LF, NUL, another control. */
  malformed = false;
}

/** Reads Node's flat list of names and values, once. It may have been cut, so any field may be missing. */
export function readHandshakeFields(rawHeaders: readonly string[]): HandshakeFields {
  const fields = new HandshakeFields();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1]!;
    if (addField(fields, rawHeaders[index]!.toLowerCase(), value) && !isFieldValue(value)) {
      fields.malformed = true;
    }
  }
  return fields;
}

/** Whether the field is one of those that matter. */
function addField(fields: HandshakeFields, name: string, value: string): boolean {
  switch (name) {
    case 'host':
      fields.host = join(fields.host, value);
      return true;
    case 'origin':
      fields.origin = join(fields.origin, value);
      return true;
    case 'upgrade':
      fields.upgrade = join(fields.upgrade, value);
      return true;
    case 'connection':
      fields.connection = join(fields.connection, value);
      return true;
    case 'sec-websocket-key':
      fields.key = join(fields.key, value);
      return true;
    case 'sec-websocket-accept':
      fields.accept = join(fields.accept, value);
      return true;
    case 'sec-websocket-version':
      fields.version = join(fields.version, value);
      return true;
    case 'sec-websocket-protocol':
      fields.protocol = join(fields.protocol, value);
      return true;
    case 'sec-websocket-extensions':
      fields.extensions = join(fields.extensions, value);
      return true;
    case 'content-length':
      fields.contentLength = join(fields.contentLength, value);
      return true;
    case 'transfer-encoding':
      fields.transferEncoding = join(fields.transferEncoding, value);
      return true;
    default:
      return false;
  }
}

function join(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

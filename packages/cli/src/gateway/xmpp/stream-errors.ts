import { CloseCode } from 'bothways/protocol';
import type { Ending } from '../codec.js';
import { STREAM_ERRORS, STREAMS } from './namespaces.js';
import type { ServerElement } from './server-element.js';

/** A stream error as a message (RFC 6120 section 4.9). */
export function writeStreamError(condition: string): string {
  return `<stream:error xmlns:stream='${STREAMS}'><${condition} xmlns='${STREAM_ERRORS}'/></stream:error>`;
}

/** What a server's stream error closes the WebSocket with. */
export function endOfStreamError(error: ServerElement): Ending {
  const condition = error.parts.find(({ local, uri }) => uri === STREAM_ERRORS && local !== 'text')?.local;
  return {
    code: CODES.get(condition ?? '') ?? CloseCode.INTERNAL_ERROR,
    reason: `Stream error of the server: ${condition ?? 'undefined-condition'}`,
  };
}

/** Of RFC 6120 section 4.9.3. All others, and those that nobody knows, are 1011: it is for the server's log. */
const CODES: ReadonlyMap<string, number> = new Map([
  ['system-shutdown', CloseCode.GOING_AWAY],
  ['reset', CloseCode.SERVICE_RESTART],
  ['resource-constraint', CloseCode.TRY_AGAIN_LATER],
  ['remote-connection-failed', CloseCode.BAD_GATEWAY],
  ['conflict', CloseCode.POLICY_VIOLATION],
  ['connection-timeout', CloseCode.POLICY_VIOLATION],
  ['host-gone', CloseCode.POLICY_VIOLATION],
  ['host-unknown', CloseCode.POLICY_VIOLATION],
  ['improper-addressing', CloseCode.POLICY_VIOLATION],
  ['invalid-from', CloseCode.POLICY_VIOLATION],
  ['not-authorized', CloseCode.POLICY_VIOLATION],
  ['policy-violation', CloseCode.POLICY_VIOLATION],
  ['unsupported-feature', CloseCode.PROTOCOL_ERROR],
  ['unsupported-stanza-type', CloseCode.PROTOCOL_ERROR],
  ['unsupported-version', CloseCode.PROTOCOL_ERROR],
  ['bad-format', CloseCode.INVALID_PAYLOAD],
  ['bad-namespace-prefix', CloseCode.INVALID_PAYLOAD],
  ['invalid-namespace', CloseCode.INVALID_PAYLOAD],
  ['invalid-xml', CloseCode.INVALID_PAYLOAD],
  ['not-well-formed', CloseCode.INVALID_PAYLOAD],
  ['restricted-xml', CloseCode.INVALID_PAYLOAD],
  ['unsupported-encoding', CloseCode.INVALID_PAYLOAD],
]);

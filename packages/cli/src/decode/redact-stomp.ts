import { lenientTextOf, textOf } from './decoded.js';
import { STARS, type SecretRule } from './secrets.js';

/** STOMP: the header `passcode` of the frames by which a client logs in. */
export const redactStomp: SecretRule = {
  isHarmless(head) {
    const command = /^[\r\n]*([A-Z]+)\r?\n/.exec(lenientTextOf(head))?.[1];
    return command !== undefined && !LOGINS.has(command);
  },
  redact(message) {
    const head = lenientTextOf(message.subarray(0, 64)).replace(/^[\r\n]+/, '');
    // A heart-beat, or another frame.
    if (head === '' || (/^[A-Z]+\r?\n/.test(head) && !/^(?:CONNECT|STOMP)\r?\n/.test(head))) return message;
    const text = textOf(message);
    const end = text === undefined ? null : /\n\r?\n/.exec(text);
    if (text === undefined || end === null) return undefined;
    const headers = text.slice(0, end.index).replace(/^([ \t]*passcode[ \t]*:)[^\n]*/gim, `$1${STARS}`);
    return new TextEncoder().encode(headers + text.slice(end.index));
  },
};

const LOGINS: ReadonlySet<string> = new Set(['CONNECT', 'STOMP']);

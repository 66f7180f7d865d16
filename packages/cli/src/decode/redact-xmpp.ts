import { textOf } from './decoded.js';
import { STARS } from './secrets.js';

/**
 * XMPP: what is in the elements of SASL (RFC 6120 section 6.4, XEP-0388) and in the passwords of XEP-0077 and XEP-0078.
 * All from the first opening to the last closing tag goes, for nothing else belongs there.
 *
 * @returns `undefined` where it cannot be told where a secret ends.
 */
export function redactXmpp(message: string | Uint8Array): string | Uint8Array | undefined {
  const text = typeof message === 'string' ? message : textOf(message);
  if (text === undefined) return undefined;
  let redacted = text;
  for (const names of ELEMENTS) {
    const after = redactElement(redacted, names);
    if (after === undefined) return undefined;
    redacted = after;
  }
  if (redacted === text) return isElement(text) ? message : undefined;
  return redacted;
}

/** Each message is a whole element (RFC 7395 section 3.3.3). */
function isElement(text: string): boolean {
  const trimmed = text.trim();
  return trimmed.startsWith('<') && trimmed.endsWith('>');
}

interface Tags {
  readonly begin: RegExp;
  readonly close: RegExp;
}

const ELEMENTS: readonly Tags[] = [
  'auth',
  'authenticate',
  'initial-response',
  'response',
  'success',
  'additional-data',
  'password',
  'token',
].map((name) => ({
  begin: new RegExp(`<(?:[\\w.-]+:)?${name}(?=[\\s/>])`),
  close: new RegExp(`</(?:[\\w.-]+:)?${name}\\s*>`, 'g'),
}));

/** Values of attributes may have `>` in them, but no `<` (XML 1.0 section 3.1). */
const REST_OF_TAG = /(?:"[^"<]*"|'[^'<]*'|[^<>"'])*>/y;

function redactElement(text: string, { begin, close }: Tags): string | undefined {
  const found = begin.exec(text);
  if (found === null) return text;
  REST_OF_TAG.lastIndex = found.index + found[0].length;
  const rest = REST_OF_TAG.exec(text);
  if (rest === null) return undefined;
  const start = REST_OF_TAG.lastIndex;
  let end = -1;
  for (const match of text.matchAll(close)) end = match.index;
  // One that is empty, and closes itself.
  if (end === -1 && text[start - 2] === '/') return text;
  return end < start ? undefined : text.slice(0, start) + STARS + text.slice(end);
}

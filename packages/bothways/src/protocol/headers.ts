/**
 * The grammar of HTTP header fields (RFC 9110 section 5), as scans over char codes. Each visits a character a
 * bounded number of times, so no input is slow.
 */

const HTAB = 0x09;
const SP = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;

const DIGITS = '0123456789';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** RFC 9110 section 5.6.2: tchar. */
const TOKEN = /* @__PURE__ */ charSet(`${DIGITS}${LETTERS}!#$%&'*+-.^_\`|~`);
/** RFC 3986 section 3.2.2: reg-name, without the comma, which would be the seam between two fields. */
const REG_NAME = /* @__PURE__ */ charSet(`${DIGITS}${LETTERS}-._~%!$&'()*+;=`);
/** RFC 3986 section 3.2.2: IPv6address. */
const IPV6 = /* @__PURE__ */ charSet(`${DIGITS}abcdefABCDEF:.`);
const DIGIT = /* @__PURE__ */ charSet(DIGITS);

/** Whether `text` is a token: a header field's name, a subprotocol (RFC 9110 section 5.6.2). */
export function isToken(text: string): boolean {
  return text.length > 0 && scanToken(text, 0) === text.length;
}

/**
 * Whether `text` may be a header field's value (RFC 9110 section 5.5): no control character except HTAB, and
 * nothing above U+00FF, because each character is one byte on the wire.
 */
export function isFieldValue(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if ((code < SP && code !== HTAB) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/**
 * Whether the comma list `value` has the member `token`, in any case: `Connection: keep-alive, Upgrade` has
 * `upgrade`. What else is in the list does not matter.
 *
 * @param token in lower case.
 */
export function hasToken(value: string, token: string): boolean {
  let start = 0;
  while (start < value.length) {
    const comma = value.indexOf(',', start);
    const end = comma === -1 ? value.length : comma;
    const first = skipWhitespace(value, start);
    const last = scanToken(value, first);
    if (
      last - first === token.length &&
      skipWhitespace(value, last) === end &&
      value.slice(first, last).toLowerCase() === token
    ) {
      return true;
    }
    start = end + 1;
  }
  return false;
}

/**
 * The members of a comma list of tokens that are all different, such as `Sec-WebSocket-Protocol` (RFC 6455
 * section 4.1: "The elements that comprise this value MUST be non-empty strings [...] and MUST all be unique
 * strings"); `undefined` when it is anything else.
 */
export function parseTokenList(value: string): string[] | undefined {
  const tokens: string[] = [];
  let index = 0;
  for (;;) {
    const start = skipWhitespace(value, index);
    const end = scanToken(value, start);
    if (end === start) return undefined;
    tokens.push(value.slice(start, end));
    index = skipWhitespace(value, end);
    if (index === value.length) break;
    if (value.charCodeAt(index) !== COMMA) return undefined;
    index++;
  }
  return tokens.length > 1 && new Set(tokens).size < tokens.length ? undefined : tokens;
}

/** A host and its port, as the `Host` header field and an origin have them. */
export interface Authority {
  /** In lower case; an IPv6 address has its brackets. */
  readonly hostname: string;
  /** In digits; `''` where it was left out. */
  readonly port: string;
}

/** Reads `uri-host [ ":" port ]` (RFC 9110 section 7.2); `undefined` when `text` is anything else. */
export function parseAuthority(text: string): Authority | undefined {
  const end = scanHost(text);
  if (end === 0) return undefined;
  const hostname = text.slice(0, end).toLowerCase();
  if (end === text.length) return { hostname, port: '' };
  if (text.charCodeAt(end) !== COLON || scan(text, end + 1, DIGIT) !== text.length) return undefined;
  return { hostname, port: text.slice(end + 1) };
}

/**
 * The header fields of Node's flat list of names and values, by lower-case name; repeated ones are joined with
 * `, ` (RFC 9110 section 5.3), cookies with `; ` (RFC 9113 section 8.2.3). Without a prototype, so that a peer
 * can name a field `__proto__` or `constructor` as it likes.
 */
export function toHeaderRecord(rawHeaders: readonly string[]): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const value = rawHeaders[index + 1]!;
    const before = record[name];
    record[name] = before === undefined ? value : before + (name === 'cookie' ? '; ' : ', ') + value;
  }
  return record;
}

/** The longest text that an error message repeats, in UTF-16 code units. */
const LONGEST_QUOTE = 100;

/** `text` as a message may show it: in quotes, cut to a sane length, and nothing in it but printable ASCII. */
export function quote(text: string): string {
  const end = Math.min(text.length, LONGEST_QUOTE);
  let shown = '';
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index);
    const printable = code >= SP && code < 0x7f && code !== 0x22 && code !== 0x5c;
    shown += printable ? text.charAt(index) : `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return end < text.length ? `"${shown}..."` : `"${shown}"`;
}

/** Where the token that starts at `start` ends; `start` itself when none does. */
export function scanToken(text: string, start: number): number {
  return scan(text, start, TOKEN);
}

/** Where the spaces and tabs that start at `start` end (OWS of RFC 9110 section 5.6.3). */
export function skipWhitespace(text: string, start: number): number {
  let index = start;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code !== SP && code !== HTAB) break;
    index++;
  }
  return index;
}

/** `text` without the spaces and tabs at both ends, and nothing but those. */
export function trimWhitespace(text: string): string {
  const start = skipWhitespace(text, 0);
  let end = text.length;
  while (end > start && (text.charCodeAt(end - 1) === SP || text.charCodeAt(end - 1) === HTAB)) end--;
  return text.slice(start, end);
}

/** The characters of `members`, to be looked up by char code. */
export function charSet(members: string): Uint8Array {
  const set = new Uint8Array(256);
  for (let index = 0; index < members.length; index++) set[members.charCodeAt(index)] = 1;
  return set;
}

/** Where the run of members of `set` that starts at `start` ends. */
export function scan(text: string, start: number, set: Uint8Array): number {
  let index = start;
  while (index < text.length && set[text.charCodeAt(index)] === 1) index++;
  return index;
}

/** Where the host at the beginning of `text` ends; 0 when there is none. */
function scanHost(text: string): number {
  if (!text.startsWith('[')) return scan(text, 0, REG_NAME);
  const end = scan(text, 1, IPV6);
  return end > 1 && text.startsWith(']', end) ? end + 1 : 0;
}

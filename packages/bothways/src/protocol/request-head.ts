import type { RequestHead } from './handshake-server-request.js';
import { charSet, isFieldValue, scan, scanToken, trimWhitespace } from './headers.js';

const COLON = 0x3a;
const CRLF = '\r\n';
const BEGIN = 'GET ';
const END = ' HTTP/1.1';

/** What a request-target is made of: visible ASCII. */
const VISIBLE = charSet(String.fromCharCode(...Array.from({ length: 0x7f - 0x21 }, (_, at) => at + 0x21)));

/**
 * A GET request's head in HTTP/1.1 (RFC 9112 section 2.1) as its text, of which a connection keeps no more: header
 * fields are read whenever they are asked for.
 */
export class RequestText implements RequestHead {
  readonly method = 'GET';
  readonly httpVersion = '1.1';
  readonly url: string;
  readonly remoteAddress: string;
  readonly #text: string;

  private constructor(text: string, url: string, remoteAddress: string) {
    this.#text = text;
    this.url = url;
    this.remoteAddress = remoteAddress;
  }

  /**
   * Reads the strict form only, which is what clients send: no other method or version, no white space but what the
   * grammar needs, no folded line.
   *
   * @param text up to the end of the empty line, in ISO 8859-1.
   * @returns `undefined` for anything else, whatever may be made of it.
   */
  static parse(text: string, remoteAddress: string): RequestText | undefined {
    const lineEnd = text.indexOf(CRLF);
    if (!text.startsWith(BEGIN) || !text.startsWith(END, lineEnd - END.length)) return undefined;
    const url = text.slice(BEGIN.length, lineEnd - END.length);
    if (url === '' || scan(url, 0, VISIBLE) !== url.length) return undefined;
    return areFields(text, lineEnd + CRLF.length) ? new RequestText(text, url, remoteAddress) : undefined;
  }

  get rawHeaders(): readonly string[] {
    const text = this.#text;
    const fields: string[] = [];
    for (let at = text.indexOf(CRLF) + CRLF.length; !text.startsWith(CRLF, at);) {
      const nameEnd = text.indexOf(':', at);
      const lineEnd = text.indexOf(CRLF, nameEnd);
      fields.push(text.slice(at, nameEnd), trimWhitespace(text.slice(nameEnd + 1, lineEnd)));
      at = lineEnd + CRLF.length;
    }
    return fields;
  }
}

/** Whether `text` is header fields, each on a line of its own, and an empty line (RFC 9112 section 5). */
function areFields(text: string, start: number): boolean {
  let at = start;
  while (!text.startsWith(CRLF, at)) {
    const nameEnd = scanToken(text, at);
    const lineEnd = text.indexOf(CRLF, nameEnd);
    if (nameEnd === at || text.charCodeAt(nameEnd) !== COLON || lineEnd === -1) return false;
    if (!isFieldValue(text.slice(nameEnd + 1, lineEnd))) return false;
    at = lineEnd + CRLF.length;
  }
  return at + CRLF.length === text.length;
}

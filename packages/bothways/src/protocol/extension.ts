import { isToken, quote, scanToken, skipWhitespace } from './headers.js';

/** One parameter of an extension: its name and its value, `true` when it has none. */
export type ExtensionParameter = readonly [name: string, value: string | true];

/**
 * An extension as `Sec-WebSocket-Extensions` names it: offered by a client, accepted by a server. Parameters
 * keep their order and their repetitions, because what those mean is up to the extension.
 */
export interface ExtensionOffer {
  readonly name: string;
  readonly parameters: readonly ExtensionParameter[];
}

/** As many extensions in a header field, and as many parameters of an extension, as are read; more is refused. */
export const MAX_EXTENSION_ITEMS = 64;

const DQUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/**
 * Reads the value of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1):
 *
 *     extension-list = 1#extension
 *     extension = extension-token *( ";" extension-param )
 *     extension-param = token [ "=" (token | quoted-string) ]
 *
 * Spaces and tabs may stand between any two of these. Empty list elements, which no sender may generate, are skipped
 * (RFC 9110 section 5.6.1.2).
 *
 * @returns the extensions in the order of the field, or `undefined` when the value is malformed.
 */
export function parseExtensions(value: string): ExtensionOffer[] | undefined {
  const reader = new Reader(value);
  const offers: ExtensionOffer[] = [];
  for (let elements = 1; ; elements++) {
    if (!reader.atElementEnd) {
      const offer = readOffer(reader);
      if (offer === undefined) return undefined;
      offers.push(offer);
    }
    if (!reader.take(COMMA)) break;
    if (elements === MAX_EXTENSION_ITEMS) return undefined;
  }
  return reader.atEnd && offers.length > 0 ? offers : undefined;
}

/**
 * Writes the value of `Sec-WebSocket-Extensions`; `''` for no extension, and then the field is left out.
 *
 * @throws {TypeError} when a name or a value is not a token.
 */
export function formatExtensions(offers: readonly ExtensionOffer[]): string {
  return offers.map(formatOffer).join(', ');
}

function formatOffer(offer: ExtensionOffer): string {
  let text = checkToken(offer.name);
  for (const [name, value] of offer.parameters) {
    text += `; ${checkToken(name)}`;
    if (value !== true) text += `=${checkToken(value)}`;
  }
  return text;
}

function checkToken(text: string): string {
  if (!isToken(text)) {
    throw new TypeError(`The names and values of extensions are tokens, and ${quote(text)} is not one`);
  }
  return text;
}

function readOffer(reader: Reader): ExtensionOffer | undefined {
  const name = reader.readToken();
  if (name === undefined) return undefined;
  const parameters: ExtensionParameter[] = [];
  while (reader.take(SEMICOLON)) {
    const parameter = readParameter(reader);
    if (parameter === undefined || parameters.length === MAX_EXTENSION_ITEMS) return undefined;
    parameters.push(parameter);
  }
  return { name, parameters };
}

function readParameter(reader: Reader): ExtensionParameter | undefined {
  const name = reader.readToken();
  if (name === undefined) return undefined;
  if (!reader.take(EQUALS)) return [name, true];
  const value = reader.take(DQUOTE) ? reader.readQuoted() : reader.readToken();
  return value === undefined ? undefined : [name, value];
}

/** A place in a text that only moves forwards. It stands behind the white space that follows what was read. */
class Reader {
  readonly #text: string;
  #index: number;

  constructor(text: string) {
    this.#text = text;
    this.#index = skipWhitespace(text, 0);
  }

  get atEnd(): boolean {
    return this.#index === this.#text.length;
  }

  /** Whether a list element ends here. */
  get atElementEnd(): boolean {
    return this.atEnd || this.#text.charCodeAt(this.#index) === COMMA;
  }

  /** Steps over the character `code` if that comes next. */
  take(code: number): boolean {
    if (this.#text.charCodeAt(this.#index) !== code) return false;
    // Within quotation marks white space would be content.
    this.#index = code === DQUOTE ? this.#index + 1 : skipWhitespace(this.#text, this.#index + 1);
    return true;
  }

  readToken(): string | undefined {
    const start = this.#index;
    const end = scanToken(this.#text, start);
    if (end === start) return undefined;
    this.#index = skipWhitespace(this.#text, end);
    return this.#text.slice(start, end);
  }

  /**
   * The content of a quoted-string, whose first quotation mark has been taken. RFC 6455 section 9.1: "When
   * using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
   * 'token' ABNF."
   */
  readQuoted(): string | undefined {
    const text = this.#text;
    let value = '';
    let index = this.#index;
    for (;;) {
      const end = scanToken(text, index);
      value += text.slice(index, end);
      if (text.charCodeAt(end) !== BACKSLASH) {
        index = end;
        break;
      }
      // quoted-pair: the next character stands for itself, and must be one of a token like any other.
      if (scanToken(text.charAt(end + 1), 0) === 0) return undefined;
      value += text.charAt(end + 1);
      index = end + 2;
    }
    if (value === '' || text.charCodeAt(index) !== DQUOTE) return undefined;
    this.#index = skipWhitespace(text, index + 1);
    return value;
  }
}

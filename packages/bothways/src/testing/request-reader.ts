/** The head of a request, and what it says of what follows. */
export interface RequestHead {
  /** Request line, fields and empty line, a character for an octet (ISO 8859-1). */
  readonly text: string;
  /** How long the body is, bytes; `undefined`: there is one whose end is not told by Content-Length. */
  readonly bodyLength: number | undefined;
  /** Whether another protocol may follow: it has an Upgrade field or is a CONNECT. */
  readonly isUpgrade: boolean;
}

/** What the next `length` bytes of a connection are. */
export type RequestPart =
  /** Of a head, which goes on after them. */
  | { readonly kind: 'beginning'; readonly length: number }
  /** The end of a head. */
  | { readonly kind: 'head'; readonly length: number; readonly head: RequestHead }
  | { readonly kind: 'body'; readonly length: number; readonly isLast: boolean }
  /** Nothing that is read here, and so is all that follows. */
  | { readonly kind: 'opaque'; readonly length: number };

/** A head that is longer is not read, bytes. */
const MAX_HEAD = 64 * 1024;

const HEAD_END = '\r\n\r\n';
/** RFC 9112 section 3, as clients write it. */
const REQUEST_LINE = /^[A-Z]{1,24} \S+ HTTP\/1\.1$/;
/** The beginning of such a line, of any length. */
const LINE_BEGINNING = /^[A-Z]{1,24}(?: \S*(?: [HTP/1.]*\r?)?)?$/;

/**
 * Finds where the HTTP/1.1 requests of a connection begin and end (RFC 9112), as far as Content-Length says so. A
 * connection with anything else on it is opaque from there on: what follows an upgrade, another protocol, or a body with
 * a transfer coding.
 */
export class RequestReader {
  #state: 'head' | 'body' | 'opaque' = 'head';
  /** What has come of a head. */
  #text = '';
  /** How much of a body is still to come, bytes. */
  #bodyLeft = 0;
  #afterBody: 'head' | 'opaque' = 'head';

  /** Whether the next byte would be the first of a request. */
  get isAtBeginning(): boolean {
    return this.#state === 'head' && this.#text === '';
  }

  /** Reads the next part of a chunk, of which `at` bytes have been read. There must be more. */
  read(chunk: Buffer, at: number): RequestPart {
    if (this.#state === 'opaque') return { kind: 'opaque', length: chunk.length - at };
    return this.#state === 'body' ? this.#readBody(chunk.length - at) : this.#readHead(chunk, at);
  }

  #readHead(chunk: Buffer, at: number): RequestPart {
    const before = this.#text.length;
    const text = this.#text + chunk.toString('latin1', at, at + MAX_HEAD - before);
    const end = text.indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1));
    if (end === -1 && text.length < MAX_HEAD && mayBecomeRequest(text)) {
      this.#text = text;
      return { kind: 'beginning', length: chunk.length - at };
    }
    const head = end === -1 ? undefined : parseHead(text.slice(0, end + HEAD_END.length));
    this.#text = '';
    if (head === undefined) {
      this.#state = 'opaque';
      return { kind: 'opaque', length: chunk.length - at };
    }
    this.#expectBody(head);
    return { kind: 'head', length: head.text.length - before, head };
  }

  #expectBody({ bodyLength, isUpgrade }: RequestHead): void {
    this.#bodyLeft = bodyLength ?? 0;
    this.#afterBody = isUpgrade || bodyLength === undefined ? 'opaque' : 'head';
    this.#state = this.#bodyLeft > 0 ? 'body' : this.#afterBody;
  }

  #readBody(available: number): RequestPart {
    const length = Math.min(available, this.#bodyLeft);
    this.#bodyLeft -= length;
    const isLast = this.#bodyLeft === 0;
    if (isLast) this.#state = this.#afterBody;
    return { kind: 'body', length, isLast };
  }
}

/** The same head, but that it asks for the connection to be closed after the response (RFC 9112 section 9.6). */
export function closingHead(text: string): string {
  const withoutConnection = text.replaceAll(/\r\nconnection:[^\r]*/gi, '');
  return `${withoutConnection.slice(0, -2)}Connection: close${HEAD_END}`;
}

function mayBecomeRequest(text: string): boolean {
  const lineEnd = text.indexOf('\r\n');
  return lineEnd === -1 ? LINE_BEGINNING.test(text) : REQUEST_LINE.test(text.slice(0, lineEnd));
}

/** @returns `undefined` if it is no head of HTTP/1.1. */
function parseHead(text: string): RequestHead | undefined {
  const [requestLine = '', ...lines] = text.slice(0, -HEAD_END.length).split('\r\n');
  if (!REQUEST_LINE.test(requestLine)) return undefined;
  let isUpgrade = requestLine.startsWith('CONNECT ');
  let hasCoding = false;
  const lengths = new Set<string>();
  for (const line of lines) {
    const nameEnd = line.indexOf(':');
    const name = line.slice(0, nameEnd).toLowerCase();
    if (nameEnd < 1 || /\s/.test(name)) return undefined;
    if (name === 'upgrade') isUpgrade = true;
    else if (name === 'transfer-encoding') hasCoding = true;
    else if (name === 'content-length') lengths.add(line.slice(nameEnd + 1).trim());
  }
  return { text, bodyLength: hasCoding ? undefined : lengthOf(lengths), isUpgrade };
}

/** @returns `undefined` if there is no saying. */
function lengthOf(lengths: ReadonlySet<string>): number | undefined {
  if (lengths.size === 0) return 0;
  const [length = ''] = lengths;
  return lengths.size === 1 && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

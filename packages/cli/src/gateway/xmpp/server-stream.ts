import type { SaxesTagNS } from 'saxes';
import { CLIENT, STREAMS } from './namespaces.js';
import { ServerElement, type Part } from './server-element.js';
import {
  MAX_DEPTH,
  XmlFault,
  createParser,
  readAttributes,
  writeAttributes,
  type Attributes,
  type StreamParser,
} from './xml.js';

export interface ServerStreamOwner {
  /** `<stream:stream>` has come. */
  onHeader(attributes: Attributes): void;
  /** A child of it has come whole. */
  onElement(element: ServerElement): void;
  /** `</stream:stream>` has come. */
  onStreamEnd(): void;
}

/** An element of a child of the stream that has not ended. */
interface OpenElement {
  readonly tag: SaxesTagNS;
  readonly start: number;
  text: string;
}

/** White space of XML. Between stanzas it keeps a connection alive (RFC 6120 section 4.6.1). */
const SPACE = /^[ \t\r\n]*/;

/** The stream of a server, from its header to its end; after a restart there is another. */
export class ServerStream {
  readonly #maxBytes: number;
  readonly #owner: ServerStreamOwner;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #parser: StreamParser;
  /** What has come since the last child ended; at most `#maxBytes`, and what came with the last piece. */
  #text = '';
  /** Where `#text` begins in the stream. */
  #begin = 0;
  #header: SaxesTagNS | undefined;
  #tagStart = 0;
  readonly #open: OpenElement[] = [];
  /** Prefixes that the child has from the header; '' is the default namespace. */
  #inherited = new Set<string>();
  #parts: Part[] | undefined;

  /** @param maxBytes the largest child, and the largest header. */
  constructor(maxBytes: number, owner: ServerStreamOwner) {
    this.#maxBytes = maxBytes;
    this.#owner = owner;
    const parser = createParser();
    parser.on('opentagstart', () => {
      // Names have no "<" in them: it is the last one that has come.
      if (this.#parts !== undefined) this.#tagStart = this.#text.lastIndexOf('<', this.#position - 1);
    });
    parser.on('opentag', (tag) => this.#onOpenTag(tag));
    parser.on('closetag', () => this.#onCloseTag());
    parser.on('cdata', (text) => {
      const within = this.#open.at(-1);
      if (within === undefined) throw new XmlFault('not-well-formed', 'There is text between two stanzas');
      if (this.#parts !== undefined) within.text += text;
    });
    this.#parser = parser;
  }

  /** Whether something has come that is not yet handed on. */
  get isWithin(): boolean {
    return this.#text !== '';
  }

  /** @throws {XmlFault} when the server sends what is no stream, or too much. */
  push(bytes: Uint8Array): void {
    const text = this.#decode(bytes);
    this.#text += text;
    this.#parser.write(text);
    if (this.#header !== undefined && this.#open.length === 0) this.#skipTo(this.#findStart());
    // Each has at least one byte.
    if (this.#text.length > this.#maxBytes) throw this.#tooLarge();
  }

  get #position(): number {
    return this.#parser.position - this.#begin;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new XmlFault('not-well-formed', 'It is not UTF-8', { cause });
    }
  }

  #skipTo(index: number): void {
    this.#text = this.#text.slice(index);
    this.#begin += index;
  }

  /** Where the next tag begins. */
  #findStart(): number {
    const start = SPACE.exec(this.#text)![0].length;
    if (start < this.#text.length && this.#text[start] !== '<')
      throw new XmlFault('not-well-formed', 'There is text between two stanzas');
    return start;
  }

  #onOpenTag(tag: SaxesTagNS): void {
    if (this.#header === undefined) {
      if (tag.local !== 'stream' || tag.uri !== STREAMS)
        throw new XmlFault('not-well-formed', `It begins with <${tag.name}>, which is no stream`);
      this.#header = tag;
      if (this.#position > this.#maxBytes) throw this.#tooLarge();
      this.#skipTo(this.#position);
      this.#owner.onHeader(readAttributes(tag.attributes));
      return;
    }
    this.#open.push({ tag, start: this.#tagStart, text: '' });
    if (this.#open.length === 1 && tag.uri !== CLIENT) this.#beginParts();
    if (this.#open.length > MAX_DEPTH)
      throw new XmlFault('policy-violation', `It has elements more than ${MAX_DEPTH} deep`);
    this.#noteInherited(tag);
  }

  /** What negotiates, and is no stanza, is looked into. */
  #beginParts(): void {
    this.#parts = [];
    this.#parser.on('text', (text) => {
      this.#open.at(-1)!.text += text;
    });
  }

  #noteInherited(tag: SaxesTagNS): void {
    this.#notePrefix(tag.prefix);
    for (const name in tag.attributes) {
      const { prefix } = tag.attributes[name]!;
      // An attribute without a prefix has no namespace.
      if (prefix !== '' && prefix !== 'xmlns') this.#notePrefix(prefix);
    }
  }

  #notePrefix(prefix: string): void {
    if (prefix === 'xml' || this.#inherited.has(prefix)) return;
    if (!this.#open.some(({ tag }) => prefix in tag.ns)) this.#inherited.add(prefix);
  }

  #onCloseTag(): void {
    const closed = this.#open.pop();
    if (closed === undefined) {
      this.#findStart();
      this.#owner.onStreamEnd();
    } else if (this.#open.length > 0) this.#parts?.push(this.#makePart(closed));
    else this.#endElement(closed.tag);
  }

  #makePart({ tag, start, text }: OpenElement): Part {
    const { local, uri, attributes } = tag;
    return { local, uri, attributes: readAttributes(attributes), text, start, end: this.#position };
  }

  #endElement(tag: SaxesTagNS): void {
    const start = this.#findStart();
    const end = this.#position;
    const raw = this.#text.slice(start, end);
    const parts = (this.#parts ?? []).map((part) => ({
      ...part,
      start: part.start - start,
      end: part.end - start,
    }));
    const { local, uri } = tag;
    const attributes = readAttributes(tag.attributes);
    const declarations = this.#declare(tag);
    this.#parts = undefined;
    this.#parser.off('text');
    this.#inherited.clear();
    this.#skipTo(end);
    if (Buffer.byteLength(raw) + Buffer.byteLength(declarations) > this.#maxBytes) throw this.#tooLarge();
    this.#owner.onElement(new ServerElement({ local, uri, attributes }, parts, raw, tag.name, declarations));
  }

  /**
   * What a child has from the header: RFC 7395 section 3.3.3 wants each "complete with all relevant namespace and language
   * declarations".
   */
  #declare(tag: SaxesTagNS): string {
    const { ns, attributes } = this.#header!;
    const declared: Record<string, string | undefined> = {};
    for (const prefix of this.#inherited) declared[prefix === '' ? 'xmlns' : `xmlns:${prefix}`] = ns[prefix];
    if (tag.attributes['xml:lang'] === undefined) declared['xml:lang'] = attributes['xml:lang']?.value;
    return writeAttributes(declared);
  }

  #tooLarge(): XmlFault {
    return new XmlFault(
      'policy-violation',
      `It sent more than the ${this.#maxBytes} bytes that a message may have`,
    );
  }
}

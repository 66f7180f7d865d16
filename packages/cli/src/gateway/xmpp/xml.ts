import { SaxesParser, type SaxesAttributeNS } from 'saxes';

/** How deep elements may lie within each other: real stanzas stay below 20. A prefix is looked up through all of them. */
export const MAX_DEPTH = 100;

/** XML that is not what RFC 6120 section 11 lets a stream have. */
export class XmlFault extends Error {
  /** The condition of the stream error that says so (RFC 6120 section 4.9.3). */
  readonly condition: 'not-well-formed' | 'restricted-xml' | 'policy-violation';

  constructor(condition: XmlFault['condition'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.condition = condition;
  }
}

export type StreamParser = SaxesParser<{ xmlns: true }>;

/** A parser that refuses what RFC 6120 section 11.1 forbids. It throws in `write`, and is of no use after that. */
export function createParser(): StreamParser {
  const parser = new SaxesParser({
    xmlns: true,
    position: false,
    // RFC 6120 section 11.4: XML 1.0, whatever the declaration says.
    defaultXMLVersion: '1.0',
    forceXMLVersion: true,
  });
  parser.on('error', (error) => {
    throw new XmlFault('not-well-formed', error.message);
  });
  parser.on('doctype', () => refuse('a document type'));
  parser.on('comment', () => refuse('a comment'));
  parser.on('processinginstruction', () => refuse('a processing instruction'));
  return parser;
}

function refuse(what: string): never {
  throw new XmlFault('restricted-xml', `XMPP has no place for ${what}`);
}

/** Attributes as they were written, and their values. */
export type Attributes = Readonly<Record<string, string>>;

export function readAttributes(attributes: Readonly<Record<string, SaxesAttributeNS>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]));
}

/** Attributes of a start tag, each with a space before it; what is not there is left out. */
export function writeAttributes(attributes: Readonly<Record<string, string | undefined>>): string {
  let written = '';
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) written += ` ${name}='${escapeValue(value)}'`;
  }
  return written;
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
};

/** White space is a reference too: as it is, it would be read as a space (XML 1.0 section 3.3.3). */
function escapeValue(value: string): string {
  return value.replaceAll(/[&<>'\t\n\r]/g, (char) => REFERENCES[char] ?? `&#${char.charCodeAt(0)};`);
}

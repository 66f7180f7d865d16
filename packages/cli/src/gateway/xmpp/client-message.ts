import { MAX_DEPTH, XmlFault, createParser, readAttributes, type Attributes } from './xml.js';

/** One message of the client: an element, and nothing beside it. */
export interface ClientMessage {
  readonly local: string;
  /** The namespace; empty for none. */
  readonly uri: string;
  readonly attributes: Attributes;
  /** From the start tag to the end tag, as the client wrote it. In the middle of a stream it is one child of it. */
  readonly xml: string;
}

/**
 * Reads a message, which is a document of its own (RFC 7395 section 3.3.3): what has been parsed whole cannot close or
 * open anything of the stream that it goes into.
 *
 * @throws {XmlFault} for one that is not.
 */
export function parseClientMessage(text: string): ClientMessage {
  // RFC 7395 section 3.3.3: "The first character of each frame MUST be a '<' character."
  if (!text.startsWith('<')) throw new XmlFault('not-well-formed', 'A message begins with "<"');
  const parser = createParser();
  let depth = 0;
  let start = 0;
  let end = 0;
  let root: Omit<ClientMessage, 'xml'> | undefined;
  parser.on('opentagstart', () => {
    // An XML declaration may come before, which a stream cannot have in its middle.
    if (depth === 0) start = text.lastIndexOf('<', parser.position - 1);
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    root ??= { local, uri, attributes: readAttributes(attributes) };
    if (++depth > MAX_DEPTH) throw new XmlFault('policy-violation', `Elements ${MAX_DEPTH} deep are enough`);
  });
  parser.on('closetag', () => {
    if (--depth === 0) end = parser.position;
  });
  parser.write(text).close();
  // Without one the parser has thrown.
  return { ...root!, xml: text.slice(start, end) };
}

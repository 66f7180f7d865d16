import { decoded, malformed, type Decoded, type Field } from './decoded.js';

/** Decodes one message of XMPP over WebSocket: an element of RFC 7395, of which the tag and the first one in it are told. */
export function decodeXmpp(message: string, bytes: Uint8Array): Decoded {
  if (message.trim() === '') return decoded('whitespace', 'whitespace', []);
  const outer = readTag(message, 0);
  if (outer === undefined) return malformed('it does not begin with an element', bytes);
  const attributes = outer.attributes.filter(([name]) => !HIDDEN.has(name));
  const line = [outer.name, ...attributes.map(([name, value]) => `${name}=${value}`)];
  const inner = outer.isEmpty ? undefined : readTag(message, outer.end);
  if (inner !== undefined) line.push(innerInLine(inner));
  return decoded(outer.name, line.join(' '), outer.attributes, bytes);
}

/** The namespace of every stream says nothing. */
const HIDDEN: ReadonlySet<string> = new Set(['xmlns', 'xml:lang', 'xmlns:stream']);

function innerInLine({ name, attributes }: Tag): string {
  const namespace = attributes.find(([attribute]) => attribute === 'xmlns')?.[1];
  return namespace === undefined ? `<${name}>` : `<${name} ${namespace}>`;
}

interface Tag {
  readonly name: string;
  readonly attributes: Field[];
  readonly isEmpty: boolean;
  /** The index behind it. */
  readonly end: number;
}

const OPEN = /\s*<([A-Za-z_][\w.:-]*)/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)\s*=\s*("[^"<]*"|'[^'<]*')/y;
const CLOSE = /\s*(\/?)>/y;

/** A tag that opens an element, at `start` or behind white space there. */
function readTag(text: string, start: number): Tag | undefined {
  const name = matchAt(OPEN, text, start)?.[1];
  if (name === undefined) return undefined;
  let at = OPEN.lastIndex;
  const attributes: Field[] = [];
  for (let match = matchAt(ATTRIBUTE, text, at); match !== null; match = matchAt(ATTRIBUTE, text, at)) {
    attributes.push([match[1]!, unescapeXml(match[2]!.slice(1, -1))]);
    at = ATTRIBUTE.lastIndex;
  }
  const close = matchAt(CLOSE, text, at);
  return close === null ? undefined : { name, attributes, isEmpty: close[1] === '/', end: CLOSE.lastIndex };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_entity, name: string) => ENTITIES[name]!);
}

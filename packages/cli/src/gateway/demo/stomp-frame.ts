/** A frame of STOMP 1.2. */
export interface StompFrame {
  readonly command: string;
  /** Names and values as the application means them. Of several headers of one name only the first is there. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

const LF = 10;
const CR = 13;
const NUL = 0;
const NOTHING = new Uint8Array(0);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one frame.
 *
 * @param bytes from its first byte to its NUL, as `MessageSplitter` finds it; ends of line may be before it.
 * @returns `undefined` for a heart-beat: ends of line and nothing else.
 * @throws {SyntaxError} when it is no frame of STOMP 1.2.
 */
export function parseFrame(bytes: Uint8Array): StompFrame | undefined {
  let start = 0;
  while (bytes[start] === LF || bytes[start] === CR) start++;
  if (start === bytes.length) return undefined;
  const lines: string[] = [];
  for (;;) {
    const end = bytes.indexOf(LF, start);
    if (end === -1) throw new SyntaxError('No empty line ends the headers');
    const line = bytes.subarray(start, bytes[end - 1] === CR ? end - 1 : end);
    start = end + 1;
    if (line.length === 0) break;
    lines.push(readText(line));
  }
  const [command = '', ...headerLines] = lines;
  const headers = readHeaders(headerLines, command !== 'CONNECT');
  return { command, headers, body: bytes.subarray(start, endOfBody(bytes, start, headers)) };
}

/** The name of a command is there already; the body, if there is one, gets its `content-length`. */
export function encodeFrame(
  command: string,
  headers: Iterable<readonly [name: string, value: string]>,
  body: Uint8Array = NOTHING,
): Buffer {
  const isEscaped = command !== 'CONNECTED';
  let head = `${command}\n`;
  for (const [name, value] of headers) {
    head += isEscaped ? `${escape(name)}:${escape(value)}\n` : `${name}:${value}\n`;
  }
  if (body.length > 0) head += `content-length:${body.length}\n`;
  return Buffer.concat([Buffer.from(`${head}\n`), body, Buffer.of(NUL)]);
}

function readText(line: Uint8Array): string {
  try {
    return utf8.decode(line);
  } catch {
    throw new SyntaxError('A header is no UTF-8');
  }
}

/** STOMP 1.2, "Repeated Header Entries": the first counts. CONNECT has no escapes ("Value Encoding"). */
function readHeaders(lines: readonly string[], isEscaped: boolean): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new SyntaxError(`A header has no name or no colon: ${line.slice(0, 60)}`);
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1)];
    const [readName, readValue] = isEscaped ? [unescape(name), unescape(value)] : [name, value];
    if (!headers.has(readName)) headers.set(readName, readValue);
  }
  return headers;
}

function endOfBody(bytes: Uint8Array, start: number, headers: ReadonlyMap<string, string>): number {
  const length = headers.get('content-length');
  const end = length === undefined ? bytes.indexOf(NUL, start) : start + Number(length);
  if (bytes[end] !== NUL) throw new SyntaxError('No NUL is where the body ends');
  return end;
}

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\r': '\\r', '\n': '\\n', ':': '\\c' };
const MEANT: Readonly<Record<string, string>> = { '\\\\': '\\', '\\r': '\r', '\\n': '\n', '\\c': ':' };

function escape(text: string): string {
  return text.replaceAll(/[\\\r\n:]/g, (character) => ESCAPED[character]!);
}

/** STOMP 1.2, "Value Encoding": other escapes are an error. */
function unescape(text: string): string {
  return text.replaceAll(/\\[^]?/g, (sequence) => {
    const meant = MEANT[sequence];
    if (meant === undefined) throw new SyntaxError(`A header has an unknown escape: ${sequence}`);
    return meant;
  });
}

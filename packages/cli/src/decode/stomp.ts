import { countBytes, decoded, lenientTextOf, malformed, type Decoded, type Field } from './decoded.js';

const LF = 10;
const CR = 13;
const NUL = 0;

/** Decodes one frame of STOMP 1.0 to 1.2, or a heart-beat. */
export function decodeStomp(message: Uint8Array): Decoded {
  let start = 0;
  while (message[start] === LF || message[start] === CR) start++;
  if (start === message.length) return decoded('heart-beat', 'heart-beat', []);
  const head = findHead(message, start);
  if (head === undefined) return malformed('no empty line ends the headers', message);
  const [command = '', ...lines] = lenientTextOf(message.subarray(start, head.end)).split(/\r?\n/);
  if (!/^[A-Z]+$/.test(command)) return malformed('it does not begin with a command', message);
  const headers = lines.filter((line) => line !== '').map(splitHeader);
  const wrong = lines.find((line) => line !== '' && !line.includes(':'));
  if (wrong !== undefined) return malformed(`a header has no colon: ${wrong.slice(0, 60)}`, message);
  const isEscaped = command !== 'CONNECT' && command !== 'CONNECTED';
  const fields = headers.map(([name, value]): Field =>
    isEscaped ? [unescape(name), unescape(value)] : [name, value],
  );
  const body = readBody(message, head.bodyStart, fields);
  if (body === undefined) return malformed('no NUL is where its body ends', message);
  const size = body.length === 0 ? '' : ` ${countBytes(body.length)}`;
  const shown = fields.filter(([name]) => name !== 'content-length');
  return decoded(
    command,
    `${command}${shown.map(([name, value]) => ` ${name}=${value}`).join('')}${size}`,
    fields,
    body,
  );
}

/** The end of the headers' lines, without the empty one that ends them. */
function findHead(
  message: Uint8Array,
  start: number,
): { readonly end: number; readonly bodyStart: number } | undefined {
  for (let at = message.indexOf(LF, start); at !== -1; at = message.indexOf(LF, at + 1)) {
    const next = message[at + 1] === CR ? at + 2 : at + 1;
    if (message[next] === LF) return { end: message[at - 1] === CR ? at - 1 : at, bodyStart: next + 1 };
  }
  return undefined;
}

function splitHeader(line: string): Field {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1)];
}

const ESCAPES: Readonly<Record<string, string>> = { '\\r': '\r', '\\n': '\n', '\\c': ':', '\\\\': '\\' };

/** STOMP 1.2, "Value Encoding". What is no escape stays as it is. */
function unescape(text: string): string {
  return text.replace(/\\[rnc\\]/g, (escape) => ESCAPES[escape]!);
}

/** @returns `undefined` when it does not end where it has to. */
function readBody(message: Uint8Array, start: number, headers: readonly Field[]): Uint8Array | undefined {
  // Of several headers of one name the first counts.
  const length = headers.find(([name]) => name === 'content-length')?.[1].trim();
  const end = length === undefined ? message.indexOf(NUL, start) : start + Number(length);
  return message[end] === NUL ? message.subarray(start, end) : undefined;
}

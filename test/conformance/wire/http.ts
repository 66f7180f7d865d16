import { createHash, randomBytes } from 'node:crypto';
import type { ClientRequest } from '../case.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** What a harness that is a client sends, before a case makes something wrong of it. */
export function newRequest(path: string): ClientRequest {
  const key = randomBytes(16).toString('base64');
  return { line: `GET ${path} HTTP/1.1`, headers: new Map(), path, key, accept: acceptOf(key) };
}

/** The fields of a request that is right; `undefined` leaves one out, and a list repeats it. */
export function requestHead(
  { path, key }: ClientRequest,
  changes: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  line = `GET ${path} HTTP/1.1`,
): string {
  const fields = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...changes,
  };
  return formatHead(line, fields);
}

export function responseHead(
  { accept }: ClientRequest,
  changes: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  line = 'HTTP/1.1 101 Switching Protocols',
): string {
  const fields = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...changes };
  return formatHead(line, fields);
}

function formatHead(
  line: string,
  fields: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((each) => `${name}: ${each}`),
  );
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

export interface Head {
  readonly line: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** Reads the head of an HTTP message as it arrives; the bytes behind it go to `onRest`. */
export class HeadReader {
  head: Head | undefined;
  text = '';
  readonly #onRest: (rest: Buffer) => void;
  #bytes = Buffer.alloc(0);

  constructor(onRest: (rest: Buffer) => void) {
    this.#onRest = onRest;
  }

  push(chunk: Buffer): void {
    if (this.head !== undefined) {
      this.#onRest(chunk);
      return;
    }
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) return;
    this.text = this.#bytes.subarray(0, end).toString('latin1');
    this.head = readHead(this.text);
    const rest = this.#bytes.subarray(end + 4);
    if (rest.length > 0) this.#onRest(rest);
  }
}

/** @param text all of it up to the empty line, which may be there. */
export function readHead(text: string): Head {
  const [line = '', ...lines] = text.trimEnd().split('\r\n');
  const headers = new Map<string, string[]>();
  for (const each of lines) {
    const colon = each.indexOf(':');
    const name = each.slice(0, colon).toLowerCase();
    const values = headers.get(name) ?? [];
    headers.set(name, [...values, each.slice(colon + 1).trim()]);
  }
  return { line, headers };
}

export function statusOf({ line }: Head): number {
  return Number(/^HTTP\/1\.1 (\d{3})(?: |$)/.exec(line)?.[1] ?? 0);
}

/** A client's request as the cases know it. */
export function readRequest({ line, headers }: Head): ClientRequest {
  const key = headers.get('sec-websocket-key')?.[0] ?? '';
  return { line, headers, path: line.split(' ')[1] ?? '', key, accept: acceptOf(key) };
}

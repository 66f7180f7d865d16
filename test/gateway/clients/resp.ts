/** What Redis has said, and where it ends. */
export interface Reply {
  /** Strings of bytes as they are, lists as arrays, errors as `Error`, all else as its text. */
  readonly value: unknown;
  readonly end: number;
  /** Whether it is no answer to a command. */
  readonly isPush: boolean;
}

/**
 * Reads one reply of RESP 3.
 *
 * @returns `undefined` while it is not there whole.
 */
export function readReply(bytes: Uint8Array, start: number): Reply | undefined {
  const lineEnd = bytes.indexOf(CR, start);
  if (lineEnd === -1 || lineEnd + 1 >= bytes.length) return undefined;
  const [kind, rest] = splitLine(bytes, start, lineEnd);
  const end = lineEnd + 2;
  if (kind === '-') return { value: new Error(`Redis: ${rest}`), end, isPush: false };
  if (kind === '$' && rest !== '-1') return readString(bytes, end, Number(rest));
  if (kind === '*' || kind === '>' || kind === '~') return readList(bytes, end, Number(rest), kind === '>');
  if (kind === '%') return readList(bytes, end, Number(rest) * 2, false);
  return { value: rest, end, isPush: false };
}

const CR = 0x0d;

function splitLine(bytes: Uint8Array, start: number, end: number): [kind: string, rest: string] {
  const line = new TextDecoder().decode(bytes.subarray(start, end));
  return [line.slice(0, 1), line.slice(1)];
}

function readString(bytes: Uint8Array, start: number, length: number): Reply | undefined {
  const end = start + length + 2;
  if (end > bytes.length) return undefined;
  return { value: bytes.slice(start, start + length), end, isPush: false };
}

function readList(bytes: Uint8Array, start: number, count: number, isPush: boolean): Reply | undefined {
  const value: unknown[] = [];
  let end = start;
  while (value.length < count) {
    const item = readReply(bytes, end);
    if (item === undefined) return undefined;
    value.push(item.value);
    end = item.end;
  }
  return { value, end, isPush };
}

import type { Message } from '../case.js';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from './frame.js';

const MAX_HEX = 24;
const MAX_TEXT = 32;

/** The bytes of a frame for a transcript: the header, a bar, and the beginning of the payload. */
export function hexOf(header: Uint8Array, payload: Uint8Array): string {
  const shown = Buffer.from(payload.subarray(0, MAX_HEX)).toString('hex');
  const head = Buffer.from(header).toString('hex');
  return `${head}${payload.length === 0 ? '' : ` | ${shown}${payload.length > MAX_HEX ? '…' : ''}`}`;
}

const NAMES: Readonly<Record<number, string>> = {
  [CONTINUATION]: 'continuation',
  [TEXT]: 'text',
  [BINARY]: 'binary',
  [CLOSE]: 'Close',
  [PING]: 'Ping',
  [PONG]: 'Pong',
};

export function wordsOfFrame(frame: {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv: number;
  readonly payload: Buffer;
}): string {
  const { opcode, payload } = frame;
  const name = NAMES[opcode] ?? `opcode ${opcode}`;
  const parts = [name];
  const bits = [4, 2, 1].flatMap((bit, at) => ((frame.rsv & bit) === 0 ? [] : [`RSV${at + 1}`]));
  if (bits.length > 0) parts.push(`with ${bits.join(', ')}`);
  if (!frame.fin) parts.push('not the last');
  if (opcode === CLOSE) parts.push(wordsOfClose(payload));
  else parts.push(wordsOfBytes(payload, opcode === TEXT || opcode >= CLOSE));
  return parts.join(', ').replace(', ', ' ');
}

export function wordsOfMessage({ type, data }: Message): string {
  return `${type} ${wordsOfBytes(data, type === 'text')}`;
}

export function wordsOfClose(payload: Buffer): string {
  if (payload.length < 2) return payload.length === 0 ? 'without a code' : 'of one byte';
  const reason = payload.subarray(2).toString();
  return `${payload.readUInt16BE(0)}${reason === '' ? '' : ` ${quote(reason)}`}`;
}

export function quote(text: string): string {
  const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return `“${shown.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')}”`;
}

function wordsOfBytes(bytes: Buffer, isText: boolean): string {
  const { length } = bytes;
  if (length === 0) return 'empty';
  if (length > MAX_TEXT || !isText) return `of ${count(length)}`;
  const text = bytes.toString();
  return text.includes('\uFFFD') ? `of ${count(length)}` : quote(text);
}

/** A number of bytes as people say it. */
export function count(bytes: number): string {
  if (bytes >= 1 << 20 && bytes % (1 << 20) === 0) return `${bytes >> 20} MiB`;
  if (bytes >= 4096 && bytes % 1024 === 0) return `${bytes >> 10} KiB`;
  return bytes === 1 ? '1 byte' : `${bytes.toLocaleString('en-US')} bytes`;
}

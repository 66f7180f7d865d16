import { styleText } from 'node:util';
import {
  countBytes,
  hexOf,
  MAX_VALUE,
  safeText,
  textOf,
  type Decoded,
  type Side,
} from '../decode/decoded.js';

/** Colours in a terminal, unless the user wants none: https://no-color.org. */
export function hasColor(output: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR } = process.env;
  return output.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '');
}

const ARROWS: Readonly<Record<Side, string>> = { client: '→', server: '←' };

/** Where the text behind time and arrow begins. */
const INDENT = ' '.repeat(14);

/** One line that is part of a conversation. @param t milliseconds since it began. */
export function conversationLine(
  t: number,
  from: Side | undefined,
  text: string,
  isColored: boolean,
): string {
  const time = `${(t / 1000).toFixed(3).padStart(9)} s `;
  const arrow = from === undefined ? ' ' : ARROWS[from];
  const line = `${arrow} ${text}`;
  if (!isColored || from === undefined) return `${time}${line}`;
  return `${time}${styleText(from === 'client' ? 'green' : 'cyan', line)}`;
}

/** A message: its summary, and below it the beginning of what it carries. */
export function decodedText(t: number, from: Side, message: Decoded, isColored: boolean): string {
  const line = conversationLine(t, from, message.summary, isColored);
  return message.payload === undefined ? line : `${line}\n${INDENT}${previewOf(message.payload)}`;
}

/** Bytes that are longer than a preview are not looked at. */
const PREVIEW_BYTES = 4 * MAX_VALUE;

function previewOf(payload: Uint8Array): string {
  const isCut = payload.length > PREVIEW_BYTES;
  const text = isCut ? textOfCut(payload.subarray(0, PREVIEW_BYTES)) : textOf(payload);
  if (text !== undefined && !/[^\P{Cc}\t\r\n]/u.test(text)) return safeText(text, MAX_VALUE);
  return safeText(`0x${hexOf(payload)}`, MAX_VALUE);
}

/** A cut may be in the middle of a character, of four bytes at most. */
function textOfCut(bytes: Uint8Array): string | undefined {
  for (let end = bytes.length; end > bytes.length - 4; end--) {
    const text = textOf(bytes.subarray(0, end));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** What stands for a message that is not there. */
export function leftOutText(length: number): string {
  return `(${countBytes(length)}, left out of the recording)`;
}

import { hex } from '../protocol/test-platform.js';
import type { MessageFinder } from './contract.js';

/** Where a finder finds ends in bytes that come in one piece, and what it throws, if it does. */
export interface Found {
  readonly ends: readonly number[];
  readonly isWithin: boolean;
  readonly error?: unknown;
}

export function endsIn(finder: MessageFinder, digits: string): Found {
  return endsInBytes(finder, hex(digits));
}

/** Each character is a byte. */
export function endsInText(finder: MessageFinder, text: string): Found {
  return endsInBytes(finder, Uint8Array.from(Buffer.from(text, 'latin1')));
}

export function endsInBytes(finder: MessageFinder, bytes: Uint8Array): Found {
  const ends: number[] = [];
  try {
    for (let at = finder.findEnd(bytes, 0); at !== -1; at = finder.findEnd(bytes, at)) ends.push(at);
  } catch (error) {
    return { ends, isWithin: finder.isWithin, error };
  }
  return { ends, isWithin: finder.isWithin };
}

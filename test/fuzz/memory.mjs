/** What a connection may ask memory for. Bytes; it says nothing where chunks were kept because nobody read. */
import { must } from './finding.mjs';

/** The beginning of a header, or a control frame, that a read cut: at most two of them in each read. */
const MAX_KEPT = 139;
/** What a header alone may reserve, whatever length it announces. */
const MAX_AHEAD = 64 * 1024;
/** What the first of several fragments reserves at least. */
const MIN_CAPACITY = 256;
/** The beginning of a character, and what is joined with it. */
const MAX_CHARACTER = 4;

/**
 * A stream that keeps to the standard, of messages that are so long on the wire: a buffer that grows is at most twice
 * as large as its message, and all those before it are no more together.
 */
export function checkMemoryOfMessages({ hasHeld, allocated }, lengths, chunks, isStreamed) {
  if (hasHeld) return;
  const longest = largestOf(lengths);
  const length = sum(lengths);
  if (!isStreamed) {
    const most = Math.max(MAX_KEPT, MIN_CAPACITY, 2 * longest);
    must(largestOf(allocated) <= most, 'an allocation is larger than any message asks for');
    const total = 4 * length + 2 * MIN_CAPACITY * lengths.length + 2 * MAX_KEPT * chunks;
    must(sum(allocated) <= total, 'more is allocated than the messages ask for');
  }
}

/** Any stream: a buffer grows to 16 times what has come of its message, and not beyond the limit. */
export function checkMemoryOfBytes(
  { hasHeld, allocated },
  { maxMessageSize, deflate, streams },
  bytes,
  chunks,
) {
  if (hasHeld) return;
  const total =
    MAX_AHEAD +
    18 * bytes.length +
    (2 * MAX_KEPT + MAX_CHARACTER) * chunks +
    (bytes.length / 2) * MIN_CAPACITY;
  if (!streams || deflate === undefined) {
    must(sum(allocated) <= total, 'more is allocated than what arrives explains');
  }
  const limit = maxMessageSize + (deflate === undefined ? 0 : (maxMessageSize >> 3) + 1024);
  const most = Math.max(MAX_KEPT, MIN_CAPACITY, 2 * limit, streams ? MAX_AHEAD + bytes.length : 0);
  must(largestOf(allocated) <= most, 'an allocation is larger than maxMessageSize allows');
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** They may be too many to be arguments. */
function largestOf(numbers) {
  return numbers.reduce((largest, number) => Math.max(largest, number), 0);
}

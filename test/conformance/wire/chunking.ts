/** A stretch of bytes that go out together, and where in it something begins: a frame, a payload, a line. */
export interface Stretch {
  readonly length: number;
  readonly boundaries: readonly number[];
}

export type ChunkingName =
  | 'all at once'
  | 'one byte at a time'
  | 'one byte before each boundary'
  | 'at each boundary'
  | 'one byte after each boundary';

export const CHUNKINGS: readonly [ChunkingName, ...ChunkingName[]] = [
  'all at once',
  'one byte at a time',
  'one byte before each boundary',
  'at each boundary',
  'one byte after each boundary',
];

/** How many cuts there may be at boundaries before it takes too long. */
const MAX_CUTS = 600;

/** Where the chunking cuts; nowhere, if that would be too often. */
export function cutsOf(
  name: ChunkingName,
  { length, boundaries }: Stretch,
  maxSingleBytes: number,
): number[] {
  if (name === 'all at once') return [];
  if (name === 'one byte at a time') {
    return length > maxSingleBytes ? [] : Array.from({ length: Math.max(0, length - 1) }, (_, at) => at + 1);
  }
  const shift = name === 'at each boundary' ? 0 : name.includes('before') ? -1 : 1;
  const cuts = new Set(boundaries.map((at) => at + shift).filter((at) => at > 0 && at < length));
  return cuts.size > MAX_CUTS ? [] : [...cuts].toSorted((a, b) => a - b);
}

export function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    chunks.push(bytes.subarray(from, to));
    from = to;
  }
  return chunks;
}

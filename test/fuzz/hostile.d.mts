export const HOSTILE: readonly (readonly [
  what: string,
  setup: object,
  frames: readonly Buffer[],
  ends: string,
])[];
/** Throws unless the stream ends in the call `ends`, whole, byte by byte and cut at the offsets given. */
export function checkHostile(
  setup: object,
  frames: readonly Buffer[],
  ends: string,
  cuts: readonly (readonly number[])[],
): Promise<void>;

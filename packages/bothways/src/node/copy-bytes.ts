/** Below this many bytes a loop copies faster than a call. */
const LOOP_BELOW = 48;

/** Copies `source[start, end)` into `target` from `at` on. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  if (length < LOOP_BELOW) {
    for (let index = 0; index < length; index++) target[at + index] = source[start + index]!;
  } else {
    target.set(length === source.length ? source : source.subarray(start, end), at);
  }
}

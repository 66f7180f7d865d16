/** Where a stream is cut, and where its reader pauses. */

/**
 * @param {import('./random.mjs').Random} random
 * @param {readonly Buffer[]} frames
 */
export function randomCuts(random, frames) {
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  const strategy = random.below(5);
  if (strategy === 0 && length <= 3000) return random.list(length, (index) => index);
  if (strategy === 1) {
    const size = random.between(1, 200) + Math.floor(length / 1000);
    return random.list(Math.floor(length / size), (index) => (index + 1) * size);
  }
  const cuts = random.list(random.below(8), () => random.below(length + 1));
  if (strategy > 2) cuts.push(...cutsAtFrames(random, frames));
  return cuts.toSorted((a, b) => a - b);
}

/** Headers, and the first characters, are cut where frames meet. */
function cutsAtFrames(random, frames) {
  const cuts = [];
  let end = 0;
  for (const frame of frames) {
    end += frame.length;
    for (const edge of [end - frame.length, end]) {
      if (random.oneIn(2)) cuts.push(Math.max(0, edge + random.between(-3, 15)));
    }
  }
  return cuts;
}

/** During which calls to pause, and for how many chunks; 0 is to resume within the same call. */
export function randomPauses(random) {
  if (!random.oneIn(3)) return [];
  return random.list(random.between(1, 6), () => ({ call: random.below(30), chunks: random.below(4) }));
}

/** The one of `known` that was probably meant, if one is near. */
export function findSimilar(word: string, known: readonly string[]): string | undefined {
  const plain = simplify(word);
  // A short word may have one letter wrong, a long one three.
  let least = Math.min(3, Math.max(1, Math.floor(plain.length / 4))) + 1;
  let nearest: string | undefined;
  for (const candidate of known) {
    const distance = countEdits(plain, simplify(candidate));
    if (distance < least) [least, nearest] = [distance, candidate];
  }
  return nearest;
}

/** The longest word that is compared: what is longer is no option. */
const MOST_LETTERS = 64;

/** `maxMessageSize`, `max-message-size` and `max_message_size` are alike. */
function simplify(word: string): string {
  return word.slice(0, MOST_LETTERS).replaceAll(/[-_ ]/g, '').toLowerCase();
}

/** How many letters have to be added, left out, replaced, or swapped with the next one (optimal string alignment). */
function countEdits(from: string, to: string): number {
  let [beforeLast, last]: [number[], number[]] = [
    [],
    Array.from({ length: to.length + 1 }, (_, index) => index),
  ];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          last[column]! + 1,
          current[column - 1]! + 1,
          last[column - 1]! + (isSame ? 0 : 1),
          isSwapped ? beforeLast[column - 2]! + 1 : Infinity,
        ),
      );
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length]!;
}

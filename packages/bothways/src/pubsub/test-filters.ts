import fc from 'fast-check';

/** Levels of few kinds, so that topics and filters meet. */
const LEVELS = ['a', 'b', '', '$s', '.*'];
const level = fc.constantFrom(...LEVELS);

export const topics = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');

export const filters = filtersOf(5);

export function filtersOf(maxLength: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength }), fc.boolean())
    .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
    .filter((filter) => filter !== '');
}

/**
 * All topics of so many levels at most, of these kinds and of one that is in no filter. The empty one is among them: it
 * cannot be published to, but is what `/#` has beside what is below it.
 */
export function allTopics(depth: number): string[] {
  const kinds = [...LEVELS, 'z'];
  let [last, all] = [kinds, kinds];
  for (let count = 1; count < depth; count++) {
    last = last.flatMap((topic) => kinds.map((kind) => `${topic}/${kind}`));
    all = [...all, ...last];
  }
  return all;
}

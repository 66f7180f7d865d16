import type { Outcome, Result } from './case.js';
import { CHAPTERS } from './cases/index.js';
import type { Run } from './child.js';

export type Counts = Readonly<Record<Outcome, number>>;

export function countOutcomes(results: readonly Result[]): Counts {
  const counts = { strict: 0, lenient: 0, failed: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

/** The results of one chapter, by its place from 0. */
export function ofChapter(results: readonly Result[], at: number): readonly Result[] {
  return results.filter(({ id }) => id.startsWith(`${at + 1}.`));
}

const COLUMN = 22;

/** For the terminal: each section with its counts of strict passes, lenient passes and failures. */
export function writeTable(runs: readonly Run[]): string {
  const titles = CHAPTERS.map(({ title }, at) => `${String(at + 1).padStart(2)} ${title}`);
  const width = Math.max(...titles.map((title) => title.length)) + 2;
  const line = (title: string, cells: readonly string[]): string =>
    `${title.padEnd(width)}${cells.map((cell) => cell.padStart(COLUMN)).join('')}`.trimEnd();
  const cellsOf = (pick: (run: Run) => readonly Result[]): string[] =>
    runs.map((run) => {
      const { strict, lenient, failed } = countOutcomes(pick(run));
      return `${strict} / ${lenient} / ${failed}`;
    });
  const rows = titles
    .map((title, at) => ({ title, at }))
    .filter(({ at }) => runs.some(({ results }) => ofChapter(results, at).length > 0))
    .map(({ title, at }) =>
      line(
        title,
        cellsOf(({ results }) => ofChapter(results, at)),
      ),
    );
  return [
    line(
      '',
      runs.map(({ subject, role }) => `${subject}, ${role}`),
    ),
    line(
      'strict / lenient / failed',
      runs.map(() => ''),
    ),
    ...rows,
    line(
      'All',
      cellsOf(({ results }) => results),
    ),
  ].join('\n');
}

/** What was measured, for the terminal. */
import {
  BUSY,
  REFERENCE,
  TITLES,
  count,
  disturbance,
  extraText,
  figure,
  median,
  namesOf,
  percent,
  ratioOf,
  ratioText,
} from './numbers.mjs';

/** From this share on it is said that others used the processors as well. */
const DISTURBED = 0.05;

/** One row in full: each server's figure, its spread, and how the reference compares. */
export function describeRow({ row, entries }) {
  const lines = [`\n${row.name} (${row.unit})`];
  for (const [name, entry] of entries) {
    const cost = figure(median(entry.costs));
    const parts = [TITLES[name].padEnd(19), cost.padStart(9), spreadOf(entry.costs).padEnd(19)];
    const ratio = ratioOf(entries, name);
    parts.push((ratio === undefined ? '' : `${REFERENCE} / this ${ratioText(ratio)}`).padEnd(39));
    if (entry.rates.length > 0) parts.push(`${count(median(entry.rates))}/s`.padStart(12));
    if (entry.rates.length > 0) parts.push(busyText(entry));
    lines.push(`  ${parts.join(' ').trimEnd()}`);
    if (entry.extra !== undefined) lines.push(`    ${extraText(row, entry.extra)}`);
    if (entry.error !== undefined) lines.push(`    FAILED: ${entry.error}`);
    if (entry.absent !== undefined) lines.push(`    Left out: ${entry.absent}`);
  }
  const disturbed = disturbance(entries);
  if (disturbed > DISTURBED)
    lines.push(`  Others used these processors for ${percent(disturbed)} of the time.`);
  return lines.join('\n');
}

/** All rows, one line each: figures, then ratios. */
export function summarize(results) {
  const names = namesOf(results);
  const peers = names.filter((name) => name !== REFERENCE);
  const width = Math.max(...results.map(({ row }) => row.name.length)) + 2;
  const line = (title, cells) => title.padEnd(width) + cells.map((cell) => cell.padStart(10)).join('');
  return [
    '\nServer CPU (or memory, or latency) per unit, medians',
    line('', names),
    ...results.map(({ row, entries }) =>
      line(
        row.name,
        names.map((name) => figure(median(entries.get(name)?.costs ?? []))),
      ),
    ),
    '',
    `${REFERENCE} divided by each, below 1 is better`,
    line('', peers),
    ...results.map(({ row, entries }) =>
      line(
        row.name,
        peers.map((name) => ratioOf(entries, name)?.middle.toFixed(2) ?? '–'),
      ),
    ),
  ].join('\n');
}

function busyText(entry) {
  const generator = median(entry.generator);
  const text = `server ${percent(median(entry.server))}, generator ${percent(generator)} busy`;
  return generator > BUSY ? `${text}: the rate is the generator's` : text;
}

function spreadOf(values) {
  return values.length < 2 ? '' : `(${figure(Math.min(...values))}..${figure(Math.max(...values))})`;
}

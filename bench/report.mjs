/** What was measured, for the terminal and as Markdown. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

const TITLES = {
  bothways: 'bothways',
  ws: 'ws',
  uws: 'uWebSockets.js',
  bun: 'Bun',
  net: 'net (bare sockets)',
};
/** Above this share of a processor the load generator holds the server back. */
const BUSY = 0.9;
/** From this share on it is said that others used the processors as well. */
const DISTURBED = 0.05;
/** Ratios within this distance of 1 are called level. */
const LEVEL = 0.05;

/** One row in full: each server's figure, its spread, and how the reference compares. */
export function describeRow({ row, entries }) {
  const lines = [`\n${row.name} (${row.unit})`];
  const [reference] = entries.keys();
  for (const [name, entry] of entries) {
    const cost = figure(row, median(entry.costs));
    const parts = [TITLES[name].padEnd(19), cost.padStart(9), spreadOf(row, entry.costs).padEnd(19)];
    const ratio = ratioOf(entries, reference, name);
    parts.push(
      (name === reference || ratio === undefined ? '' : `${reference} / this ${ratioText(ratio)}`).padEnd(39),
    );
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
export function toTerminal(results) {
  const names = Object.keys(TITLES).filter((name) => results.some(({ entries }) => entries.has(name)));
  const width = Math.max(...results.map(({ row }) => row.name.length)) + 2;
  const header = ''.padEnd(width) + names.map((name) => name.padStart(10)).join('');
  const lines = ['\nServer CPU (or memory) per unit, medians', header];
  for (const { row, entries } of results) {
    const cells = names.map((name) => figure(row, median(entries.get(name)?.costs ?? [])).padStart(10));
    lines.push(row.name.padEnd(width) + cells.join(''));
  }
  const [reference, ...peers] = names;
  lines.push(
    '',
    `${reference} divided by each, below 1 is better`,
    ''.padEnd(width + 10) + peers.map((name) => name.padStart(10)).join(''),
  );
  for (const { entries, row } of results) {
    const cells = peers.map((name) =>
      (ratioOf(entries, reference, name)?.middle.toFixed(2) ?? '–').padStart(10),
    );
    lines.push(row.name.padEnd(width + 10) + cells.join(''));
  }
  return lines.join('\n');
}

/** The page for `docs/`. */
export function toMarkdown(results, isQuick) {
  const names = Object.keys(TITLES).filter((name) => results.some(({ entries }) => entries.has(name)));
  const [reference, ...peers] = names;
  const costs = results.map(({ row, entries }) => [
    row.name,
    row.unit,
    ...names.map((name) => {
      const entry = entries.get(name);
      if (entry?.error !== undefined) return 'failed';
      return `${figure(row, median(entry?.costs ?? []))}${median(entry?.generator ?? []) > BUSY ? ' ᵍ' : ''}`;
    }),
  ]);
  const ratios = results.map(({ row, entries }) => [
    row.name,
    ...peers.map((name) => {
      const ratio = ratioOf(entries, reference, name);
      return ratio === undefined ? '–' : ratioText(ratio);
    }),
  ]);
  const columns = names.map((name) => TITLES[name]);
  return `# Benchmarks

Written by \`npm run bench -- --write${isQuick ? ' --quick' : ''}\` on ${new Date().toISOString().slice(0, 10)}. How to run it and how to read it:
[bench/README.md](../bench/README.md).

- **Machine**: ${cpuModel()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux; Node ${process.versions.node}.
- **Versions**: ${versions(names, results)}.
- **Quiet**: something else had these processors for ${percent(median(results.map(({ entries }) => disturbance(entries))))} of the time (median of the rows).

## What each message costs the server

Medians of the rounds: CPU time of all threads of the server, user and system; resident memory for idle
connections. ᵍ: the load generator was more than ${BUSY * 100}% busy, so the server was not at its limit; what a message
costs it is still what it costs.

${table(['', 'unit', ...columns], costs)}
## ${TITLES[reference]} compared with each

${TITLES[reference]}'s figure divided by the other's in the same round: the median, and the smallest and the largest. **Below 1
${TITLES[reference]} needs less.**

${table(['', ...peers.map((name) => TITLES[name])], ratios)}
## What the rows show

${results.map((result) => `- **${result.row.name}.** ${result.row.shows} ${verdict(result, reference)}`).join('\n')}

${LIMITS}`;
}

const LIMITS = `## How it was measured, and what limits it

- Each server is configured as its documentation recommends for speed, without compression but in the rows that say so, and runs pinned to one
  core; the load generator is pinned to another. Everything goes over the loopback interface.
- Within a row the servers take turns in short rounds (A B C A B C ...), after one round that does not count.
  Throughput on a shared machine is noise, so CPU time per message is compared, and only within one round.
- CPU time is read from the kernel for all threads, the same way for every server. It contains the kernel's share
  of reading and writing, which for large messages is most of it.
- The load is a closed loop: a connection sends its next message when an answer comes. A server that stalls is
  asked less in that time, so nothing here tells latencies (coordinated omission).
- A server that is not at its limit finds fewer messages in each read, and so pays more for each.
- The answers of a sample are compared with what was sent, all are counted, and a row in which one was lost or
  changed is marked as failed.
- Two cores share caches, memory and, it may be, one physical core, with each other and with whatever else the
  machine does. A difference smaller than the spread is no difference.
- Echo and publish are the cheapest things a server can do: in an application, its own work comes on top.
`;

function versions(names, results) {
  return names
    .map((name) => {
      const entry = results
        .map(({ entries }) => entries.get(name))
        .find((each) => each !== undefined && each.version !== '');
      return name === 'net' ? 'net is of Node' : `${TITLES[name]} ${entry?.version ?? '(not available)'}`;
    })
    .join('; ');
}

/** Against whom the reference is ahead, level and behind, by the medians. */
function verdict({ row, entries }, reference) {
  const groups = { ahead: [], level: [], behind: [] };
  for (const name of entries.keys()) {
    const ratio = ratioOf(entries, reference, name);
    if (name === reference || ratio === undefined) continue;
    const group = ratio.middle < 1 - LEVEL ? 'ahead' : ratio.middle > 1 + LEVEL ? 'behind' : 'level';
    groups[group].push(`${TITLES[name]} (${ratio.middle.toFixed(2)})`);
  }
  const said = [];
  if (groups.ahead.length > 0) said.push(`needs less than ${list(groups.ahead)}`);
  if (groups.level.length > 0) said.push(`is level with ${list(groups.level)}`);
  if (groups.behind.length > 0) said.push(`needs more than ${list(groups.behind)}`);
  const sentence = said.length === 0 ? '' : `${TITLES[reference]} ${list(said)}.`;
  const failures = [...entries].filter(([, { error }]) => error !== undefined);
  const failed = failures.map(([name, { error }]) => `${TITLES[name]} failed: ${error}.`);
  const extra = entries.get(reference)?.extra;
  return [sentence, extra === undefined ? '' : `${TITLES[reference]}: ${extraText(row, extra)}.`, ...failed]
    .filter((text) => text !== '')
    .join(' ');
}

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function extraText(row, extra) {
  if (row.kind === 'idle')
    return `${count(extra.connections)} connections more than the first ${count(extra.first)}, with which it had ${mib(extra.baseline)}`;
  return (
    `${count(extra.messages ?? 0)} messages answered, ${extra.lost} lost, ${count(extra.stillOpen ?? 0)} connections open to ` +
    `the end; the server had ${count(extra.files ?? 0)} files open and ${mib(extra.resident ?? 0)} resident`
  );
}

/** The reference's cost divided by a peer's, round by round. */
function ratioOf(entries, reference, name) {
  const own = entries.get(reference);
  const other = entries.get(name);
  if (own === undefined || other === undefined || name === reference) return undefined;
  const rounds = Math.min(own.costs.length, other.costs.length);
  if (rounds === 0) return undefined;
  const ratios = Array.from({ length: rounds }, (_, round) => own.costs[round] / other.costs[round]);
  return { middle: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

function ratioText({ middle, low, high }) {
  return low === high ? middle.toFixed(2) : `${middle.toFixed(2)} (${low.toFixed(2)}..${high.toFixed(2)})`;
}

function busyText(entry) {
  const generator = median(entry.generator);
  const text = `server ${percent(median(entry.server))}, generator ${percent(generator)} busy`;
  return generator > BUSY ? `${text}: the rate is the generator's` : text;
}

/** How much of the time, at the median, something else had a processor of the benchmark's. */
function disturbance(entries) {
  return median([...entries.values()].flatMap((entry) => entry.disturbed)) ?? 0;
}

function percent(share) {
  return `${(share * 100).toFixed(0)}%`;
}

function figure(row, value) {
  if (value === undefined) return '–';
  if (row.kind === 'idle' || value >= 1000) return count(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function spreadOf(row, values) {
  return values.length < 2
    ? ''
    : `(${figure(row, Math.min(...values))}..${figure(row, Math.max(...values))})`;
}

/** @returns {number | undefined} */
function median(values) {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function count(value) {
  return Math.round(value).toLocaleString('en-US');
}

function list(items) {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** Columns are padded, as the formatter of the project would. */
function table(header, rows) {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |\n`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |\n`;
  return line(header) + rule + rows.map(line).join('');
}

function cpuModel() {
  return /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1] ?? 'unknown processor';
}

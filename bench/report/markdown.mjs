/** What was measured, as the page for `docs/`. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { GROUPS } from '../rows.mjs';
import {
  BUSY,
  REFERENCE,
  TITLES,
  disturbance,
  extraText,
  figure,
  list,
  median,
  namesOf,
  percent,
  ratioOf,
  ratioText,
} from './numbers.mjs';
import { linesOf } from './plots.mjs';
import { describeShape } from './shape.mjs';
import { judge, targetsOf } from './targets.mjs';

/** Ratios within this distance of 1 are called level. */
const LEVEL = 0.05;

/**
 * @param {{ row: object, entries: Map<string, object> }[]} results
 * @param {{ curve: object, points: object[] }[]} curves
 * @param {string} options that the run was given
 */
export function toMarkdown(results, curves, options) {
  return [
    `# Benchmarks

Written by \`npm run bench -- ${options}\` on ${new Date().toISOString().slice(0, 10)}. How to run it and how to read it:
[bench/README.md](../bench/README.md).

- **Machine**: ${cpuModel()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux; Node ${process.versions.node}.
- **Versions**: ${versions(results)}.
- **Quiet**: something else had these processors for ${percent(median(results.map(({ entries }) => disturbance(entries))))} of the time (median of the rows).

In the tables, a figure is what one message (or delivery, handshake, connection) costs the server, or the client where
clients are measured: the median of the rounds, in µs of CPU time of all its threads, user and system, or in bytes of
resident memory. A ratio is ${REFERENCE}’s figure divided by the other's in the same round: the median, with the
smallest and the largest. **Below 1 ${REFERENCE} needs less.** ᵍ: the load generator was more than ${BUSY * 100}% busy, so
the server was not at its limit; what a message costs it is still what it costs.

![${REFERENCE} divided by each peer](benchmarks/ratios.svg)
`,
    targets(results),
    ...Object.entries(GROUPS).map(([group, title]) => section(group, title, results)),
    curves.length === 0 ? '' : growth(curves),
    LIMITS,
  ]
    .filter((text) => text !== '')
    .join('\n');
}

function targets(results) {
  const rows = results.flatMap(({ row, entries }) => {
    const judged = targetsOf(row).map((target) => ({ target, seen: judge(target, entries) }));
    return judged.some(({ seen }) => seen !== undefined) ? [{ row, judged }] : [];
  });
  if (rows.length === 0) return '';
  const peers = Object.keys(TITLES).filter((name) =>
    rows.some(({ judged }) => judged.some(({ target }) => target.peer === name)),
  );
  const all = rows.flatMap(({ judged }) => judged.flatMap(({ seen }) => seen ?? []));
  const cells = rows.map(({ row, judged }) => [row.name, ...peers.map((peer) => targetCell(judged, peer))]);
  return `## Targets

What ${REFERENCE} wants of itself: no more CPU than the C++ servers for each message, a quarter of what ws spends where more
than one message comes in a read and three quarters with one, half of its handshake, 1,024 bytes more for an idle
connection than a bare socket, less than ws and undici as a client. [Why some are not met](benchmarks-findings.md). **${all.filter(({ isMet }) => isMet).length} of ${all.length} are met.**

${table(['', ...peers.map((name) => TITLES[name])], cells)}`;
}

function targetCell(judged, peer) {
  const found = judged.find(({ target }) => target.peer === peer);
  if (found?.seen === undefined) return '';
  const { measured, isMet } = found.seen;
  const { of, most } = found.target;
  const text =
    of === 'ratio'
      ? `${measured.toFixed(2)}, wanted ${most.toFixed(2)}`
      : `${figure(measured)} bytes more, wanted ${figure(most)}`;
  return `${isMet ? '✓' : '✗'} ${text}`;
}

function section(group, title, all) {
  const results = all.filter(({ row }) => row.group === group);
  if (results.length === 0) return '';
  const names = namesOf(results);
  const head = `## ${title}\n\n`;
  const shown = results.map((result) =>
    `- **${result.row.name}.** ${result.row.shows} ${verdict(result)}`.trimEnd(),
  );
  if (group === 'latency') return `${head}${results.map(latency).join('\n')}\n${shown.join('\n')}\n`;
  const costs = results.map(({ row, entries }) => [
    row.name,
    row.unit,
    ...names.map((name) => costCell(entries.get(name))),
  ]);
  const peers = names.filter((name) => name !== REFERENCE);
  const ratios = results.map(({ row, entries }) => [
    row.name,
    ...peers.map((name) => {
      const ratio = ratioOf(entries, name);
      return ratio === undefined ? '–' : ratioText(ratio);
    }),
  ]);
  return `${head}${table(['', 'unit', ...names.map((name) => TITLES[name])], costs)}
${table([`${REFERENCE} / each`, ...peers.map((name) => TITLES[name])], ratios)}
${shown.join('\n')}
`;
}

function costCell(entry) {
  if (entry?.error !== undefined) return 'failed';
  return `${figure(median(entry?.costs ?? []))}${median(entry?.generator ?? []) > BUSY ? ' ᵍ' : ''}`;
}

/** The percentiles of an open loop: the medians of the rounds. */
function latency({ row, entries }) {
  const measured = [...entries].filter(([, { extra }]) => extra !== undefined);
  const percentiles = Object.keys(measured[0]?.[1].extra.rounds[0] ?? {}).toSorted((a, b) => a - b);
  const header = [`${row.name}, µs`, ...percentiles.map((each) => (each === '100' ? 'longest' : `p${each}`))];
  const cells = measured.map(([name, { extra }]) => [
    TITLES[name],
    ...percentiles.map((each) => figure(median(extra.rounds.map((round) => round[each])))),
  ]);
  return table(header, cells);
}

function growth(curves) {
  const parts = curves.map(({ curve, points }) => {
    const lines = linesOf(points);
    const names = [...lines.keys()];
    const cells = points.map(({ x, entries }) => [
      x.toLocaleString('en-US'),
      ...names.map((name) => costCell(entries.get(name))),
    ]);
    const sentences = names.map((name) => `- **${TITLES[name]}**: ${describeShape(curve, lines.get(name))}`);
    return `### ${curve.title}

![${curve.title}](benchmarks/${curve.name}.svg)

${sentences.join('\n')}

${table([`${curve.axis}: ${curve.unit}`, ...names.map((name) => TITLES[name])], cells)}`;
  });
  return `## How cost grows\n\nA cliff is a step between neighbouring points that grows 1.6 times faster than the curve should.\n\n${parts.join('\n')}`;
}

const LIMITS = `## How it was measured, and what limits it

- Each server is configured as its documentation recommends for speed, without compression but in the rows that say so, and runs pinned to one
  core; the load generator is pinned to another. Everything goes over the loopback interface.
- Within a row the servers take turns in short rounds (A B C A B C ...), after one round that does not count.
  Throughput on a shared machine is noise, so CPU time per message is compared, and only within one round.
- CPU time is read from the kernel for all threads, the same way for every server. It contains the kernel's share
  of reading and writing, which for large messages is most of it.
- But for the latencies, the load is a closed loop: a connection sends its next message when an answer comes. A server
  that stalls is asked less in that time, so nothing there tells latencies (coordinated omission).
- Latencies are measured in an open loop, from when a message was due, into an HDR histogram with three figures: what
  was due while a server stalled counts with all its wait. They contain what the load generator takes to send and to
  read, the same for all.
- A server that is not at its limit finds fewer messages in each read, and so pays more for each.
- The answers of a sample are compared with what was sent, all are counted, and a row in which one was lost or
  changed is marked as failed.
- Two cores share caches, memory and, it may be, one physical core, with each other and with whatever else the
  machine does. A difference smaller than the spread is no difference.
- Echo and publish are the cheapest things a server can do: in an application, its own work comes on top.
`;

function versions(results) {
  return namesOf(results)
    .filter((name) => name !== 'websocket')
    .map((name) => {
      const entry = results
        .map(({ entries }) => entries.get(name))
        .find((each) => each !== undefined && each.version !== '');
      return name === 'net' ? 'net is of Node' : `${TITLES[name]} ${entry?.version ?? '(not available)'}`;
    })
    .join('; ');
}

/** Against whom the reference is ahead, level and behind, by the medians. */
function verdict({ row, entries }) {
  const groups = { ahead: [], level: [], behind: [] };
  for (const name of entries.keys()) {
    const ratio = ratioOf(entries, name);
    if (ratio === undefined) continue;
    const group = ratio.middle < 1 - LEVEL ? 'ahead' : ratio.middle > 1 + LEVEL ? 'behind' : 'level';
    groups[group].push(`${TITLES[name]} (${ratio.middle.toFixed(2)})`);
  }
  const less = row.kind === 'latency' ? 'is faster than' : 'needs less than';
  const more = row.kind === 'latency' ? 'is slower than' : 'needs more than';
  const said = [];
  if (groups.ahead.length > 0) said.push(`${less} ${list(groups.ahead)}`);
  if (groups.level.length > 0) said.push(`is level with ${list(groups.level)}`);
  if (groups.behind.length > 0) said.push(`${more} ${list(groups.behind)}`);
  const sentence = said.length === 0 ? '' : `${TITLES[REFERENCE]} ${list(said)}.`;
  const failures = [...entries].filter(([, { error }]) => error !== undefined);
  const failed = failures.map(([name, { error }]) => `${TITLES[name]} failed: ${error}.`);
  const extra = entries.get(REFERENCE)?.extra;
  return [sentence, extra === undefined ? '' : `${TITLES[REFERENCE]}: ${extraText(row, extra)}.`, ...failed]
    .filter((text) => text !== '')
    .join(' ');
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

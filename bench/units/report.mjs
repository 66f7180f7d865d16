/** The figures as a page and as JSON. */
import { cpus, totalmem } from 'node:os';
import { figure, median } from '../report/numbers.mjs';
import { GROUPS } from './figures.mjs';
import { table } from './table.mjs';

/**
 * @param {Map<string, number[]>} measured by key, a figure of each round
 * @param {{ date: string, versions: string, rounds: number, disturbed: number }} about
 */
export function toFigures(measured, about) {
  const figures = Object.fromEntries(
    [...measured].map(([key, values]) => {
      const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
      return [key, { median: round(middle), least: round(least), most: round(most) }];
    }),
  );
  const machine = {
    processor: `${cpus()[0].model.replace(/ Processor.*| CPU.*/, '')}, ${cpus().length} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.versions.node,
  };
  return { ...about, machine, figures };
}

export function toMarkdown({ date, versions, rounds, disturbed, machine, figures }) {
  const sections = GROUPS.map(({ title, unit, figures: listed }) => {
    const rows = listed.map(([key, name]) => {
      const { median: middle, least, most } = figures[key];
      return [name, figure(middle), least === most ? '' : `${figure(least)} to ${figure(most)}`];
    });
    return `## ${title}\n\n${table(['', unit, 'rounds'], rows)}`;
  });
  return `# What each thing costs

Written by \`node bench/units/run.mjs --write\` on ${date}, with [benchmarks-units.json](benchmarks-units.json), from which [a simulation](guide/scaling.md) counts together what a million connections need.

- **Machine**: ${machine.processor}, ${machine.memory}, Linux; Node ${machine.node}.
- **Versions**: ${versions}.
- **Quiet**: something else had the clients' processor for ${Math.round(disturbed * 100)}% of the time in which they had work (median of the rounds). On a machine that is busy CPU time is too high.

Each figure is the median of ${rounds} interleaved rounds, in which all servers and brokers were on one processor and clients on another, and the least and the most of them. Time is CPU time of all threads of that one process, user and system. Memory is resident memory after the garbage was collected; what one of many takes, without what the process takes for itself. It was measured in ${Math.min(rounds, 2)} rounds.

What is published _1 a tick_, or goes through a broker _by itself_, finds all processes asleep: each is woken for that one message, which is most of what it costs. _10 a tick_, or _1 from each of 20 servers_, is nearer to what is busy, and finds several messages each time that it looks. [What a delivery costs](benchmarks-brokers.md) beside others is measured elsewhere.

${sections.join('\n\n')}
`;
}

function round(value) {
  return Number(value.toPrecision(4));
}

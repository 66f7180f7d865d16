// What each thing costs, in memory, in CPU time of a server and in that of a broker, for those who have to know how many
// machines they need. `node bench/units/run.mjs [--rounds N] [--only memory,messages] [--write]`; less than four minutes.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { canPin } from '../child.mjs';
import { allowedCpus, mainThread } from '../proc.mjs';
import { figure, median } from '../report/numbers.mjs';
import { GROUPS, KEYS } from './figures.mjs';
import { Fleet } from './fleet.mjs';
import { openBrokers } from './measure-brokers.mjs';
import { openHandshakes } from './measure-handshakes.mjs';
import { openMemory } from './measure-memory.mjs';
import { openMessages } from './measure-messages.mjs';
import { openRooms } from './measure-rooms.mjs';
import { openSessionCosts } from './measure-sessions.mjs';
import { toFigures, toMarkdown } from './report.mjs';

const DOCS = join(import.meta.dirname, '../../docs');
/** Servers of their own each time, of which two are enough. */
const MEMORY_ROUNDS = 2;

const MEASURES = {
  messages: openMessages,
  handshakes: openHandshakes,
  redis: (fleet) => openBrokers(fleet, 'redis'),
  nats: (fleet) => openBrokers(fleet, 'nats'),
  rooms: openRooms,
  sessions: openSessionCosts,
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: `memory,${Object.keys(MEASURES).join(',')}` },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const only = values.only.split(',');

/** So that what was started is ended too. */
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// All servers and brokers on one processor, this process and its clients on another.
const [serverCpu, loadCpu] = canPin ? allowedCpus() : [];
if (loadCpu !== undefined) spawnSync('taskset', ['-acp', String(loadCpu), String(process.pid)]);

const measured = new Map();
const disturbed = [];
const keep = (figures) => {
  for (const [key, value] of Object.entries(figures)) {
    measured.set(key, [...(measured.get(key) ?? []), Math.max(0, value)]);
  }
};

/** All side by side; they take turns. */
async function measureTimes(fleet) {
  const measures = [];
  for (const [name, open] of Object.entries(MEASURES)) {
    if (only.includes(name)) measures.push(await open(fleet));
  }
  // Round -1 warms up and does not count.
  for (let round = -1; round < rounds; round++) {
    for (const measure of measures) {
      const before = mainThread('self');
      const figures = await measure.round();
      if (round < 0) continue;
      keep(figures);
      const after = mainThread('self');
      // This process is on a processor of its own: who kept it waiting is nobody of ours.
      const waited = after.waited - before.waited;
      disturbed.push(waited / (waited + after.ran - before.ran));
    }
  }
  for (const measure of measures) await measure.close();
}

async function measureMemory(fleet) {
  const memory = await openMemory(fleet);
  for (let round = 0; round < Math.min(rounds, MEMORY_ROUNDS); round++) keep(await memory.round());
}

const version = (name) =>
  JSON.parse(readFileSync(join(DOCS, '..', 'node_modules', name, 'package.json'), 'utf8')).version;
const programVersion = (command, option) =>
  /v=?(\d[\d.]*)/.exec(
    spawnSync(command, [option], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    }).stdout,
  )[1];

const fleet = new Fleet(serverCpu);
try {
  await measureTimes(fleet);
  if (only.includes('memory')) await measureMemory(fleet);
} finally {
  await fleet.stop();
}

for (const { title, unit, figures } of GROUPS) {
  const known = figures.filter(([key]) => measured.has(key));
  if (known.length === 0) continue;
  console.log(`\n${title} (${unit})`);
  for (const [key, name] of known) {
    const all = measured.get(key);
    const span = `${figure(Math.min(...all))} to ${figure(Math.max(...all))}`;
    console.log(`  ${name.padEnd(72)} ${figure(median(all)).padStart(8)}   ${span}`);
  }
}

if (values.write) {
  const missing = KEYS.filter((key) => !measured.has(key));
  if (missing.length > 0) throw new Error(`Not measured: ${missing.join(', ')}`);
  const figures = toFigures(measured, {
    date: new Date().toISOString().slice(0, 10),
    versions: `bothways ${version('bothways')}, redis ${version('redis')}, @nats-io/transport-node ${version('@nats-io/transport-node')}; Redis ${programVersion('redis-server', '--version')}, NATS ${programVersion('nats-server', '--version')}`,
    rounds,
    disturbed: Number(median(disturbed).toFixed(3)),
  });
  writeFileSync(join(DOCS, 'benchmarks-units.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  writeFileSync(join(DOCS, 'benchmarks-units.md'), toMarkdown(figures));
}
process.exit();

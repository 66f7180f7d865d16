// The gateway beside websockify and nginx: CPU time for what passes, and memory of a connection.
// `node bench/gateway/run.mjs [--rounds N] [--only raw,mqtt,memory] [--contenders a,b] [--profile DIR] [--write]`
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Child, canPin } from '../child.mjs';
import { allowedCpus, processTree, proportionalBytes } from '../proc.mjs';
import { CONTENDERS, startMosquitto } from './contenders.mjs';
import { toMarkdown, toTables } from './report.mjs';

const CONNECTIONS = 50;
const RUN_IN = 250;
const WINDOW = 1_000;
/** Silent connections; each of websockify's is a process. */
const SILENT = { gateway: 1_000, websockify: 200, nginx: 1_000 };
/** How long memory is left to settle, milliseconds. */
const SETTLE = 1_000;

/** What passes: `inFlight` messages of `size` bytes on each connection. */
const LOADS = [
  { kind: 'raw', size: 64, inFlight: [1, 8] },
  { kind: 'raw', size: 16_384, inFlight: [2] },
  { kind: 'mqtt', size: 64, inFlight: [1, 8] },
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'raw,mqtt,memory' },
    contenders: { type: 'string', default: Object.keys(CONTENDERS).join(',') },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const only = values.only.split(',');

// Proxies and what is behind them on one processor, the clients on another.
const [serverCpu, loadCpu] = canPin ? allowedCpus() : [];
const file = (name) => join(import.meta.dirname, name);

/** So that what was started is ended too. */
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

async function startEchoes() {
  const child = new Child([process.execPath, file('backend.mjs')], serverCpu);
  const ports = await child.next();
  return { ports, pid: child.pid, stop: () => child.stop() };
}

async function startLoad() {
  const load = new Child([process.execPath, file('load.mjs')], loadCpu);
  await load.next();
  return {
    ask: (name, order) => load.ask(JSON.stringify({ [name]: order })),
    stop: () => load.stop(),
  };
}

/** Calls `run` with all contenders there, in front of the same server. */
async function withContenders(kind, names, run) {
  const behind = kind === 'mqtt' ? await startMosquitto(serverCpu) : await startEchoes();
  const load = await startLoad();
  const contenders = new Map();
  try {
    for (const name of names) {
      const options = { cpu: serverCpu, profile: values.profile };
      contenders.set(name, await CONTENDERS[name].start(behind.ports, kind, options));
    }
    await run(contenders, behind, load);
  } finally {
    await load.stop();
    for (const { stop } of contenders.values()) await stop();
    await behind.stop();
  }
}

/** @returns what each turn has cost, by contender, for each number of messages in flight. */
async function measureLoad({ kind, size, inFlight }) {
  const results = inFlight.map((count) => ({ kind, size, inFlight: count, turns: new Map() }));
  // A server that sends bytes back has nothing to do with MQTT; by itself it only is of interest where it is the broker.
  const names = values.contenders.split(',').filter((name) => kind === 'mqtt' || name !== 'direct');
  await withContenders(kind, names, async (contenders, { pid: behind }, load) => {
    for (const [key, { port }] of contenders) {
      const token = CONTENDERS[key].takesTokens;
      await load.ask('join', { key, port, kind, size, connections: CONNECTIONS, token });
    }
    // Round -1 warms up and does not count.
    for (let round = -1; round < rounds; round++) {
      for (const result of results) {
        for (const [key, { pid: proxy }] of contenders) {
          const times = { runIn: RUN_IN, window: WINDOW };
          const turn = await load.ask('turn', {
            key,
            inFlight: result.inFlight,
            ...times,
            proxy,
            behind,
          });
          if (round >= 0) result.turns.set(key, [...(result.turns.get(key) ?? []), turn]);
        }
      }
    }
  });
  return results;
}

/** @returns bytes for each silent connection, by contender: an entry for each round. */
async function measureMemory() {
  const memory = new Map();
  const names = values.contenders.split(',').filter((name) => SILENT[name] !== undefined);
  for (let round = 0; round < rounds; round++) {
    await withContenders('raw', names, async (contenders, _behind, load) => {
      for (const [key, { pid, port }] of contenders) {
        // The first ones make the program load what it needs.
        await load.ask('join', { key: 'first', port, kind: 'raw', size: 64, connections: 1 });
        await delay(SETTLE);
        const before = memoryOf(pid);
        await load.ask('join', { key, port, kind: 'raw', size: 64, connections: SILENT[key] });
        await delay(SETTLE);
        const bytes = (memoryOf(pid) - before) / SILENT[key];
        memory.set(key, [...(memory.get(key) ?? []), bytes]);
        await load.ask('leave', key);
        await load.ask('leave', 'first');
      }
    });
  }
  return memory;
}

function memoryOf(pid) {
  return processTree(pid).reduce((sum, each) => sum + proportionalBytes(each), 0);
}

function versionsOf() {
  return {
    websockify: debianVersion('websockify'),
    nginx: debianVersion('nginx'),
    mosquitto: debianVersion('mosquitto'),
  };
}

function debianVersion(name) {
  return spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' }).stdout || 'unknown';
}

const loads = [];
for (const load of LOADS) if (only.includes(load.kind)) loads.push(...(await measureLoad(load)));
const memory = only.includes('memory') ? await measureMemory() : new Map();
const results = { loads, memory, rounds, silent: SILENT, connections: CONNECTIONS };
console.log(toTables(results).join('\n\n'));
if (values.write) {
  const page = toMarkdown(results, versionsOf());
  writeFileSync(join(import.meta.dirname, '../../docs/benchmarks-gateway.md'), page);
}
process.exit();

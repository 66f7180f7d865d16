// What one server publishes reaches the subscribers of all that share a broker: CPU time of the servers and of the
// broker for each delivery, and deliveries a second, beside Socket.IO.
// `node bench/brokers/run.mjs [--rounds N] [--servers 1,2,3] [--batches 1,50] [--peers a,b] [--profile DIR]`
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Child, canPin } from '../child.mjs';
import { allowedCpus } from '../proc.mjs';
import { startBroker } from './broker.mjs';
import { PEERS } from './peers.mjs';

/** Of each server. */
const SUBSCRIBERS = 100;
const RUN_IN = 250;
const WINDOW = 1_000;
/** What the last column compares with. */
const REFERENCE = 'socketio-redis';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    servers: { type: 'string', default: '1,2,3' },
    batches: { type: 'string', default: '1,50' },
    peers: { type: 'string', default: Object.keys(PEERS).join(',') },
    profile: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const batches = values.batches.split(',').map(Number);
const peers = values.peers.split(',');

// All servers and the broker on one processor, the subscribers on another.
const [serverCpu, loadCpu] = canPin ? allowedCpus() : [];
const file = (name) => join(import.meta.dirname, name);
const median = (figures) => figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)];

/** So that what was started is ended too. */
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** A broker of its own and so many servers. */
async function start(peer, count) {
  const broker = await startBroker(PEERS[peer].broker, serverCpu);
  const flags = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  const servers = [];
  const addresses = [];
  for (let index = 0; index < count; index++) {
    const command = [process.execPath, ...flags, file('server.mjs'), peer, broker.url];
    const server = new Child(command, serverCpu);
    servers.push(server);
    addresses.push(await server.next());
  }
  return {
    addresses,
    pids: { servers: servers.map(({ pid }) => pid), broker: broker.pid },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await broker.stop();
    },
  };
}

/** All peers with so many servers, side by side; they take turns. @returns a list of results for each batch and peer */
async function measure(count) {
  const load = new Child([process.execPath, file('load.mjs')], loadCpu);
  const contenders = new Map();
  const results = new Map();
  try {
    for (const peer of peers) {
      const contender = await start(peer, count);
      contenders.set(peer, contender);
      const servers = contender.addresses;
      await load.ask(JSON.stringify({ join: { peer, servers, subscribers: SUBSCRIBERS } }));
    }
    // Round -1 warms up and does not count.
    for (let round = -1; round < rounds; round++) {
      for (const batch of batches) {
        for (const [peer, { pids }] of contenders) {
          const order = { turn: { peer, batch, runIn: RUN_IN, window: WINDOW, ...pids } };
          const result = await load.ask(JSON.stringify(order));
          if (round < 0) continue;
          const key = `${batch} ${peer}`;
          results.set(key, [...(results.get(key) ?? []), result]);
        }
      }
    }
  } finally {
    await load.stop();
    for (const { stop } of contenders.values()) await stop();
  }
  return results;
}

/** The ratio to the reference, round by round. */
function ratioOf(turns, reference) {
  if (reference === undefined || turns === reference) return '';
  return median(turns.map(({ server }, round) => server / reference[round].server)).toFixed(2);
}

function rowOf(count, batch, peer, turns, reference) {
  const figure = (name) => median(turns.map((turn) => turn[name]));
  return [
    count,
    batch,
    PEERS[peer].title,
    figure('server').toFixed(2),
    figure('broker').toFixed(2),
    Math.round(figure('rate')).toLocaleString('en'),
    `${Math.round(figure('busy') * 100)}%`,
    ratioOf(turns, reference),
  ];
}

console.log('| servers | batch | peer | servers, µs | broker, µs | deliveries/s | load | of Socket.IO |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const count of values.servers.split(',').map(Number)) {
  const results = await measure(count);
  for (const batch of batches) {
    const reference = results.get(`${batch} ${REFERENCE}`);
    for (const peer of peers) {
      const row = rowOf(count, batch, peer, results.get(`${batch} ${peer}`), reference);
      console.log(`| ${row.join(' | ')} |`);
    }
  }
}

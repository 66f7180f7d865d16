/** The tables of the guide, by name: `<!-- simulated: NAME -->` and `<!-- end -->` are around each. */
import { nodesReached, throwSubscribers } from './chance.mjs';
import { fullAt, gossip, hotTopic, members, need } from './model.mjs';
import { ROOMS, SCENARIOS, STORMS } from './scenarios.mjs';
import { simulateStorm } from './storm.mjs';
import { table } from './table.mjs';

const SEED = 20_260;
const TRIED = 2_000;

/** @param {Readonly<Record<string, number>>} unit what each thing costs */
export function tablesOf(unit) {
  const loads = SCENARIOS.map(({ name, load }) => ({ name, needed: need(unit, load) }));
  return {
    check: checkTable(unit),
    loads: loadTable(loads),
    brokers: brokerTable(loads),
    reached: reachedTable(),
    full: fullTable(unit),
    hot: hotTable(unit),
    gossip: gossipTable(unit),
    members: memberTable(unit),
    storms: stormTable(unit),
  };
}

/** A document with its tables as they are now. */
export function fill(text, tables) {
  let filled = text;
  for (const [name, simulated] of Object.entries(tables)) {
    const pattern = new RegExp(`(<!-- simulated: ${name} -->
)[^]*?(<!-- end -->)`);
    if (!pattern.test(filled)) throw new Error(`There is no place for the table '${name}'`);
    filled = filled.replace(pattern, (_, begin, end) => `${begin}\n${simulated}\n\n${end}`);
  }
  return filled;
}

/** A load that was measured as well. */
function checkTable(unit) {
  const { cores, coresTens, brokerTens, brokerEach } = need(unit, ROOMS);
  const rows = [
    ['three servers together', range(coresTens, cores), short(unit.roomsServers)],
    ['Redis', range(brokerTens, brokerEach), short(unit.roomsRedis)],
  ];
  return table(['cores', 'counted', 'used'], rows);
}

/** What each load needs. */
export function loadTable(loads) {
  const rows = loads.map(({ name, needed }) => [
    name,
    count(needed.nodes),
    count(needed.machines),
    range(needed.coresTens, needed.cores),
    percent(needed.share),
    short(needed.memory / GIB),
    short(needed.kernelMemory / GIB),
    short(needed.network),
  ]);
  const heads = [
    'load',
    'processes',
    'machines',
    'cores used',
    'of each core',
    'memory, GiB',
    'kernel, GiB',
    'out, Gbit/s',
  ];
  return table(heads, rows);
}

function brokerTable(loads) {
  const rows = loads.map(({ name, needed }) => [
    name,
    short(needed.reached),
    range(needed.brokerTens, needed.brokerEach),
    short(needed.brokerMemory / GIB),
    short(needed.brokerNetwork),
    seconds(needed.resubscribe * 1_000),
  ]);
  const heads = ['load', 'a topic reaches', 'cores', 'memory, GiB', 'out, Gbit/s', 'subscribing again'];
  return table(heads, rows);
}

function reachedTable() {
  const nodes = [10, 40, 100];
  const rows = [1, 2, 5, 10, 100, 1_000].map((subscribers) => [
    count(subscribers),
    ...nodes.map((all) => {
      const { mean, most } = throwSubscribers(all, subscribers, { topics: TRIED, seed: SEED });
      return `${short(nodesReached(all, subscribers))} (${short(mean)}, ${most})`;
    }),
  ]);
  return table(['subscribers', ...nodes.map((all) => `of ${all} processes`)], rows);
}

function fullTable(unit) {
  const rows = [0, 1, 9, 40, 100].map((reached) => [
    count(reached),
    ...['redis', 'nats'].map(
      (broker) =>
        `${about(fullAt(unit, broker, reached, 'Each'))} to ${about(fullAt(unit, broker, reached, 'Tens'))}`,
    ),
  ]);
  return table(['processes a topic reaches', 'Redis', 'NATS, for each core'], rows);
}

function hotTable(unit) {
  const rows = [1, 10, 50].map((perTick) => {
    const { busy, rate } = hotTopic(unit, 25_000, perTick);
    return [count(perTick), `${count(busy)} ms`, short(rate)];
  });
  return table(
    ['messages in a tick', 'the process does nothing else for', 'messages/s at half a core'],
    rows,
  );
}

function gossipTable(unit) {
  const rows = [10, 40, 100, 200, 500, 1_000].map((nodes) => {
    const redis = gossip(unit, 'redis', nodes);
    const nats = gossip(unit, 'nats', nodes);
    return [
      count(nodes),
      count(redis.heard),
      percent(redis.server),
      percent(redis.broker),
      percent(nats.broker),
      seconds(redis.start * 1_000),
    ];
  });
  const heads = [
    'processes',
    'beats/s heard',
    'core of each',
    'core of Redis',
    'core of NATS',
    'Redis, a roll-out',
  ];
  return table(heads, rows);
}

function memberTable(unit) {
  const rows = [10_000, 100_000, 1_000_000].map((each) => {
    const { memory, start } = members(unit, each);
    return [count(each), `${short(memory / 2 ** 20)} MiB`, seconds(start * 1_000)];
  });
  return table(['members', 'memory of each process', 'CPU time of each that starts'], rows);
}

function stormTable(unit) {
  const costs = {
    'no TLS': unit.handshake,
    'TLS, P-256': unit.handshakeEcdsa,
    'sessions, no TLS': unit.sessionResumed,
  };
  const rows = STORMS.flatMap(({ name, clients, free }) =>
    Object.entries(costs).map(([what, cost]) => {
      const storm = simulateStorm({ clients, cost, free, seed: SEED });
      const attempts = short(storm.attempts / clients);
      return [name, what, count(clients), seconds(storm.most), count(storm.mostWaiting), attempts];
    }),
  );
  return table(
    ['what happens', 'with', 'clients a process', '99% are back', 'wait at once', 'attempts each'],
    rows,
  );
}

const GIB = 2 ** 30;

function range(least, most) {
  const [from, to] = [short(least), short(most)];
  return from === to ? to : `${from} to ${to}`;
}

/** Two digits, or none after the point. */
function short(value) {
  if (value === 0) return '0';
  if (value < 0.005) return '< 0.01';
  if (value >= 100) return about(value);
  if (value >= 10) return count(value);
  return String(Number(value.toPrecision(2)));
}

function count(value) {
  return Math.round(value).toLocaleString('en-US');
}

/** Two digits, and then zeros. */
function about(value) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return count(Math.round(value / unit) * unit);
}

function seconds(milliseconds) {
  if (milliseconds === Number.POSITIVE_INFINITY) return 'over 10 min';
  return `${short(milliseconds / 1_000)} s`;
}

function percent(share) {
  return share < 0.0005 ? '< 0.1%' : `${short(share * 100)}%`;
}

// Sessions beside Socket.IO and SockJS on the same carrier: bytes on the wire, CPU, messages a second, memory.
// `node bench/sessions/run.mjs [--rounds N]`; with `--untimed` only the bytes of the carriers that bothways alone has.
import { join } from 'node:path';
import { startFaultProxy } from 'bothways/testing';
import { Child } from '../child.mjs';
import { cpuMicros } from '../proc.mjs';

const PEERS = ['bothways', 'socketio', 'sockjs'];
/** Which carriers each has; what Socket.IO calls polling is long polling. */
const CARRIERS = {
  bothways: ['websocket', 'streaming', 'eventsource', 'long-polling'],
  socketio: ['websocket', 'long-polling'],
  sockjs: ['websocket', 'streaming', 'long-polling'],
};
/** Nobody else has them, so that there is nothing to time them against. */
const UNTIMED = ['polling', 'postback'];
const LOADS = [
  { inFlight: 1, messages: { websocket: 20_000, other: 300 } },
  { inFlight: 16, messages: { websocket: 64_000, other: 3_200 } },
];
const PAYLOAD = 64;
const IDLE = 1_000;
const isUntimed = process.argv.includes('--untimed');
const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 3;

const file = (name) => join(import.meta.dirname, name);
const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];

async function start(peer, carrier, through) {
  const server = new Child([process.execPath, '--expose-gc', file('server.mjs'), peer], 0);
  const { port } = await server.next();
  const proxy = through ? await startFaultProxy({ target: port }) : undefined;
  const client = new Child(
    [process.execPath, file('client.mjs'), peer, carrier, String(proxy?.port ?? port)],
    1,
  );
  await client.next();
  return {
    server,
    client,
    proxy,
    async stop() {
      await client.stop();
      await proxy?.close();
      await server.stop();
    },
  };
}

function messagesOf({ messages }, carrier) {
  return carrier === 'websocket' ? messages.websocket : messages.other;
}

/** Bytes beside the payload for each message and its echo, both ways together. */
async function overheadOf(peer, carrier, load) {
  const run = await start(peer, carrier, true);
  const { inFlight } = load;
  const order = JSON.stringify({ messages: inFlight === 1 ? 100 : 1_600, inFlight });
  await run.client.ask(order);
  const before = run.proxy.bytesUp + run.proxy.bytesDown;
  await run.client.ask(order);
  const bytes = run.proxy.bytesUp + run.proxy.bytesDown - before;
  await run.stop();
  return bytes / JSON.parse(order).messages - 2 * PAYLOAD;
}

async function costOf(runs, load) {
  const costs = new Map([...runs.keys()].map((name) => [name, { server: [], client: [], rate: [] }]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, { server, client, carrier }] of runs) {
      const messages = messagesOf(load, carrier);
      const before = [cpuMicros(server.pid), cpuMicros(client.pid)];
      const { milliseconds } = await client.ask(JSON.stringify({ messages, inFlight: load.inFlight }));
      if (round < 0) continue;
      const cost = costs.get(name);
      cost.server.push((cpuMicros(server.pid) - before[0]) / messages);
      cost.client.push((cpuMicros(client.pid) - before[1]) / messages);
      cost.rate.push((messages / milliseconds) * 1000);
    }
  }
  return costs;
}

async function timedRows(load) {
  const rows = [];
  const runs = new Map();
  for (const peer of PEERS) {
    for (const carrier of CARRIERS[peer]) {
      runs.set(`${peer} ${carrier}`, { ...(await start(peer, carrier, false)), carrier, peer });
    }
  }
  const costs = await costOf(runs, load);
  for (const [name, { peer, carrier, stop }] of runs) {
    await stop();
    const { server, client, rate } = costs.get(name);
    rows.push({
      carrier,
      peer,
      'in flight': load.inFlight,
      'overhead B': Math.round((await overheadOf(peer, carrier, load)) * 10) / 10,
      'server µs': Math.round(median(server) * 100) / 100,
      'client µs': Math.round(median(client) * 100) / 100,
      'messages/s': Math.round(median(rate)),
    });
  }
  return rows;
}

async function untimedRow(carrier, load) {
  const overhead = Math.round((await overheadOf('bothways', carrier, load)) * 10) / 10;
  const none = { 'server µs': '-', 'client µs': '-', 'messages/s': '-' };
  return { carrier, peer: 'bothways', 'in flight': load.inFlight, 'overhead B': overhead, ...none };
}

const rows = [];
for (const load of LOADS) {
  if (!isUntimed) rows.push(...(await timedRows(load)));
  for (const carrier of UNTIMED) rows.push(await untimedRow(carrier, load));
}
const order = ['websocket', 'streaming', 'eventsource', 'long-polling', ...UNTIMED];
rows.sort(
  (one, other) =>
    order.indexOf(one.carrier) - order.indexOf(other.carrier) || one['in flight'] - other['in flight'],
);
console.log('| carrier | in flight | peer | overhead, B | server, µs | client, µs | messages/s |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const row of rows) {
  const cells = [
    row.carrier,
    row['in flight'],
    row.peer,
    row['overhead B'],
    row['server µs'],
    row['client µs'],
    row['messages/s'],
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

for (const peer of isUntimed ? [] : PEERS) {
  for (const carrier of CARRIERS[peer]) {
    const run = await start(peer, carrier, false);
    const { memory: before } = await run.server.ask('memory');
    await run.client.ask(JSON.stringify({ connect: IDLE }));
    const { memory: after } = await run.server.ask('memory');
    console.log(
      `idle ${peer} ${carrier}: ${Math.round((after - before) / IDLE)} bytes of resident memory a session`,
    );
    await run.stop();
  }
}

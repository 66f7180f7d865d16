// The clients, on a processor of their own. Each line on standard input is an order, and is answered with a line:
// `{ join: { key, port, kind, size, connections, token } }` opens clients that stay, `{ turn: { key, inFlight, runIn, window, proxy, behind } }`
// lets them send and tells what that has cost, `{ leave: key }` closes them.
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuMicros, processTree } from '../proc.mjs';
import { StreamClient } from './client.mjs';
import { mqttSource, rawSource } from './source.mjs';

/** How many handshakes at a time. */
const AT_ONCE = 20;
/** How long what is on the way may take to come back, milliseconds. */
const PATIENCE = 10_000;

const groups = new Map();
let made = 0;

const orders = {
  async join({ key, port, kind, size, connections, token = true }) {
    const clients = [];
    groups.set(key, clients);
    const shared = kind === 'raw' ? rawSource(size) : undefined;
    while (clients.length < connections) {
      const count = Math.min(AT_ONCE, connections - clients.length);
      const some = Array.from(
        { length: count },
        () => new StreamClient(port, shared ?? mqttSource(size, made++), token),
      );
      clients.push(...some);
      await Promise.all(some.map(({ opened }) => opened));
    }
    return {};
  },

  async turn({ key, inFlight, runIn, window, proxy, behind }) {
    const clients = groups.get(key);
    let isRunning = true;
    for (const client of clients) {
      client.onMessages = (_client, count) => {
        if (isRunning) client.send(count);
      };
      client.send(inFlight);
    }
    await delay(runIn);
    const before = state(clients, proxy, behind);
    await delay(window);
    const after = state(clients, proxy, behind);
    isRunning = false;
    await allAreBack(clients);
    const messages = after.received - before.received;
    if (messages === 0) throw new Error(`${key}: nothing came back`);
    return {
      proxy: (after.proxy - before.proxy) / messages,
      behind: (after.behind - before.behind) / messages,
      rate: (messages / (after.time - before.time)) * 1_000,
      busy: (after.load - before.load) / (after.time - before.time) / 1_000,
    };
  },

  async leave(key) {
    for (const client of groups.get(key)) client.leave();
    groups.delete(key);
    return {};
  },
};

function state(clients, proxy, behind) {
  return {
    time: performance.now(),
    received: clients.reduce((sum, client) => sum + client.received, 0),
    proxy: proxy === undefined ? 0 : processTree(proxy).reduce((sum, pid) => sum + cpuMicros(pid), 0),
    behind: cpuMicros(behind),
    load: cpuMicros('self'),
  };
}

async function allAreBack(clients) {
  const end = performance.now() + PATIENCE;
  while (clients.some((client) => client.inFlight > 0)) {
    const failed = clients.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw failed.error;
    if (performance.now() > end) throw new Error('what was sent does not come back');
    await delay(5);
  }
}

console.log('{}');
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
for await (const line of lines) {
  const [[name, order]] = Object.entries(JSON.parse(line));
  console.log(JSON.stringify(await orders[name](order)));
}

/** The figures as tables, and as a page. */
import { cpus } from 'node:os';
import { BUSY, count, figure, median } from '../report/numbers.mjs';
import { table } from '../units/table.mjs';
import { CONTENDERS } from './contenders.mjs';

/** What the gateway is compared with. */
const REFERENCES = ['websockify', 'nginx'];

/** @returns {string[]} one for what echoes, one for MQTT, one for memory, as far as they were measured */
export function toTables({ loads, memory, silent }) {
  const tables = ['raw', 'mqtt'].map((kind) => loadTable(loads.filter((load) => load.kind === kind)));
  return [...tables, memoryTable(memory, silent)].filter((text) => text !== undefined);
}

function loadTable(loads) {
  if (loads.length === 0) return undefined;
  const heads = ['messages', 'through', 'proxy', 'rounds', 'server', 'a second', 'gateway / this'];
  return table(heads, loads.flatMap(loadRows));
}

function loadRows({ size, inFlight, turns }) {
  const isLarge = size >= 1_024;
  // Of large messages what counts is each megabyte; half of what passes goes each way.
  const scale = isLarge ? 1_000_000 / (2 * size) : 1;
  const unit = isLarge ? 'µs/MB' : 'µs';
  return [...turns].map(([name, all], index) => {
    const costs = all.map(({ proxy }) => proxy * scale);
    const isThere = name !== 'direct';
    return [
      index === 0 ? `${isLarge ? `${size / 1_024} KiB` : `${size} B`}, ${inFlight} in flight` : '',
      CONTENDERS[name].title,
      isThere ? `${figure(median(costs))} ${unit}` : '',
      isThere ? `${figure(Math.min(...costs))} to ${figure(Math.max(...costs))}` : '',
      `${figure(median(all.map(({ behind }) => behind * scale)))} ${unit}`,
      `${count(median(all.map(({ rate }) => rate)))}${median(all.map(({ busy }) => busy)) > BUSY ? ' ᵍ' : ''}`,
      ratioText(
        turns.get('gateway')?.map(({ proxy }) => proxy),
        isThere ? all.map(({ proxy }) => proxy) : [],
        name,
      ),
    ];
  });
}

function memoryTable(memory, silent) {
  if (memory.size === 0) return undefined;
  const rows = [...memory].map(([name, all]) => [
    CONTENDERS[name].title,
    count(silent[name]),
    `${figure(median(all) / 1_024)} KiB`,
    `${figure(Math.min(...all) / 1_024)} to ${figure(Math.max(...all) / 1_024)}`,
    ratioText(memory.get('gateway'), all, name),
  ]);
  return table(['through', 'connections', 'each', 'rounds', 'gateway / this'], rows);
}

/** The median of the rounds' ratios. */
function ratioText(own, others, name) {
  if (own === undefined || !REFERENCES.includes(name)) return '';
  return median(own.map((cost, round) => cost / others[round])).toFixed(3);
}

export function toMarkdown(results, { websockify, nginx, mosquitto }) {
  const { rounds, connections } = results;
  const [echoes, mqtt, memory] = toTables(results);
  const processor = `${cpus()[0].model.replace(/ Processor.*| CPU.*/, '')}, ${cpus().length} cores`;
  const date = new Date().toISOString().slice(0, 10);
  return `# What the gateway costs, beside websockify and nginx

Written by \`node bench/gateway/run.mjs --write\` on ${date}.

- **Machine**: ${processor}, Linux; Node ${process.versions.node}.
- **Versions**: Debian's websockify ${websockify} (with numpy), nginx ${nginx}, mosquitto ${mosquitto}.

Each figure is the median of ${rounds} interleaved rounds, with the least and the most of them. _Proxy_ is CPU time, user and system, of the proxy alone, all its processes and threads: websockify has one process for each connection. _Server_ is that of the server behind for the same message. Proxies and server share one processor and the clients have another; ${connections} connections, each with so many messages on the way, the next sent when one has come back, and all bytes that come back are compared with what was sent. Where _a second_ has a ᵍ the clients were busy for more than 90% of the time. _Gateway / this_ is the median of the rounds' ratios: below 1 the gateway needs less. The targets are a fifth of websockify's CPU time, and a tenth of its memory for each connection.

The gateway has no configuration but \`--listen\`, \`--to\` and \`--protocol\`: its access log, metrics and Pings are what they are by default.

## Bytes that are sent back

Behind the gateway (\`--protocol raw\`) and websockify is the same TCP server, which sends back what it gets. nginx cannot unwrap WebSockets: it carries their frames untouched to a server that speaks WebSocket itself, which is more work for that one. For 64 bytes a figure is for a message and its echo, for 16 KiB it is for a megabyte (10⁶ bytes) that passes, half of it each way.

${echoes}

## MQTT

A client publishes 64 bytes with QoS 0 and gets them back from Mosquitto, which it has subscribed to. The gateway (\`--protocol mqtt\`) follows each message and makes one of the WebSocket of each; websockify does not look at them, and refuses the token \`mqtt\`, which MQTT clients have to offer: here its clients offer none. nginx goes to Mosquitto's own listener for WebSockets; the last row is that listener without a proxy. What is to be compared there is proxy and server together.

${mqtt}

## A connection that is silent

Memory of all processes of the proxy, where a page that several of them share counts once (PSS): how much more it is with so many connections than with one, divided by their number. Nothing was done to collect garbage. What the kernel keeps for sockets is not in it.

${memory}
`;
}

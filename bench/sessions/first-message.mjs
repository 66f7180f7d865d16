// How long a user waits for the first message and its echo, by order of carriers and by what the network does with
// WebSockets; and how long a message waits whose WebSocket dies after 10 seconds. `node bench/sessions/first-message.mjs`
import { once } from 'node:events';
import { createServer } from 'node:http';
import { serve } from 'bothways';
import { Session } from 'bothways/session';

const ORDERS = {
  'the default': undefined,
  'streaming first': ['streaming', 'websocket', 'eventsource', 'long-polling', 'polling'],
  'long polling first': ['long-polling', 'websocket'],
  'WebSocket, then long polling': ['websocket', 'long-polling'],
};
const NETWORKS = ['passes', 'refuses', 'hangs'];
const TIMES = 20;
const LIFE = 10_000;
const LIVES = 3;
/** As many sessions at a time have a WebSocket that dies. */
const MORTALS = 10;

/** What becomes of a request for a WebSocket. */
let network = 'passes';
const webSockets = new Set();
const http = createServer((request, response) => {
  if (!server.handleRequest(request, response)) response.end();
});
http.on('upgrade', (request, socket, head) => {
  socket.on('error', () => {});
  webSockets.add(socket);
  socket.once('close', () => webSockets.delete(socket));
  if (network === 'passes') server.handleUpgrade(request, socket, head);
  if (network === 'refuses') socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
});
const server = await serve(
  { sessions: true },
  {
    message(socket, data) {
      socket.send(data);
    },
  },
);
http.listen(0, '127.0.0.1');
await once(http, 'listening');
let count = 0;

/** With a query of its own: which carrier worked is remembered for each URL. */
function open(carriers) {
  return new Session(`http://127.0.0.1:${http.address().port}/live?${count++}`, { carriers });
}

async function timeOfEcho(session) {
  const begun = performance.now();
  session.send('a message');
  await new Promise((resolve) => session.addEventListener('message', resolve, { once: true }));
  return performance.now() - begun;
}

function span(times) {
  const sorted = times.toSorted((one, other) => one - other).map((time) => Math.round(time));
  return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]} to ${sorted.at(-1)})`;
}

console.log('Milliseconds to the echo of the first message: median (smallest to largest)\n');
console.log(`| order | ${NETWORKS.map((each) => `the network ${each} WebSockets`).join(' | ')} |`);
console.log('| --- | --- | --- | --- |');
for (const [name, carriers] of Object.entries(ORDERS)) {
  const cells = [];
  for (network of NETWORKS) {
    const times = [];
    for (let time = 0; time < TIMES; time++) {
      const session = open(carriers);
      times.push(await timeOfEcho(session));
      session.close();
      await session.closed;
    }
    cells.push(span(times));
  }
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}

network = 'passes';
const sessions = Array.from({ length: MORTALS }, () => open());
await Promise.all(sessions.map(timeOfEcho));
console.log(`\nA message sent as the WebSocket dies after ${LIFE / 1_000} s, milliseconds to its echo\n`);
for (let life = 1; life <= LIVES; life++) {
  await new Promise((resolve) => setTimeout(resolve, LIFE));
  for (const socket of webSockets) socket.resetAndDestroy();
  const times = await Promise.all(sessions.map(timeOfEcho));
  const carriers = new Set(sessions.map(({ carrier }) => carrier));
  console.log(`- death ${life}: ${span(times)}, then on ${[...carriers].join(' and ')}`);
}
for (const session of sessions) session.close();
await Promise.all(sessions.map(({ closed }) => closed));
await server.close();
http.close();
http.closeAllConnections();

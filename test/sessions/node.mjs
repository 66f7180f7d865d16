// A server of sessions among several that share a broker: node node.mjs BROKER-URL, or `cluster` for three workers that
// share a port. A client tells it what to do by its messages, and nodes.test.ts is told what happens over the channel
// between the two processes.
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectNats } from '@nats-io/transport-node';
import { serve } from 'bothways';
import { clusterBroker, startWorkers } from 'bothways/cluster';
import { natsBroker } from 'bothways/nats';
import { redisBroker } from 'bothways/redis';
import { createClient } from 'redis';

const [, , brokerUrl, page] = process.argv;
const SECRET = 'the same at all of these servers';

async function openBroker() {
  if (brokerUrl === 'cluster') return clusterBroker();
  if (brokerUrl.startsWith('redis:')) return redisBroker(createClient({ url: brokerUrl }));
  const servers = brokerUrl.replace('nats://', '');
  return natsBroker(
    await connectNats({ servers, maxReconnectAttempts: -1, pingInterval: 10_000, timeout: 5_000 }),
  );
}

/** Says what a session has received: how many messages, and whether these are 1, 2, 3, ... */
function report({ count, isRight }) {
  return `report ${JSON.stringify({ pid: process.pid, count, isRight })}`;
}

/** What a client asks for with a message that is no number. */
const COMMANDS = {
  /** So many numbers, each padded to so many characters. */
  async say(socket, count, length = 0) {
    for (let number = 1; number <= count; number++) {
      if (!socket.send(`${number}`.padEnd(length))) await socket.ready;
    }
  },
  report: (socket) => void socket.send(report(socket.state)),
  echo: (socket) => void socket.send('echo'),
};

async function startServer(port) {
  const http = createServer((request, response) => {
    const file = { '/': 'page.html', '/page.js': 'page.js', '/bothways.js': 'bothways.js' }[request.url];
    if (page === undefined || file === undefined) return response.writeHead(404).end();
    response.writeHead(200, { 'Content-Type': file.endsWith('html') ? 'text/html' : 'text/javascript' });
    return response.end(readFileSync(`${page}/${file}`));
  });
  const server = await serve(
    {
      server: http,
      path: '/live',
      broker: await openBroker(),
      sessions: { secret: SECRET, heartbeat: 2_000 },
      async accept(request) {
        const wait = new URL(request.url, 'http://localhost').searchParams.get('wait');
        if (wait !== null) await delay(Number(wait));
        return { count: 0, isRight: true };
      },
    },
    {
      open: () => process.send?.({ kind: 'open' }),
      message(socket, data) {
        const { state } = socket;
        const [name, ...values] = typeof data === 'string' ? data.slice(0, 100).split(' ') : [];
        if (Object.hasOwn(COMMANDS, name)) void COMMANDS[name](socket, ...values.map(Number));
        else if (typeof data !== 'string' || data.length > 1_000) socket.send(data);
        else state.isRight &&= data === `${++state.count}`;
      },
      error: (error) => console.error(error),
    },
  );
  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  const close = async () => {
    await server.close();
    http.closeAllConnections();
    process.send({ kind: 'closed' });
  };
  process.on('message', (message) => {
    if (message.close === true) void close();
  });
  return http.address().port;
}

// With the test, whatever ended that.
process.on('disconnect', () => process.exit());
if (brokerUrl !== 'cluster') process.send({ kind: 'ready', port: await startServer(0) });
else if (cluster.isWorker) await startServer(Number(process.env.PORT));
else {
  cluster.on('message', (_worker, message) => message.kind !== undefined && process.send(message));
  await startWorkers({ count: 3 });
  process.send({ kind: 'ready', port: Number(process.env.PORT) });
}

/**
 * One of the servers that share a broker: `node server.mjs PEER URL`, where PEER is one of `peers.mjs` and URL the
 * broker's. All that connect subscribe to one topic. Prints `{ port, orders }`; on the port `orders`, the same for all,
 * a line `COUNT FROM` has it publish that many messages, numbered from there on, in one tick.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { createInterface } from 'node:readline';
import { HOST, TOPIC, numberedText } from '../servers/control.mjs';

const [peer, url] = process.argv.slice(2);

async function bothways(broker) {
  const { serve } = await import('bothways');
  const server = await serve(
    { port: 0, host: HOST, broker },
    {
      open(socket) {
        socket.subscribe(TOPIC);
      },
      error: fail,
    },
  );
  return { port: server.port, publish: (text) => server.publish(TOPIC, text) };
}

/** As its documentation recommends for speed: WebSocket only, no compression. */
async function socketio(adapter) {
  const { Server } = await import('socket.io');
  const http = createServer();
  const io = new Server(http, {
    transports: ['websocket'],
    perMessageDeflate: false,
    serveClient: false,
    // Its heartbeats are messages, which the subscribers would count.
    pingInterval: 3_600_000,
    adapter,
  });
  io.on('connection', (socket) => {
    // Its documentation: keep no reference to the first request, to save memory.
    socket.conn.request = null;
    void socket.join(TOPIC);
  });
  http.listen(0, HOST);
  await once(http, 'listening');
  return { port: http.address().port, publish: (text) => io.to(TOPIC).emit('message', text) };
}

const starts = {
  async 'bothways-redis'() {
    const { createClient } = await import('redis');
    const { redisBroker } = await import('bothways/redis');
    return bothways(redisBroker(createClient({ url })));
  },
  async 'bothways-ioredis'() {
    const { Redis } = await import('ioredis');
    const { redisBroker } = await import('bothways/redis');
    return bothways(redisBroker(new Redis(url, { lazyConnect: true })));
  },
  async 'bothways-nats'() {
    const { connect } = await import('@nats-io/transport-node');
    const { natsBroker } = await import('bothways/nats');
    const nats = await connect({ servers: url.slice('nats://'.length), maxReconnectAttempts: -1 });
    return bothways(natsBroker(nats));
  },
  async 'socketio-redis'() {
    const { createClient } = await import('redis');
    const { createAdapter } = await import('@socket.io/redis-adapter');
    const client = createClient({ url }).on('error', fail);
    const subscriber = client.duplicate().on('error', fail);
    await Promise.all([client.connect(), subscriber.connect()]);
    return socketio(createAdapter(client, subscriber));
  },
  async 'socketio-streams'() {
    const { createClient } = await import('redis');
    const { createAdapter } = await import('@socket.io/redis-streams-adapter');
    const client = createClient({ url }).on('error', fail);
    await client.connect();
    return socketio(createAdapter(client, { onlyPlaintext: true }));
  },
  async bare() {
    const { startBare } = await import('./bare.mjs');
    return startBare(url);
  },
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

const { port, publish } = await starts[peer]();
const orders = createTcpServer((socket) => {
  socket.on('error', fail);
  createInterface({ input: socket }).on('line', (line) => {
    const [count, from] = line.split(' ').map(Number);
    for (let number = from; number < from + count; number++) publish(numberedText(number));
  });
});
orders.listen(0, HOST, () => console.log(JSON.stringify({ port, orders: orders.address().port })));
process.stdin.resume().on('end', () => process.exit(0));

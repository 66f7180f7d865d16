/**
 * One server whose costs are measured: `node server.mjs OPTIONS`, where OPTIONS is JSON: `broker` is the URL of one,
 * `tls` a folder with a certificate, the rest are options of `serve`. Prints its port, and then does what each line of
 * standard input says, one order of `ORDERS` and what it needs: `["publish", {...}]`. The answer comes when it is done.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from 'bothways';
import { residentBytes } from '../proc.mjs';
import { HOST } from '../servers/control.mjs';

const { broker: brokerUrl, tls: folder, ...options } = JSON.parse(process.argv[2]);
/** What everybody sends: 64 bytes. */
const MESSAGE = 'm'.repeat(64);

let received = 0;
let pongs = 0;

async function openBroker() {
  if (brokerUrl === undefined) return undefined;
  if (brokerUrl.startsWith('redis:')) {
    const [{ createClient }, { redisBroker }] = [await import('redis'), await import('bothways/redis')];
    return redisBroker(createClient({ url: brokerUrl }));
  }
  const [{ connect }, { natsBroker }] = [
    await import('@nats-io/transport-node'),
    await import('bothways/nats'),
  ];
  return natsBroker(await connect({ servers: brokerUrl.slice('nats://'.length), maxReconnectAttempts: -1 }));
}

function readCertificate() {
  if (folder === undefined) return undefined;
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(folder, name)));
  return { cert, key };
}

/** Does something so many times, with a pause between two: what is done at once is one tick. */
async function repeat(times, every, act) {
  for (let time = 0; time < times; time++) {
    act(time);
    await delay(every);
  }
}

const ORDERS = {
  /** Resident memory, after the garbage was collected. */
  memory() {
    globalThis.gc?.();
    globalThis.gc?.();
    return { bytes: residentBytes('self') };
  },

  counts: () => ({ received, pongs, connections: server.connections.size }),

  /** Each connection subscribes to so many topics of its own, or all to the same ones. */
  subscribe({ count, shared = false, prefix = 'topic' }) {
    let at = 0;
    for (const socket of server.connections) {
      if (shared) at = 0;
      for (let index = 0; index < count; index++) socket.subscribe(`${prefix}/${at++}`);
    }
    return {};
  },

  /** One message to each connection, or to each that has asked for this URL. */
  async send({ url, times, every }) {
    const isMeant = (socket) => url === undefined || socket.request.url === url;
    const sockets = [...server.connections].filter(isMeant);
    await repeat(times, every, () => {
      for (const socket of sockets) socket.send(MESSAGE);
    });
    return {};
  },

  /** So many messages in a tick, to one topic or in turn to `topics` of them. */
  async publish({ topic, topics = 1, times, every, perTick }) {
    let next = 0;
    await repeat(times, every, () => {
      for (let count = 0; count < perTick; count++) {
        server.publish(topics === 1 ? topic : `${topic}/${next++ % topics}`, MESSAGE);
      }
    });
    return {};
  },

  /** Members come, one each tick, and are gone again. */
  async join({ count }) {
    const [socket] = server.connections;
    for (let index = 0; index < count; index++) {
      socket.join(`hall/${index}`, `member ${index}`, { name: 'somebody' });
      await delay(1);
    }
    return {};
  },

  async leave({ count }) {
    const [socket] = server.connections;
    for (let index = 0; index < count; index++) {
      socket.leave(`hall/${index}`);
      await delay(1);
    }
    return {};
  },

  members: ({ topic }) => ({ members: server.members(topic).length }),
};

const broker = await openBroker();
const server = await serve(
  { port: 0, host: HOST, broker, tls: readCertificate(), ...options },
  {
    open(socket) {
      const { url } = socket.request;
      if (url === '/hot' || url.startsWith('/rooms/')) socket.subscribe(url.slice(1));
    },
    message(socket, data) {
      received++;
      const { url } = socket.request;
      if (url.startsWith('/rooms/')) server.publish(url.slice(1), data);
    },
    pong() {
      pongs++;
    },
    error(error) {
      console.error(error);
      process.exit(1);
    },
  },
);
const answer = (value) => console.log(JSON.stringify(value));
answer({ port: server.port });
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
for await (const line of lines) {
  const [name, details = {}] = JSON.parse(line);
  answer(await ORDERS[name](details));
}

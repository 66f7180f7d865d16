/** What is kept for connections, subscriptions, topics and members that only wait: bytes of resident memory. */
import { readFileSync } from 'node:fs';
import { createClient } from 'redis';
import { redisBroker } from 'bothways/redis';
import { closeClients, closeSessions, openClients, openSessions, until } from './clients.mjs';
import { costs, memoryOf, settle } from './fleet.mjs';

/** How many there are when the baseline is read, and how many come then. */
const WEBSOCKETS = { first: 2_000, more: 8_000 };
const TLS = { first: 200, more: 800 };
const SESSIONS = { first: 300, more: 1_200 };
const SUBSCRIBERS = 500;
const TOPICS_EACH = 100;
const MEMBERS = 40_000;
/** How many members go into one message (`pubsub/nodes.ts`). */
const PIECE = 1_000;

/** What one of many takes: the growth of memory, divided by how many came. */
async function growth(server, { first, more }, open) {
  const opened = await open(first);
  const before = await server.memory();
  opened.push(...(await open(more)));
  await settle(server);
  return { opened, bytes: ((await server.memory()) - before) / more };
}

/** Memory of the kernel's own objects, bytes: sockets, files and what belongs to them. */
function slabBytes() {
  return Number(/^Slab:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))[1]) * 1024;
}

async function webSockets(fleet) {
  const server = await fleet.server();
  const memoryProcess = await server.memory();
  let slab = 0;
  const { opened, bytes } = await growth(server, WEBSOCKETS, async (count) => {
    const before = slabBytes();
    const clients = await openClients(server, count);
    slab = slabBytes() - before;
    return clients;
  });
  await closeClients(opened);
  await fleet.stop(server);
  // Both ends are on this machine.
  return { memoryProcess, memoryWebSocket: bytes, memoryKernel: slab / WEBSOCKETS.more / 2 };
}

async function tlsWebSockets(fleet) {
  const server = await fleet.server({ tls: fleet.certificate('ecdsa') });
  const { opened, bytes } = await growth(server, TLS, (count) => openClients(server, count, { tls: true }));
  await closeClients(opened);
  await fleet.stop(server);
  return { memoryTls: bytes };
}

async function sessions(fleet, carrier) {
  const server = await fleet.server({ sessions: true });
  const url = `http://127.0.0.1:${server.port}/`;
  const { opened, bytes } = await growth(server, SESSIONS, (count) => openSessions(url, count, carrier));
  await closeSessions(opened);
  await fleet.stop(server);
  return bytes;
}

/** The same topics for all connections, and then topics that each has for itself. */
async function topics(fleet) {
  const server = await fleet.server();
  const clients = await openClients(server, SUBSCRIBERS);
  const count = SUBSCRIBERS * TOPICS_EACH;
  const first = await server.memory();
  await server.order('subscribe', { count: TOPICS_EACH, shared: true, prefix: 'shared' });
  const second = await server.memory();
  await server.order('subscribe', { count: TOPICS_EACH, prefix: 'own' });
  const third = await server.memory();
  await closeClients(clients);
  await fleet.stop(server);
  return { memorySubscription: (second - first) / count, memoryTopic: (third - second) / count };
}

/** Topics that a server tells its broker, and that another one tells it too. */
async function brokerTopics(fleet, kind) {
  const broker = await fleet.broker(kind);
  const servers = [await fleet.server({ broker: broker.url }), await fleet.server({ broker: broker.url })];
  const clients = [];
  for (const server of servers) clients.push(...(await openClients(server, SUBSCRIBERS)));
  const count = SUBSCRIBERS * TOPICS_EACH;
  const [server] = servers;
  const before = [await server.memory(), memoryOf(broker)];
  const [cost] = await costs([broker], async () => {
    await server.order('subscribe', { count: TOPICS_EACH });
    await settle(broker);
    return count;
  });
  const one = [await server.memory(), memoryOf(broker)];
  await servers[1].order('subscribe', { count: TOPICS_EACH });
  await settle(broker);
  const two = memoryOf(broker);
  await closeClients(clients);
  await fleet.stop(...servers, broker);
  return {
    [`${kind}MemoryTopic`]: (one[0] - before[0]) / count,
    [`${kind}MemoryFirst`]: (one[1] - before[1]) / count,
    [`${kind}MemoryFurther`]: (two - one[1]) / count,
    [`${kind}Subscribe`]: cost,
  };
}

/** Members that another server has told. */
async function members(fleet) {
  const redis = await fleet.broker('redis');
  const server = await fleet.server({ broker: redis.url });
  const ghost = redisBroker(createClient({ url: redis.url }));
  await ghost.open({ receive() {}, receiveKept() {}, missed() {}, failed: console.error });
  const before = await server.memory();
  const areThere = async () => (await server.order('members', { topic: 'hall/99' })).members > 0;
  const [told] = await costs([server], async () => {
    for (let from = 0; from < MEMBERS; from += PIECE) {
      const listed = Array.from({ length: PIECE }, (_, at) => {
        const index = from + at;
        return [`hall/${index % 100}`, `member-${index}`, { name: 'somebody' }];
      });
      const isLast = from + PIECE >= MEMBERS;
      const message = ['state', 'ghost-of-a-server-----', 0, from === 0, isLast, listed];
      ghost.publish('$bothways/nodes', JSON.stringify(message));
    }
    await until(areThere, 'members are told');
    return MEMBERS;
  });
  const after = await server.memory();
  await ghost.close();
  await fleet.stop(server, redis);
  return { memoryMember: (after - before) / MEMBERS, memberTold: told };
}

/** Each time with servers that have done nothing else. */
export async function openMemory(fleet) {
  return {
    async round() {
      return {
        ...(await webSockets(fleet)),
        ...(await tlsWebSockets(fleet)),
        memorySession: await sessions(fleet, 'websocket'),
        memoryPolling: await sessions(fleet, 'long-polling'),
        ...(await topics(fleet)),
        ...(await brokerTopics(fleet, 'redis')),
        ...(await brokerTopics(fleet, 'nats')),
        ...(await members(fleet)),
      };
    },
    async close() {},
  };
}

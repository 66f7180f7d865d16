/** A small load such as the simulation counts: rooms at several servers. What it uses is compared with what was counted. */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeText } from '../load/frames.mjs';
import { randomOf } from './chance.mjs';
import { arrivedAt, closeClients, openClients, until } from './clients.mjs';
import { costs } from './fleet.mjs';
import { ROOMS } from './scenarios.mjs';

/** How long it goes on, milliseconds, and how often some send. */
const DURATION = 1_500;
const EVERY = 10;
const FRAME = encodeText('m'.repeat(64));

export async function openRooms(fleet) {
  const redis = await fleet.broker('redis');
  const servers = [];
  for (let count = 0; count < ROOMS.nodes; count++) servers.push(await fleet.server({ broker: redis.url }));
  const random = randomOf(1);
  const clients = [];
  for (let index = 0; index < ROOMS.connections; index++) {
    const server = servers[Math.floor(random() * servers.length)];
    clients.push(...(await openClients(server, 1, { path: `/rooms/${index % ROOMS.topics}` })));
  }
  const members = ROOMS.connections / ROOMS.topics;

  return {
    async round() {
      const before = arrivedAt(clients);
      const ticks = DURATION / EVERY;
      const perTick = (ROOMS.rate * EVERY) / 1_000;
      let next = 0;
      const each = await costs([...servers, redis], async () => {
        for (let tick = 0; tick < ticks; tick++) {
          // A prime step, so that those who send are of different rooms.
          for (let count = 0; count < perTick; count++)
            clients[(next += 7) % clients.length].sendFrame(FRAME);
          await delay(EVERY);
        }
        const wanted = ticks * perTick * members;
        await until(() => arrivedAt(clients) - before === wanted, 'what is said in rooms arrives');
        return ticks * perTick;
      });
      // CPU time for each message, at that rate.
      const [used, broker] = [each.slice(0, -1).reduce((sum, cost) => sum + cost), each.at(-1)];
      return { roomsServers: (used * ROOMS.rate) / 1e6, roomsRedis: (broker * ROOMS.rate) / 1e6 };
    },
    async close() {
      await closeClients(clients);
      await fleet.stop(...servers, redis);
    },
  };
}

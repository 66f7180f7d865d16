/** What messages cost one server that has no broker. */
import { setTimeout as delay } from 'node:timers/promises';
import { encodeText } from '../load/frames.mjs';
import { arrivedAt, closeClients, openClients, until } from './clients.mjs';
import { costs } from './fleet.mjs';

const CONNECTIONS = 400;
/** How often those of `beating` are pinged, milliseconds. */
export const PING_INTERVAL = 200;
const FRAME = encodeText('m'.repeat(64));

/** How many messages in a tick, and how many ticks. */
const DELIVERIES = { 1: 40, 10: 12, 50: 4 };

export async function openMessages(fleet) {
  const alone = await fleet.server();
  const beating = await fleet.server({ pingInterval: PING_INTERVAL });
  const clients = await openClients(alone, CONNECTIONS, { path: '/hot' });
  const pinged = await openClients(beating, CONNECTIONS);

  /** Each client sends one message, again and again; a server reads many sockets in one turn. */
  const receive = async () => {
    const { received: before } = await alone.order('counts');
    const sent = CONNECTIONS * 40;
    const [cost] = await costs([alone], async () => {
      for (let time = 0; time < 40; time++) {
        for (const client of clients) client.sendFrame(FRAME);
        await delay(10);
      }
      const areThere = async () => (await alone.order('counts')).received - before === sent;
      await until(areThere, 'what was sent is received');
      return sent;
    });
    return cost;
  };

  /** @param order `send` or `publish` @param details of it @param count how many messages arrive */
  const deliver = async (order, details, count) => {
    const before = arrivedAt(clients);
    const [cost] = await costs([alone], async () => {
      await alone.order(order, details);
      await until(() => arrivedAt(clients) - before === count, 'what was sent has arrived');
      return count;
    });
    return cost;
  };

  const ping = async () => {
    const { pongs } = await beating.order('counts');
    const [cost] = await costs([beating], async () => {
      await delay(4 * PING_INTERVAL);
      return (await beating.order('counts')).pongs - pongs;
    });
    return cost;
  };

  return {
    async round() {
      const figures = { received: await receive() };
      figures.sent = await deliver('send', { times: 40, every: 5 }, 40 * CONNECTIONS);
      for (const [perTick, times] of Object.entries(DELIVERIES)) {
        const details = { topic: 'hot', times, every: 20, perTick: Number(perTick) };
        figures[`delivery${perTick}`] = await deliver('publish', details, times * perTick * CONNECTIONS);
      }
      figures.ping = await ping();
      return figures;
    },
    async close() {
      await closeClients([...clients, ...pinged]);
      await fleet.stop(alone, beating);
    },
  };
}

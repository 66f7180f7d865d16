/** What a message of a session costs: at the server that has it, relayed by another one, and saved in Redis. */
import { setTimeout as delay } from 'node:timers/promises';
import { Gate, closeSessions, openSessions, until } from './clients.mjs';
import { costs } from './fleet.mjs';

const SECRET = 'the same at all of these servers';
const SESSIONS = 40;
/** How many messages each session sends and gets. */
const MESSAGES = { websocket: 40, 'long-polling': 12 };
/** Between two messages of a session, milliseconds: each is sent, and acknowledged, by itself. */
const EVERY = 20;
const CARRIERS = { websocket: 'Socket', 'long-polling': 'Polling' };

export async function openSessionCosts(fleet) {
  const redis = await fleet.broker('redis');
  const options = { broker: redis.url, sessions: { secret: SECRET } };
  const owner = await fleet.server(options);
  const relay = await fleet.server(options);
  // One of its own, so that what it has does not depend on the others.
  const records = await fleet.broker('redis');
  const durable = await fleet.server({
    broker: records.url,
    sessions: { secret: SECRET, durable: true },
  });

  /** Each way of a message, its sessions, and whose CPU time counts. */
  const talks = [];
  for (const [carrier, name] of Object.entries(CARRIERS)) {
    const [direct, relayed, saved] = [
      await open(owner, carrier),
      await open(owner, carrier, relay),
      await open(durable, carrier),
    ];
    talks.push(
      [direct, { [`direct${name}`]: owner }],
      [relayed, { [`relayOwner${name}`]: owner, [`relayBy${name}`]: relay, [`relayRedis${name}`]: redis }],
      [saved, { [`durable${name}`]: durable, [`durableRedis${name}`]: records }],
    );
  }

  return {
    async round() {
      const figures = {};
      for (const [talk, processes] of talks) {
        for (const [way, measure] of Object.entries({ Up: up, Down: down })) {
          const measured = await measure(talk, Object.values(processes));
          for (const [index, name] of Object.keys(processes).entries()) {
            figures[`${name}${way}`] = measured[index];
          }
        }
      }
      return figures;
    },
    async close() {
      for (const [{ sessions, gate }] of talks) {
        await closeSessions(sessions);
        gate.close();
      }
      await fleet.stop(owner, relay, durable, redis, records);
    },
  };
}

async function open(server, carrier, by) {
  const gate = await Gate.open(server);
  // So that the server can tell them from others.
  const url = `/?${carrier}-${by === undefined ? 'direct' : 'relayed'}`;
  const sessions = await openSessions(new URL(url, gate.url).href, SESSIONS, carrier);
  if (by !== undefined) gate.turnTo(by);
  return { gate, sessions, carrier, server, url };
}

/** From all clients to the server. */
async function up({ sessions, carrier, server }, processes) {
  const { received } = await server.order('counts');
  const sent = SESSIONS * MESSAGES[carrier];
  return costs(processes, async () => {
    for (let time = 0; time < MESSAGES[carrier]; time++) {
      for (const { session } of sessions) session.send('m'.repeat(64));
      await delay(EVERY);
    }
    const areThere = async () => (await server.order('counts')).received - received === sent;
    await until(areThere, 'what sessions sent is received');
    await delay(EVERY);
    return sent;
  });
}

/** From the server to all clients. */
async function down({ sessions, carrier, server, url }, processes) {
  const arrived = () => sessions.reduce((sum, { received }) => sum + received, 0);
  const before = arrived();
  const sent = SESSIONS * MESSAGES[carrier];
  return costs(processes, async () => {
    await server.order('send', { url, times: MESSAGES[carrier], every: EVERY });
    await until(() => arrived() - before === sent, 'what was sent to sessions has arrived');
    await delay(EVERY);
    return sent;
  });
}

/** What it costs to publish through a broker, and what servers that share one tell each other. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectNats } from '@nats-io/transport-node';
import { natsBroker } from 'bothways/nats';
import { redisBroker } from 'bothways/redis';
import { createClient } from 'redis';
import { arrivedAt, closeClients, openClients, until } from './clients.mjs';
import { PER_TICK } from './figures.mjs';
import { costs } from './fleet.mjs';

/** What one server says to all others (`pubsub/nodes.ts`). */
const EVERYBODY = '$bothways/nodes';
/** Topics that servers have subscribed to, with a subscriber each. */
const TOPICS = 50;
/** Servers that are none: nobody measures them, so that they may say much. */
const CROWD = 20;
/** How many ticks, and between two, milliseconds. */
const TICKS = { 1: 600, 10: 250, 50: 60 };
const CROWD_TICKS = { 1: 100, 10: 30 };
const TELLS = 100;
const EVERY = 1;
const CROWD_EVERY = 4;
/** What is under way has arrived after so long, milliseconds. */
const SETTLED = 100;
const MEMBERS = 300;
const MESSAGE = 'm'.repeat(64);

/** A server as the broker sees it, on connections of its own. */
async function openGhost(url, index) {
  const isRedis = url.startsWith('redis:');
  const nats = isRedis ? undefined : await connectNats({ servers: url.slice('nats://'.length) });
  const broker = isRedis ? redisBroker(createClient({ url })) : natsBroker(nats);
  let received = 0;
  await broker.open({ receive: () => received++, receiveKept() {}, missed() {}, failed: console.error });
  for (let topic = 0; topic < TOPICS; topic++) broker.subscribe(`all/${topic}`);
  return {
    get received() {
      return received;
    },
    id: `ghost-of-a-server-${index}`.padEnd(22, '-'),
    publish: (topic, data) => broker.publish(topic, data),
    say: (message) => broker.publish(EVERYBODY, JSON.stringify(message)),
    async close() {
      await broker.close();
      await nats?.close();
    },
  };
}

/** @param {'redis' | 'nats'} kind */
export async function openBrokers(fleet, kind) {
  const broker = await fleet.broker(kind);
  const options = { broker: broker.url };
  const publishing = await fleet.server(options);
  const receiving = [await fleet.server(options), await fleet.server(options)];
  const clients = [];
  for (const server of receiving) clients.push(...(await openClients(server, TOPICS)));
  // One subscriber of each topic at one server or at both.
  await receiving[0].order('subscribe', { count: 1, prefix: 'one' });
  for (const server of receiving) await server.order('subscribe', { count: 1, prefix: 'two' });
  const [member] = await openClients(publishing, 1);
  const crowd = [];
  for (let index = 0; index < CROWD; index++) crowd.push(await openGhost(broker.url, index));
  /** How many changes each of the crowd has told. */
  let version = 0;

  /** One server publishes. @returns what a message costs it, the broker and one that gets it */
  const fromOne = (topic, subscribers, perTick) => {
    const times = TICKS[perTick];
    const details = { topic, topics: TOPICS, times, every: EVERY, perTick };
    const before = arrivedAt(clients);
    return costs([publishing, broker, receiving[0]], async () => {
      await publishing.order('publish', details);
      const wanted = times * perTick * subscribers;
      await until(() => arrivedAt(clients) - before === wanted, 'what was published arrives');
      // Without subscribers nobody says that the broker has had it all.
      if (subscribers === 0) await delay(SETTLED);
      return times * perTick;
    });
  };

  /** Each of the crowd publishes, at once, to nobody or to all of the crowd. @returns what a message costs the broker */
  const fromAll = async (topic, perTick) => {
    const messages = CROWD * CROWD_TICKS[perTick] * perTick;
    // Those that published it are handed it as well, and leave it out.
    const wanted = arrivedAt(crowd) + (topic === 'all' ? messages * (CROWD - 1) : 0);
    let next = 0;
    const [cost] = await costs([broker], async () => {
      for (let tick = 0; tick < CROWD_TICKS[perTick]; tick++) {
        for (const ghost of crowd) {
          for (let count = 0; count < perTick; count++) ghost.publish(`${topic}/${next++ % TOPICS}`, MESSAGE);
        }
        await delay(CROWD_EVERY);
      }
      await until(() => arrivedAt(crowd) === wanted, 'what the crowd published arrives');
      await delay(SETTLED);
      return messages;
    });
    return cost;
  };

  /** What the timer of `publish` costs without anything to publish, for each tick. */
  const tick = async () => {
    const [cost] = await costs([publishing], async () => {
      await publishing.order('publish', { topic: 'none', times: 300, every: EVERY, perTick: 0 });
      return 300;
    });
    return cost;
  };

  /** What the crowd says to servers. @returns what it costs one that hears it */
  const tell = async (messageOf) => {
    // All that they had said before is forgotten.
    for (const { id, say } of crowd) say(['state', id, ++version, true, true, []]);
    const state = version;
    const [cost] = await costs([receiving[0]], async () => {
      for (let time = 1; time <= TELLS; time++) {
        for (const { id, say } of crowd) say(messageOf(id, state, time));
        await delay(CROWD_EVERY);
      }
      const mark = ['state', 'ghost-that-is-a-mark--', version, true, true, [[`mark/${version}`, 'm', null]]];
      crowd.at(-1).say(mark);
      const topic = `mark/${version}`;
      const isThere = async () => (await receiving[0].order('members', { topic })).members === 1;
      await until(isThere, 'a server hears others');
      return CROWD * TELLS;
    });
    version += TELLS;
    return cost;
  };

  /** A server's own member, with what it takes to tell the others. */
  const join = async () => {
    const [cost] = await costs([publishing], async () => {
      await publishing.order('join', { count: MEMBERS });
      return MEMBERS;
    });
    await publishing.order('leave', { count: MEMBERS });
    return cost;
  };

  return {
    async round() {
      const figures = {};
      const keep = (name, value) => (figures[`${kind}${name}`] = value);
      const empty = await tick();
      for (const perTick of PER_TICK) {
        const [own, none] = await fromOne('none', 0, perTick);
        const [, , received] = await fromOne('one', 1, perTick);
        keep(`Publish${perTick}`, own - empty / perTick);
        keep(`Receive${perTick}`, received);
        if (perTick > 1) continue;
        const [, two] = await fromOne('two', 2, perTick);
        keep('TakeAlone', none);
        keep('HandAlone', (two - none) / 2);
      }
      for (const [name, perTick] of Object.entries({ Each: 1, Tens: 10 })) {
        const none = await fromAll('none', perTick);
        keep(`Take${name}`, none);
        keep(`Hand${name}`, ((await fromAll('all', perTick)) - none) / CROWD);
      }
      keep('Beat', await tell((id, state) => ['beat', id, state, 25_000]));
      const shown = { name: 'somebody' };
      keep(
        'Change',
        await tell((id, state, time) => ['change', id, state + time, [[`hall/${time}`, id, shown]]]),
      );
      keep('Join', (await join()) - empty);
      return figures;
    },
    async close() {
      await closeClients([...clients, member]);
      for (const ghost of crowd) await ghost.close();
      await fleet.stop(publishing, ...receiving, broker);
    },
  };
}

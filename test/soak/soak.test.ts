import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../packages/bothways/src/node/test-arrivals.js';
import { startRedis } from '../peers/brokers.js';
import { Fleet } from './fleet.js';

/** How long they talk, seconds, and how many clients there are: more of both by `npm run soak`. */
const SECONDS = Number(process.env['BOTHWAYS_SOAK_SECONDS'] ?? 25);
const CLIENTS = Number(process.env['BOTHWAYS_SOAK_CLIENTS'] ?? 60);
/** How often each of them says something, milliseconds. */
const PAUSE = 500;
const KILL_EVERY = 10_000;

it(
  'What is said in a room is heard by all in it, once and in order, while servers are killed',
  { timeout: (SECONDS + 120) * 1_000 },
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis[Symbol.asyncDispose]());
    const fleet = await Fleet.start(redis.url, CLIENTS);
    onTestFinished(() => fleet[Symbol.asyncDispose]());
    const { clients, nodes } = fleet;
    await until(() => clients.every(({ isOpen }) => isOpen));
    const talking = setInterval(() => {
      for (const client of clients) client.say();
    }, PAUSE);
    const end = performance.now() + SECONDS * 1_000;
    for (let turn = 0; performance.now() < end; turn++) {
      const node = nodes[turn % nodes.length]!;
      await delay(Math.min(KILL_EVERY, end - performance.now()));
      await node.kill();
      await delay(1_000);
      await node.start();
    }
    clearInterval(talking);
    const patience = performance.now() + 60_000;
    await until(() => fleet.faults().length === 0 || performance.now() > patience);
    const sum = (of: (client: (typeof clients)[number]) => number): number =>
      clients.reduce((before, client) => before + of(client), 0);
    process.stdout.write(
      `${sum(({ said }) => said)} said by ${clients.length} clients, ${sum(({ retries }) => retries)} carriers lost, ` +
        `${nodes.reduce((before, { takeovers }) => before + takeovers, 0)} sessions taken over, ` +
        `${sum(({ epochs }) => epochs)} begun anew, ${nodes.flatMap(({ told }) => told).length} told\n`,
    );
    expect(fleet.faults()).toEqual([]);
    expect(clients.filter(({ end: code }) => code !== undefined)).toEqual([]);
    expect(nodes.flatMap(({ told }) => told)).toEqual([]);
  },
);

import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../../packages/bothways/src/node/test-arrivals.js';
import { startRedis, type BrokerServer } from '../peers/brokers.js';
import { Fleet } from './fleet.js';

function numberOf(name: string, otherwise: number): number {
  return Number(process.env[`BOTHWAYS_SOAK_${name}`] ?? otherwise);
}

/** How long servers are killed, seconds, and how many clients there are: more of all by `npm run soak`. */
const SECONDS = numberOf('SECONDS', 12);
const CLIENTS = numberOf('CLIENTS', 60);
/** How often each of them says something, milliseconds. */
const EVERY = numberOf('EVERY', 500);
/** How long the broker is paused, seconds. */
const PAUSED = numberOf('PAUSED', 5);
/** How often a server is killed, milliseconds: twice at least. */
const KILL_EVERY = Math.min(10_000, SECONDS * 500);
/** How much larger a server may become while the broker is paused, bytes. */
const MOST_GROWTH = 128 * 1024 * 1024;
/** How long it may take until all have heard all, milliseconds. */
const PATIENCE = 60_000;

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

function inMebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

async function startFleet(): Promise<readonly [Fleet, BrokerServer]> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const fleet = await Fleet.start(redis.url, CLIENTS);
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  await until(() => fleet.clients.every(({ isOpen }) => isOpen));
  return [fleet, redis];
}

/** Waits until all have heard all, and says what happened. */
async function conclude(fleet: Fleet): Promise<void> {
  const end = performance.now() + PATIENCE;
  await until(() => fleet.faults().length === 0 || performance.now() > end);
  const takeovers = fleet.nodes.reduce((before, node) => before + node.takeovers, 0);
  report(
    `${fleet.sum(({ said }) => said)} said by ${fleet.clients.length} clients, ${fleet.sum(({ retries }) => retries)} ` +
      `carriers lost, ${takeovers} sessions taken over, ${fleet.sum(({ epochs }) => epochs)} begun anew, ` +
      `${fleet.faults().length} faults`,
  );
  expect(fleet.faults()).toEqual([]);
  expect(fleet.clients.filter(({ end: code }) => code !== undefined)).toEqual([]);
  expect(fleet.told).toEqual([]);
}

it(
  'What is said in a room is heard by all in it, once and in order, while servers are killed',
  { timeout: SECONDS * 1_000 + 2 * PATIENCE },
  async () => {
    const [fleet] = await startFleet();
    const stop = fleet.talk(EVERY);
    onTestFinished(stop);
    const end = performance.now() + SECONDS * 1_000;
    for (let turn = 0; performance.now() < end; turn++) {
      const node = fleet.nodes[turn % fleet.nodes.length]!;
      await delay(Math.min(KILL_EVERY, end - performance.now()));
      await node.kill();
      await delay(1_000);
      await node.start();
      report(
        `server ${turn % fleet.nodes.length} was killed; ${fleet.sum(({ said }) => said)} said until now`,
      );
    }
    stop();
    await conclude(fleet);
    expect(fleet.nodes.some(({ takeovers }) => takeovers > 0)).toBe(true);
  },
);

it(
  'Nobody loses a session or a message while the broker is paused, and servers do not grow without bound',
  { timeout: PAUSED * 1_000 + 2 * PATIENCE },
  async () => {
    const [fleet, redis] = await startFleet();
    const stop = fleet.talk(EVERY);
    onTestFinished(stop);
    await until(() => fleet.clients.every(({ confirmed }) => confirmed > 0));
    const before = await fleet.memory();
    redis.pause();
    await delay(PAUSED * 1_000);
    const after = await fleet.memory();
    redis.resume();
    await until(() => fleet.clients.every(({ confirmed, said }) => confirmed > said / 2));
    stop();
    report(
      `the broker was paused for ${PAUSED} s: servers grew from ${before.map(inMebibytes).join(', ')} MiB ` +
        `to ${after.map(inMebibytes).join(', ')} MiB`,
    );
    await conclude(fleet);
    expect(fleet.sum(({ epochs }) => epochs)).toBe(0);
    for (const [index, bytes] of after.entries()) expect(bytes - before[index]!).toBeLessThan(MOST_GROWTH);
  },
);

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodesReached, randomOf, throwSubscribers } from '../../bench/units/chance.mjs';
import { KEYS } from '../../bench/units/figures.mjs';
import {
  FULL,
  MAX_NODES,
  fullAt,
  gossip,
  hotTopic,
  need,
  type Load,
  type Units,
} from '../../bench/units/model.mjs';
import { toMarkdown, type Figures } from '../../bench/units/report.mjs';
import { USUAL } from '../../bench/units/scenarios.mjs';
import { simulateStorm } from '../../bench/units/storm.mjs';
import { fill, tablesOf } from '../../bench/units/tables.mjs';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const measured = JSON.parse(read('docs/benchmarks-units.json')) as Figures;
const unit = Object.fromEntries(Object.entries(measured.figures).map(([key, { median }]) => [key, median]));

function simulate(...options: string[]): string {
  const file = join(root, 'bench/units/simulate.mjs');
  return execFileSync(process.execPath, [file, ...options], { encoding: 'utf8', stdio: 'pipe' });
}

/** Nothing costs anything but these. */
function costing(costs: Units): Units {
  return { ...Object.fromEntries(KEYS.map((key) => [key, 0])), ...costs };
}

/** A thousand connections in a hundred topics at ten servers, and what is said. */
function loadOf(load: Partial<Load>): Load {
  return { ...USUAL, connections: 1_000, topics: 100, nodes: 10, ...load };
}

describe('The figures that are kept', () => {
  it('have all that is measured, and nothing else', () => {
    expect(Object.keys(measured.figures).toSorted()).toEqual(KEYS.toSorted());
  });

  it('are those of their page', () => {
    // The machine is where the figures are, so that any other prints the same.
    expect(read('docs/benchmarks-units.md')).toBe(toMarkdown(measured));
  });

  it('make the tables of the guide', () => {
    const guide = read('docs/guide/scaling.md');
    expect(fill(guide, tablesOf(unit))).toBe(guide);
  });
});

describe('A table of the guide', () => {
  const text = 'a\n<!-- simulated: one -->\nold\n<!-- end -->\nb\n';

  it('takes the place of the one that was there', () => {
    expect(fill(text, { one: '| $1 |' })).toBe('a\n<!-- simulated: one -->\n\n| $1 |\n\n<!-- end -->\nb\n');
  });

  it('that has no place there is an error', () => {
    expect(() => fill(text, { two: '' })).toThrow("There is no place for the table 'two'");
  });
});

describe('How many servers a topic reaches', () => {
  it('is one for each subscriber at first, and all of them in the end', () => {
    expect(nodesReached(40, 1)).toBeCloseTo(1);
    expect(nodesReached(40, 2)).toBeCloseTo(1 + 39 / 40);
    expect(nodesReached(40, 10)).toBeCloseTo(8.947, 3);
    expect(nodesReached(40, 1_000)).toBeCloseTo(40);
    expect(nodesReached(1, 10)).toBe(1);
  });

  it.each([
    [10, 5],
    [40, 10],
    [100, 100],
  ])('is what comes out when it is tried: of %i, with %i subscribers', (nodes, subscribers) => {
    const { mean, most } = throwSubscribers(nodes, subscribers, { topics: 5_000, seed: 1 });
    expect(Math.abs(mean / nodesReached(nodes, subscribers) - 1)).toBeLessThan(0.01);
    expect(most).toBeLessThanOrEqual(Math.min(nodes, subscribers));
  });

  it('is tried with the same chance each time, which is even', () => {
    const [random, same, other] = [randomOf(7), randomOf(7), randomOf(8)];
    const all = Array.from({ length: 10_000 }, () => random());
    expect(all.slice(0, 3)).toEqual([same(), same(), same()]);
    expect(other()).not.toBe(all[0]);
    expect(Math.abs(all.reduce((sum, each) => sum + each) / all.length - 0.5)).toBeLessThan(0.01);
  });
});

describe('What a load needs', () => {
  it('is a message received and ten deliveries for each that a client publishes in a room of ten', () => {
    const costs = costing({ received: 1, delivery1: 100 });
    expect(need(costs, loadOf({ rate: 1_000 })).cores).toBeCloseTo(1_000 * (1 + 10 * 100) * 1e-6, 9);
    const fromServer = loadOf({ rate: 1_000, fromServer: true });
    expect(need(costs, fromServer).cores).toBeCloseTo(1, 9);
  });

  it('is a publish at one server, and a message read at each that the topic reaches', () => {
    const costs = costing({
      redisPublish1: 1_000,
      redisReceive1: 15,
      redisPublish10: 100,
      redisReceive10: 6,
      delivery1: 5,
    });
    const { cores, coresTens, reached } = need(costs, loadOf({ rate: 100 }));
    expect(reached).toBeCloseTo(10 * (1 - 0.9 ** 10));
    // What the delivery costs is not counted twice.
    expect(cores).toBeCloseTo(100 * (1_000 + reached * 10 + 10 * 5) * 1e-6, 9);
    expect(coresTens).toBeCloseTo(100 * (100 + reached + 10 * 5) * 1e-6, 9);
  });

  it('is a Ping for each connection in twenty seconds, or a poll', () => {
    const costs = costing({ ping: 10, directPollingDown: 100 });
    expect(need(costs, loadOf({})).cores).toBeCloseTo(50 * 10 * 1e-6, 9);
    expect(need(costs, loadOf({ carrier: 'long-polling' })).cores).toBeCloseTo(50 * 100 * 1e-6, 9);
  });

  it('is what relayed messages cost at both servers and in Redis', () => {
    const costs = costing({
      relayOwnerPollingUp: 1,
      relayByPollingUp: 2,
      relayRedisPollingUp: 4,
      relayOwnerPollingDown: 10,
      relayByPollingDown: 20,
      relayRedisPollingDown: 40,
    });
    const load = loadOf({ carrier: 'long-polling', relayed: true, rate: 100 });
    const { cores, brokerEach } = need(costs, load);
    // 100 messages up, 1,000 down, 50 polls without one.
    expect(cores).toBeCloseTo((100 * 3 + 1_050 * 30) * 1e-6, 9);
    expect(brokerEach).toBeCloseTo((100 * 4 + 1_050 * 40) * 1e-6, 9);
  });

  it('is what durable sessions cost at their server and in Redis, each way', () => {
    const costs = costing({
      directSocketUp: 1,
      durableSocketUp: 3,
      durableSocketDown: 2,
      durableRedisSocketUp: 10,
      durableRedisSocketDown: 1,
    });
    const { cores, brokerTens } = need(costs, loadOf({ rate: 100, durable: true }));
    expect(cores).toBeCloseTo((100 * 3 + 1_000 * 2) * 1e-6, 9);
    expect(brokerTens).toBeCloseTo((100 * 10 + 1_000) * 1e-6, 9);
  });

  it('is beats that all servers hear, and members that all servers are told', () => {
    const costs = costing({ redisBeat: 1, redisJoin: 1_000, redisChange: 10, memoryMember: 100 });
    const { cores, memory } = need(costs, loadOf({ arrivals: 5, shown: true }));
    // Ten servers, each in two seconds, at ten servers; five come and five go.
    expect(cores).toBeCloseTo((5 * 10 + 10 * (1_000 + 10 * 10)) * 1e-6, 9);
    expect(memory).toBe(1_000 * 9 * 100);
  });

  it('is memory of processes, connections, topics at each server that has them, and further subscriptions', () => {
    const costs = costing({
      memoryProcess: 1e9,
      memoryWebSocket: 1e5,
      redisMemoryTopic: 1,
      redisMemoryFirst: 1,
    });
    const { memory, reached, brokerMemory } = need(costs, loadOf({}));
    expect(memory).toBeCloseTo(10e9 + 1e8 + 100 * reached);
    expect(brokerMemory).toBe(100);
    const further = need(costing({ memorySubscription: 1, redisMemoryFurther: 1 }), loadOf({}));
    expect(further.memory).toBeCloseTo(1_000 - 100 * reached);
    expect(further.brokerMemory).toBeCloseTo(100 * (reached - 1));
  });

  it('is as many processes as have half a core left, and no fewer than connections ask for', () => {
    const some = need(costing({}), { ...USUAL, connections: 60_000 });
    expect(some).toMatchObject({ nodes: 3, machines: 1 });
    const many = need(costing({ delivery1: 10 }), { ...USUAL, rate: 100_000 });
    expect(many.cores).toBeCloseTo(10);
    expect(many.nodes).toBe(40);
    const full = need(costing({ delivery1: 100 }), { ...USUAL, rate: 100_000 });
    expect(full.nodes).toBeGreaterThanOrEqual(100 / FULL);
    expect(full.share).toBeLessThanOrEqual(FULL);
  });

  it('has an end where more servers only have more to tell each other', () => {
    const { nodes, share } = need(costing({ redisChange: 1_000 }), { ...USUAL, arrivals: 1_000 });
    expect(nodes).toBe(MAX_NODES);
    expect(share).toBeGreaterThan(FULL);
  });
});

describe('A broker', () => {
  const costs = costing({
    natsTakeEach: 10,
    natsHandEach: 1,
    natsTakeTens: 2,
    natsHandTens: 0.5,
    natsBeat: 20,
  });

  it('is full at half a core', () => {
    expect(fullAt(costs, 'nats', 10, 'Each')).toBeCloseTo(500_000 / 20);
    expect(fullAt(costs, 'nats', 10, 'Tens')).toBeCloseTo(500_000 / 7);
  });

  it('hands each beat to all servers, and answers to those that start', () => {
    const { heard, server, broker, start } = gossip(costs, 'nats', 100);
    expect(heard).toBe(50);
    expect(server).toBeCloseTo(50 * 20 * 1e-6, 9);
    expect(broker).toBeCloseTo(50 * 110 * 1e-6, 9);
    expect(start).toBeCloseTo(2 * 100 * (110 + 100 * 11) * 1e-6, 9);
  });
});

it('A topic with many subscribers keeps its server busy for as long as all deliveries take', () => {
  const { busy, rate } = hotTopic({ delivery10: 2 }, 25_000, 10);
  expect(busy).toBe(500);
  expect(rate).toBe(10);
});

describe('Clients that come back', () => {
  it('are back within their random wait where the server is quick enough', () => {
    const { all, attempts, mostWaiting } = simulateStorm({ clients: 1_000, cost: 100, free: 0.5, seed: 1 });
    expect(all).toBeLessThan(520);
    expect(attempts).toBe(1_000);
    expect(mostWaiting).toBeLessThan(30);
  });

  it('wait for the server where it is not', () => {
    const { all, attempts } = simulateStorm({ clients: 4_000, cost: 1_000, free: 0.5, seed: 1 });
    expect(attempts).toBe(4_000);
    // Each takes 2 ms of a server that has half a core for them.
    expect(all).toBeGreaterThan(7_990);
    expect(all).toBeLessThan(8_100);
  });

  it('give up after ten seconds and come again, for which the server has worked as well', () => {
    const { all, attempts } = simulateStorm({ clients: 4_000, cost: 2_000, free: 0.5, seed: 1 });
    expect(attempts).toBeGreaterThan(5_000);
    expect(all).toBeGreaterThan(16_000);
  });

  it('are dropped where 4,096 wait already, and ask again', () => {
    const { mostWaiting, all } = simulateStorm({ clients: 20_000, cost: 100, free: 1, seed: 1 });
    expect(mostWaiting).toBe(4_096);
    expect(all).toBeGreaterThan(2_000);
    expect(all).toBeLessThan(10_000);
  });
});

describe('npm run simulate', () => {
  it('prints what the guide shows', () => {
    const printed = simulate();
    for (const table of Object.values(tablesOf(unit))) expect(printed).toContain(table);
  });

  it('counts for one load', () => {
    expect(simulate('--connections', '3e4', '--nodes', '7')).toMatch(/^\| this load +\| 7 +\| 2 +\|/m);
  });

  it('says what is wrong with an option', () => {
    expect(() => simulate('--rate', 'much')).toThrow('--rate is a number, not much');
    expect(() => simulate('--broker', 'kafka')).toThrow('--broker is redis or nats');
  });
});

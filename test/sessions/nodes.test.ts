import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CarrierName } from 'bothways';
import { startFaultProxy, type FaultProxy } from 'bothways/testing';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startNats, startRedis, type BrokerServer } from '../peers/brokers.js';
import { startHaproxy, type Proxy } from '../peers/proxies.js';
import { freePort, temporaryDirectory } from '../peers/start.js';
import { launchChromium } from '../whatwg/browser.js';
import { bundle, HTML } from './page.js';
import { numbers, readReport, SessionNode, Talk, type Report } from './test-nodes.js';

// Three servers in processes of their own share a broker, and nothing in front of them knows which of them has what:
// HAProxy sends each request and each WebSocket to the next one.

const ALL: readonly CarrierName[] = [
  'websocket',
  'streaming',
  'eventsource',
  'long-polling',
  'polling',
  'postback',
];

const BYTES = Uint8Array.from({ length: 10 * 1024 * 1024 }, (_, index) => (index * 7) % 251);

interface Farm extends AsyncDisposable {
  readonly url: string;
  readonly nodes: SessionNode[];
  readonly broker: BrokerServer;
  /** Between the servers and the broker. */
  readonly network: FaultProxy;
  /** How many sessions were opened, at all servers. */
  readonly opened: number;
}

async function startFarm(startBroker: () => Promise<BrokerServer>, page?: string): Promise<Farm> {
  const broker = await startBroker();
  const network = await startFaultProxy({ target: broker.port });
  const url = broker.url.replace(`:${broker.port}`, `:${network.port}`);
  const start = (): Promise<SessionNode> => SessionNode.start(page === undefined ? [url] : [url, page]);
  const nodes = await Promise.all([start(), start(), start()]);
  const balancer: Proxy = await startHaproxy(
    'recommended',
    nodes.map(({ port }) => port),
  );
  return {
    url: `${balancer.url}/live`,
    nodes,
    broker,
    network,
    get opened() {
      return nodes.reduce((sum, { opened }) => sum + opened, 0);
    },
    async [Symbol.asyncDispose]() {
      await balancer.stop();
      await Promise.all(nodes.map((node) => node.kill()));
      await network.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

/** A page sends and gets 1,000 messages. @returns what the server has received. */
async function talkInPage(browser: Browser, url: string, carrier: CarrierName): Promise<Report> {
  const page = await browser.newPage();
  onTestFinished(() => page.context().close());
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(new URL('/', url).href);
  const inPage = <Result>(name: string, ...values: unknown[]): Promise<Result> =>
    page.evaluate(`page.${name}(...${JSON.stringify(values)})`);
  await inPage('open', { carriers: [carrier], pollInterval: 20, reconnectDelay: 20 });
  for (let round = 0; round < 5; round++) {
    await inPage('send', 'say 200', ...numbers(200, round * 200 + 1));
    if (round < 4) await inPage('lose');
    expect(await inPage('take', 200)).toEqual(numbers(200));
  }
  await inPage('send', 'report');
  const [report] = await inPage<string[]>('take', 1);
  expect(await inPage<string[]>('history')).not.toContain('begun anew');
  await inPage('close');
  expect(await inPage('left')).toBe(0);
  expect(complaints).toEqual([]);
  return readReport(report);
}

/** Servers of a test's own, which it may do anything to. */
async function useFarm(startBroker: () => Promise<BrokerServer> = startRedis): Promise<Farm> {
  const farm = await startFarm(startBroker);
  onTestFinished(() => farm[Symbol.asyncDispose]());
  return farm;
}

describe('Behind a balancer without stickiness, three servers that share a Redis', () => {
  let farm: Farm;
  let browser: Browser;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    await Promise.all([
      bundle().then((library) => writeFile(join(directory.path, 'bothways.js'), library)),
      writeFile(join(directory.path, 'page.html'), HTML),
      copyFile(join(import.meta.dirname, 'page.mjs'), join(directory.path, 'page.js')),
    ]);
    [farm, browser] = await Promise.all([startFarm(startRedis, directory.path), launchChromium()]);
  });

  afterAll(async () => {
    await browser.close();
    await farm[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test('carry 1,000 messages each way once and in order on each carrier, whichever of them it comes to', async () => {
    const before = farm.opened;
    await expectAllCarriers(farm.url, 200);
    expect(farm.opened - before).toBe(ALL.length);
  });

  test.each(ALL)('carry 1,000 messages each way of a page in Chromium on %s', async (carrier) => {
    const report = await talkInPage(browser, farm.url, carrier);
    expect(report).toMatchObject({ count: 1_000, isRight: true });
  });

  test('lose and repeat nothing while a session moves from carrier to carrier', async () => {
    const talk = await Talk.open(farm.url, { carriers: ALL });
    const moves = ALL.flatMap((from, index) => ALL.slice(index + 1).flatMap((to) => [from, to]));
    for (const carrier of moves) await talk.exchange(40, () => talk.session.switchTo(carrier));
    await talk.expectAll();
    expect(talk.resumes).not.toContain(false);
    expect(talk.carriers.size).toBe(ALL.length);
  });

  test('open one session, though its attempts come to several of them', async () => {
    const before = farm.opened;
    // Longer than a client waits before it tries the next carrier beside.
    const talks = await Promise.all(
      [300, 700, 1_200].map((wait) => Talk.open(`${farm.url}?wait=${wait}`, { fallbackDelay: 100 })),
    );
    for (const talk of talks) {
      await talk.exchange(100);
      await talk.expectAll();
      expect(talk.resumes).toEqual([]);
    }
    expect(farm.opened - before).toBe(3);
  });

  test.each<[CarrierName, string | Uint8Array]>([
    ['websocket', BYTES],
    ['long-polling', 'Grüße 👋\n'.repeat(700_000)],
  ])('carry a message of 10 MiB both ways on %s', async (carrier, message) => {
    const talk = await Talk.open(farm.url, { carriers: [carrier] });
    // From another server than the one that has the session.
    talk.session.loseCarrier();
    talk.session.send(message);
    const back = await talk.messages.next();
    expect(Buffer.compare(Buffer.from(back as string), Buffer.from(message as string))).toBe(0);
    await talk.expectAll();
  });

  test.each<CarrierName>(['websocket', 'streaming', 'eventsource', 'long-polling'])(
    'wait for a client that does not read on %s, and lose nothing',
    async (carrier) => {
      const { session } = await Talk.open(farm.url, { carriers: [carrier] }, false);
      const reader = session[Symbol.asyncIterator]();
      session.send('say 8000 1000');
      expect(String((await reader.next()).value).trimEnd()).toBe('1');
      session.loseCarrier();
      // While nobody reads, and another server relays, if there is one.
      await delay(300);
      for (const number of numbers(7_999, 2)) {
        expect(String((await reader.next()).value).trimEnd()).toBe(number);
      }
      session.send('report');
      expect(readReport((await reader.next()).value)).toMatchObject({ count: 0 });
    },
  );
});

/** Sessions on several carriers, each of which is relayed now: they have come to another server than before. */
async function openSome(farm: Farm): Promise<Talk[]> {
  const carriers: readonly CarrierName[] = ['websocket', 'streaming', 'long-polling', 'polling'];
  const talks = await Promise.all(
    [...carriers, ...carriers].map((carrier) => Talk.open(farm.url, { carriers: [carrier] })),
  );
  await Promise.all(talks.map((talk) => talk.exchange(50, () => talk.session.loseCarrier())));
  return talks;
}

describe('Sessions of three servers behind a balancer', () => {
  test(
    'go on when another server is killed, and begin anew when it was theirs',
    { timeout: 40_000 },
    async () => {
      const farm = await useFarm();
      const talks = await openSome(farm);
      const pids = await Promise.all(talks.map(async (talk) => (await talk.report()).pid));
      const killed = farm.nodes.find(({ pid }) => pid === pids[0])!;
      const [theirs, others] = [
        talks.filter((_, index) => pids[index] === killed.pid),
        talks.filter((_, index) => pids[index] !== killed.pid),
      ];
      expect(others.length).toBeGreaterThan(0);
      const began = performance.now();
      const goingOn = Promise.all(
        others.map(async (talk) => {
          await talk.exchange(200, () => killed.kill());
          await talk.expectAll();
          expect(talk.resumes).not.toContain(false);
        }),
      );
      await Promise.all(
        theirs.map(async (talk) => {
          await killed.kill();
          talk.session.send('echo');
          const lost = await talk.anew.next();
          // Nobody knows whether it arrived, or it is sent again.
          const echo = lost.includes('echo') ? 'echo' : await talk.messages.next();
          expect(echo).toBe('echo');
          // As docs/guide/carriers.md says.
          expect(performance.now() - began).toBeLessThan(15_000);
          talk.startAnew();
          await talk.exchange(50);
          expect((await talk.expectAll()).pid).not.toBe(killed.pid);
        }),
      );
      await goingOn;
    },
  );

  test('lose nothing while Redis stands still, or cannot be reached', { timeout: 40_000 }, async () => {
    const farm = await useFarm();
    const talks = await openSome(farm);
    const exchange = (interfere: () => unknown): Promise<unknown> =>
      Promise.all([...talks.map((talk) => talk.exchange(200, () => delay(1))), interfere()]);
    await exchange(async () => {
      farm.broker.pause();
      await delay(3_000);
      farm.broker.resume();
    });
    await exchange(() => farm.network.cut());
    await exchange(async () => {
      farm.network.stall();
      await delay(1_500);
      farm.network.cut();
      farm.network.heal();
    });
    for (const talk of talks) {
      await talk.expectAll();
      expect(talk.resumes).not.toContain(false);
    }
    expect(farm.opened).toBe(talks.length);
  });

  test('have all that was sent before their server closes, and begin anew at another', async () => {
    const farm = await useFarm();
    const talks = await openSome(farm);
    const pids = await Promise.all(talks.map(async (talk) => (await talk.report()).pid));
    const closing = farm.nodes.find(({ pid }) => pid === pids[0])!;
    const theirs = talks.filter((_, index) => pids[index] === closing.pid);
    expect(theirs.length).toBeGreaterThan(0);
    for (const talk of theirs) talk.session.send('say 100');
    await Promise.all(theirs.map((talk) => talk.messages.take(1)));
    const closed = closing.close();
    await Promise.all(
      theirs.map(async (talk) => {
        expect(await talk.messages.take(99)).toEqual(numbers(99, 2));
        await talk.anew.next();
        talk.startAnew();
        await talk.exchange(50);
        expect((await talk.expectAll()).pid).not.toBe(closing.pid);
      }),
    );
    await closed;
    for (const talk of talks) await talk.exchange(20);
  });

  test('are carried through NATS as well', async () => {
    const farm = await useFarm(() => startNats());
    await expectAllCarriers(farm.url);
    expect(farm.opened).toBe(ALL.length);
    const talk = await Talk.open(farm.url);
    talk.session.loseCarrier();
    talk.session.send(BYTES);
    expect(Buffer.compare(Buffer.from((await talk.messages.next()) as string), BYTES)).toBe(0);
  });

  test('are carried by workers that share a port', async () => {
    const port = await freePort();
    const primary = await SessionNode.start(['cluster'], { PORT: `${port}` });
    onTestFinished(() => primary.kill());
    await expectAllCarriers(`http://127.0.0.1:${port}/live`);
    expect(primary.opened).toBe(ALL.length);
  });
});

/** That messages each way arrive once and in order on each carrier, at the same time, in five rounds. */
async function expectAllCarriers(url: string, count = 100): Promise<void> {
  await Promise.all(
    ALL.map(async (carrier) => {
      const talk = await Talk.open(url, { carriers: [carrier] });
      for (let round = 0; round < 5; round++) await talk.exchange(count, () => talk.session.loseCarrier());
      await talk.expectAll();
      expect(talk.resumes).not.toContain(false);
      expect(talk.resumes.length).toBeGreaterThanOrEqual(5);
      expect([...talk.carriers]).toEqual([carrier]);
    }),
  );
}

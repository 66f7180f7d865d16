import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../packages/bothways/src/node/test-arrivals.js';
import { startNats, startRedis } from '../peers/brokers.js';
import { Fleet } from '../soak/fleet.js';
import { launchChromium } from '../whatwg/browser.js';
import { bundle } from './page.js';

// Durable sessions on three servers in processes of their own, with a real Redis or NATS, behind HAProxy without stickiness: a
// client of each carrier, and one in Chromium, while servers are killed, paused and restarted.

const PAUSE = 200;
const TEN_MEBIBYTES = 10 * 1024 * 1024;

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
import { Session } from '/bothways.js';
const session = new Session(location.origin + '/?room=room-0');
window.heard = [];
window.said = 0;
window.epochs = 0;
session.addEventListener('message', ({ data }) => window.heard.push(data));
session.addEventListener('resume', ({ resumed }) => { if (!resumed) window.epochs++; });
window.say = () => session.send('page ' + ++window.said);
</script>`;

/** A page of the servers that is in the first room, and says something again and again. */
async function openPage(url: string): Promise<Page> {
  const [library, browser] = await Promise.all([bundle(), launchChromium()]);
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.route(/\/page$/, (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
  await page.route(/\/bothways\.js$/, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: library }),
  );
  await page.goto(`${url}/page`);
  await page.waitForFunction('window.heard.includes("open")');
  return page;
}

/** What a page has heard of each client, in its order. */
async function heardBy(page: Page): Promise<Map<string, number[]>> {
  const heard = new Map<string, number[]>();
  for (const text of await page.evaluate<string[]>('window.heard')) {
    const [name = '', number = ''] = text.split(' ');
    if (number !== '') heard.set(name, [...(heard.get(name) ?? []), Number(number)]);
  }
  return heard;
}

function countTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

async function startFleet(started: number, startBroker = () => startRedis()): Promise<Fleet> {
  const broker = await startBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const fleet = await Fleet.start(broker.url, 6, started);
  onTestFinished(() => fleet[Symbol.asyncDispose]());
  await until(() => fleet.clients.every(({ isOpen }) => isOpen));
  return fleet;
}

/** Whether all clients are there, of whom none has lost its session, and nothing is missing or came twice. */
function expectWhole(fleet: Fleet): void {
  expect(fleet.faults()).toEqual([]);
  expect(fleet.told).toEqual([]);
  expect(fleet.clients.map(({ name, epochs, end }) => [name, epochs, end])).toEqual(
    fleet.clients.map(({ name }) => [name, 0, undefined]),
  );
}

test(
  'sessions on every carrier, and in Chromium, outlive servers that are killed, also while they take over, and one that is paused',
  { timeout: 120_000 },
  async () => {
    const fleet = await startFleet(1);
    const [one, two, three] = fleet.nodes as [Fleet['nodes'][0], Fleet['nodes'][0], Fleet['nodes'][0]];
    const page = await openPage(fleet.url);
    await Promise.all([two.start(), three.start()]);
    const stop = fleet.talk(PAUSE);
    // The page may be closed first, when the test ends.
    const saying = setInterval(() => void page.evaluate('window.say()').catch(() => {}), PAUSE);
    onTestFinished(() => {
      stop();
      clearInterval(saying);
    });
    await until(() => fleet.clients.every(({ confirmed }) => confirmed > 2));
    // By WebSocket, and by long polling.
    const large = [fleet.clients[0]!, fleet.clients[3]!];
    // All are at the first. What they have asked for is large, and on its way when it dies.
    for (const client of large) client.ask(TEN_MEBIBYTES);
    await delay(100);
    await one.kill();
    await until(() => two.takeovers > 0 && three.takeovers > 0);
    await two.kill();
    await until(() => three.takeovers === 7);
    await one.start();
    await two.start();
    // Then nothing is heard of the third, and it does not know that.
    three.pause();
    await delay(12_000);
    three.resume();
    // Those of its sessions that others have are not its own any more; the others come back to it.
    await until(() => three.moved > 0);
    stop();
    clearInterval(saying);
    await until(() => fleet.faults().length === 0 && large.every(({ echoes }) => echoes.length > 0));
    expectWhole(fleet);
    expect(large.map(({ echoes }) => echoes)).toEqual([[TEN_MEBIBYTES], [TEN_MEBIBYTES]]);
    const said = await page.evaluate<number>('window.said');
    await until(() => fleet.clients.every((client) => client.lastOf('page') === said));
    const isWhole = (heard: Map<string, number[]>): boolean =>
      heard.get('page')?.length === said &&
      fleet.clients.every((each) => heard.get(each.name)?.length === each.said);
    while (!isWhole(await heardBy(page))) await delay(50);
    const heard = await heardBy(page);
    expect(heard.get('page')).toEqual(countTo(said));
    expect(heard.get('said')).toEqual(countTo(said));
    expect(await page.evaluate<number>('window.epochs')).toBe(0);
  },
);

test('a rolling restart of all servers is noticed by nobody', { timeout: 60_000 }, async () => {
  const fleet = await startFleet(3);
  const stop = fleet.talk(PAUSE);
  onTestFinished(stop);
  for (const node of fleet.nodes) {
    const before = fleet.clients.map(({ confirmed }) => confirmed);
    await node.close();
    await node.start();
    // They go on, wherever they are.
    await until(() => fleet.clients.every(({ confirmed }, index) => confirmed > before[index]! + 2));
  }
  stop();
  await until(() => fleet.faults().length === 0);
  expectWhole(fleet);
  expect(fleet.nodes.reduce((sum, { moved }) => sum + moved, 0)).toBeGreaterThanOrEqual(6);
});

test(
  'through JetStream too, sessions outlive a server that is killed, and one that is closed',
  {
    timeout: 60_000,
  },
  async () => {
    const fleet = await startFleet(1, () => startNats());
    const [one, two, three] = fleet.nodes as [Fleet['nodes'][0], Fleet['nodes'][0], Fleet['nodes'][0]];
    await Promise.all([two.start(), three.start()]);
    const stop = fleet.talk(PAUSE);
    onTestFinished(stop);
    await until(() => fleet.clients.every(({ confirmed }) => confirmed > 2));
    await one.kill();
    await until(() => two.takeovers + three.takeovers === 6);
    await two.close();
    await until(() => three.takeovers === 6);
    stop();
    await until(() => fleet.faults().length === 0);
    expectWhole(fleet);
  },
);

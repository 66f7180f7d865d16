import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CarrierName } from 'bothways';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../packages/bothways/src/node/test-arrivals.js';
import { startFaultProxy, type FaultProxy } from '../../packages/bothways/src/testing/index.js';
import { launchChromium } from '../whatwg/browser.js';
import { type Endpoint, numbered, sendAll, startEndpoint } from './endpoint.js';
import { bundle, HTML } from './page.js';

// A page with the library as it is built for pages, and a network of which the test decides how bad it is: between
// the page and the server, which serves the page too, is a fault proxy.

let endpoint: Endpoint;
let proxy: FaultProxy;
let browser: Browser;
let page: Page;
/** What went wrong in the page, but for what Chromium itself says of requests that fail. */
let complaints: string[];

beforeAll(async () => {
  const [library, script] = await Promise.all([
    bundle(),
    readFile(join(import.meta.dirname, 'page.mjs'), 'utf8'),
  ]);
  endpoint = await startEndpoint({
    others: (request, response) => {
      const isScript = request.url !== '/';
      response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html' });
      response.end(request.url === '/bothways.js' ? library : isScript ? script : HTML);
    },
  });
  [proxy, browser] = await Promise.all([startFaultProxy({ target: endpoint.port }), launchChromium()]);
});

afterAll(async () => {
  await browser.close();
  await proxy.close();
  await endpoint[Symbol.asyncDispose]();
});

beforeEach(async () => {
  complaints = [];
  endpoint.visits.items.length = 0;
  // With a storage of its own, where it remembers no carrier of the test before.
  page = await browser.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isOfChromium = /^(Failed to load resource|WebSocket connection to)/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !isOfChromium) complaints.push(message.text());
  });
  await page.goto(proxy.url);
  onTestFinished(async () => {
    await page.context().close();
    proxy.heal();
  });
});

/** Calls one of the functions of page.mjs. */
function inPage<Result>(name: string, ...values: unknown[]): Promise<Result> {
  return page.evaluate(`page.${name}(...${JSON.stringify(values)})`);
}

async function open(options: object) {
  await inPage('open', options);
  return endpoint.visits.next();
}

const CLEAN = { code: 1000, wasClean: true };

describe('a page in Chromium', () => {
  const byDefault: CarrierName[] = ['websocket', 'streaming', 'eventsource', 'long-polling', 'polling'];

  test.each<CarrierName>([...byDefault, 'postback'])(
    'carries texts and bytes both ways by %s alone',
    async (carrier) => {
      const { connection, messages } = await open({ carriers: [carrier], pollInterval: 20 });
      const everyByte = Array.from({ length: 256 }, (_, value) => value);
      const many = Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256);
      const contents = ['', 'Grüße 😀\n\r\u2028', [], everyByte, '{"close":1000}', 'x'.repeat(100_000), many];
      expect(await inPage('carrier')).toBe(carrier);
      for (const content of contents) {
        connection.send(typeof content === 'string' ? content : Uint8Array.from(content));
      }
      await inPage('send', ...contents);
      const atServer = await messages.take(contents.length);
      expect(atServer.map((data) => (typeof data === 'string' ? data : [...data]))).toEqual(contents);
      expect(await inPage('take', contents.length)).toEqual(contents);
      expect(await inPage('close')).toMatchObject(CLEAN);
      expect(await inPage('left')).toBe(0);
      expect(await connection.closed).toMatchObject({ code: 1000, reason: 'done' });
      expect(messages.items).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test('moves between any two carriers in mid-traffic, and loses and repeats nothing', async () => {
    const carriers: CarrierName[] = [...byDefault, 'postback'];
    const { connection, messages } = await open({ carriers, pollInterval: 20 });
    // A B A C A D ... B C B D ... A: from each of them to each other one.
    const moves = carriers.flatMap((from, index) => carriers.slice(index + 1).flatMap((to) => [from, to]));
    for (const [move, carrier] of [...moves, carriers[0]].entries()) {
      const first = move * 20 + 1;
      await inPage('send', ...numbered('page', 20, first));
      sendAll(connection, numbered('server', 20, first));
      await inPage('switchTo', carrier);
      await inPage('untilCarrier', carrier);
      expect(await messages.take(20)).toEqual(numbered('page', 20, first));
      await inPage('send', 'again');
      expect(await messages.next()).toBe('again');
      expect(await inPage('take', 20)).toEqual(numbered('server', 20, first));
    }
    expect(await inPage<string[]>('history')).not.toContain('begun anew');
    expect(await inPage('close')).toMatchObject(CLEAN);
    expect(await inPage('left')).toBe(0);
    expect(complaints).toEqual([]);
  });

  test(
    'has 10,000 messages each way once and in order while the network is cut 50 times',
    { timeout: 60_000 },
    async () => {
      const random = randomOf(20_261);
      const [cuts, total] = [50, 10_000];
      const share = total / cuts;
      const options = { reconnectDelay: 50, maxReconnectDelay: 200, pollInterval: 20 };
      const { connection, messages } = await open(options);
      for (let cut = 0; cut < cuts; cut++) {
        await inPage('untilState', 'open');
        // By itself it would stay with what works in such a network.
        await inPage('switchTo', byDefault[cut % byDefault.length]);
        sendAll(connection, numbered('server', share, cut * share + 1));
        await inPage('send', ...numbered('page', share, cut * share + 1));
        // Some of them have come, so something carries it again.
        const arrived = 1 + Math.floor((random() * share) / 2);
        await until(() => messages.items.length >= cut * share + arrived);
        await fail(random);
      }
      const [atServer, atPage] = await Promise.all([messages.take(total), inPage<string[]>('take', total)]);
      expect(atServer).toEqual(numbered('page', total));
      expect(atPage).toEqual(numbered('server', total));
      const history = await inPage<string[]>('history');
      // The other cuts met a carrier that was about to be replaced, or nothing between two requests.
      const resumptions = history.filter((each) => each === 'resumed').length;
      expect(resumptions).toBeGreaterThan(cuts / 5);
      expect(history).toEqual(expect.arrayContaining(byDefault));
      expect(history).not.toContain('begun anew');
      expect(await inPage('close')).toMatchObject(CLEAN);
      expect(await inPage('left')).toBe(0);
      expect(messages.items).toEqual([]);
      expect(endpoint.visits.items).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test('waits while it is offline, and goes on at once when it is online', async () => {
    // It would not try again by itself.
    const { connection, messages } = await open({
      reconnectDelay: 100_000_000,
      maxReconnectDelay: 100_000_000,
    });
    await page.context().setOffline(true);
    await inPage('untilState', 'offline');
    proxy.cut();
    connection.send('to a page that is offline');
    await inPage('send', 'from a page that is offline');
    expect(messages.items).toEqual([]);
    await page.context().setOffline(false);
    await inPage('untilState', 'open');
    expect(await messages.next()).toBe('from a page that is offline');
    expect(await inPage('take', 1)).toEqual(['to a page that is offline']);
    const history = await inPage<string[]>('history');
    expect(history).toEqual([
      'open',
      'websocket',
      'offline',
      'none',
      'reconnecting',
      'open',
      'websocket',
      'resumed',
    ]);
    expect(await inPage('close')).toMatchObject(CLEAN);
    expect(messages.items).toEqual([]);
    expect(endpoint.visits.items).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

/** Takes the network away for a moment, in one of three ways. */
async function fail(random: () => number): Promise<void> {
  const way = Math.floor(random() * 3);
  if (way === 0) proxy.refuse();
  if (way === 1) proxy.stall();
  proxy.cut({ reset: random() < 0.5 });
  await delay(random() * 100);
  // What was opened while it stalled goes on.
  proxy.heal();
}

/** Numbers from 0 to 1, the same each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

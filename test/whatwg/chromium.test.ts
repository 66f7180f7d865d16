import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from './browser.js';
import { GROUPS } from './behaviours/index.js';
import { Servers } from './servers.js';

let servers: Servers;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  [servers, browser] = await Promise.all([Servers.start(), launchChromium()]);
  page = await browser.newPage();
  await page.goto(servers.page);
  await page.evaluate(setUp(servers));
});

afterAll(async () => {
  await browser.close();
  await servers.close();
});

/** Gives the page the behaviours, and what differs between a page and Node. */
function setUp({ server, crooked }: Servers): string {
  return `(async () => {
    const { GROUPS } = await import('/modules/behaviours/index.js');
    const { run } = await import('/modules/run.js');
    // A listener's exception is an error of the window, its promise's rejection another event.
    const nextReport = () =>
      new Promise((resolve) => {
        const controller = new AbortController();
        const tell = (event) => {
          event.preventDefault();
          controller.abort();
          resolve((event.error ?? event.reason).message);
        };
        const { signal } = controller;
        addEventListener('error', tell, { signal });
        addEventListener('unhandledrejection', tell, { signal });
      });
    const platform = {
      WebSocket,
      WebSocketStream,
      WebSocketError,
      server: '${server}',
      crooked: '${crooked}',
      collect: async () => gc(),
      nextReport,
    };
    window.observe = (group, index) => run(GROUPS[group].behaviours[index], platform);
  })()`;
}

describe.each(GROUPS.map((group, index) => ({ ...group, index })))(
  'The $subject of Chromium. $title:',
  ({ behaviours, index }) => {
    it.each(behaviours.map((behaviour, at) => ({ ...behaviour, at })))('$name', async (behaviour) => {
      const observed: unknown = await page.evaluate(`observe(${index}, ${behaviour.at})`);
      const { expected, chromium } = behaviour;
      expect(observed).toEqual(chromium === undefined ? expected : chromium.observed);
    });
  },
);

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from './browser.js';
import { IN_PAGE, PAGE_BEHAVIOURS } from './pages.js';
import { Servers } from './servers.js';

let servers: Servers;
let browser: Browser;

beforeAll(async () => {
  [servers, browser] = await Promise.all([Servers.start(), launchChromium()]);
});

afterAll(async () => {
  await browser.close();
  await servers.close();
});

describe('The WebSocket of a page in Chromium', () => {
  it.each(PAGE_BEHAVIOURS)('$name', async ({ expected, observe }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript(IN_PAGE);
    await page.goto(servers.page);
    const observed = await observe(page, servers);
    await context.close();
    expect(observed).toEqual(expected);
  });
});

import { resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestCommand } from '../../packages/cli/src/test-command.js';
import {
  expectNothingWrong,
  expectToFit,
  launchChromium,
  phone,
  photograph as photographAs,
  tablet,
  wide,
  Windows,
} from './chromium.js';

/** What `npm start` runs. */
const start = resolve(import.meta.dirname, '../../scripts/start.mjs');

let browser: Browser;
let server: TestCommand;
let address: string;
let windows: Windows;

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(async () => browser.close());

beforeEach(async () => {
  windows = new Windows(browser);
  server = new TestCommand(['--port', '0'], {}, start);
  address = await server.address();
});

afterEach(async () => {
  await windows.close();
  await server[Symbol.asyncDispose]();
  windows.checkComplaints();
});

/** Opens a window of its own, with nothing remembered, and waits until it is connected. */
async function open(name: string, options: BrowserContextOptions = {}, at = address): Promise<Page> {
  const page = await windows.open(options);
  await page.addInitScript(
    `localStorage.getItem('bothways.name') ?? localStorage.setItem('bothways.name', '${name}')`,
  );
  await page.goto(`http://${at}`);
  await isOpen(page);
  return page;
}

async function isOpen(page: Page, timeout = 10_000): Promise<void> {
  await page.getByRole('status').filter({ hasText: 'Connection: Open' }).waitFor({ timeout });
  await page.getByRole('button', { name: / here / }).waitFor();
}

const message = (page: Page): Locator => page.getByRole('textbox', { name: 'Message' });
const board = (page: Page): Locator => page.getByRole('application', { name: 'Drawing board' });
const log = (page: Page): Locator => page.getByRole('region', { name: 'Messages' });
const flow = (page: Page, label: string): Locator => page.locator('.meter-row').filter({ hasText: label });

async function say(page: Page, text: string): Promise<void> {
  await message(page).fill(text);
  await message(page).press('Enter');
}

async function hears(page: Page, text: string): Promise<void> {
  await log(page).getByText(text, { exact: true }).waitFor();
}

/** Draws a line between two points of the board, given as shares of its size; `lift` ends it. */
async function draw(page: Page, from: [number, number], to: [number, number], lift = true): Promise<void> {
  const box = (await board(page).boundingBox())!;
  const at = (share: number): [number, number] => [
    box.x + box.width * (from[0] + (to[0] - from[0]) * share),
    box.y + box.height * (from[1] + (to[1] - from[1]) * share),
  ];
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let step = 1; step <= 12; step++) await page.mouse.move(...at(step / 12));
  if (lift) await page.mouse.up();
}

/** How many pixels of the board are painted in a part of it, given as shares of its size. */
async function painted(page: Page, [x, y, width, height] = [0, 0, 1, 1]): Promise<number> {
  return page.evaluate<number>(`[...document.querySelectorAll('.board-canvas')].reduce((sum, canvas) => {
    const [w, h] = [canvas.width, canvas.height];
    // Read from a copy: a canvas that is read often is painted in another way.
    const copy = new OffscreenCanvas(w, h).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(${x} * w, ${y} * h, ${width} * w, ${height} * h);
    return sum + data.filter((value, index) => index % 4 === 3 && value > 128).length;
  }, 0)`);
}

async function becomesPainted(page: Page, part?: [number, number, number, number]): Promise<void> {
  await expect.poll(async () => painted(page, part), { timeout: 10_000 }).toBeGreaterThan(50);
}

async function becomesEmpty(page: Page): Promise<void> {
  await expect.poll(async () => painted(page), { timeout: 10_000 }).toBe(0);
}

async function photograph(page: Page, name: string): Promise<void> {
  await photographAs(page, `talk-${name}`);
}

/** A window that is covered or minimised. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'))`);
}

async function showsTheBoardInstead(page: Page, other: Page, colorScheme: string): Promise<void> {
  expect(await board(page).isVisible()).toBe(false);
  await page.getByRole('button', { name: 'Board' }).tap();
  await becomesPainted(page, [0.4, 0.35, 0.2, 0.2]);
  expect(await log(page).isVisible()).toBe(false);
  await say(other, `Unread in the ${colorScheme}`);
  await page.getByRole('button', { name: 'Chat 1 unread' }).waitFor();
  await expectNothingWrong(page);
  await photograph(page, `phone-board-${colorScheme}`);
  await page.getByRole('button', { name: 'Chat' }).tap();
  await hears(page, `Unread in the ${colorScheme}`);
}

describe('two windows', () => {
  it('see each other come, type, write and go', async () => {
    const ada = await open('Ada');
    await log(ada).getByText('Nobody has written yet').waitFor();
    await photograph(ada, 'empty');
    const eve = await open('Eve');
    await ada.getByRole('button', { name: '2 here You and Eve' }).waitFor();
    await log(ada).getByText('Eve joined').waitFor();

    await message(eve).pressSequentially('Good mor');
    await ada.getByText('Eve is typing …').waitFor();
    await message(eve).pressSequentially('ning');
    await message(eve).press('Enter');
    await hears(ada, 'Good morning');
    await hears(eve, 'Good morning');
    await ada.getByText('Eve is typing …').waitFor({ state: 'detached' });
    await say(ada, 'And to you\nwith a second line');
    await log(eve).getByText('And to you').waitFor();
    expect(await log(eve).locator('.message-other').innerText()).toContain('with a second line');
    expect(await log(ada).locator('.message-own').count()).toBe(1);
    expect(await log(ada).locator('.message-other').count()).toBe(1);

    await eve.close();
    await log(ada).getByText('Eve left').waitFor();
    await ada.getByRole('button', { name: '1 here You' }).waitFor();
  });

  it('count in the title what arrives while the window is hidden', async () => {
    const ada = await open('Ada');
    const eve = await open('Eve');
    await hide(ada, true);
    await say(eve, 'Are you there?');
    await say(eve, 'Hello?');
    await expect.poll(async () => ada.title()).toBe('(2) Talk · Bothways');
    await hide(ada, false);
    await expect.poll(async () => ada.title()).toBe('Talk · Bothways');
  });

  it('remember a name, and tell two of the same apart', async () => {
    const ada = await open('Ada');
    const other = await open('Ada');
    await other.getByText('shown as Ada 2').waitFor();
    const name = other.getByRole('textbox', { name: 'Your name' });
    await name.fill('Grace');
    await name.press('Enter');
    await log(ada).getByText('Ada 2 is now Grace').waitFor();
    await other.reload();
    await isOpen(other);
    expect(await name.inputValue()).toBe('Grace');
    await ada.getByRole('button', { name: '2 here You and Grace' }).waitFor();
  });

  it('share the board while a line is still being drawn, and take lines back', async () => {
    const ada = await open('Ada');
    const eve = await open('Eve');
    await draw(ada, [0.2, 0.2], [0.4, 0.4], false);
    await becomesPainted(eve, [0.25, 0.25, 0.1, 0.1]);
    await eve.locator('.cursor-name').filter({ hasText: 'Ada' }).waitFor();
    await ada.mouse.up();
    await draw(eve, [0.6, 0.6], [0.8, 0.8]);
    await becomesPainted(ada, [0.65, 0.65, 0.1, 0.1]);

    const late = await open('Late');
    await becomesPainted(late, [0.25, 0.25, 0.1, 0.1]);

    await ada.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(async () => painted(eve, [0.2, 0.2, 0.2, 0.2])).toBe(0);
    await becomesPainted(eve, [0.65, 0.65, 0.1, 0.1]);
    await ada.getByRole('button', { name: 'Clear' }).click();
    await becomesEmpty(eve);
    await eve.getByText('Ada cleared 1 stroke.').waitFor();
    await eve.getByRole('button', { name: 'Bring back' }).click();
    await becomesPainted(ada, [0.65, 0.65, 0.1, 0.1]);
  });

  it('talk in both directions at once, while the server tells its news', async () => {
    const ada = await open('Ada');
    const eve = await open('Eve');
    const news = ada.getByRole('region', { name: 'News from the server' });
    const before = await news.innerText();
    await ada.bringToFront();
    const busy = async (): Promise<boolean> => {
      const rows = await Promise.all(
        ['To the server', 'To the client'].map(async (row) => flow(ada, row).innerText()),
      );
      return rows.every((row) => Number(/([\d,]+)\s*msg\/s/.exec(row)?.[1]) >= 5);
    };
    await expect
      .poll(
        async () => {
          await Promise.all([draw(ada, [0.1, 0.3], [0.9, 0.3]), draw(eve, [0.9, 0.7], [0.1, 0.7])]);
          return busy();
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    await photograph(ada, 'both-directions');
    await becomesPainted(ada, [0.4, 0.65, 0.2, 0.1]);
    await becomesPainted(eve, [0.4, 0.25, 0.2, 0.1]);
    await expect.poll(async () => news.innerText(), { timeout: 10_000 }).not.toBe(before);
    await ada.getByText(/^RTT [\d.,]+ ms$/).waitFor();
  });
});

describe('without a mouse', () => {
  it('everything can be reached and done', async () => {
    const ada = await open('Ada');
    const eve = await open('Eve');
    const focused = async (): Promise<string> =>
      ada.evaluate<string>(
        `document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText`,
      );
    const tabTo = async (name: string): Promise<void> => {
      for (let presses = 0; (await focused()).trim() !== name; presses++) {
        if (presses > 40) throw new Error(`Tab never comes to ${name}`);
        await ada.keyboard.press('Tab');
      }
    };
    await ada.evaluate(`document.activeElement.blur()`);
    await tabTo('Drawing board');
    await ada.keyboard.press('Space');
    for (let step = 0; step < 5; step++) await ada.keyboard.press('Shift+ArrowRight');
    await ada.getByText(/^Pen down, 75 % from the left, 50 % from the top$/).waitFor({ state: 'attached' });
    await photograph(ada, 'keyboard');
    await ada.keyboard.press('Space');
    await becomesPainted(eve, [0.55, 0.48, 0.1, 0.04]);
    await ada.keyboard.press('Control+z');
    await becomesEmpty(eve);
    await tabTo('Message');
    await ada.keyboard.type('Typed, not clicked');
    await ada.keyboard.press('Enter');
    await hears(eve, 'Typed, not clicked');
    expect(await focused()).toBe('Message');
  });
});

describe('when the server goes away', () => {
  it('says with which code and why, keeps what is made meanwhile, and comes back by itself', async () => {
    await using first = new TestCommand(['playground', '--port', '0']);
    const at = await first.address();
    const ada = await open('Ada', {}, at);
    const eve = await open('Eve', { colorScheme: 'dark' }, at);
    await say(ada, 'Before');
    await hears(eve, 'Before');

    windows.forgiven = /ERR_CONNECTION_REFUSED/;
    first.stop();
    await ada.getByRole('status').filter({ hasText: 'Connection: Closed' }).waitFor();
    expect(await first.ended()).toBe(0);
    const notice = ada.getByRole('region', { name: 'Why there is no connection' });
    await notice.getByText('The server is going away (1001, “The server is shutting down”)').waitFor();
    await say(ada, 'Meanwhile');
    await log(ada).getByText('Waiting to be sent').waitFor();
    await draw(ada, [0.2, 0.5], [0.8, 0.5]);
    await message(eve).fill('Half a sentence');
    await photograph(ada, 'closed');
    await photograph(eve, 'closed-dark');
    await expectNothingWrong(ada);
    await eve.getByRole('button', { name: 'Reconnect now' }).click();

    const port = at.replace(/\D*$/, '').replace(/^.*:/, '');
    await using second = new TestCommand(['playground', '--port', port]);
    expect(await second.address()).toBe(at);
    // The longest delay between two attempts is 15 seconds.
    await Promise.all([isOpen(ada, 20_000), isOpen(eve, 20_000)]);
    await hears(eve, 'Meanwhile');
    await becomesPainted(eve, [0.45, 0.48, 0.1, 0.04]);
    expect(await log(ada).getByText('Meanwhile').count()).toBe(1);
    expect(await message(eve).inputValue()).toBe('Half a sentence');
    await log(ada).getByText('The server started anew').waitFor();
  }, 60_000);

  it('can be left and come back to by hand', async () => {
    const ada = await open('Ada');
    await ada.getByRole('button', { name: 'Disconnect' }).click();
    await ada.getByText('You disconnected').waitFor();
    await ada.getByText('It stays closed until you connect.').waitFor();
    await ada.getByRole('button', { name: 'Connect', exact: true }).click();
    await isOpen(ada);
    expect(await ada.getByText('You disconnected').count()).toBe(0);
  });
});

describe('on every screen', () => {
  it.each([
    ['wide', wide],
    ['tablet', tablet],
    ['phone', phone],
  ] as const)('fits: %s, in both themes, and has nothing that keeps anyone out', async (name, viewport) => {
    const eve = await open('Eve');
    await draw(eve, [0.15, 0.3], [0.85, 0.6]);
    await say(eve, 'One queue each way, bounded: when it is full, whoever writes is slowed down.');
    for (const colorScheme of ['light', 'dark'] as const) {
      const touch = name === 'phone' ? { hasTouch: true, isMobile: true } : {};
      const page = await open('Ada', { viewport, colorScheme, ...touch });
      await say(page, `Written in the ${colorScheme}`);
      await hears(page, `Written in the ${colorScheme}`);
      await expectNothingWrong(page);
      await photograph(page, `${name}-${colorScheme}`);
      await expectToFit(page);
      if (name === 'phone') await showsTheBoardInstead(page, eve, colorScheme);
    }
  });

  it('follows the theme of the system, until another one is chosen, which is remembered', async () => {
    const ada = await open('Ada', { colorScheme: 'dark' });
    const background = `getComputedStyle(document.body).backgroundColor`;
    expect(await ada.evaluate(background)).toBe('rgb(16, 18, 20)');
    await ada.getByRole('button', { name: /^Theme: as the system/ }).click();
    expect(await ada.evaluate(background)).toBe('rgb(251, 251, 250)');
    await ada.reload();
    await isOpen(ada);
    expect(await ada.evaluate(background)).toBe('rgb(251, 251, 250)');
    await ada.getByRole('button', { name: /^Theme: light/ }).click();
    expect(await ada.evaluate(background)).toBe('rgb(16, 18, 20)');
  });

  it('loads little', async () => {
    const page = await open('Ada');
    await page.reload();
    await isOpen(page);
    const transferred = await page.evaluate<number>(
      `performance.getEntries().reduce((sum, { encodedBodySize = 0 }) => sum + encodedBodySize, 0)`,
    );
    expect(transferred).toBeLessThan(100_000);
  });
});

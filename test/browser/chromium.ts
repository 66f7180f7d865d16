import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { launchChromium as launch } from '../whatwg/browser.js';

export const wide = { width: 1440, height: 900 };
export const tablet = { width: 820, height: 1180 };
export const phone = { width: 390, height: 844 };

const screenshots = resolve(import.meta.dirname, '../../artifacts/screenshots');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function launchChromium(): Promise<Browser> {
  mkdirSync(screenshots, { recursive: true });
  return launch();
}

/** The windows of one test, and what they complain about. */
export class Windows {
  readonly #browser: Browser;
  readonly #pages: Page[] = [];
  /** Errors and warnings of the console, exceptions, answers that are errors. */
  readonly #complaints: string[] = [];
  /** What a browser has to say when a test takes the server away. */
  forgiven: RegExp | undefined;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** A window of its own, with nothing remembered. */
  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ viewport: wide, locale: 'en-GB', ...options });
    const page = await context.newPage();
    this.#pages.push(page);
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => {
      const isComplaint = message.type() === 'error' || message.type() === 'warning';
      if (isComplaint && !this.forgiven?.test(message.text())) this.#complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.#complaints.push(error.message));
    page.on('response', (response) => {
      if (response.status() >= 400) this.#complaints.push(`${response.status()} ${response.url()}`);
    });
    return page;
  }

  async close(): Promise<void> {
    await Promise.all(this.#pages.map(async (page) => page.context().close()));
  }

  /** @throws when there was a complaint. */
  checkComplaints(): void {
    if (this.#complaints.length > 0) throw new Error(`The pages complained:\n${this.#complaints.join('\n')}`);
  }
}

/** Lets axe look at the page as it is. */
export async function expectNothingWrong(page: Page): Promise<void> {
  await page.evaluate(axeSource);
  const found = await page.evaluate<{ id: string; nodes: string[] }[]>(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => html + failureSummary) })))`);
  expect(found).toEqual([]);
}

/** Neither does anything stick out at the side. */
export async function expectToFit(page: Page): Promise<void> {
  const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
  expect(await page.evaluate(overflow)).toBe(0);
}

export async function photograph(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { build, type Rollup } from 'vite';
import { portOf } from '../peers/start.js';
import { launchChromium } from '../whatwg/browser.js';
import type { Carrier } from './carriers.js';
import type { ClientName } from './clients/index.js';
import type { Account, Outcome } from './clients/talk.js';

/** A Chromium, and a server of pages that have all clients. */
export interface ChromiumClients extends AsyncDisposable {
  /** Runs a client in a page of its own. */
  talk(name: ClientName, carrier: Carrier, account: Account): Promise<Outcome>;
}

const HTML = `<!doctype html><title>Clients</title><link rel="icon" href="data:,">
<script type="module" src="/page.js"></script>`;

export async function startChromium(): Promise<ChromiumClients> {
  const script = await bundlePage();
  const http = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.writeHead(200, { 'Content-Type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' });
    response.end(isScript ? script : HTML);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const browser = await launchChromium();
  return {
    talk: (name, carrier, account) => talkInPage(browser, portOf(http), [name, carrier, account]),
    async [Symbol.asyncDispose]() {
      await browser.close();
      http.close();
      http.closeAllConnections();
    },
  };
}

async function talkInPage(browser: Browser, port: number, values: unknown[]): Promise<Outcome> {
  const page = await browser.newPage();
  try {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${port}/`);
    const outcome = await page.evaluate<Outcome>(`talkInPage(...${JSON.stringify(values)})`);
    if (complaints.length > 0) throw new Error(`The page complains: ${complaints.join('; ')}`);
    return outcome;
  } finally {
    await page.context().close();
  }
}

/** page.ts with the libraries of the clients as they are for browsers, as one file. */
async function bundlePage(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    resolve: {
      // Of what it says in its package.json a bundler for pages can make nothing: it uses modules of Node.
      alias: { rhea: 'rhea/dist/rhea-umd.js' },
    },
    build: {
      write: false,
      minify: false,
      lib: { entry: join(process.cwd(), 'test/gateway/page.ts'), formats: ['es'], fileName: 'page' },
    },
  });
  const [output] = Array.isArray(result) ? result : [result as Rollup.RollupOutput];
  return output!.output[0].code;
}

import { serve, type ServeOptions } from 'bothways';
import type { Page } from 'playwright-core';
import type { Servers } from './servers.js';
import type { Seen } from './watching.js';

/** What happens to a WebSocket because a page has it. */
export interface PageBehaviour {
  readonly name: string;
  readonly wpt: readonly string[];
  readonly expected: unknown;
  /** @param page an empty page of Bothways' server, which has `follow` and `opened` of {@link IN_PAGE}. */
  readonly observe: (page: Page, servers: Servers) => Promise<unknown>;
}

/** What every page has: the types of the events up to "close", and a WebSocket once it is open. */
export const IN_PAGE = `
  globalThis.follow = (url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    const log = [];
    for (const type of ['open', 'message', 'error', 'close']) {
      socket.addEventListener(type, ({ code }) => {
        log.push(code === undefined ? type : type + ' ' + code);
        if (type === 'open') socket.close();
        if (type === 'close') resolve(log);
      });
    }
  });
  globalThis.opened = (url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve(socket);
    socket.onclose = ({ code }) => reject(new Error('It did not open: ' + code));
  });
`;

let paths = 0;

/** Lets a WebSocket open, and tells how the server saw it end. */
async function seenBy(
  servers: Servers,
  open: (url: string) => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<[code: number, wasClean: boolean]> {
  const path = `/watched/page-${paths++}`;
  await open(servers.server + path);
  await end();
  const { code, wasClean } = (await (await fetch(servers.page + path)).json()) as Seen;
  return [code, wasClean];
}

/** Opens a WebSocket that the page keeps. */
async function openIn(page: Page, url: string): Promise<void> {
  await page.evaluate(`opened('${url}').then((socket) => { globalThis.kept = socket; })`);
}

/** Visits the same server by its other name, which is another origin and another site. */
async function visitElsewhere(page: Page, servers: Servers): Promise<void> {
  await page.goto(servers.page.replace('127.0.0.1', 'localhost'));
}

/** What a page of `localhost` sees of a server with these options. */
async function fromElsewhere(page: Page, servers: Servers, options: ServeOptions): Promise<unknown> {
  await using server = await serve({ port: 0, host: '127.0.0.1', ...options }, {});
  await visitElsewhere(page, servers);
  // The server is there until this is done.
  return await page.evaluate(`follow('${server.url}')`);
}

export const PAGE_BEHAVIOURS: readonly PageBehaviour[] = [
  {
    name: 'is closed with 1001 when its page is left',
    wpt: ['unload-a-document/001.html', 'unload-a-document/003.html'],
    expected: [1001, true],
    observe: async (page, servers) =>
      seenBy(
        servers,
        async (url) => openIn(page, url),
        async () => page.goto('about:blank'),
      ),
  },
  {
    name: 'is closed with 1001 when its page is loaded anew',
    wpt: ['unload-a-document/002.html'],
    expected: [1001, true],
    observe: async (page, servers) =>
      seenBy(
        servers,
        async (url) => openIn(page, url),
        async () => page.reload(),
      ),
  },
  {
    name: 'is closed with 1001 when its window is closed',
    wpt: ['unload-a-document/004.html'],
    expected: [1001, true],
    observe: async (page, servers) =>
      seenBy(
        servers,
        async (url) => openIn(page, url),
        async () => page.close(),
      ),
  },
  {
    name: 'is closed with 1001 when its frame is removed',
    wpt: ['unload-a-document/005.html'],
    expected: [1001, true],
    observe: async (page, servers) =>
      seenBy(
        servers,
        async (url) =>
          page.evaluate(`new Promise((resolve) => {
            const frame = document.body.appendChild(document.createElement('iframe'));
            frame.onload = () => frame.contentWindow.opened('${url}').then(() => resolve());
            frame.src = '/frame';
          })`),
        async () => page.evaluate(`document.querySelector('iframe').remove()`),
      ),
  },
  {
    name: 'works in a worker, and is closed with 1001 when that is ended',
    wpt: ['Create-on-worker-shutdown.any.js'],
    expected: [1001, true],
    observe: async (page, servers) =>
      seenBy(
        servers,
        async (url) =>
          page.evaluate(`new Promise((resolve) => {
            const source = "new WebSocket('${url}').onopen = () => postMessage('open')";
            globalThis.worker = new Worker(URL.createObjectURL(new Blob([source])));
            worker.onmessage = () => resolve();
          })`),
        async () => page.evaluate(`worker.terminate()`),
      ),
  },
  {
    name: 'does not open from a page of another origin, which the server answers with 403',
    wpt: ['security/001.html', 'opening-handshake/003-sets-origin.worker.js'],
    expected: [['error', 'close 1006'], true],
    async observe(page, servers) {
      const complaint = page.waitForEvent('console', (message) => message.text().includes('WebSocket'));
      const events = await fromElsewhere(page, servers, {});
      return [events, (await complaint).text().includes('403')];
    },
  },
  {
    name: 'opens from a page of another origin that the option `origins` names',
    wpt: ['security/001.html'],
    expected: ['open', 'close 1005'],
    observe: async (page, servers) => fromElsewhere(page, servers, { origins: ['http://localhost:*'] }),
  },
  {
    name: 'does not open from a page in a sandbox, which has no origin, unless `origins` has null',
    wpt: ['security/001.html'],
    expected: [
      ['error', 'close 1006'],
      ['open', 'close 1005'],
    ],
    async observe(page, servers) {
      const options = { port: 0, host: '127.0.0.1' };
      await using strict = await serve(options, {});
      await using open = await serve({ ...options, origins: ['null'] }, {});
      await page.goto(`${servers.page}/?Content-Security-Policy=sandbox+allow-scripts`);
      return [await page.evaluate(`follow('${strict.url}')`), await page.evaluate(`follow('${open.url}')`)];
    },
  },
  {
    // Fetch answers with a network error, after which the standard has a "close" as well; Chromium has none.
    name: 'is stopped by connect-src of a Content-Security-Policy, by an event only',
    wpt: ['../content-security-policy/connect-src/connect-src-websocket-blocked.sub.html'],
    expected: ['error 3', 'connect-src', 0],
    async observe(page, servers) {
      await using server = await serve({ port: 0, host: '127.0.0.1', origins: '*' }, {});
      await page.goto(`${servers.page}/?Content-Security-Policy=connect-src+'none'`);
      const [event, directive] = await page.evaluate<[string, string]>(`new Promise((resolve) => {
        let directive;
        addEventListener('securitypolicyviolation', (event) => (directive = event.violatedDirective));
        const socket = new WebSocket('${server.url}');
        socket.onerror = ({ type }) => resolve([type + ' ' + socket.readyState, directive]);
      })`);
      return [event, directive, server.metrics().acceptedHandshakes];
    },
  },
  {
    name: 'is let through by connect-src where that names its server, or says self',
    wpt: [
      '../content-security-policy/connect-src/connect-src-websocket-allowed.sub.html',
      '../content-security-policy/connect-src/connect-src-websocket-self.sub.html',
    ],
    expected: [
      ['open', 'close 1005'],
      ['open', 'close 1005'],
    ],
    async observe(page, servers) {
      const logs = [];
      for (const source of ["'self'", servers.server]) {
        await page.goto(`${servers.page}/?Content-Security-Policy=connect-src+${source}`);
        logs.push(await page.evaluate(`follow('${servers.server}/echo')`));
      }
      return logs;
    },
  },
  {
    name: 'sends the cookies of its host, those that scripts cannot read as well',
    wpt: ['cookies/004.html', 'cookies/005.html', 'cookies/006.html'],
    expected: ['open=1; hidden=2', 'open=1'],
    async observe(page, servers) {
      await page.goto(`${servers.page}/?Set-Cookie=open=1`);
      await page.goto(`${servers.page}/?Set-Cookie=hidden=2;+HttpOnly`);
      return [await page.evaluate(cookiesSentTo(servers.server)), await page.evaluate('document.cookie')];
    },
  },
  {
    name: 'sends no cookie that is for its own site only, from a page of another',
    wpt: ['cookies/007.html'],
    expected: '',
    async observe(page, servers) {
      await using server = await serve(
        { port: 0, host: '127.0.0.1', origins: '*' },
        { open: (socket) => void socket.send(JSON.stringify(socket.request.headers['cookie'] ?? '')) },
      );
      await page.goto(`${servers.page}/?Set-Cookie=strict=1;+SameSite=Strict`);
      await page.goto(`${servers.page}/?Set-Cookie=lax=1;+SameSite=Lax`);
      await visitElsewhere(page, servers);
      const cookies = await page.evaluate<string>(`new Promise((resolve) => {
        new WebSocket('${server.url}').onmessage = ({ data }) => resolve(JSON.parse(data));
      })`);
      return cookies;
    },
  },
  {
    name: 'keeps a cookie that the handshake sets, and shows none that is HttpOnly',
    wpt: ['cookies/001.html', 'cookies/002.html', 'cookies/003.html'],
    expected: ['seen=1', true],
    async observe(page, { crooked, server }) {
      const fields = ['seen=1', 'unseen=2; HttpOnly'].map(
        (value) => `field=${encodeURIComponent(`Set-Cookie: ${value}`)}`,
      );
      await openIn(page, `${crooked}/?${fields.join('&')}`);
      const sent = await page.evaluate<string>(cookiesSentTo(server));
      return [await page.evaluate('document.cookie'), sent.includes('unseen=2')];
    },
  },
  {
    name: 'does not connect to a port that the Fetch standard blocks',
    wpt: ['Create-blocked-port.any.js', 'Create-Secure-blocked-port.any.js'],
    expected: [['error', 'close 1006'], true],
    async observe(page) {
      const complaint = page.waitForEvent('console', (message) => message.text().includes('WebSocket'));
      const events: unknown = await page.evaluate(`follow('ws://127.0.0.1:25/')`);
      return [events, (await complaint).text().includes('ERR_UNSAFE_PORT')];
    },
  },
  {
    name: 'tells a page no more than that: its error event has no reason, only the console does',
    wpt: ['remove-own-iframe-during-onerror.window.js'],
    expected: [['isTrusted'], true],
    async observe(page, { crooked }) {
      const complaint = page.waitForEvent('console', (message) => message.text().includes('WebSocket'));
      const own: unknown = await page.evaluate(`new Promise((resolve) => {
        const socket = new WebSocket('${crooked}/?first=8300&end');
        socket.onerror = (event) => resolve(Object.getOwnPropertyNames(event));
      })`);
      return [own, (await complaint).text().includes('opcode')];
    },
  },
];

/** A script that asks the server which cookies came with the handshake. */
function cookiesSentTo(server: string): string {
  return `new Promise((resolve) => {
    const socket = new WebSocket('${server}/request');
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).headers.cookie ?? '');
  })`;
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, type Peer, type Program, start } from './start.js';
import type { Transcript } from './transcript.mjs';

/** Why a peer cannot hold a conversation, by the conversation's name. */
type Cannot = Readonly<Record<string, string>>;

export interface ClientPeer {
  readonly name: string;
  readonly cannot: Cannot;
  /** The code in its Close frame when it answers `code`; most peers echo it (RFC 6455 section 5.5.1). */
  readonly answersClose?: (code: number) => number;
  /**
   * Begins the conversations, one after the other, each at `<url>/<name>`.
   *
   * @param deflate how it compresses, for those that can be told: as its own options have it.
   */
  start(url: string, names: readonly string[], deflate?: object): Promise<RunningPeer>;
}

export interface ServerPeer {
  readonly name: string;
  readonly cannot: Cannot;
  /** As for clients. */
  readonly answersClose?: (code: number) => number;
  start(deflate?: object): Promise<RunningPeer & { readonly url: string }>;
}

export interface RunningPeer extends AsyncDisposable {
  /** What the peer saw of the connection whose path this is, as soon as that has ended. */
  saw(path: string): Promise<Transcript>;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const npm = 'npm ci';
const npmHere = 'npm ci --workspaces=false (in test/peers)';
const apt = (name: string) => `apt-get install -y --no-install-recommends ${name}`;

const node = { command: process.execPath, install: npm };
const node22 = { command: here('./node_modules/node-22/bin/node'), install: npmHere };
const node24 = { command: here('./node_modules/node-24/bin/node'), install: npmHere };
const bun = { command: here('./node_modules/@oven/bun-linux-x64/bin/bun'), install: npmHere };
const deno = {
  command: here('./node_modules/@deno/linux-x64-glibc/deno'),
  install: npmHere,
  env: { DENO_NO_UPDATE_CHECK: '1' },
};
const denoRun = ['run', '--quiet', '--no-config', '--no-lock', '--no-remote', '--allow-net=127.0.0.1'];
// Debian's own interpreter, which has Debian's packages; another may come first in PATH.
const python = { command: '/usr/bin/python3', env: { PYTHONDONTWRITEBYTECODE: '1' } };

const whatwgCannot = {
  'fragments-from-client': 'the WHATWG interface cannot send fragments',
  'ping-from-client': 'the WHATWG interface cannot ping',
};
const bunCannot = { 'fragments-from-client': 'Bun’s WebSocket cannot send fragments' };

export const clients: readonly ClientPeer[] = [
  chromiumClient(),
  client({
    name: 'python3-websockets',
    ...python,
    args: ['websockets_client.py'],
    install: apt('python3-websockets'),
  }),
  {
    ...client({
      name: 'python3-autobahn',
      ...python,
      args: ['autobahn_client.py'],
      install: apt('python3-autobahn'),
    }),
    answersClose: () => 1000,
  },
  client({ name: 'ws', ...node, args: ['ws-client.mjs'] }),
  client(
    { name: 'undici', ...node, args: ['undici-client.mjs'] },
    {
      'fragments-from-client': whatwgCannot['fragments-from-client'],
    },
  ),
  client({ name: 'Node 22', ...node22, args: ['runtime-client.mjs'] }, whatwgCannot),
  client({ name: 'Node 24', ...node24, args: ['runtime-client.mjs'] }, whatwgCannot),
  client({ name: 'Bun', ...bun, args: ['runtime-client.mjs'] }, bunCannot),
  client({ name: 'Deno', ...deno, args: [...denoRun, 'runtime-client.mjs'] }, whatwgCannot),
];

export const servers: readonly ServerPeer[] = [
  server({
    name: 'python3-websockets',
    ...python,
    args: ['websockets_server.py'],
    install: apt('python3-websockets'),
  }),
  {
    ...server({
      name: 'python3-autobahn',
      ...python,
      args: ['autobahn_server.py'],
      install: apt('python3-autobahn'),
    }),
    answersClose: () => 1000,
  },
  server({ name: 'ws', ...node, args: ['ws-server.mjs'] }),
  server(
    { name: 'Bun', ...bun, args: ['bun-server.mjs'] },
    {
      'fragments-from-server': 'Bun’s ServerWebSocket cannot send fragments',
    },
  ),
  server(
    { name: 'Deno', ...deno, args: [...denoRun, 'deno-server.mjs'] },
    {
      'fragments-from-server': 'the WHATWG interface cannot send fragments',
      'ping-from-server': 'the WHATWG interface cannot ping',
    },
  ),
];

/** The test server of libwebsockets, with the protocols it has. */
export async function startLibwebsockets(): Promise<{ readonly url: string } & AsyncDisposable> {
  const port = await freePort();
  const peer = start({
    name: 'libwebsockets-test-server',
    command: '/usr/bin/libwebsockets-test-server',
    args: [`--port=${port}`, '--interface=lo', '-d', '15'],
    install: apt('libwebsockets-test-server'),
  });
  await peer.line('OPERATIONAL', (line) => line.includes('-> OPERATIONAL') || undefined);
  return { url: `ws://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => peer.stop() };
}

function client(program: Program, cannot: Cannot = {}): ClientPeer {
  return {
    name: program.name,
    cannot,
    start: async (url, names, deflate) => {
      const { args, ...others } = inThisFolder(compressing(program, deflate));
      return running(start({ ...others, args: [...args, url, ...names] }));
    },
  };
}

function server(program: Program, cannot: Cannot = {}): ServerPeer {
  return {
    name: program.name,
    cannot,
    async start(deflate) {
      const peer = start(inThisFolder(compressing(program, deflate)));
      const port = await peer.line('listening PORT', (line) => /^listening (\d+)$/.exec(line)?.[1]);
      return { url: `ws://127.0.0.1:${port}`, ...running(peer) };
    },
  };
}

/** The scripts of `ws` and python3-websockets read their options for compression from here. */
function compressing(program: Program, deflate: object | undefined): Program {
  if (deflate === undefined) return program;
  return { ...program, env: { ...program.env, DEFLATE: JSON.stringify(deflate) } };
}

/** The last argument is the script's name. */
function inThisFolder(program: Program): Program {
  return { ...program, args: [...program.args.slice(0, -1), here(program.args.at(-1) ?? '')] };
}

function running(peer: Peer): RunningPeer {
  return {
    saw: (path) => peer.line(`what it saw at ${path}`, (line) => parse(line, path)),
    [Symbol.asyncDispose]: () => peer.stop(),
  };
}

function parse(line: string, path: string): Transcript | undefined {
  if (!line.startsWith('saw ')) return undefined;
  const seen: unknown = JSON.parse(line.slice(4));
  return isTranscriptOf(seen, path) ? seen : undefined;
}

function isTranscriptOf(seen: unknown, path: string): seen is Transcript {
  return typeof seen === 'object' && seen !== null && 'path' in seen && seen.path === path;
}

/** Chromium, on a page of the same origin as the WebSocket server, which serves conversations.mjs as well. */
function chromiumClient(): ClientPeer {
  return {
    name: 'Chromium',
    cannot: {
      ...whatwgCannot,
      'fragments-from-client':
        'a page cannot ask for fragments; Chromium sends large messages in frames of 131,000 bytes, see large-binary',
    },
    async start(url, names) {
      const executablePath = '/usr/bin/chromium';
      if (!existsSync(executablePath)) throw new Error(`Chromium is missing. Install it: ${apt('chromium')}`);
      const { chromium } = await import('playwright-core');
      const browser = await chromium.launch({ executablePath });
      const page = await browser.newPage();
      await page.goto(new URL('/', url.replace('ws:', 'http:')).href);
      const seen = new Map(
        names.map((name) => [
          `${new URL(url).pathname}/${name}`,
          page.evaluate<Transcript>(`
            import('/conversations.mjs').then(({ attempt, whatwg }) =>
              attempt(whatwg(WebSocket), ${JSON.stringify(url)}, ${JSON.stringify(name)}))`),
        ]),
      );
      return {
        saw: (path) => seen.get(path) ?? Promise.reject(new Error(`no conversation at ${path}`)),
        [Symbol.asyncDispose]: () => browser.close(),
      };
    },
  };
}

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Connection, connect } from 'bothways';
import { Session } from 'bothways/session';
import ts from 'typescript';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../packages/bothways/src/node/test-arrivals.js';
import { isRunning } from '../peers/start.js';
import { root } from './markdown.js';
import { Program } from './program.js';

const examples = join(root, 'examples');
const compiled = join(root, 'artifacts/examples');

/** Runs an example until the test has ended, as the JavaScript that it is compiled to. */
function start(name: string, ...args: string[]): Program {
  return startIn({}, name, ...args);
}

function startIn(env: Readonly<Record<string, string>>, name: string, ...args: string[]): Program {
  const source = readFileSync(join(examples, name), 'utf8');
  const options = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  };
  const script = join(compiled, `${basename(name, '.ts')}.mjs`);
  mkdirSync(compiled, { recursive: true });
  writeFileSync(script, ts.transpileModule(source, { compilerOptions: options }).outputText);
  return watch(new Program(name, [process.execPath, script, ...args], examples, { PORT: '0', ...env }));
}

function watch(program: Program): Program {
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

async function urlOf(program: Program): Promise<string> {
  const [, url = ''] = await program.line(/^Listening: (.*)$/);
  return url;
}

async function open(url: string): Promise<Connection> {
  const socket = await connect(url);
  onTestFinished(() => socket.terminate());
  return socket;
}

async function receive(socket: Connection): Promise<unknown> {
  for await (const message of socket) return message;
  throw new Error('The connection was closed');
}

/** Waits for these messages, whatever comes beside them. */
async function hear(socket: Connection, ...messages: string[]): Promise<void> {
  const missing = new Set<unknown>(messages);
  while (missing.size > 0) missing.delete(await receive(socket));
}

/** A session says numbers, each by another carrier, which may come to another server. */
async function visit(url: string, name: string, count: number): Promise<void> {
  const session = new Session(`${url}${name}`, { reconnectDelay: 10, carriers: ['long-polling'] });
  onTestFinished(() => session.close());
  for await (const message of session) if (String(message).startsWith('Welcome')) break;
  for (let number = 1; number <= count; number++) {
    session.loseCarrier();
    session.send(`${number}`);
    const carried = deferred<boolean>();
    session.addEventListener('resume', ({ resumed }) => carried.resolve(resumed), { once: true });
    expect(await carried.promise).toBe(true);
  }
  session.close();
  expect((await session.closed).wasClean).toBe(true);
}

test('every example is run by a test', () => {
  const here = readFileSync(import.meta.filename, 'utf8');
  const files = readdirSync(examples).filter((file) => file.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !here.includes(`start('${file}'`))).toEqual([]);
});

test('the client talks to the echo server', async () => {
  const server = start('echo-server.ts');
  const client = start('client.ts', await urlOf(server), 'one', 'two');
  await client.ended();
  expect(client.exitStatus).toBe(0);
  expect(client.lines).toEqual(['one', 'two', 'Closed with 1000, by this end']);
  expect([...client.errorLines, ...server.errorLines]).toEqual([]);
});

test('the client says why it cannot connect', async () => {
  const client = start('client.ts', 'ws://127.0.0.1:1/');
  await client.ended();
  expect(client.exitStatus).toBe(1);
  expect(client.errorLines).toEqual([expect.stringMatching(/^ERR_CONNECT: /)]);
});

test('a newer Node runs an example as it is', async () => {
  const node = join(root, 'test/peers/node_modules/node-22/bin/node');
  const server = watch(new Program('echo-server.ts', [node, 'echo-server.ts'], examples, { PORT: '0' }));
  const socket = await open(await urlOf(server));
  socket.send('as it is');
  expect(await receive(socket)).toBe('as it is');
});

test('the chat keeps its rooms apart', async () => {
  const url = await urlOf(start('chat-room.ts'));
  await expect(open(url)).rejects.toMatchObject({ status: 400, body: 'Connect to /ROOM?name=NAME' });
  const ada = await open(`${url}kitchen?name=Ada`);
  expect(await receive(ada)).toBe('Ada is here');
  const eve = await open(`${url}cellar?name=Eve`);
  expect(await receive(eve)).toBe('Eve is here');
  const bob = await open(`${url}kitchen?name=Bob`);
  expect([await receive(ada), await receive(bob)]).toEqual(['Bob is here', 'Bob is here']);
  ada.send('Hello');
  expect(await receive(bob)).toBe('Ada: Hello');
  bob.close();
  expect(await receive(ada)).toBe('Bob has left');
});

test.each([
  ['express.ts', 'application/x-www-form-urlencoded', 'text=Hello'],
  ['fastify.ts', 'application/json', '{ "text": "Hello" }'],
])('%s tells its WebSockets what was posted', async (name, type, body) => {
  const program = name === 'express.ts' ? start('express.ts') : start('fastify.ts');
  const url = await urlOf(program);
  const socket = await open(url);
  const news = new URL('/news', url.replace('ws:', 'http:'));
  const { status } = await fetch(news, { method: 'POST', body, headers: { 'Content-Type': type } });
  expect(status).toBe(204);
  expect(await receive(socket)).toBe('Hello');
});

test('those in two processes hear each other', async () => {
  const url = await urlOf(start('workers.ts'));
  const [ada, bob] = [await open(url), await open(url)];
  expect(await receive(ada)).not.toBe(await receive(bob));
  const hello = setInterval(() => ada.send('Hello'), 20);
  onTestFinished(() => clearInterval(hello));
  expect(await receive(bob)).toBe('Hello');
});

test.each([
  ['SIGTERM', 'it'],
  ['SIGINT', 'all'],
] as const)(
  'three servers behind a proxy are one chat, until %s ends them all',
  { timeout: 120_000 },
  async (signal, toWhom) => {
    const program = start('three-nodes.ts');
    const url = await urlOf(program);
    await expect(open(url)).rejects.toMatchObject({ status: 400 });
    const guests = [await open(`${url}Ada`), await open(`${url}Bob`), await open(`${url}Cid`)];
    const welcomes = new Set(await Promise.all(guests.map(receive)));
    expect(welcomes).toEqual(new Set(['Welcome to one', 'Welcome to two', 'Welcome to three']));
    const [ada, bob, cid] = guests as [Connection, Connection, Connection];
    await hear(ada, 'Bob is here', 'Cid is here');
    await hear(cid, 'Cid is here');
    const again = setInterval(() => bob.send('Hello'), 20);
    onTestFinished(() => clearInterval(again));
    await Promise.all([hear(ada, 'Bob: Hello'), hear(cid, 'Bob: Hello')]);
    clearInterval(again);
    await visit(url.replace('ws:', 'http:'), 'Dan', 5);
    await hear(ada, 'Dan: 1', 'Dan: 2', 'Dan: 3', 'Dan: 4', 'Dan: 5');
    cid.close();
    await Promise.all([hear(ada, 'Cid has left'), hear(bob, 'Cid has left')]);

    const pids = program.lines.flatMap((line) => {
      const [, list = ''] = /process(?:es)? ([\d and]+)$/.exec(line) ?? [];
      return list.match(/\d+/g)?.map(Number) ?? [];
    });
    expect(pids).toHaveLength(5);
    expect(pids.filter(isRunning)).toEqual(pids);
    program.signal(signal, toWhom);
    await program.ended();
    expect([program.exitStatus, program.errorLines]).toEqual([0, []]);
    expect(pids.filter(isRunning)).toEqual([]);
  },
);

test('three servers end when Redis does, or another program has their port', async () => {
  const program = start('three-nodes.ts');
  const [, redis] = await program.line(/^Beside them: processes (\d+)/);
  const { port } = new URL(await urlOf(program));
  const second = startIn({ PORT: port }, 'three-nodes.ts');
  await second.ended();
  expect([second.exitStatus, second.errorLines.length]).toEqual([1, 1]);
  expect(second.errorLines[0]).toContain('EADDRINUSE');
  process.kill(Number(redis), 'SIGKILL');
  await program.ended();
  expect(program.exitStatus).toBe(1);
  expect(program.errorLines[0]).toBe('redis-server has ended, so all do');
});

test('three servers need programs, and say which', async () => {
  const program = startIn({ PATH: '/none' }, 'three-nodes.ts');
  await program.ended();
  expect(program.exitStatus).toBe(1);
  expect(program.errorLines).toEqual([
    'redis-server is not installed. On Debian: apt-get install redis-server',
  ]);
});

test.each([[], ['long-polling'], ['streaming']])(
  'a session is told what it said, by %j',
  async (...carriers) => {
    const server = start('session-server.ts');
    const client = start('session-client.ts', await urlOf(server), 'through anything', ...carriers);
    await client.ended();
    expect(client.exitStatus).toBe(0);
    expect(client.lines).toEqual(['through anything']);
    expect(client.errorLines.slice(0, 1)).toEqual([`open ${carriers[0] ?? 'websocket'}`]);
  },
);

test('the server that heeds backpressure holds little of 64 MiB', async () => {
  const server = start('backpressure.ts');
  const socket = await open(await urlOf(server));
  let bytes = 0;
  for await (const message of socket) bytes += message.length;
  expect(bytes).toBe(64 * 1024 * 1024);
  const [, most] = await server.line(/^At most (\d+) bytes waited$/);
  // The high-water mark, and the one message that went above it.
  expect(Number(most)).toBeLessThanOrEqual(64 * 1024 + 16 * 1024 + 4);
});

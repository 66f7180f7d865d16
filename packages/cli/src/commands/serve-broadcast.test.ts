import { connect, type Connection } from 'bothways';
import { createClient } from 'redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startNats, startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { runCommand, TestCommand } from '../test-command.js';

const broadcast = ['serve', '--broadcast', '--port', '0'];

function start(...args: string[]): TestCommand {
  const command = new TestCommand([...broadcast, ...args]);
  onTestFinished(() => command[Symbol.asyncDispose]());
  return command;
}

async function use(server: Promise<BrokerServer>): Promise<BrokerServer> {
  const started = await server;
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

async function open(command: TestCommand): Promise<Connection> {
  const socket = await connect(`ws://${await command.address()}`);
  onTestFinished(() => socket.terminate());
  return socket;
}

async function next(socket: Connection): Promise<string | Uint8Array | undefined> {
  for await (const message of socket) return message;
  return undefined;
}

/** One speaks until all others hear it, as a subscription takes effect at other servers a moment later. */
async function speak(one: Connection, others: readonly Connection[]): Promise<void> {
  const again = setInterval(() => one.send('Is anybody there?'), 20);
  onTestFinished(() => clearInterval(again));
  for (const other of others) expect(await next(other)).toBe('Is anybody there?');
  clearInterval(again);
}

/** The next message that is no such call. */
async function heard(socket: Connection): Promise<string | Uint8Array | undefined> {
  for (;;) {
    const message = await next(socket);
    if (message !== 'Is anybody there?') return message;
  }
}

const BROKERS: readonly (readonly [string, () => Promise<BrokerServer>])[] = [
  ['Redis', startRedis],
  ['NATS', () => startNats()],
];

describe('serve --broadcast', () => {
  it('sends what one sends to all others, and not back', async () => {
    const command = start();
    const [ada, bob, cid] = [await open(command), await open(command), await open(command)];
    ada.send('Grüße 👋');
    bob.send(new Uint8Array([0, 255]));
    expect(await next(bob)).toBe('Grüße 👋');
    expect([await next(cid), await next(cid)]).toEqual(['Grüße 👋', Buffer.from([0, 255])]);
    expect(await next(ada)).toEqual(Buffer.from([0, 255]));
    expect(command.stderr).toBe('');
  });

  it('and back as well with --echo', async () => {
    const command = start('--echo');
    const [ada, bob] = [await open(command), await open(command)];
    ada.send('Hello');
    expect([await next(ada), await next(bob)]).toEqual(['Hello', 'Hello']);
  });

  it('reaches the connections of all workers', async () => {
    const command = start('--workers', '2');
    const sockets = [await open(command), await open(command), await open(command), await open(command)];
    await speak(sockets[0]!, sockets.slice(1));
    expect(command.stderr).toBe('');
  });
});

describe.each(BROKERS)('serve --broadcast --broker of %s', (_name, startBroker) => {
  it('reaches the connections of all servers, once and in order', async () => {
    const { url } = await use(startBroker());
    const [one, two] = [start('--broker', url), start('--broker', url)];
    const [ada, bob, cid] = [await open(one), await open(two), await open(one)];
    await speak(ada, [bob, cid]);
    await speak(bob, [ada]);
    const texts = Array.from({ length: 100 }, (_, number) => `${number}`);
    for (const text of texts) ada.send(text);
    for (const socket of [bob, cid]) {
      const messages: unknown[] = [await heard(socket)];
      while (messages.length < texts.length) messages.push(await next(socket));
      expect(messages).toEqual(texts);
    }
    bob.send('the end');
    expect(await heard(ada)).toBe('the end');
    for (const command of [one, two]) {
      command.stop();
      expect(await command.ended()).toBe(0);
      expect(command.stderr).toBe('');
    }
    expect((await ada.closed).code).toBe(1001);
  });

  it('gives each worker a connection of its own', async () => {
    const { url } = await use(startBroker());
    const [one, two] = [start('--broker', url, '--workers', '2'), start('--broker', url, '--workers', '2')];
    const sockets = [await open(one), await open(one), await open(two), await open(two)];
    await speak(sockets[0]!, sockets.slice(1));
    await speak(sockets[3]!, sockets.slice(0, 1));
    one.stop();
    expect(await one.ended()).toBe(0);
    expect(one.stderr).toBe('');
  });

  it('says once that it is away, or does not answer', async () => {
    const broker = await use(startBroker());
    broker.pause();
    const args = [...broadcast, '--broker', broker.url];
    const endings = await Promise.all([runCommand(args), runCommand([...args, '--workers', '2'])]);
    const stderr = `bothways: Cannot reach the broker ${broker.url}: no answer came within 5 seconds. Check the address, and that it runs there.\n`;
    expect(endings).toEqual([
      { status: 1, stdout: '', stderr },
      { status: 1, stdout: '', stderr },
    ]);
    await broker.kill();
    expect(await runCommand(args)).toEqual({
      status: 1,
      stdout: '',
      stderr: `bothways: Cannot reach the broker ${broker.url}: nothing listens there. Check the address, and that it runs there.\n`,
    });
  });

  it('closes who sends more than can wait for it with 1013', async () => {
    const broker = await use(startBroker());
    const command = start('--broker', broker.url);
    const ada = await open(command);
    broker.pause();
    const mebibyte = 'x'.repeat(1024 * 1024);
    for (let count = 0; count < 40; count++)
      if (!ada.send(mebibyte)) await Promise.race([ada.ready, ada.closed]);
    expect(await ada.closed).toMatchObject({ code: 1013, reason: 'Try again later' });
    broker.resume();
    await open(command);
  });
});

async function startWithPassword(name: string): Promise<BrokerServer> {
  if (name === 'NATS') return use(startNats(() => 'authorization { user: live, password: "ri:ght" }'));
  const server = await use(startRedis());
  const client = await createClient({ url: server.url }).connect();
  await client.sendCommand(['ACL', 'SETUSER', 'live', 'on', '>ri:ght', 'allchannels', 'allcommands']);
  await client.configSet('requirepass', 'another');
  client.destroy();
  return server;
}

describe('A broker that wants a password', () => {
  it.each(['Redis', 'NATS'])('gets it from the address: %s', async (name) => {
    const { url } = await startWithPassword(name);
    const broker = url.replace('//', '//live:ri%3Aght@');
    const [one, two] = [start('--broker', broker), new TestCommand(broadcast, { BOTHWAYS_BROKER: broker })];
    onTestFinished(() => two[Symbol.asyncDispose]());
    const [ada, bob] = [await open(one), await open(two)];
    await speak(ada, [bob]);
    bob.send('Hello');
    expect(await next(ada)).toBe('Hello');
  });

  it.each([
    ['Redis', '', 'wants a user and a password'],
    ['Redis', 'live:secret@', 'refuses this user and password'],
    ['NATS', '', 'wants a user and a password'],
    ['NATS', 'live:secret@', 'refuses this user and password'],
  ])('is told apart from one that is away: %s with "%s"', async (name, login, why) => {
    const { url } = await startWithPassword(name);
    const scheme = name === 'NATS' ? 'nats' : 'redis';
    expect(await runCommand([...broadcast, '--broker', url.replace('//', `//${login}`)])).toEqual({
      status: 1,
      stdout: '',
      stderr: `bothways: The broker ${url} ${why}: put those that it knows into its address, as ${scheme}://USER:PASSWORD@HOST.\n`,
    });
  });
});

it.each([
  ['another scheme', ['--broadcast', '--broker', 'http://user:secret@127.0.0.1'], /redis:\/\/HOST/],
  ['no host', ['--broadcast', '--broker', 'redis:'], /redis:\/\/HOST/],
  ['no URL', ['--broadcast', '--broker', '127.0.0.1'], /redis:\/\/HOST/],
  [
    'a database that is none',
    ['--broadcast', '--broker', 'redis://127.0.0.1/first'],
    /Cannot reach .*pathname/,
  ],
  ['nothing to carry', ['--echo', '--broker', 'redis://127.0.0.1'], /add --broadcast/],
])('A broker that cannot be is refused in one line: %s', async (_what, args, expected) => {
  const { status, stdout, stderr } = await runCommand(['serve', '--port', '0', ...args]);
  expect(stderr).toMatch(expected);
  expect(stderr).not.toContain('secret');
  expect(stderr.trimEnd()).not.toContain('\n');
  expect([status, stdout]).toEqual([1, '']);
});

/** A module of this text, as an address. */
function script(text: string): string {
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

it('The clients of brokers are loaded only when there is one', async () => {
  const hooks = script(
    `export const resolve = (name, context, next) => {
      if (/^(redis|@nats-io\\/.*)$/.test(name)) throw new Error('It loads ' + name);
      return next(name, context);
    };`,
  );
  const register = script(`import { register } from 'node:module'; register(${JSON.stringify(hooks)});`);
  const env = { NODE_OPTIONS: `--import=${register}` };
  await using command = new TestCommand([...broadcast, '--echo'], env);
  await command.address();
  for (const [url, name] of [
    ['redis://127.0.0.1:1', 'redis'],
    ['nats://127.0.0.1:1', '@nats-io/transport-node'],
  ] as const) {
    const { stderr } = await runCommand([...broadcast, '--broker', url], '', env);
    expect(stderr).toContain(`It loads ${name}`);
  }
});

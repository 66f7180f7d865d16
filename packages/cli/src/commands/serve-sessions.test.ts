import { Session } from 'bothways/session';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../../test/peers/brokers.js';
import { startHaproxy } from '../../../../test/peers/proxies.js';
import { Arrivals } from '../../../bothways/src/node/test-arrivals.js';
import { runCommand, TestCommand } from '../test-command.js';

const SECRET = 'a secret of this test, which is long enough';
const NOTICE =
  'bothways: Sessions stay at their server: give all that share the broker the same BOTHWAYS_SECRET.\n';

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): TestCommand {
  const command = new TestCommand(['serve', '--sessions', '--port', '0', ...args], env);
  onTestFinished(() => command[Symbol.asyncDispose]());
  return command;
}

async function portOf(command: TestCommand): Promise<number> {
  return Number(new URL(`http://${await command.address()}`).port);
}

/** A session, and what it receives. */
function open(url: string) {
  const session = new Session(url, { carriers: ['long-polling'], reconnectDelay: 20, maxReconnectDelay: 50 });
  onTestFinished(() => session.close());
  const messages = new Arrivals<unknown>();
  const resumes: boolean[] = [];
  session.addEventListener('message', ({ data }) => messages.push(data));
  session.addEventListener('resume', ({ resumed }) => resumes.push(resumed));
  return { session, messages, resumes };
}

/** Messages that go one by one come back, though each may come to another server or worker than the one before. */
async function expectEcho(url: string): Promise<void> {
  const { session, messages, resumes } = open(url);
  for (let number = 1; number <= 10; number++) {
    session.send(`${number}`);
    expect(await messages.next()).toBe(`${number}`);
    session.loseCarrier();
  }
  expect(resumes).not.toContain(false);
  session.close();
  expect((await session.closed).wasClean).toBe(true);
}

it('serve --sessions echoes what a session sends', async () => {
  const command = start(['--echo']);
  await expectEcho(`http://${await command.address()}`);
  expect(command.stderr).toBe('');
});

it('serve --sessions --workers takes each request of a session at any worker', async () => {
  const command = start(['--echo', '--workers', '3']);
  await expectEcho(`http://${await command.address()}`);
  command.stop();
  expect(await command.ended()).toBe(0);
  expect(command.stderr).toBe('');
});

it('serve --sessions --broker takes each request at any server that has the same BOTHWAYS_SECRET', async () => {
  const broker = await startRedis();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const args = ['--echo', '--broadcast', '--broker', broker.url];
  const env = { BOTHWAYS_SECRET: SECRET };
  const commands = [start(args, env), start([...args, '--workers', '2'], env)];
  const proxy = await startHaproxy('recommended', await Promise.all(commands.map(portOf)));
  onTestFinished(() => proxy.stop());
  await expectEcho(`${proxy.url}/`);
  for (const command of commands) expect(command.stderr).toBe('');
});

it('serve --sessions --broker says once when sessions stay at their server, and workers share them all the same', async () => {
  const broker = await startRedis();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const args = ['--echo', '--broadcast', '--broker', broker.url];
  const [one, many] = [start(args), start([...args, '--workers', '2'], { BOTHWAYS_SECRET: '' })];
  await expectEcho(`http://${await one.address()}`);
  await expectEcho(`http://${await many.address()}`);
  expect([one.stderr, many.stderr]).toEqual([NOTICE, NOTICE]);
});

it.each([
  ['nothing to carry', ['--sessions'], {}, /add --echo or --broadcast/],
  [
    'a short secret',
    ['--sessions', '--echo'],
    { BOTHWAYS_SECRET: 'hunter2' },
    /BOTHWAYS_SECRET is too short/,
  ],
  [
    'a short secret for workers',
    ['--sessions', '--echo', '--workers', '2'],
    { BOTHWAYS_SECRET: 'hunter2' },
    /BOTHWAYS_SECRET is too short/,
  ],
])('Sessions that cannot be are refused in one line: %s', async (_what, args, env, expected) => {
  const { status, stdout, stderr } = await runCommand(['serve', '--port', '0', ...args], '', env);
  expect(stderr).toMatch(expected);
  expect(stderr).not.toContain('hunter2');
  expect(stderr.trimEnd()).not.toContain('\n');
  expect([status, stdout]).toEqual([1, '']);
});

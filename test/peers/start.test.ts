import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freePort, isRunning, start, temporaryDirectory } from './start.js';

const node = (script: string) => ({
  name: 'a script',
  command: process.execPath,
  args: ['--eval', script],
  install: 'npm ci',
});

const lengthOf = (word: string) => (line: string) => (line === word ? line.length : undefined);

test('a program that is missing is named, with what installs it', () => {
  const missing = {
    ...node(''),
    name: 'nothing',
    command: '/nowhere/nothing',
    install: 'apt-get install nothing',
  };
  expect(() => start(missing)).toThrow(
    'nothing is missing (/nowhere/nothing). Install it: apt-get install nothing',
  );
});

test('a line is found whether it came before or after it was asked for', async () => {
  await using peer = start(
    node(`console.log('one'); process.stdin; setInterval(() => console.log('two'), 10)`),
  );
  expect(await peer.line('two', lengthOf('two'))).toBe(3);
  expect(await peer.line('one', lengthOf('one'))).toBe(3);
});

test('a program that ends before its line came tells what was missing and what it said', async () => {
  await using peer = start(node(`console.error('no such module'); process.exitCode = 3`));
  const ready = peer.line('listening PORT', () => undefined);
  await expect(ready).rejects.toThrow(
    'a script: waited for listening PORT, but it ended (3). It said:\n  no such module\nInstalled by: npm ci',
  );
  await expect(peer.line('anything', () => undefined)).rejects.toThrow('it ended (3)');
});

test('a program is gone when it has been stopped, also when it does not end on SIGTERM at once', async () => {
  const peer = start(
    node(`process.on('SIGTERM', () => setTimeout(process.exit, 50)); setInterval(console.log, 10, 'up')`),
  );
  await peer.line('up', (line) => line === 'up' || undefined);
  expect(isRunning(peer.pid)).toBe(true);
  await peer.stop();
  expect(isRunning(peer.pid)).toBe(false);
});

test('a process that has ended, and that nobody has waited for, does not count as running', async () => {
  await using directory = await temporaryDirectory();
  // The shell becomes a tail, which never asks about the shell's child: that stays behind as a zombie.
  await using peer = start({
    name: 'a shell',
    command: '/bin/sh',
    args: ['-c', 'tail -f /dev/null & echo "child $!" > "$0"; exec tail -f "$0"', `${directory.path}/line`],
    install: 'apt-get install -y dash coreutils',
  });
  const child = Number(await peer.line('child PID', (line) => /^child (\d+)$/.exec(line)?.[1]));
  const wasRunning = isRunning(child);
  process.kill(child, 'SIGKILL');
  expect(wasRunning).toBe(true);
  await expect.poll(() => isRunning(child)).toBe(false);
  expect(existsSync(`/proc/${child}`)).toBe(true);
});

test('a free port lies below the range of outgoing connections', async () => {
  expect(await freePort()).toBeLessThan(32_768);
});

test('a temporary directory is gone after its use', async () => {
  const directory = await temporaryDirectory();
  expect(existsSync(directory.path)).toBe(true);
  await directory[Symbol.asyncDispose]();
  expect(existsSync(directory.path)).toBe(false);
});

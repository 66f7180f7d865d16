/** A Redis or NATS server of this machine, on loopback and a port that is free, with nothing on a disk. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Debian's package of NATS puts it where not everybody looks. */
const PATH = `${process.env.PATH}:/usr/sbin`;
const PATIENCE = 5_000;

const LOOPBACK = '127.0.0.1';
const COMMANDS = {
  redis(port, dir) {
    const options = { bind: LOOPBACK, port, dir, save: '', appendonly: 'no' };
    return ['redis-server', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`])];
  },
  nats: (port) => ['nats-server', '-a', LOOPBACK, '-p', `${port}`],
};

/**
 * It does not outlive this process, whatever ends it short of SIGKILL.
 *
 * @param {'redis' | 'nats'} kind
 * @param {number | undefined} cpu the processor it is pinned to
 */
export async function startBroker(kind, cpu) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-broker-'));
  const port = await freePort();
  const command = COMMANDS[kind](port, folder);
  const pinned = cpu === undefined ? command : ['taskset', '-c', String(cpu), ...command];
  const child = spawn(pinned[0], pinned.slice(1), { stdio: 'ignore', env: { ...process.env, PATH } });
  const end = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', end);
  try {
    await Promise.race([answers(port), endsEarly(child, command[0])]);
  } catch (error) {
    end();
    throw error;
  }
  return {
    /** `taskset` becomes the program it starts, so this is the program's own. */
    pid: child.pid,
    url: `${kind}://${LOOPBACK}:${port}`,
    async stop() {
      process.off('exit', end);
      const isRunning = child.exitCode === null && child.signalCode === null;
      const ended = isRunning ? once(child, 'close') : undefined;
      end();
      await ended;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function endsEarly(child, name) {
  // Rejects with `error` when there is no such program.
  const [status] = await once(child, 'close');
  throw new Error(`${name} ended with ${status}. Is it installed?`);
}

/** Waits until somebody listens. */
async function answers(port) {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const socket = connect(port, LOOPBACK);
    const isThere = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await delay(10);
  }
  throw new Error(`Nobody listens on port ${port}`);
}

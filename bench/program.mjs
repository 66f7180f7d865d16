/** Programs that are no part of the benchmark: servers that listen on a port of loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Debian's packages put some of them where not everybody looks. */
const PATH = `${process.env.PATH}:/usr/sbin`;
/** How long a program may take to listen, milliseconds: much on a machine that is busy. */
const PATIENCE = 20_000;
/** How long it may take to end when it is told to, milliseconds. */
const LAST_WORDS = 5_000;

export const LOOPBACK = '127.0.0.1';

/**
 * Starts a program and waits until it listens on `port`. It does not outlive this process, nor does what it has started
 * itself, whatever ends this one short of SIGKILL.
 *
 * @param {string[]} command program and arguments
 * @param {{ port: number, cpu?: number, folder?: string }} options `cpu` is the processor it is pinned to, `folder` is
 * removed when it has ended
 */
export async function startProgram(command, { port, cpu, folder }) {
  const pinned = cpu === undefined ? command : ['taskset', '-c', String(cpu), ...command];
  // A process group of its own, which is ended as a whole.
  const child = spawn(pinned[0], pinned.slice(1), {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, PATH },
  });
  const signal = (name) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  const end = () => {
    signal('SIGKILL');
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
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
    async stop() {
      process.off('exit', end);
      const isRunning = child.exitCode === null && child.signalCode === null;
      const ended = isRunning ? once(child, 'close') : undefined;
      signal('SIGTERM');
      await Promise.race([ended, delay(LAST_WORDS, undefined, { ref: false })]);
      end();
      await ended;
    },
  };
}

export async function freePort() {
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

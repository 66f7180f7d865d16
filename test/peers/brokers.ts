import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, temporaryDirectory } from './start.js';

/** A Redis or NATS server of this machine that a test may do anything to. */
export interface BrokerServer extends AsyncDisposable {
  readonly port: number;
  /** Such as `redis://127.0.0.1:20123`. */
  readonly url: string;
  /** SIGKILL: all that it had in memory is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port: Redis with nothing in it, NATS with what JetStream had on its disk. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay, and nobody answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

const LOOPBACK = ['--bind', '127.0.0.1'];
const KEEPING_NOTHING = ['--save', '', '--appendonly', 'no'];

/** Redis 7, without persistence. @param more of its command line. */
export function startRedis(more: readonly string[] = []): Promise<BrokerServer> {
  return startRedisServer('redis', (port, directory) => [
    ...LOOPBACK,
    ...KEEPING_NOTHING,
    `--port ${port}`,
    `--dir ${directory}`,
    ...more,
  ]);
}

/** Redis 7 that takes TLS alone, with this certificate (PEM). */
export function startRedisWithTls({ cert, key }: { cert: string; key: string }): Promise<BrokerServer> {
  return startRedisServer('rediss', (port, directory) => {
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return [
      ...LOOPBACK,
      ...KEEPING_NOTHING,
      '--port 0',
      `--dir ${directory}`,
      `--tls-port ${port}`,
      `--tls-cert-file ${certFile}`,
      `--tls-key-file ${keyFile}`,
      `--tls-ca-cert-file ${certFile}`,
      '--tls-auth-clients no',
    ];
  });
}

/** A Redis Sentinel that watches one Redis by the name `live`, and is enough by itself to replace it. */
export function startSentinel(redisPort: number): Promise<BrokerServer> {
  return startRedisServer('redis', (port, directory) => {
    const file = join(directory, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `sentinel monitor live 127.0.0.1 ${redisPort} 1`,
      'sentinel down-after-milliseconds live 500',
      'sentinel failover-timeout live 2000',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  });
}

function startRedisServer(
  scheme: string,
  argumentsOf: (port: number, directory: string) => readonly string[],
): Promise<BrokerServer> {
  return startServer('/usr/bin/redis-server', scheme, 'redis-server', argumentsOf);
}

/**
 * NATS 2, with JetStream.
 *
 * @param configuration what else its configuration file says; it is asked for at each start.
 */
export function startNats(configuration: () => string = () => ''): Promise<BrokerServer> {
  return startServer('/usr/sbin/nats-server', 'nats', 'nats-server', (port, directory) => {
    const file = join(directory, 'nats.conf');
    writeFileSync(file, configuration());
    return ['-js', `-sd=${directory}`, '-a=127.0.0.1', `-p=${port}`, `-c=${file}`];
  });
}

async function startServer(
  command: string,
  scheme: string,
  debianPackage: string,
  argumentsOf: (port: number, directory: string) => readonly string[],
): Promise<BrokerServer> {
  if (!existsSync(command)) {
    throw new Error(
      `${command} is missing. Install it: apt-get install --no-install-recommends ${debianPackage}`,
    );
  }
  const directory = await temporaryDirectory();
  const port = await freePort();
  let child: ChildProcess;
  const run = async (): Promise<void> => {
    child = spawn(command, argumentsOf(port, directory.path), { stdio: 'ignore' });
    await answers(port, child);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await run();
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    kill,
    restart: run,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await kill();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Waits until somebody listens. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`It ended with status ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await delay(10);
  }
}

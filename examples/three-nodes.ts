// A chat of three servers that share a Redis, behind HAProxy, as it would be on five machines: who connects gets one of
// the servers in turn, everybody hears everybody, and all servers know who is here.
//
//     node examples/three-nodes.ts        (PORT=8080 unless it is set; redis-server and haproxy have to be installed)
//
// Open ws://127.0.0.1:8080/NAME, for instance twice with
//
//     node packages/cli/dist/main.js connect ws://127.0.0.1:8080/Ada
//
// and kill a node by its process id: its clients are cut, and get another one when they connect again. Who has not by
// then has left 12 seconds later: 10 until the others are sure that the node is dead, and 2 of grace.
//
// HAProxy has no stickiness, and sessions need none: the servers have a secret in common, so any of them takes any
// request of a session, as of session-client.ts:
//
//     node examples/session-client.ts http://127.0.0.1:8080/Ada
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { reject, serve } from 'bothways';
import { redisBroker } from 'bothways/redis';
import { createClient } from 'redis';

const host = '127.0.0.1';
const [, program = '', name, redisUrl = ''] = process.argv;

if (name === undefined) await startAll();
else await startNode(name, redisUrl);

/** One of the servers. */
async function startNode(node: string, url: string): Promise<void> {
  let isClosing = false;
  const server = await serve(
    {
      port: 0,
      host,
      broker: redisBroker(createClient({ url }), { closeTimeout: 1_000 }),
      presenceGrace: 2_000,
      sessions: { secret: process.env['SESSION_SECRET'] },
      accept(request) {
        const user = decodeURIComponent(request.url.slice(1));
        return user === '' ? reject(400, 'Connect to /NAME') : { user };
      },
    },
    {
      open(socket) {
        socket.send(`Welcome to ${node}`);
        socket.subscribe('chat');
        socket.join('chat', socket.state.user);
      },
      message(socket, data) {
        if (typeof data === 'string') socket.publish('chat', `${socket.state.user}: ${data}`);
      },
      // Each server is told, and tells its own clients.
      join(topic, { id }) {
        server.publish(topic, `${id} is here`, { local: true });
      },
      leave(topic, { id }) {
        server.publish(topic, `${id} has left`, { local: true });
      },
      error(error) {
        // Ctrl+C has ended Redis as well.
        if (!isClosing) console.error(`${node}: ${error.message}`);
      },
    },
  );
  const close = async (): Promise<void> => {
    if (isClosing) return;
    isClosing = true;
    await server.close({ timeout: 1_000 });
    process.exit();
  };
  process.on('SIGINT', () => void close());
  process.on('SIGTERM', () => void close());
  process.on('disconnect', () => void close());
  process.send?.(new URL(server.url).port);
}

/** Redis, three servers and HAProxy, until a signal comes. */
async function startAll(): Promise<void> {
  // Debian has haproxy where not everybody looks.
  const env = {
    ...process.env,
    PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`,
    SESSION_SECRET: randomBytes(32).toString('hex'),
  };
  for (const needed of ['redis-server', 'haproxy']) {
    if (spawnSync(needed, ['-v'], { env }).error !== undefined) {
      console.error(`${needed} is not installed. On Debian: apt-get install ${needed}`);
      process.exit(1);
    }
  }
  const directory = mkdtempSync(join(tmpdir(), 'three-nodes-'));
  const nodes: ChildProcess[] = [];
  const others: ChildProcess[] = [];
  let closing: Promise<void> | undefined;
  const start = (command: string, args: string[]): void => {
    if (closing !== undefined) return;
    const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    others.push(child);
    child.once('exit', () => void giveUp(command));
  };
  const giveUp = async (command: string): Promise<void> => {
    // Ctrl+C ends it as well, and may be heard here a moment later.
    await delay(100);
    if (closing === undefined) console.error(`${command} has ended, so all do`);
    void close(1);
  };
  const close = (status: number): Promise<void> => (closing ??= closeAll(status));
  const closeAll = async (status: number): Promise<void> => {
    // The servers first, which have something to say to the others.
    await end(nodes);
    await end(others);
    rmSync(directory, { recursive: true });
    process.exit(status);
  };
  process.on('SIGINT', () => void close(0));
  process.on('SIGTERM', () => void close(0));

  try {
    const redisPort = await freePort(0);
    start('redis-server', ['--bind', host, '--port', `${redisPort}`, '--dir', directory, '--save', '']);
    for (const node of ['one', 'two', 'three']) {
      nodes.push(fork(program, [node, `redis://${host}:${redisPort}`], { env }));
    }
    const ports = await Promise.all(nodes.map(portOf));

    const port = await freePort(Number(process.env['PORT'] ?? 8080));
    const file = join(directory, 'haproxy.cfg');
    writeFileSync(file, haproxyConfiguration(port, ports));
    start('haproxy', ['-db', '-f', file]);
    await answers(port);
    for (const [index, { pid }] of nodes.entries())
      console.log(`Node: ${host}:${ports[index]}, process ${pid}`);
    console.log(`Beside them: processes ${others.map(({ pid }) => pid).join(' and ')}`);
    console.log(`Listening: ws://${host}:${port}/`);
  } catch (error) {
    if (closing === undefined) console.error(String(error));
    await close(1);
  }
}

function haproxyConfiguration(port: number, ports: readonly string[]): string {
  return `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h

frontend www
  bind ${host}:${port}
  default_backend chat

backend chat
  balance roundrobin
  option redispatch 1
${ports.map((each, index) => `  server node${index} ${host}:${each} check inter 1s`).join('\n')}
`;
}

/** The port of a server, which tells it when it listens. */
async function portOf(node: ChildProcess): Promise<string> {
  const ended = once(node, 'exit');
  const isUp = await Promise.race([once(node, 'message'), ended.then(() => undefined)]);
  if (isUp === undefined) throw new Error('A server did not start');
  void ended.then(() => console.log(`Process ${node.pid} has ended`));
  return String(isUp[0]);
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(
    running.map((child) => {
      child.kill('SIGTERM');
      return once(child, 'exit');
    }),
  );
}

/** A port that nobody has: this one, or any for 0. */
async function freePort(wanted: number): Promise<number> {
  const server = createServer().listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until somebody listens. */
async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await delay(50);
  }
}

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { compileSources, removeSources, runProgram } from '../node/test-child.js';
import { settled, until } from '../node/test-arrivals.js';
import { Wire, noise } from '../node/test-wire.js';
import { startFaultProxy } from './fault-proxy.js';
import { HttpTarget, Network, errorCode, request, startEcho, startProxy } from './test-network.js';

const MEBIBYTE = 1024 * 1024;
/** A delay that no test lives to see, milliseconds. */
const FOREVER = 3_600_000;

/** A proxy with one connection through it. */
async function connected() {
  const network = await Network.start();
  return { proxy: network.proxy, ...(await network.connect()) };
}

test('bytes pass both ways as they are, and are counted', async () => {
  const proxy = await startProxy(await startEcho());
  const client = await Wire.connect(proxy.port);
  const bytes = noise(3 * MEBIBYTE);
  client.write(bytes);
  expect((await client.take(bytes.length)).equals(bytes)).toBe(true);
  expect([proxy.bytesUp, proxy.bytesDown]).toEqual([bytes.length, bytes.length]);
  client.end();
  await client.gone;
  await until(() => proxy.connections === 0);
});

test.each(['client', 'target'] as const)(
  'the end of what the %s sends is not that of the rest',
  async (from) => {
    const ends = await (await Network.start()).connect();
    const [first, second] = from === 'client' ? [ends.client, ends.target] : [ends.target, ends.client];
    first.end();
    await second.ended;
    second.write('still here');
    expect((await first.take(10)).toString()).toBe('still here');
  },
);

test.each(['client', 'target'] as const)('a reset by the %s reaches the other end', async (from) => {
  const ends = await (await Network.start()).connect();
  ends[from].reset();
  const other = from === 'client' ? ends.target : ends.client;
  await other.gone;
  expect(errorCode(other)).toBe('ECONNRESET');
});

test('a target that nobody listens at resets the client', async () => {
  const free = await startFaultProxy({ target: 1 });
  await free.close();
  const client = await Wire.connect((await startProxy(free.port)).port);
  await client.gone;
  expect(errorCode(client)).toBe('ECONNRESET');
});

test('a receiver that does not read slows the sender down', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  target.pause();
  for (let count = 0; count < 64; count++) client.write(noise(MEBIBYTE));
  await settled(() => client.stream.writableLength);
  expect(client.stream.writableLength).toBeGreaterThan(0);
  expect(network.proxy.bytesUp).toBeLessThan(32 * MEBIBYTE);
  target.resume();
  await target.take(64 * MEBIBYTE);
});

test('the URL leads to the target', async () => {
  const http = await HttpTarget.listen();
  const proxy = await startProxy(http.port);
  const body = fetch(`${proxy.url}/path`).then((response) => response.text());
  const { url, response } = await http.next();
  response.end(`you asked for ${url}`);
  expect(await body).toBe('you asked for /path');
});

test('healing disarms what is armed', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.cutResponse();
  network.proxy.duplicateRequest();
  network.proxy.dropRequest();
  network.proxy.reorderRequests({ timeout: FOREVER });
  network.proxy.heal();
  client.write(request('/'));
  await target.head();
  target.write('response');
  expect((await client.take(8)).toString()).toBe('response');
  // The next connection that the target gets is this one, and no duplicate.
  const next = await network.connect();
  next.client.write('next');
  expect((await next.target.take(4)).toString()).toBe('next');
});

test('mistakes throw at once', async () => {
  const proxy = await startProxy(await startEcho());
  expect(() => proxy.delay(-1)).toThrow(TypeError);
  expect(() => proxy.delay(Number.NaN)).toThrow(TypeError);
  expect(() => proxy.halfClose('both' as 'up')).toThrow(TypeError);
  expect(() => proxy.stall({ direction: 'left' as 'up' })).toThrow(TypeError);
  expect(() => proxy.cutResponse({ after: -1 })).toThrow(TypeError);
  expect(() => proxy.cutResponse({ times: 0 })).toThrow(TypeError);
  expect(() => proxy.dropRequest({ match: /x/ as never })).toThrow(TypeError);
  expect(() => proxy.reorderRequests({ timeout: Infinity })).toThrow(TypeError);
  await expect(startFaultProxy({ target: 0 })).rejects.toThrow(TypeError);
  await expect(startFaultProxy({ target: 80, port: 65_536 })).rejects.toThrow(TypeError);
  await expect(startFaultProxy({ target: 80, port: proxy.port })).rejects.toThrow('EADDRINUSE');
});

test.each(['up', 'down'] as const)('what is being ended %s can be cut at once', async (direction) => {
  const { proxy, ...network } = await connected();
  proxy.halfClose(direction);
  proxy.cut();
  await until(() => proxy.connections === 0);
  // Who has got a FIN reads no more, and does not see that a RST follows.
  const other = direction === 'up' ? network.client : network.target;
  await other.gone;
  expect(errorCode(other)).toBe('ECONNRESET');
});

test.each(['up', 'down'] as const)('closing ends what is being ended %s', async (direction) => {
  const { proxy } = await connected();
  proxy.halfClose(direction);
  await proxy.close();
  expect(proxy.connections).toBe(0);
});

test('closing cuts all, and refuses what comes later', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  client.write('hello');
  await target.take(5);
  const closed = network.proxy.close();
  expect(network.proxy.close()).toBe(closed);
  await closed;
  expect(network.proxy.connections).toBe(0);
  await Promise.all([client.gone, target.gone]);
  await expect(Wire.connect(network.proxy.port)).rejects.toThrow('ECONNREFUSED');
});

/** Listens, and never accepts: connections beyond those that the system itself takes are not opened. */
const DEAF = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

test('closing does not wait for a target that does not accept', async () => {
  const deaf = new Worker(DEAF, { eval: true });
  onTestFinished(async () => void (await deaf.terminate()));
  const [port] = (await once(deaf, 'message')) as [number];
  const proxy = await startProxy(port);
  const clients = await Promise.all(Array.from({ length: 8 }, () => Wire.connect(proxy.port)));
  await until(() => proxy.connections === 8);
  await proxy.close();
  await Promise.all(clients.map((client) => client.gone));
  expect(proxy.connections).toBe(0);
});

/** Leaves one of everything under way, closes, and tells which sockets and timers of the process are left. */
const LEAVING = `
  import { once } from 'node:events';
  import { createServer } from 'node:http';
  import { connect } from 'node:net';
  import { startFaultProxy } from './testing/index.js';

  const arrived = [];
  let wake;
  const arrival = async (url) => {
    while (!arrived.includes(url)) await new Promise((resolve) => (wake = resolve));
    arrived.splice(arrived.indexOf(url), 1);
  };
  const server = createServer((request) => { arrived.push(request.url); wake?.(); });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultProxy({ target: server.address().port });
  const get = (path) => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    socket.write('GET ' + path + ' HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
    return socket;
  };

  proxy.duplicateRequest();
  get('/twice');
  await arrival('/twice');
  await arrival('/twice');
  proxy.dropRequest();
  const dropped = new Promise((resolve) => get('/dropped').once('close', resolve));
  await arrival('/dropped');
  await dropped;
  let isHeld;
  const held = new Promise((resolve) => (isHeld = resolve));
  proxy.reorderRequests({ timeout: 3_600_000, match: () => { isHeld(); return true; } });
  get('/held');
  await held;
  let isDelayed;
  const delayed = new Promise((resolve) => (isDelayed = resolve));
  proxy.delay(() => { isDelayed(); return 3_600_000; });
  get('/delayed');
  await delayed;
  const count = () => process.getActiveResourcesInfo().filter((kind) => /^(TCP|Timeout)/.test(kind)).length;
  const before = count();
  await proxy.close();
  // The server's end of a connection that the proxy left open would keep the process.
  server.close();
  console.log(JSON.stringify({ connections: proxy.connections, wasBusy: before > 8 }));
`;

test('a process whose proxy is closed ends by itself, whatever was under way', async () => {
  const directory = compileSources();
  try {
    const { code, stdout, stderr } = await runProgram(directory, LEAVING);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ connections: 0, wasBusy: true });
    expect(code).toBe(0);
  } finally {
    removeSources(directory);
  }
});

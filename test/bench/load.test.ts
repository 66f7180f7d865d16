import { type Connection, connect, serve, type Handlers } from 'bothways';
import { expect, it, onTestFinished } from 'vitest';
import { JOBS } from '../../bench/load/jobs.mjs';

const ECHO = {
  kind: 'echo',
  size: 64,
  connections: 4,
  inFlight: 4,
  text: false,
  checkEvery: 4,
  rampUp: 20,
  window: 100,
};

/** Has the load generator echo at a server of this process. */
async function load(handlers: Handlers, job: object = {}) {
  const server = await serve({ port: 0, host: '127.0.0.1' }, handlers);
  onTestFinished(() => server.close({ timeout: 0 }));
  return JOBS['echo']!({ ...ECHO, ...job, port: server.port, pid: process.pid, echoesRaw: false });
}

it('The load generator counts what comes back', async () => {
  const answer = await load({ message: (socket, data) => void socket.send(data) });
  expect(answer.error).toBeUndefined();
  expect(answer.messages).toBeGreaterThan(200);
});

it.each([
  ['another content', (data: Buffer) => Buffer.alloc(data.length)],
  ['another length', (data: Buffer) => data.subarray(0, -1)],
  ['another opcode', (data: Buffer) => data.toString('latin1').slice(0, 20)],
])('The load generator notices %s', async (what, change) => {
  let count = 0;
  const answer = await load({
    message: (socket, data) => void socket.send(++count < 300 ? data : change(data as Buffer)),
  });
  expect(answer.error).toContain(what.replace('another ', ''));
});

it('The load generator notices that the server closes', async () => {
  let count = 0;
  const answer = await load({
    message: (socket, data) => {
      if (++count === 300) socket.terminate();
      socket.send(data);
    },
  });
  expect(answer.error).toBe('the server closed a connection');
});

it('The load generator measures latencies from when a message was due', async () => {
  const stall = 60;
  let count = 0;
  const server = await serve(
    { port: 0, host: '127.0.0.1' },
    {
      message(socket, data) {
        if (++count === 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stall);
        socket.send(data);
      },
    },
  );
  onTestFinished(() => server.close({ timeout: 0 }));
  const job = { ...ECHO, connections: 2, rate: 500, rampUp: 0, window: 200 };
  const answer = await JOBS['latency']!({ ...job, port: server.port, pid: process.pid, echoesRaw: false });
  const { percentiles } = answer as unknown as { percentiles: Record<string, number> };
  expect(answer.messages).toBeGreaterThan(90);
  expect(percentiles['100']! / 1000).toBeGreaterThanOrEqual(stall - 3);
  // Those that were due meanwhile, some 30 of 100, have waited as well, though none was under way.
  expect(percentiles['90']! / 1000).toBeGreaterThan(stall / 3);
});

it('The load generator is a server for the clients that are measured', async () => {
  const { port } = (await JOBS['listen']!({ size: 300, text: true })) as { port: number };
  const received: unknown[] = [];
  const socket = await connect(
    `ws://127.0.0.1:${port}/`,
    {},
    { message: (_socket: Connection, data) => void received.push(data) },
  );
  const counting = JOBS['count']!({ pid: process.pid, rampUp: 10, window: 30 });
  const sending = setInterval(() => socket.send('c'.repeat(300)), 0);
  const answer = await counting;
  clearInterval(sending);
  expect(answer.error).toBeUndefined();
  expect(received[0]).toBe('s'.repeat(300));
  socket.send('d'.repeat(300));
  await JOBS['hangUp']!({});
  await socket.closed;
});

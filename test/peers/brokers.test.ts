import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startNats, startRedis, type BrokerServer } from './brokers.js';

/** What it says first, after it was told something or nothing. */
async function firstWords({ port }: BrokerServer, question: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(question);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

test('Redis answers, and has forgotten everything after it was killed', async () => {
  await using redis = await startRedis();
  expect(await firstWords(redis, 'SET a 1\r\n')).toBe('+OK\r\n');
  expect(await firstWords(redis, 'GET a\r\n')).toBe('$1\r\n1\r\n');
  await redis.kill();
  await redis.restart();
  expect(await firstWords(redis, 'GET a\r\n')).toBe('$-1\r\n');
});

test('NATS answers, with JetStream, and again after it was killed', async () => {
  await using nats = await startNats();
  expect(await firstWords(nats, '')).toMatch(/^INFO .*"jetstream":true/);
  await nats.kill();
  await nats.restart();
  expect(await firstWords(nats, '')).toMatch(/^INFO /);
});

test('nobody answers while it is paused', async () => {
  await using redis = await startRedis();
  redis.pause();
  let isAnswered = false;
  const answer = firstWords(redis, 'PING\r\n').then((words) => {
    isAnswered = true;
    return words;
  });
  // The system takes the connection; the program does not run.
  await new Promise((resolve) => connect(redis.port, '127.0.0.1').once('connect', resolve));
  expect(isAnswered).toBe(false);
  redis.resume();
  expect(await answer).toBe('+PONG\r\n');
});

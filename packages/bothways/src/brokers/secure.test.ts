import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createCertificate } from '../../../../test/peers/certificate.js';
import { startNats, startRedis, startRedisWithTls, startSentinel } from '../../../../test/peers/brokers.js';
import { temporaryDirectory } from '../../../../test/peers/start.js';
import { Arrivals, until } from '../node/test-arrivals.js';
import type { Broker } from '../pubsub/broker.js';
import { natsBroker } from './nats.js';
import { redisBroker } from './redis.js';

const LIMITS = { messages: 10, age: 60_000 };

/** What a node of a broker has got. */
async function open(broker: Broker): Promise<Arrivals<string>> {
  const received = new Arrivals<string>();
  await broker.open(
    {
      receive: (_topic, data) => received.push(String(data)),
      receiveKept: (_topic, { data }) => received.push(String(data)),
      missed: () => received.push('missed'),
      failed: (error) => received.push(String(error)),
    },
    LIMITS,
  );
  onTestFinished(() => broker.close());
  return received;
}

/** Publishes until it arrives: a subscription takes effect a moment later. */
async function reach(broker: Broker, received: Arrivals<string>): Promise<void> {
  const publishing = setInterval(() => {
    try {
      broker.publish('news', 'hello');
    } catch {
      // It is away.
    }
  }, 20);
  while ((await received.next()) !== 'hello');
  clearInterval(publishing);
}

describe('Over TLS', () => {
  let certificate: { cert: string; key: string };

  beforeAll(async () => {
    certificate = await createCertificate();
  });

  it.each([
    ['redis', (url: string, ca: string) => createClient({ url, socket: { tls: true, ca } })],
    ['ioredis', (url: string, ca: string) => new Redis(url, { lazyConnect: true, tls: { ca } })],
  ] as const)('Redis carries what servers publish and keep, with %s', async (_name, makeClient) => {
    const redis = await startRedisWithTls(certificate);
    onTestFinished(() => redis[Symbol.asyncDispose]());
    const [one, two] = [0, 1].map(() => redisBroker(makeClient(redis.url, certificate.cert))) as [
      Broker,
      Broker,
    ];
    await open(one);
    const received = await open(two);
    two.subscribe('news');
    await reach(one, received);
    one.history!.publish('news', 'kept', LIMITS);
    await until(() => received.items.includes('kept'));
    expect((await two.history!.read('news', 1, LIMITS)).messages).toMatchObject([{ data: 'kept' }]);
  });

  it.each([
    ['redis', (url: string) => createClient({ url })],
    ['ioredis', (url: string) => new Redis(url, { lazyConnect: true })],
  ] as const)('Redis is not taken with a certificate of a stranger, with %s', async (_name, makeClient) => {
    const redis = await startRedisWithTls(certificate);
    onTestFinished(() => redis[Symbol.asyncDispose]());
    await expect(open(redisBroker(makeClient(redis.url), { openTimeout: 1_000 }))).rejects.toThrow(
      /certificate/,
    );
  });

  it('NATS carries what servers publish and keep', async () => {
    const directory = await temporaryDirectory();
    onTestFinished(() => directory[Symbol.asyncDispose]());
    const [certFile, keyFile] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
    writeFileSync(certFile, certificate.cert);
    writeFileSync(keyFile, certificate.key);
    const server = await startNats(() => `tls { cert_file: "${certFile}", key_file: "${keyFile}" }`);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const connectTls = async (): Promise<Broker> => {
      const nats = await connect({
        servers: server.url.replace('nats:', 'tls:'),
        tls: { ca: certificate.cert },
      });
      onTestFinished(() => nats.close());
      return natsBroker(nats, { jetstream: jetstream(nats) });
    };
    const [one, two] = [await connectTls(), await connectTls()];
    await open(one);
    const received = await open(two);
    two.subscribe('news');
    await reach(one, received);
    one.history!.publish('news', 'kept', LIMITS);
    await until(() => received.items.includes('kept'));
    expect((await two.history!.read('news', 1, LIMITS)).messages).toMatchObject([{ data: 'kept' }]);
  });
});

describe('With Redis Sentinel', () => {
  it('servers go on with the Redis that has taken the place of one that was killed', async () => {
    const primary = await startRedis();
    onTestFinished(() => primary[Symbol.asyncDispose]());
    const replica = await startRedis(['--replicaof', '127.0.0.1', `${primary.port}`]);
    onTestFinished(() => replica[Symbol.asyncDispose]());
    const sentinel = await startSentinel(primary.port);
    onTestFinished(() => sentinel[Symbol.asyncDispose]());
    const watch = new Redis({ port: sentinel.port });
    onTestFinished(() => watch.disconnect());
    const replicas = async (): Promise<number> =>
      ((await watch.call('SENTINEL', 'REPLICAS', 'live')) as []).length;
    while ((await replicas()) === 0);
    const makeBroker = (): Broker =>
      redisBroker(
        new Redis({
          sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
          name: 'live',
          lazyConnect: true,
        }),
      );
    const [one, two] = [makeBroker(), makeBroker()];
    await open(one);
    const received = await open(two);
    two.subscribe('news');
    await reach(one, received);
    await primary.kill();
    await until(() => received.items.includes('missed'));
    await reach(one, received);
    expect(await watch.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'live')).toEqual([
      '127.0.0.1',
      `${replica.port}`,
    ]);
  });
});

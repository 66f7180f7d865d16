import { afterAll, beforeAll, describe } from 'vitest';
import { Arrivals } from '../node/test-arrivals.js';
import { compileSources, removeSources } from '../node/test-child.js';
import type { BrokerClaims } from '../pubsub/broker.js';
import { testBroker, type TestNode } from '../pubsub/test-broker.js';
import { testClaims } from '../pubsub/test-claims.js';
import { TestCluster, type Report } from './test-cluster.js';

/** Three workers, in each of which the test calls brokers by their names. */
const PROGRAM = `
  if (cluster.isPrimary) {
    cluster.setupPrimary({ serialization: process.env.SERIALIZATION });
    relayTopics();
    for (let i = 0; i < 3; i++) cluster.fork();
  } else {
    const brokers = new Map();
    const pack = (data) => typeof data === 'string' ? data : { base64: Buffer.from(data).toString('base64') };
    const unpack = (data) => data?.base64 === undefined ? data : Buffer.from(data.base64, 'base64');
    onCommand(async ({ name, call, topic, data, id }) => {
      if (call === 'open') {
        brokers.set(name, clusterBroker({ name }));
        await brokers.get(name).open({ receive: (topic, data) => tell({ name, topic, data: pack(data) }) });
        tell({ name, done: true });
      } else if (call === 'close') {
        await brokers.get(name).close();
        tell({ name, done: true });
      } else if (call === 'claim') {
        const [holder, milliseconds] = data;
        tell({ name, id, holder: await brokers.get(name).claims.claim(topic, holder, milliseconds) });
      } else if (call === 'release') {
        brokers.get(name).claims.release(topic, data);
      } else if (call === 'publishAndChange') {
        const bytes = unpack(data);
        brokers.get(name).publish(topic, bytes);
        bytes.fill(0);
      } else {
        brokers.get(name)[call](topic, unpack(data));
      }
    });
    tell({ isReady: true });
  }
`;

type Packed = string | { readonly base64: string };

function pack(data: string | Uint8Array): Packed {
  return typeof data === 'string' ? data : { base64: Buffer.from(data).toString('base64') };
}

function unpack(data: Packed): string | Uint8Array {
  return typeof data === 'string' ? data : Buffer.from(data.base64, 'base64');
}

describe.each(['json', 'advanced'])('With %s between the processes', (serialization) => {
  let directory: string;
  let cluster: TestCluster;
  const routes = new Map<string, (report: Report) => void>();
  let counter = 0;

  beforeAll(async () => {
    directory = compileSources();
    cluster = new TestCluster(directory, PROGRAM, { SERIALIZATION: serialization });
    for (let i = 0; i < 3; i++) await cluster.next('isReady');
    cluster.onReport = (report) => routes.get(`${report['name'] as string} ${report.from}`)!(report);
  });

  afterAll(async () => {
    await cluster.end();
    removeSources(directory);
  });

  async function openClaims(worker: number, name: string): Promise<BrokerClaims> {
    await open(worker, name);
    const answers = new Map<string, (holder: string) => void>();
    routes.set(`${name} ${worker}`, ({ id, holder }) => answers.get(id as string)!(holder as string));
    return {
      claim: (key, holder, milliseconds) =>
        new Promise((resolve) => {
          const id = `claim ${counter++}`;
          answers.set(id, resolve);
          cluster.command(worker, { name, call: 'claim', topic: key, data: [holder, milliseconds], id });
        }),
      release: (key, holder) => cluster.command(worker, { name, call: 'release', topic: key, data: holder }),
    };
  }

  async function open(worker: number, name: string): Promise<TestNode> {
    const received = new Arrivals<readonly [string, string | Uint8Array]>();
    const done = new Arrivals<Report>();
    routes.set(`${name} ${worker}`, (report) => {
      if ('done' in report) done.push(report);
      else received.push([report['topic'] as string, unpack(report['data'] as Packed)]);
    });
    const call = (method: string, topic?: string, data?: Packed): void =>
      cluster.command(worker, { name, call: method, topic, data });
    call('open');
    await done.next();
    return {
      received,
      subscribe: (topic) => call('subscribe', topic),
      unsubscribe: (topic) => call('unsubscribe', topic),
      publish: (topic, data) => call('publish', topic, pack(data)),
      publishAndChange: (topic, bytes) => call('publishAndChange', topic, pack(bytes)),
      close: async () => {
        call('close');
        await done.next();
      },
    };
  }

  testBroker('clusterBroker()', () => {
    const name = `of test ${counter++}`;
    return Promise.all([open(1, name), open(2, name), open(3, name)]);
  });

  testClaims('clusterBroker()', () => {
    const name = `of test ${counter++}`;
    return Promise.all([openClaims(1, name), openClaims(2, name)]);
  });
});

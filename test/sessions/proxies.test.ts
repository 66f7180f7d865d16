import { setTimeout as delay } from 'node:timers/promises';
import type { CarrierName } from 'bothways';
import { Session, type NodeSessionOptions } from 'bothways/session';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  startForwardProxy,
  startHaproxy,
  startNginx,
  type Proxy,
  type ProxyMode,
  type ProxyOptions,
} from '../peers/proxies.js';
import { type Endpoint, messagesOf, numbered, sendAll, startEndpoint } from './endpoint.js';

let endpoint: Endpoint;

beforeAll(async () => {
  endpoint = await startEndpoint();
});

afterAll(() => endpoint[Symbol.asyncDispose]());

async function use<Started extends Proxy>(starting: Promise<Started>): Promise<Started> {
  const proxy = await starting;
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Both ends of a new session, and how long it took until it was open, milliseconds. */
async function open(url: string, options?: NodeSessionOptions) {
  const began = performance.now();
  const session = new Session(`${url}/live`, options);
  const atClient = messagesOf(session);
  await new Promise<void>((resolve) => session.addEventListener('open', () => resolve(), { once: true }));
  const took = performance.now() - began;
  const { connection, messages: atServer } = await endpoint.visits.next();
  return { session, connection, atClient, atServer, took };
}

type Ends = Awaited<ReturnType<typeof open>>;

async function expectDelivery({ session, connection, atClient, atServer }: Ends, name: string) {
  const fromClient = numbered(`${name} of the client`, 200);
  const fromServer = numbered(`${name} of the server`, 200);
  sendAll(session, fromClient);
  sendAll(connection, fromServer);
  expect(await atServer.take(200)).toEqual(fromClient);
  expect(await atClient.take(200)).toEqual(fromServer);
}

/** That nothing came beside what was expected: the last message each way has come, and is the only one. */
async function expectNothingElse({ session, connection, atClient, atServer }: Ends) {
  session.send('the last');
  connection.send('the last');
  expect(await atServer.next()).toBe('the last');
  expect(await atClient.next()).toBe('the last');
  expect([...atServer.items, ...atClient.items]).toEqual([]);
}

interface Network {
  readonly mode: ProxyMode;
  /** What may carry the session. */
  readonly carriers: readonly CarrierName[];
}

interface Kind {
  readonly name: string;
  readonly start: (mode: ProxyMode, targetPort: number, options?: ProxyOptions) => Promise<Proxy>;
  readonly networks: readonly Network[];
}

describe.each<Kind>([
  {
    name: 'nginx',
    start: startNginx,
    networks: [
      { mode: 'recommended', carriers: ['websocket'] },
      { mode: 'default', carriers: ['streaming', 'eventsource'] },
    ],
  },
  {
    name: 'HAProxy',
    start: startHaproxy,
    networks: [
      { mode: 'recommended', carriers: ['websocket'] },
      { mode: 'default', carriers: ['websocket'] },
    ],
  },
])('through $name', ({ start, networks }) => {
  test.each(networks)(
    'with its $mode configuration a session is open soon, and 200 messages each way arrive once and in order',
    async ({ mode, carriers }) => {
      const proxy = await use(start(mode, endpoint.port));
      const ends = await open(proxy.url);
      expect(ends.took, `it took ${ends.took.toFixed()} ms`).toBeLessThan(2_000);
      await expectDelivery(ends, 'message');
      await expectNothingElse(ends);
      expect(carriers).toContain(ends.session.carrier);
    },
  );

  test('with a configuration that forbids WebSockets, holds streams back and cuts what is silent for 5 seconds, messages arrive once and in order, also after a silence', async () => {
    const proxy = await use(start('hostile', endpoint.port));
    const carriers = new Set<CarrierName>();
    const ends = await open(proxy.url);
    const { session } = ends;
    const note = () => session.carrier !== undefined && carriers.add(session.carrier);
    note();
    session.addEventListener('carrierchange', note);
    await expectDelivery(ends, 'message');
    // Long enough for what is silent to be cut, more than once.
    await delay(11_000);
    await expectDelivery(ends, 'later message');
    await expectNothingElse(ends);
    expect(carriers.size).toBeGreaterThan(0);
    for (const carrier of carriers) expect(['long-polling', 'polling']).toContain(carrier);
  });
});

describe('through a forward proxy', () => {
  test.each(['websocket', 'long-polling'] as const)(
    'on %s a session goes by tunnels, and 200 messages each way arrive once and in order',
    async (carrier) => {
      const proxy = await use(startForwardProxy());
      const options = { proxy: proxy.url, carriers: [carrier] };
      const ends = await open(`http://127.0.0.1:${endpoint.port}`, options);
      expect(ends.session.carrier).toBe(carrier);
      await expectDelivery(ends, 'message');
      await expectNothingElse(ends);
      expect(proxy.tunnels).toBeGreaterThan(0);
      expect(proxy.requests).toBe(0);
    },
  );
});

import type { CarrierName } from 'bothways';
import { Session } from 'bothways/session';
import { startFaultProxy, type FaultProxy } from 'bothways/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Arrivals, turns } from '../../packages/bothways/src/node/test-arrivals.js';
import { messagesOf, numbered, startEndpoint } from './endpoint.js';

const EXCHANGES: readonly CarrierName[] = ['long-polling', 'polling', 'postback'];
const OVER_HTTP: readonly CarrierName[] = ['streaming', 'eventsource', ...EXCHANGES];
const ALL: readonly CarrierName[] = ['websocket', ...OVER_HTTP];
/** So short that either end notices within a test's time that it hears nothing of the other. */
const LIVELY = { sessions: { heartbeat: 1_000 }, pingInterval: 500, pingTimeout: 500 };
const ROUNDS = 3;
/** Messages each way in a round. */
const COUNT = 40;

/** Both ends of a session with a network of its own between them, and what its client tells. */
async function open(carrier: CarrierName, prepare: (network: FaultProxy) => void = () => {}) {
  const endpoint = await startEndpoint({ options: LIVELY });
  onTestFinished(() => endpoint[Symbol.asyncDispose]());
  const network = await startFaultProxy({ target: endpoint.port });
  onTestFinished(() => network.close());
  prepare(network);
  const session = new Session(`${network.url}/live`, {
    carriers: [carrier],
    pollInterval: 10,
    reconnectDelay: 10,
    maxReconnectDelay: 20,
  });
  const resumes: boolean[] = [];
  const retries = new Arrivals<string>();
  session.addEventListener('resume', ({ resumed }) => resumes.push(resumed));
  session.addEventListener('retry', ({ reason }) => retries.push(reason));
  const atClient = messagesOf(session);
  const { connection, messages: atServer } = await endpoint.visits.next();
  return { endpoint, network, session, connection, atClient, atServer, resumes, retries };
}

type Ends = Awaited<ReturnType<typeof open>>;

/**
 * Sends messages both ways, lets something happen in the middle of them, and expects all of them once and in order; a
 * few times over.
 */
async function expectDelivery(ends: Ends, interfere: (round: number) => unknown = () => {}): Promise<void> {
  const { session, connection, atClient, atServer } = ends;
  for (let round = 0; round < ROUNDS; round++) {
    const up = numbered('up', COUNT, round * COUNT + 1);
    const down = numbered('down', COUNT, round * COUNT + 1);
    let interference: unknown;
    for (let index = 0; index < COUNT; index++) {
      connection.send(down[index]!);
      session.send(up[index]!);
      // So that they do not all go in one request, or response.
      if (index % 8 === 7) await turns();
      if (index === COUNT / 2) interference = interfere(round);
    }
    await interference;
    expect(await atServer.take(COUNT)).toEqual(up);
    expect(await atClient.take(COUNT)).toEqual(down);
  }
  ends.network.heal();
  connection.send('the last');
  session.send('the last');
  expect([await atServer.next(), await atClient.next()]).toEqual(['the last', 'the last']);
  expect([...atServer.items, ...atClient.items, ...ends.endpoint.visits.items]).toEqual([]);
  expect(ends.resumes).not.toContain(false);
}

/** Picks any request, and counts them. */
function counting() {
  const picked: string[] = [];
  const match = (head: string): boolean => {
    picked.push(head);
    return true;
  };
  return { match, picked };
}

describe.each(ALL)('on %s', (carrier) => {
  test('messages arrive once and in order though responses are cut in the middle', async () => {
    // Also that to the opening.
    const ends = await open(carrier, (network) => network.cutResponse({ after: 160 }));
    await expectDelivery(ends, (round) => ends.network.cutResponse({ after: 180 + 20 * round }));
    expect(ends.resumes).toContain(true);
  });

  test('messages arrive once and in order though connections are reset', async () => {
    const ends = await open(carrier, (network) => network.delay(3));
    await expectDelivery(ends, () => ends.network.cut());
    expect(ends.resumes).toContain(true);
  });

  test.each(['up', 'down'] as const)(
    'messages arrive once and in order though connections are closed %s',
    async (direction) => {
      const ends = await open(carrier, (network) => network.delay(3));
      await expectDelivery(ends, () => ends.network.halfClose(direction));
    },
  );

  test('messages arrive once and in order though the network is slow, and not always alike', async () => {
    let delayed = 0;
    const ends = await open(carrier);
    await expectDelivery(ends, () => ends.network.delay(() => (++delayed % 7) * 5));
    expect(delayed).toBeGreaterThan(0);
  });
});

describe.each(OVER_HTTP)('on %s', (carrier) => {
  test('messages arrive once and in order, in one session, though requests are duplicated', async () => {
    const { match, picked } = counting();
    const duplicate = (network: FaultProxy) => network.duplicateRequest({ match, times: 3 });
    const ends = await open(carrier, duplicate);
    await expectDelivery(ends, () => duplicate(ends.network));
    expect(picked.length).toBeGreaterThan(ROUNDS);
  });

  test('messages arrive once and in order though requests get no response', async () => {
    const { match, picked } = counting();
    const ends = await open(carrier);
    await expectDelivery(ends, () => ends.network.dropRequest({ match }));
    expect(picked.length).toBeGreaterThanOrEqual(ROUNDS);
    expect(ends.resumes).toContain(true);
  });
});

test.each(EXCHANGES)(
  'on %s messages arrive once and in order though requests are reordered',
  async (carrier) => {
    const { match, picked } = counting();
    const ends = await open(carrier);
    await expectDelivery(ends, () => ends.network.reorderRequests({ match, times: 5, timeout: 200 }));
    expect(picked.length).toBeGreaterThan(ROUNDS);
  },
);

// All at the same time, for it takes as long as a silence is waited for.
test.each(['up', 'down', 'both'] as const)(
  'messages arrive once and in order though nothing is passed on %s for a while, on whatever carrier',
  async (direction) => {
    const all = await Promise.all(ALL.map((carrier) => open(carrier)));
    await Promise.all(
      all.map((ends) =>
        expectDelivery(ends, async (round) => {
          if (round > 0) return;
          ends.network.stall({ direction });
          await ends.retries.next();
          ends.network.heal();
        }),
      ),
    );
    for (const { resumes } of all) expect(resumes).toContain(true);
  },
);

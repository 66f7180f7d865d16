import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { CarrierName } from '../protocol/contract.js';
import type { SessionErrorEvent, SessionRetryEvent } from '../session/events.js';
import type { Handlers } from './handlers.js';
import type { Session } from './session.js';
import { Arrivals, turns } from './test-arrivals.js';
import { createCertificate } from './test-certificate.js';
import { echo, listening, start } from './test-server.js';
import { attend, attended, roundTrip } from './test-session.js';

const NETWORKS: CarrierName[] = ['websocket', 'long-polling'];

/** What something between answers to requests, and to opening handshakes, in place of the server. */
interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which ones; all by default. */
  readonly isFor?: (request: IncomingMessage) => boolean;
}

/** A server of sessions, behind something that may answer in its place. */
async function startBehind(answer?: Answer, handlers: Handlers = echo) {
  const server = await start({ port: undefined, host: undefined, sessions: true }, handlers);
  const between = { answer };
  const answerTo = (request: IncomingMessage): Answer | undefined =>
    between.answer?.isFor?.(request) === false ? undefined : between.answer;
  const http = await listening(
    createHttpServer((request, response) => {
      const instead = answerTo(request);
      if (instead === undefined) server.handleRequest(request, response);
      else response.writeHead(instead.status, { 'Content-Type': 'text/html', ...instead.headers }).end('<p>');
    }),
  );
  http.on('upgrade', (request, socket, head) => {
    const instead = answerTo(request);
    if (instead === undefined) {
      server.handleUpgrade(request, socket, head);
      return;
    }
    // A client that gave up resets.
    socket.on('error', () => {});
    const fields = Object.entries({ 'Content-Length': '0', ...instead.headers });
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`HTTP/1.1 ${instead.status} Instead\r\n${lines}\r\n`);
  });
  return { port: http.port, between };
}

function retriesOf(session: Session): Arrivals<SessionRetryEvent> {
  const retries = new Arrivals<SessionRetryEvent>();
  session.addEventListener('retry', retries.push);
  return retries;
}

function failureOf(session: Session): Promise<SessionErrorEvent> {
  return new Promise((resolve) => session.addEventListener('error', resolve));
}

describe.each([
  { when: 'before anything has', wasOpen: false },
  { when: 'any more', wasOpen: true },
])('What is sent while nothing carries a session, $when,', ({ wasOpen }) => {
  const away: Answer = { status: 503 };
  const limits = { highWaterMark: 500, maxBufferedBytes: 1_000 };

  /** A session that nothing carries until `between` lets it. */
  async function uncarried(options: object) {
    const { port, between } = await startBehind(wasOpen ? undefined : away);
    const client = attend({ port }, options);
    if (wasOpen) {
      await client.opened;
      between.answer = away;
      client.session.loseCarrier();
    }
    await retriesOf(client.session).next();
    expect(client.session.carrier).toBeUndefined();
    return { ...client, between };
  }

  it('waits up to a limit, and beyond it nothing is taken', async () => {
    const { session, messages, between } = await uncarried(limits);
    const sent = ['a', 'b'].map((each) => each.repeat(400));
    // Each counts 32 more than its length.
    expect(sent.map((each) => session.send(each))).toEqual([true, false]);
    expect(session.bufferedAmount).toBe(864);
    const error = { name: 'LimitError', code: 'ERR_BUFFER_FULL', limit: 'maxBufferedBytes', value: 1_000 };
    expect(() => session.send('c'.repeat(137))).toThrow(expect.objectContaining(error));
    expect(() => session.send(new Uint8Array(137))).toThrow(expect.objectContaining(error));
    expect(session.bufferedAmount).toBe(864);
    expect(session.send('d'.repeat(136))).toBe(false);
    between.answer = undefined;
    expect(await messages.take(3)).toEqual([...sent, 'd'.repeat(136)]);
    session.send('last');
    expect(await messages.next()).toBe('last');
  });

  it('may be larger than the limit if it is alone', async () => {
    const { session, messages, between } = await uncarried(limits);
    expect(session.send('a'.repeat(5_000))).toBe(false);
    expect(() => session.send('')).toThrow(expect.objectContaining({ code: 'ERR_BUFFER_FULL' }));
    between.answer = undefined;
    expect(await messages.next()).toBe('a'.repeat(5_000));
  });

  it('is waited for by ready, which is there again when no more than highWaterMark waits', async () => {
    const { session, between } = await uncarried(limits);
    expect(session.send('a'.repeat(468))).toBe(true);
    await session.ready;
    expect(session.send('')).toBe(false);
    const waits: string[] = [];
    const ready = session.ready.then(() => waits.push('ready'));
    await turns();
    expect(waits).toEqual([]);
    between.answer = undefined;
    await ready;
    expect(session.bufferedAmount).toBeLessThanOrEqual(500);
    expect(session.send('b')).toBe(true);
  });

  it('is waited for by ready no longer than the session lives', async () => {
    const { session, closed } = await uncarried({ ...limits, closeTimeout: 50 });
    session.send('a'.repeat(600));
    const { ready } = session;
    session.close();
    await ready;
    expect(await closed).toMatchObject({ wasClean: false });
  });
});

describe('A session', () => {
  it.each(['websocket', 'postback', 'pigeon'] as CarrierName[])(
    'is not moved to %s if that is not among its carriers',
    async (carrier) => {
      const { port } = await startBehind();
      const client = await attended({ port }, { carriers: ['long-polling', 'polling'] });
      expect(() => client.session.switchTo(carrier)).toThrow(TypeError);
      expect(() => client.session.switchTo(carrier)).toThrow(`'${carrier}'`);
      expect(await roundTrip(client)).toBe('ping');
      expect(client.session.carrier).toBe('long-polling');
    },
  );

  it('does not move to postback unless it was told to use it', async () => {
    const { port } = await startBehind();
    const { session } = await attended({ port });
    expect(() => session.switchTo('postback')).toThrow(TypeError);
  });

  it.each(['1000', 1000.5, Number.NaN, 999, 1005, 1006, 5000, null])(
    'is not closed with the code %j',
    async (code) => {
      const { port } = await startBehind();
      const client = await attended({ port });
      expect(() => client.session.close(code as never)).toThrow(RangeError);
      expect(await roundTrip(client)).toBe('ping');
      expect(client.session.state).toBe('open');
    },
  );
});

describe.each([
  { name: 'a page', answer: { status: 200 } },
  { name: 'a redirect', answer: { status: 301, headers: { Location: '/elsewhere' } } },
  { name: '404', answer: { status: 404 } },
])('An endpoint that answers with $name', ({ answer }) => {
  it.each([[undefined], [['websocket']], [['long-polling']], [['streaming']]] as const)(
    'at first is given up, on %j',
    async (carriers) => {
      const { port } = await startBehind(answer);
      const { session, closed } = attend({ port }, { carriers: carriers as CarrierName[] | undefined });
      const retries = retriesOf(session);
      const failure = await failureOf(session);
      expect(failure.error).toMatchObject({ code: 'ERR_SESSION_REFUSED', status: answer.status });
      expect(failure.message).toContain(`${answer.status}`);
      expect(await closed).toMatchObject({ code: 1006, wasClean: false, initiator: 'remote' });
      expect(retries.items).toEqual([]);
    },
  );

  it.each(NETWORKS)('is tried again when a session was there before, on %s', async (carrier) => {
    const { port, between } = await startBehind();
    const client = await attended({ port }, { carriers: [carrier], maxReconnectDelay: 10 });
    const retries = retriesOf(client.session);
    between.answer = answer;
    client.session.loseCarrier();
    client.session.send('meanwhile');
    const [, ...others] = await retries.take(4);
    for (const { reason } of others) expect(reason).toContain(`${answer.status}`);
    between.answer = undefined;
    expect(await client.resumes.next()).toMatchObject({ resumed: true });
    expect(await client.messages.next()).toBe('meanwhile');
  });
});

function isLarge({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length']) > 1_000;
}

it.each(['long-polling', 'streaming', 'polling'] as const)(
  'A proxy that takes no request of this size ends a session on %s, and says so; what went before has arrived',
  async (carrier) => {
    const received = new Arrivals<unknown>();
    const { port } = await startBehind(
      { status: 413, isFor: isLarge },
      { message: (_socket, data) => received.push(data) },
    );
    const { session, closed } = await attended({ port }, { carriers: [carrier], pollInterval: 10 });
    const retries = retriesOf(session);
    const failed = failureOf(session);
    const small = ['a', 'b', 'c'];
    for (const each of small) {
      session.send(each);
      expect(await received.next()).toBe(each);
    }
    session.send('d'.repeat(2_000));
    const { error, message } = await failed;
    expect(error).toMatchObject({ code: 'ERR_SESSION_REFUSED', status: 413 });
    // Whose answer it was: not that of the server, whose limit can be looked up.
    expect(message).toMatch(/no server of sessions.*413/);
    expect(await closed).toMatchObject({ code: 1006, wasClean: false });
    expect([received.items, retries.items]).toEqual([[], []]);
  },
);

describe.each(NETWORKS)('The event retry, on %s,', (carrier) => {
  const options = { carriers: [carrier], reconnectDelay: 40, maxReconnectDelay: 40 };

  it('tells that nobody listens, and when it is tried again', async () => {
    const free = createHttpServer();
    const { port } = await listening(free);
    free.close();
    const retries = retriesOf(attend({ port }, options).session);
    for (const { reason, delay } of await retries.take(3)) {
      expect(reason).toContain('ECONNREFUSED');
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(40);
    }
  });

  it('tells that the certificate is not trusted', async () => {
    const tls = createCertificate('DNS:localhost,IP:127.0.0.1');
    const server = await start({ sessions: true, tls }, echo);
    const { session } = attend(server, { ...options, scheme: 'https' });
    const { reason } = await retriesOf(session).next();
    expect(reason).toMatch(/self[- ]signed certificate/);
    expect(session.state).toBe('connecting');
  });

  it('tells for how long the server asks to wait', async () => {
    const { port } = await startBehind({ status: 503, headers: { 'Retry-After': '7' } });
    const { reason, delay } = await retriesOf(attend({ port }, options).session).next();
    expect(reason).toContain('503');
    // Not all at the same time.
    expect(delay).toBeGreaterThanOrEqual(7_000);
    expect(delay).toBeLessThan(10_500);
  });
});

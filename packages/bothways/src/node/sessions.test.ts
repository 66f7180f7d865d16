import { createServer as createHttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { CarrierName } from '../protocol/contract.js';
import type { SessionErrorEvent } from '../session/events.js';
import { SUBPROTOCOL, type Content } from '../session/records.js';
import type { Handlers } from './handlers.js';
import { serve } from './server.js';
import { Session } from './session.js';
import { Arrivals, deferred, repeatWhile, settled, turns, until } from './test-arrivals.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import {
  echo,
  join,
  joinWatched,
  listening,
  start,
  startWatched,
  wsJoin,
  type Socket,
} from './test-server.js';
import {
  ask,
  attend,
  attended,
  header,
  lines,
  openByRequest,
  openSocket,
  opening,
  reply,
  roundTrip,
} from './test-session.js';

const CARRIERS: CarrierName[] = ['websocket', 'streaming', 'eventsource', 'long-polling', 'polling'];
/** Polling as often as a test wants it. */
const QUICK = { pollInterval: 10 };

let certificate: Certificate;

beforeAll(() => {
  certificate = createCertificate('DNS:localhost,IP:127.0.0.1');
});

/** What handlers were told, as a list, on a server of sessions. */
async function startTold(options: object = {}, handlers: Handlers = {}) {
  const told = new Arrivals<unknown[]>();
  const watched = await startWatched(
    { sessions: true, ...options },
    {
      ...handlers,
      message(socket, data) {
        told.push(['message', data]);
        return handlers.message?.(socket, data);
      },
      close(socket, code, reason) {
        told.push(['close', code, reason]);
        return handlers.close?.(socket, code, reason);
      },
    },
  );
  return { ...watched, told };
}

describe.each(CARRIERS)('A session on %s', (carrier) => {
  const options = { carriers: [carrier], ...QUICK };

  it('is to the handlers what a plain WebSocket is', async () => {
    const { server, opened, told } = await startTold();
    const client = attend(server, options);
    client.session.send('text');
    client.session.send(new Uint8Array([0, 255]));
    client.session.send('');
    const socket = await opened.next();
    expect(await told.take(3)).toEqual([
      ['message', 'text'],
      ['message', Buffer.from([0, 255])],
      ['message', ''],
    ]);
    expect([...server.connections]).toEqual([socket]);
    expect(server.metrics()).toMatchObject({
      connections: 1,
      pendingHandshakes: 0,
      acceptedHandshakes: 1,
      closedConnections: 0,
    });
    expect(socket).toMatchObject({ readyState: 1, protocol: '', extensions: '', bufferedAmount: 0 });
    expect(socket.request).toMatchObject({ url: '/', origin: undefined, remoteAddress: '127.0.0.1' });
    expect(socket.send('hello')).toBe(true);
    socket.send(Buffer.from([1, 2]));
    const [text, bytes] = await client.messages.take(2);
    expect([text, Buffer.from(bytes as Uint8Array)]).toEqual(['hello', Buffer.from([1, 2])]);
    expect(socket.carrier).toBe(carrier);
    client.session.close(4000, 'done');
    expect(await told.next()).toEqual(['close', 4000, 'done']);
    expect(await socket.closed).toMatchObject({
      code: 4000,
      reason: 'done',
      wasClean: true,
      initiator: 'remote',
    });
    expect(await client.closed).toMatchObject({ code: 4000, wasClean: true });
    expect(server.connections.size).toBe(0);
    expect(server.metrics()).toMatchObject({ connections: 0, closedConnections: 1 });
  });

  it('brings what open sends, and all that is sent before close', async () => {
    const server = await start(
      { sessions: true },
      {
        open(socket) {
          socket.send('welcome');
          for (let index = 0; index < 100; index++) socket.send(`${index}`);
          socket.close(4001, 'enough');
          expect(socket.send('late')).toBe(false);
        },
      },
    );
    const client = attend(server, options);
    expect(await client.closed).toMatchObject({ code: 4001, reason: 'enough', wasClean: true });
    const expected = ['welcome', ...Array.from({ length: 100 }, (_, index) => `${index}`)];
    expect(client.messages.items).toEqual(expected);
  });

  it('runs an async function, which ends it with 1000', async () => {
    const seen: unknown[] = [];
    const server = await start({ sessions: true }, async (socket) => {
      for await (const message of socket) {
        seen.push(message);
        socket.send(`${message.toString()}!`);
        if (message === 'bye') return;
      }
    });
    const client = await attended(server, options);
    expect(await roundTrip(client, 'hi')).toBe('hi!');
    expect(await roundTrip(client, 'bye')).toBe('bye!');
    expect(await client.closed).toMatchObject({ code: 1000, wasClean: true });
    expect(seen).toEqual(['hi', 'bye']);
  });

  it('slows its client while the server does not read, and loses nothing', async () => {
    const go = deferred();
    const received: number[] = [];
    const end = deferred();
    const COUNT = 300;
    const server = await start({ sessions: { window: 65_536 } }, async (socket) => {
      await go.promise;
      for await (const message of socket) {
        received.push(Number((message as string).slice(0, 4)));
        if (received.length === COUNT) end.resolve();
      }
    });
    const { session } = await attended(server, options);
    for (let index = 0; index < COUNT; index++) session.send(`${index}`.padStart(4, '0').padEnd(10_000, '.'));
    // What the server has taken without being read is bounded: the rest waits at the client.
    expect(await settled(() => session.bufferedAmount)).toBeGreaterThan(2_000_000);
    go.resolve();
    await end.promise;
    expect(received).toEqual(Array.from({ length: COUNT }, (_, index) => index));
  });

  it('tells the server by send and drain that its client is slow, and loses nothing', async () => {
    const drained = new Arrivals<Socket>();
    const { server, opened } = await startWatched(
      { sessions: { window: 65_536 }, highWaterMark: 10_000 },
      { drain: (socket) => drained.push(socket) },
    );
    const { session } = await attended(server, { ...options, highWaterMark: 1_000 });
    const reader = session[Symbol.asyncIterator]();
    const socket = await opened.next();
    // More than the window at once: the rest waits here.
    let count = repeatWhile(
      () => socket.bufferedAmount < 200_000,
      () => socket.send('a'.repeat(1_000)),
    );
    expect(socket.send('a')).toBe(false);
    count++;
    const ready = socket.ready;
    expect(drained.items).toEqual([]);
    for (let index = 0; index < count; index++) await reader.next();
    expect(await drained.next()).toBe(socket);
    await ready;
    expect(socket.bufferedAmount).toBeLessThanOrEqual(10_000);
    expect(socket.send('last')).toBe(true);
    expect(await reader.next()).toEqual({ value: 'last', done: false });
  });

  it('is closed with 1013 when too much waits for its client', async () => {
    const { server, opened } = await startWatched({
      sessions: { window: 65_536 },
      maxBufferedBytes: 100_000,
    });
    const { closed, session } = await attended(server, options);
    const socket = await opened.next();
    repeatWhile(
      () => socket.readyState === 1,
      () => socket.send('a'.repeat(10_000)),
    );
    expect(await closed).toMatchObject({ code: 1013, wasClean: true });
    expect(await socket.closed).toMatchObject({
      code: 1013,
      initiator: 'local',
      error: { code: 'ERR_BUFFER_FULL' },
    });
    expect(session.state).toBe('closed');
  });

  it('is closed with 1011 when a handler throws, and that is reported', async () => {
    const errors = new Arrivals<[string, unknown]>();
    const { server, opened } = await startWatched(
      { sessions: true },
      {
        message: () => {
          throw new Error('oops');
        },
        error: (error, socket) => errors.push([error.message, socket]),
      },
    );
    const { session, closed } = await attended(server, options);
    const socket = await opened.next();
    session.send('a');
    expect(await errors.next()).toEqual(['oops', socket]);
    expect(await closed).toMatchObject({ code: 1011, wasClean: true });
    expect(await socket.closed).toMatchObject({ code: 1011, error: { message: 'oops' } });
  });

  it('is closed with 1011 when opening it fails later', async () => {
    const errors = new Arrivals<Error>();
    const server = await start(
      { sessions: true },
      { open: () => Promise.reject(new Error('not today')), error: errors.push },
    );
    const { closed } = attend(server, options);
    expect(await closed).toMatchObject({ code: 1011 });
    expect((await errors.next()).message).toBe('not today');
  });

  it('gets what is published, as plain WebSockets do', async () => {
    const { server, opened } = await startWatched(
      { sessions: true },
      { open: (socket) => socket.subscribe('news') },
    );
    const client = await attended(server, options);
    const atServer = await opened.next();
    const plain = await joinWatched(server);
    await opened.next();
    server.publish('news', 'for all');
    server.publish('news', Buffer.from([1]), { except: atServer });
    server.publish('other', 'for nobody');
    server.publish('news', 'é'.repeat(40_000));
    atServer.send('end');
    expect(await client.messages.take(3)).toEqual(['for all', 'é'.repeat(40_000), 'end']);
    expect(await plain.messages.take(3)).toEqual(['for all', Buffer.from([1]), 'é'.repeat(40_000)]);
    atServer.unsubscribe('news');
    server.publish('news', 'not for you');
    atServer.send('last');
    expect(await client.messages.next()).toBe('last');
  });

  it('resumes when its carrier is lost, and nothing is lost or repeated', async () => {
    const { server, opened } = await startWatched({ sessions: true }, echo);
    const client = await attended(server, options);
    const socket = await opened.next();
    const expected: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 20; index++) {
        expected.push(`${round}.${index}`);
        client.session.send(expected.at(-1)!);
      }
      if (round > 1) await client.messages.take(1).then(([first]) => client.messages.items.unshift(first!));
      client.session.loseCarrier();
      expect(await client.resumes.next()).toMatchObject({ resumed: true, unacknowledged: [] });
    }
    expect(await client.messages.take(100)).toEqual(expected);
    expect(client.session.resumed).toBe(true);
    expect([opened.items.length, server.connections.size, socket.readyState]).toEqual([0, 1, 1]);
  });

  it('ends with 1006 when nobody comes back within resumeTimeout', async () => {
    // How long it waits before it reconnects: nearly as long as it may.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.9);
    onTestFinished(() => random.mockRestore());
    const { server, opened, told } = await startTold({ sessions: { resumeTimeout: 50, heartbeat: 1_000 } });
    const lost = await attended(server, { ...options, reconnectDelay: 600_000, maxReconnectDelay: 600_000 });
    const socket = await opened.next();
    lost.session.loseCarrier();
    expect(await told.next()).toEqual(['close', 1006, '']);
    expect(await socket.closed).toMatchObject({ code: 1006, wasClean: false, initiator: 'network' });
    expect(server.connections.size).toBe(0);
  });

  it('begins anew when the server goes away with 1001 and another one is there', async () => {
    const http = await listening();
    const { server, opened } = await startWatched({
      port: undefined,
      host: undefined,
      server: http,
      sessions: true,
    });
    const client = await attended(http, options);
    const socket = await opened.next();
    socket.send('last words');
    await server.close();
    expect(await client.messages.next()).toBe('last words');
    expect(await socket.closed).toMatchObject({ code: 1001, wasClean: true, initiator: 'local' });
    expect(server.connections.size).toBe(0);
    client.session.send('to whoever comes next');
    await start({ port: undefined, host: undefined, server: http, sessions: true }, echo);
    expect(await client.resumes.next()).toMatchObject({ resumed: false, unacknowledged: [] });
    expect(await client.messages.next()).toBe('to whoever comes next');
  });

  it('is sent and read as streams, message by message', async () => {
    const read = new Arrivals<[boolean, string]>();
    const server = await start({ sessions: true }, async (socket) => {
      for await (const stream of socket.streams()) {
        let text = '';
        for await (const piece of stream) text += piece.toString();
        read.push([stream.isText, text]);
        await socket.sendStream(['<', text, '>']);
      }
    });
    const client = await attended(server, options);
    expect(await roundTrip(client, 'é')).toBe('<é>');
    expect(await roundTrip(client, '')).toBe('<>');
    client.session.send(Buffer.from('bytes'));
    expect(await client.messages.next()).toBe('<bytes>');
    expect(await read.take(3)).toEqual([
      [true, 'é'],
      [true, ''],
      [false, 'bytes'],
    ]);
  });

  it('goes over TLS', async () => {
    const { server, opened } = await startWatched({ sessions: true, tls: certificate }, echo);
    const client = await attended(server, { ...options, scheme: 'https', tls: { ca: certificate.cert } });
    expect(await roundTrip(client, 'secret')).toBe('secret');
    expect((await opened.next()).carrier).toBe(carrier);
  });

  it('lives beside an HTTP/2 server that speaks HTTP/1.1 too', async () => {
    const http = createSecureServer({ ...certificate, allowHTTP1: true }, (_request, response) => {
      response.end('a page');
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    onTestFinished(() => void http.close());
    const server = await serve({ server: http, sessions: true, path: '/live' }, echo);
    onTestFinished(() => server.close({ timeout: 0 }));
    const { port } = http.address() as AddressInfo;
    const client = await attended(
      { port },
      { ...options, scheme: 'https', path: '/live', tls: { ca: certificate.cert } },
    );
    expect(await roundTrip(client, 'hello')).toBe('hello');
    expect(server.connections.size).toBe(1);
  });
});

describe('A session', () => {
  it('that is unknown begins anew, and its client is told what nobody knows of', async () => {
    const { server, opened } = await startWatched({ sessions: true }, echo);
    const client = await attended(server);
    const before = await opened.next();
    expect(await roundTrip(client, 'known')).toBe('known');
    before.pause();
    client.session.send('uncertain');
    await settled(() => client.session.bufferedAmount, 30);
    before.terminate();
    const resume = await client.resumes.next();
    expect([resume.resumed, client.session.resumed]).toEqual([false, false]);
    expect(resume.unacknowledged).toContain('uncertain');
    expect(await opened.next()).not.toBe(before);
    expect(await roundTrip(client, 'anew')).toBe('anew');
    expect(await before.closed).toMatchObject({ code: 1006, initiator: 'local' });
  });

  it('that was terminated is unknown to whoever has its token', async () => {
    const { server, opened } = await startWatched({ sessions: true });
    const { token } = await openByRequest(server);
    const held = reply(server, lines(header({ wait: 20_000 })), { token });
    const socket = await opened.next();
    // A second request is answered when the first one has been there.
    socket.send('now');
    await held;
    const polled = reply(server, lines(header({ ack: 1, seq: 1, wait: 20_000 })), { token });
    await turns();
    socket.terminate();
    expect((await polled).status).toBe(404);
    expect((await reply(server, lines(header({ gen: 2, window: 65_536 })), { token })).status).toBe(404);
    expect(server.metrics()).toMatchObject({ connections: 0, closedConnections: 1 });
  });

  it('does not end while it is there within resumeTimeout, though its carriers come and go', async () => {
    const { server, opened } = await startWatched({ sessions: { resumeTimeout: 60_000 } }, echo);
    const { token } = await openByRequest(server);
    for (let gen = 2; gen < 6; gen++) {
      const { put, next, socket, messages } = await openSocket(server);
      put({ ...header({ gen, window: 65_536, seq: gen - 1, ack: gen - 2 }), token }, `.${gen}`);
      expect(await next()).toMatchObject({ gen, ack: gen - 2, seq: gen - 1 });
      expect(await messages.next()).toBe(`.${gen}`);
      socket.terminate();
      await once(socket, 'close');
    }
    expect([opened.items.length, server.connections.size]).toEqual([1, 1]);
  });

  it('is there between two polls, however short resumeTimeout is', async () => {
    const { server, opened } = await startWatched({ sessions: { resumeTimeout: 0, heartbeat: 1_000 } }, echo);
    const client = await attended(server, { carriers: ['polling'], pollInterval: 100 });
    for (let count = 0; count < 5; count++) expect(await roundTrip(client, `${count}`)).toBe(`${count}`);
    const socket = await opened.next();
    socket.send('at the next poll');
    expect(await client.messages.next()).toBe('at the next poll');
    expect([client.resumes.items, opened.items]).toEqual([[], []]);
  });

  it('sends again what was not acknowledged, and only that', async () => {
    const { server, opened } = await startWatched({ sessions: true });
    const { token } = await openByRequest(server);
    const socket = await opened.next();
    for (const each of ['a', 'b', 'c']) socket.send(each);
    const first = await reply(server, lines(header()), { token });
    expect(first.records).toMatchObject([{ seq: 1 }, 'a', 'b', 'c']);
    const second = await reply(server, lines(header({ gen: 2, ack: 1, window: 65_536 })), { token });
    expect(second.records).toMatchObject([{ gen: 2, seq: 2 }, 'b', 'c']);
    const third = await reply(server, lines(header({ gen: 3, ack: 3, window: 65_536 })), { token });
    expect(third.records).toMatchObject([{ gen: 3, seq: 4 }]);
    expect(third.records).toHaveLength(1);
  });

  it('moves from carrier to carrier, and is the same to the handlers', async () => {
    const { server, opened } = await startWatched({ sessions: true }, echo);
    const client = await attended(server, QUICK);
    const socket = await opened.next();
    for (const carrier of ['long-polling', 'streaming', 'polling', 'eventsource', 'websocket'] as const) {
      client.session.switchTo(carrier);
      for (let index = 0; index < 10; index++) client.session.send(`${carrier} ${index}`);
      await until(() => client.session.carrier === carrier);
      const expected = Array.from({ length: 10 }, (_, index) => `${carrier} ${index}`);
      expect(await client.messages.take(10)).toEqual(expected);
      expect(socket.carrier).toBe(carrier);
    }
    expect([client.resumes.items, opened.items]).toEqual([[], []]);
  });

  it('on postback hears from the server when it has something to say', async () => {
    const { server, opened } = await startWatched({ sessions: true }, echo);
    const client = await attended(server, { carriers: ['postback'] });
    const socket = await opened.next();
    expect([client.session.carrier, await roundTrip(client, 'first')]).toEqual(['postback', 'first']);
    socket.send('news');
    client.session.send('second');
    expect(await client.messages.take(2)).toEqual(['news', 'second']);
    client.session.close(4000, 'done');
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });

  it('hears from the server in each heartbeat, on whatever carries it', async () => {
    const server = await start({ sessions: { heartbeat: 1_000 } });
    const { put, next, messages } = await openSocket(server);
    put(opening());
    expect(await next()).toMatchObject({ heartbeat: 1_000 });
    const stream = await ask(server, lines(opening({ stream: 'lines' })));
    const pieces = new Arrivals<string>();
    stream.setEncoding('utf8').on('data', pieces.push);
    expect(await pieces.next()).toContain('"heartbeat":1000');
    const { token } = await openByRequest(server);
    const held = reply(server, lines(header({ wait: 60_000 })), { token });
    expect(await messages.next()).toBe('0');
    expect(await pieces.next()).toBe('0\n');
    expect((await held).records).toEqual([{ gen: 1, ack: 0, seq: 1 }]);
  });

  it('gets another token in good time, and the one before is good until it expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const server = await start({ sessions: { tokenLifetime: 60_000 } });
    const { token } = await openByRequest(server);
    const tokenAfter = async (seconds: number): Promise<unknown> => {
      vi.setSystemTime(Date.now() + seconds * 1_000);
      const answer = await reply(server, lines(header()), { token });
      return (answer.records[0] as { token?: string }).token;
    };
    expect(await tokenAfter(15)).toBeUndefined();
    const renewed = String(await tokenAfter(10));
    expect(renewed).not.toBe(token);
    expect(await tokenAfter(10)).toBeUndefined();
    vi.setSystemTime(Date.now() + 30_000);
    const answers = await Promise.all(
      [token, renewed].map((each) => reply(server, lines(header()), { token: each })),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 200]);
  });

  it('agrees on a subprotocol of the application, as a plain WebSocket does', async () => {
    const { server, opened } = await startWatched({ sessions: true, protocols: ['b', 'c'] });
    const { session } = await attended(server, { protocols: ['a', 'c', 'b'] });
    const socket = await opened.next();
    expect([session.protocol, socket.protocol]).toEqual(['b', 'b']);
    expect(socket.request.protocols).toEqual(['a', 'c', 'b']);
    const plain = await join(server, { protocols: ['a', 'c', 'b'] });
    expect(plain.protocol).toBe('b');
    expect((await openByRequest(server)).protocol).toBe('');
    expect((await openByRequest(server, {}, { protocols: ['x'] })).protocol).toBe('');
  });

  it('does not take its own subprotocol for one of the application', async () => {
    const { server, opened } = await startWatched({ sessions: true, protocols: (offered) => offered[0] });
    const { session } = await attended(server, { carriers: ['websocket'], protocols: ['mine'] });
    expect([session.protocol, (await opened.next()).protocol]).toEqual(['mine', 'mine']);
    const { socket } = await openSocket(server);
    expect(socket.protocol).toBe(SUBPROTOCOL);
    expect(opened.items).toEqual([]);
  });

  it('has the state that accept returned, and the request that opened it', async () => {
    const { server, opened } = await startWatched<string>({
      sessions: true,
      accept: ({ headers }) => headers['x-name'] ?? '',
    });
    await attended(server, { path: '/a?b=c', headers: { 'X-Name': 'ann' } });
    const socket = await opened.next();
    expect([socket.state, socket.request.url]).toEqual(['ann', '/a?b=c']);
  });

  it('is bound to the user that the option user names', async () => {
    const { server, opened } = await startWatched(
      { sessions: { user: ({ headers }) => headers['cookie'] ?? '' } },
      echo,
    );
    const ann = { headers: { Cookie: 'ann' } };
    const bob = { headers: { Cookie: 'bob' } };
    const { token } = await openByRequest(server, ann);
    expect((await reply(server, lines(header()), { ...bob, token })).status).toBe(404);
    expect((await reply(server, lines(header()), { token })).status).toBe(404);
    const { put, closed } = await openSocket(server, bob);
    put({ ...header({ gen: 2, window: 65_536 }), token });
    expect(await closed).toEqual([4404, 'unknown-session']);
    const { records } = await reply(server, lines(header(), 'mine'), { ...ann, token });
    expect(records).toMatchObject([{ gen: 1, ack: 1 }, 'mine']);
    // The same opening key of another user is another session.
    const hello = opening();
    await reply(server, lines(hello), ann);
    await reply(server, lines(hello), bob);
    expect(opened.items).toHaveLength(3);
  });

  it('is refused with 500 when the option user throws, and that is reported', async () => {
    const errors = new Arrivals<Error>();
    const server = await start(
      {
        sessions: {
          user: () => {
            throw new Error('who?');
          },
        },
      },
      { error: errors.push },
    );
    expect((await reply(server, lines(opening()))).status).toBe(500);
    expect((await errors.next()).message).toBe('who?');
    expect((await reply(server, '', { method: 'GET', path: '/?ticket=1' })).status).toBe(500);
    expect(server.connections.size).toBe(0);
  });

  it('is closed with 3008 after idleTimeout without a message', async () => {
    const { server, opened } = await startWatched({ sessions: true, idleTimeout: 150 });
    const { closed } = await attended(server);
    const plain = await wsJoin(server);
    const [session] = await opened.take(2);
    expect((await plain.closed)[0]).toBe(3008);
    expect(await closed).toMatchObject({ code: 3008 });
    expect(await session!.closed).toMatchObject({ initiator: 'local' });
  });

  it('is not idle while messages go by', async () => {
    const { server } = await startWatched({ sessions: true, idleTimeout: 2_000 }, echo);
    const client = await attended(server);
    const begun = performance.now();
    for (let index = 0; performance.now() - begun < 3_000; index++) {
      expect(await roundTrip(client, `${index}`)).toBe(`${index}`);
    }
    expect(client.session.state).toBe('open');
  });

  it('refuses what a plain WebSocket refuses', async () => {
    const { server, opened } = await startWatched({ sessions: true });
    await attended(server);
    const socket = await opened.next();
    expect(() => socket.send(1 as never)).toThrow(TypeError);
    expect(() => socket.close(1005)).toThrow(RangeError);
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(RangeError);
    expect(() => socket.ping('a'.repeat(126))).toThrow(RangeError);
    expect(() => socket.subscribe('')).toThrow(TypeError);
    expect(socket.readyState).toBe(1);
    socket.ping('a');
  });

  it('takes the bytes as they are now', async () => {
    const { server, opened } = await startWatched(
      { sessions: true },
      { open: (socket) => socket.subscribe('a') },
    );
    const client = await attended(server);
    const socket = await opened.next();
    const bytes = Buffer.alloc(100_000, 1);
    socket.send(bytes);
    server.publish('a', bytes);
    bytes.fill(2);
    for (const received of await client.messages.take(2)) {
      expect((received as Uint8Array).every((byte) => byte === 1)).toBe(true);
    }
  });

  it('fails a stream of pieces that are not of one kind, and nothing is sent', async () => {
    const { server, opened } = await startWatched({ sessions: true, maxBufferedBytes: 100_000 });
    const client = await attended(server);
    const socket = await opened.next();
    await expect(socket.sendStream(['a', Buffer.from('b')])).rejects.toThrow(TypeError);
    await expect(socket.sendStream(['a'.repeat(100_001)])).rejects.toMatchObject({ code: 'ERR_BUFFER_FULL' });
    await socket.sendStream([Buffer.from([1]), Buffer.from([2])]);
    expect(Buffer.from((await client.messages.next()) as Uint8Array)).toEqual(Buffer.from([1, 2]));
    client.session.close();
    await socket.closed;
    await expect(socket.sendStream(['late'])).rejects.toMatchObject({ name: 'ConnectionClosedError' });
  });

  it('that is paused takes nothing, and goes on when it is resumed', async () => {
    const { server, opened, messages } = await startWatched({ sessions: true });
    const { session } = await attended(server);
    const socket = await opened.next();
    socket.pause();
    for (const each of ['a', 'b']) session.send(each);
    await settled(() => messages.items.length, 50);
    expect(messages.items).toEqual([]);
    socket.resume();
    expect(await messages.take(2)).toEqual(['a', 'b']);
  });

  it('whose reader is slow gets all that was sent before the server closed it, and the close', async () => {
    const { server, opened } = await startWatched({ sessions: true, closeTimeout: 300 });
    const { session, closed } = await attended(server, { carriers: ['long-polling'] });
    const socket = await opened.next();
    const reading = session[Symbol.asyncIterator]();
    for (let number = 0; number < 20; number++) socket.send(`${number}`.padEnd(20_000));
    socket.close(4001, 'done');
    // Nobody has asked for a message yet: the server gives it up.
    expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'local' });
    const resumed = vi.fn<() => void>();
    session.addEventListener('resume', resumed);
    // The client has learned that the session is gone.
    await until(() => session.state === 'closing');
    const read: string[] = [];
    for await (const message of reading) read.push(String(message).trimEnd());
    expect(read).toEqual(Array.from({ length: 20 }, (_, number) => `${number}`));
    expect(await closed).toMatchObject({ code: 4001, reason: 'done', wasClean: true });
    expect(resumed).not.toHaveBeenCalled();
  });

  it('that is closed by both sides one after the other ends with what the first one said', async () => {
    const { server, opened } = await startWatched({ sessions: true, closeTimeout: 300 });
    const { session, closed } = await attended(server, { carriers: ['long-polling'] });
    const socket = await opened.next();
    session[Symbol.asyncIterator]();
    for (let number = 0; number < 5; number++) socket.send('x'.repeat(20_000));
    socket.close(4001, 'done');
    await socket.closed;
    await until(() => session.state === 'closing');
    expect(session.send('too late')).toBe(false);
    session.close();
    expect(await closed).toMatchObject({ code: 4001, reason: 'done', wasClean: true });
  });

  it.each(CARRIERS)('on %s has its limit on messages in bytes, at both ends', async (carrier) => {
    const { server, opened } = await startWatched({ sessions: true, maxMessageSize: 1_000 });
    const client = await attended(server, { carriers: [carrier], ...QUICK, maxMessageSize: 2_000 });
    const socket = await opened.next();
    const received = new Arrivals<unknown>();
    void (async () => {
      for await (const message of socket) received.push(message);
    })();
    for (const most of [
      'x'.repeat(1_000),
      'é'.repeat(500),
      '漢'.repeat(333),
      '😀'.repeat(250),
      '\ud800'.repeat(333),
    ]) {
      client.session.send(most);
      expect(await received.next()).toBe(Buffer.from(most).toString());
      const error = { code: 'ERR_MESSAGE_TOO_BIG', limit: 'maxMessageSize', value: 1_000 };
      expect(() => client.session.send(`${most}xx`)).toThrow(expect.objectContaining(error));
    }
    socket.send('é'.repeat(1_000));
    expect(await client.messages.next()).toBe('é'.repeat(1_000));
    const failed = new Promise<SessionErrorEvent>((resolve) =>
      client.session.addEventListener('error', resolve),
    );
    socket.send('é'.repeat(1_000) + 'x');
    expect(await failed).toMatchObject({ error: { code: 'ERR_SESSION_REFUSED' } });
  });

  it.each(['streaming', 'long-polling'] as const)(
    'on %s splits what it sends so that no request is too large',
    async (carrier) => {
      const { server, told } = await startTold({ maxMessageSize: 65_536 });
      const client = await attended(server, { carriers: [carrier] });
      const sent = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(8_000, '漢'));
      for (const each of sent) client.session.send(each);
      expect((await told.take(40)).map(([, data]) => data)).toEqual(sent);
    },
  );

  it('closes behind what was sent, from either side', async () => {
    const { server, opened, told } = await startTold();
    const client = await attended(server, { carriers: ['long-polling'] });
    for (let index = 0; index < 50; index++) client.session.send(`${index}`);
    client.session.close(3_000, 'é');
    const expected = Array.from({ length: 50 }, (_, index) => ['message', `${index}`]);
    expect(await told.take(51)).toEqual([...expected, ['close', 3_000, 'é']]);
    expect((await opened.next()).readyState).toBe(3);
  });
});

describe('A server of sessions', () => {
  it('serves plain WebSockets and sessions on every carrier by the same handlers', async () => {
    const { server, opened } = await startWatched(
      { sessions: true },
      {
        ...echo,
        open: (socket) => socket.subscribe('all'),
      },
    );
    const plain = await joinWatched(server);
    const clients = await Promise.all(
      CARRIERS.map((carrier) => attended(server, { carriers: [carrier], ...QUICK })),
    );
    const sockets = await opened.take(6);
    expect(new Set(server.connections)).toEqual(new Set(sockets));
    expect(server.metrics()).toMatchObject({ connections: 6, acceptedHandshakes: 6 });
    server.publish('all', 'to all');
    const all: { next(): Promise<Content> }[] = [plain.messages, ...clients.map(({ messages }) => messages)];
    expect(await Promise.all(all.map((each) => each.next()))).toEqual(Array(6).fill('to all'));
    for (const each of clients) expect(await roundTrip(each, 'own')).toBe('own');
    plain.socket.send('own');
    expect(await plain.messages.next()).toBe('own');
  });

  it('tells by close plain WebSockets and sessions alike, with code and reason', async () => {
    const { server, opened } = await startWatched({ sessions: true });
    const client = await attended(server, { carriers: ['websocket'] });
    const plain = await wsJoin(server);
    const sockets = await opened.take(2);
    await server.close({ code: 4001, reason: 'moving' });
    expect(await client.closed).toMatchObject({ code: 4001, reason: 'moving', wasClean: true });
    expect(await plain.closed).toEqual([4001, 'moving']);
    for (const socket of sockets) {
      expect(await socket.closed).toMatchObject({ code: 4001, wasClean: true, initiator: 'local' });
    }
    expect(server.metrics()).toMatchObject({ connections: 0, closedConnections: 2 });
  });

  it('that closes ends within its timeout, though clients say nothing', async () => {
    const { server, opened } = await startWatched({ sessions: true, closeTimeout: 60_000 });
    const silent = await openSocket(server);
    silent.put(opening());
    await silent.next();
    await openByRequest(server);
    await ask(server, lines(opening({ stream: 'lines' })));
    const sockets = await opened.take(3);
    const begun = performance.now();
    await server.close({ timeout: 100 });
    expect(performance.now() - begun).toBeLessThan(5_000);
    for (const socket of sockets)
      expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'local' });
  });

  it('that closes refuses new sessions with 503, and tells those that are there', async () => {
    const http = await listening();
    const beside = { port: undefined, host: undefined, server: http };
    const server = await start({ ...beside, sessions: true, closeTimeout: 60_000 }, echo);
    const { token } = await openByRequest(http);
    const closing = server.close({ timeout: 60_000 });
    const refused = await reply(http, lines(opening()));
    expect([refused.status, refused.records]).toMatchObject([503, [{ error: 'unavailable' }]]);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const told = await reply(http, lines(header(), 'dropped'), { token });
    expect(told.records).toMatchObject([{ gen: 1, ack: 1, seq: 1 }, { close: 1001 }]);
    await reply(http, lines(header({ ack: 1, seq: 2 })), { token });
    await closing;
    expect(server.connections.size).toBe(0);
  });

  it('beside an HTTP server leaves the requests to it when it has closed', async () => {
    const http = await listening(createHttpServer((_request, response) => void response.end('a page')));
    const server = await start({ port: undefined, host: undefined, server: http, sessions: true }, echo);
    const { messages, session, closed } = await attended(http, { carriers: ['long-polling'] });
    session.send('a');
    expect(await messages.next()).toBe('a');
    await server.close({ code: 4001 });
    expect(await closed).toMatchObject({ code: 4001 });
    expect((await reply(http, lines(opening()))).body).toBe('a page');
  });

  it('shares an HTTP server with another one at another path', async () => {
    const http = await listening(createHttpServer((_request, response) => void response.end('a page')));
    const beside = { port: undefined, host: undefined, server: http, sessions: true };
    const shout: Handlers = { message: (socket, data) => void socket.send(`${data.toString()}!`) };
    await start({ ...beside, path: '/echo' }, echo);
    await start({ ...beside, path: '/shout' }, shout);
    for (const carriers of [['websocket'], ['long-polling']] as CarrierName[][]) {
      const one = await attended(http, { path: '/echo', carriers });
      const other = await attended(http, { path: '/shout', carriers });
      expect([await roundTrip(one, 'a'), await roundTrip(other, 'a')]).toEqual(['a', 'a!']);
    }
    expect((await reply(http, '', { method: 'GET' })).body).toBe('a page');
  });

  it('takes requests by hand', async () => {
    const server = await start({ port: undefined, host: undefined, sessions: true, path: '/live' }, echo);
    const http = await listening(
      createHttpServer((request, response) => {
        if (!server.handleRequest(request, response)) response.end('a page');
      }),
    );
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head));
    for (const carrier of CARRIERS) {
      const client = await attended(http, { path: '/live', carriers: [carrier], ...QUICK });
      expect(await roundTrip(client, carrier)).toBe(carrier);
    }
    expect((await reply(http, '')).body).toBe('a page');
  });

  it.each([
    [{ resumeTimeout: -1 }, 'resumeTimeout'],
    [{ heartbeat: 999 }, 'heartbeat'],
    [{ window: 65_535 }, 'window'],
    [{ maxSessions: 0 }, 'maxSessions'],
    [{ tokenLifetime: 59_999 }, 'tokenLifetime'],
    [{ user: 'ann' }, 'user'],
    [{ unknown: 1 }, 'unknown'],
    ['yes', 'sessions'],
    [[], 'sessions'],
  ])('throws a TypeError for sessions: %j', async (sessions, name) => {
    await expect(serve({ port: 0, sessions: sessions as never }, {})).rejects.toThrow(TypeError);
    await expect(serve({ port: 0, sessions: sessions as never }, {})).rejects.toThrow(`'${name}'`);
  });
});

describe('A client of sessions', () => {
  it.each([
    ['ftp://127.0.0.1/', SyntaxError],
    ['nonsense', SyntaxError],
  ])('throws for the URL %s', (url, type) => {
    expect(() => new Session(url)).toThrow(type);
  });

  it.each([
    { carriers: [] },
    { carriers: ['pigeon'] },
    { closeTimeout: -1 },
    { unknown: 1 },
    { protocols: [1] },
    { protocols: 'no token' },
    { headers: { a: 'b\r\nc' } },
    { headers: { 'a b': 'c' } },
    { origin: 'a\nb' },
  ])('throws a TypeError for %j', (options) => {
    expect(() => new Session('http://127.0.0.1:1/', options as never)).toThrow(TypeError);
  });
});

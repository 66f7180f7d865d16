import type { IStompSocket } from '@stomp/stompjs';
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { Session } from '../node/session.js';
import { Arrivals } from '../node/test-arrivals.js';
import { startWatched } from '../node/test-server.js';
import type { CarrierName } from '../protocol/contract.js';
import { sessionWebSocket, type SessionWebSocket, type SessionWebSocketClass } from './websocket.js';

interface Told {
  readonly type: string;
  readonly data?: unknown;
}

/** A server of sessions that echoes. */
const startEcho = () =>
  startWatched(
    { sessions: true, protocols: ['v1', 'v2'] },
    { message: (socket, data) => void socket.send(data) },
  );

/** A class whose sessions reconnect soon. */
const classOn = (carrier: CarrierName): SessionWebSocketClass =>
  sessionWebSocket(Session, { carriers: [carrier], reconnectDelay: 5, pollInterval: 10 });

const LongPolling = classOn('long-polling');

/** Makes one, and keeps its events. */
function make(Class: SessionWebSocketClass, port: number, protocols?: string | string[]) {
  const socket = new Class(`ws://127.0.0.1:${port}/`, protocols);
  const events = new Arrivals<Told>();
  for (const type of ['open', 'message', 'error', 'close']) {
    socket.addEventListener(type, (event: Told) => events.push(event));
  }
  onTestFinished(() => socket.close());
  return { socket, events };
}

/** One that is open. */
async function open(Class: SessionWebSocketClass, port: number, protocols?: string | string[]) {
  const made = make(Class, port, protocols);
  expect(await made.events.next()).toMatchObject({ type: 'open' });
  return made;
}

describe('A WebSocket over a session', () => {
  it.each<CarrierName>(['websocket', 'streaming', 'eventsource', 'long-polling', 'polling'])(
    'carries texts and bytes on %s',
    async (carrier) => {
      const { server } = await startEcho();
      const { socket, events } = await open(classOn(carrier), server.port);
      socket.binaryType = 'arraybuffer';
      const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index);
      const contents = ['', 'Grüße 😀', new Uint8Array(), Uint8Array.of(0, 255), bytes];
      for (const content of contents) socket.send(content);
      const came = await events.take(contents.length);
      expect(came.map(({ data }) => data)).toEqual(
        contents.map((content) => (typeof content === 'string' ? content : content.buffer)),
      );
    },
  );

  it('hands out bytes as a Blob until told otherwise, and ignores what is neither', async () => {
    const { server } = await startEcho();
    const { socket, events } = await open(LongPolling, server.port);
    expect(socket.binaryType).toBe('blob');
    socket.send(Uint8Array.of(1, 2));
    const { data } = await events.next();
    expect(data).toBeInstanceOf(Blob);
    expect(await (data as Blob).arrayBuffer()).toEqual(Uint8Array.of(1, 2).buffer);
    socket.binaryType = 'arraybuffer';
    socket.binaryType = 'nodebuffer' as 'blob';
    expect(socket.binaryType).toBe('arraybuffer');
  });

  it('gives away memory that is of one message alone', async () => {
    const { server } = await startEcho();
    const { socket, events } = await open(classOn('websocket'), server.port);
    socket.binaryType = 'arraybuffer';
    for (const byte of [1, 2]) socket.send(Uint8Array.of(byte));
    const [first, second] = await events.take(2);
    expect(first!.data).toHaveProperty('byteLength', 1);
    expect(first!.data).not.toBe(second!.data);
  });

  it("tells of messages with the platform's MessageEvent, and where they are from", async () => {
    const { server } = await startEcho();
    const { socket, events } = await open(LongPolling, server.port);
    socket.send('text');
    const event = await events.next();
    expect(event).toBeInstanceOf(MessageEvent);
    expect(event).toMatchObject({ type: 'message', data: 'text', origin: `ws://127.0.0.1:${server.port}` });
  });

  it('has the states of a WebSocket, as numbers of the class and of each', async () => {
    const { server } = await startEcho();
    const { socket, events } = make(LongPolling, server.port);
    expect(socket.readyState).toBe(LongPolling.CONNECTING);
    expect([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED]).toEqual([0, 1, 2, 3]);
    await events.next();
    expect(socket.readyState).toBe(LongPolling.OPEN);
    socket.close();
    expect(socket.readyState).toBe(LongPolling.CLOSING);
    await events.next();
    expect(socket.readyState).toBe(LongPolling.CLOSED);
  });

  it.each([
    ['nothing', undefined, ''],
    ['one subprotocol', 'v2', 'v2'],
    ['several', ['v0', 'v1', 'v2'], 'v1'],
  ])('offers %s', async (_, offered, agreed) => {
    const { server } = await startEcho();
    const { socket } = await open(LongPolling, server.port, offered);
    expect(socket.protocol).toBe(agreed);
    expect(socket.extensions).toBe('');
  });

  it('is refused a subprotocol that is none, as a session is', () => {
    expect(() => new LongPolling('ws://127.0.0.1/', 'a b')).toThrow("'protocols' must be");
  });

  it('refuses a `renew` that is none, as a session does', () => {
    const options = { renew: 0 as unknown as boolean };
    expect(() => new Session('http://127.0.0.1:1/', options)).toThrow("'renew' must be a boolean");
  });

  it.each([
    ['ws://127.0.0.1:1/a', 'ws://127.0.0.1:1/a'],
    ['http://127.0.0.1:1/a?b', 'ws://127.0.0.1:1/a?b'],
    [new URL('ws://127.0.0.1/'), 'ws://127.0.0.1/'],
    ['wss://127.0.0.1:1', 'wss://127.0.0.1:1/'],
  ])('takes the URL %s', (given, url) => {
    const socket = new LongPolling(given);
    expect(socket.url).toBe(url);
    socket.close();
  });

  it('closes with the code and the reason of either end', async () => {
    const { server, opened } = await startEcho();
    const one = await open(LongPolling, server.port);
    const first = await opened.next();
    one.socket.close(4001, 'enough');
    expect(await one.events.next()).toMatchObject({ type: 'close', code: 4001, wasClean: true });
    expect(await first.closed).toMatchObject({ code: 4001, reason: 'enough' });

    const two = await open(LongPolling, server.port);
    (await opened.next()).close(4002, 'too much');
    expect(await two.events.next()).toMatchObject({ type: 'close', code: 4002, reason: 'too much' });
  });

  it('outlives its carrier', async () => {
    const { server } = await startEcho();
    const { socket, events } = await open(classOn('websocket'), server.port);
    (socket as unknown as Session).loseCarrier();
    socket.send('after');
    expect(await events.next()).toMatchObject({ type: 'message', data: 'after' });
  });

  it('ends with 1001 when the server goes away: nobody would know of another session', async () => {
    const { server, opened } = await startEcho();
    const { socket, events } = await open(LongPolling, server.port);
    (await opened.next()).close(1001, 'bye');
    expect(await events.next()).toMatchObject({ type: 'close', code: 1001, reason: 'bye', wasClean: true });
    expect(socket.readyState).toBe(3);
  });

  it('ends with 1006 when the server does not know it any more', async () => {
    const { server, opened } = await startEcho();
    const { socket, events } = await open(LongPolling, server.port);
    (await opened.next()).terminate();
    socket.send('to nobody');
    expect(await events.next()).toMatchObject({ type: 'error' });
    expect(await events.next()).toMatchObject({ type: 'close', code: 1006, wasClean: false });
  });

  it('calls the handlers that are set as attributes, as their WebSocket', async () => {
    const { server } = await startEcho();
    const socket = new LongPolling(`ws://127.0.0.1:${server.port}/`);
    const told = new Arrivals<string>();
    Object.assign(socket, {
      onopen: () => socket.send('text'),
      onmessage(this: SessionWebSocket, { data }: { data: string }) {
        told.push(data);
        this.close();
      },
      onclose: ({ code }: { code: number }) => told.push(String(code)),
    });
    expect(await told.take(2)).toEqual(['text', '1000']);
  });

  it('is what a library asks for by its types', () => {
    expectTypeOf<SessionWebSocket>().toExtend<IStompSocket>();
  });
});

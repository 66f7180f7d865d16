import { describe, expect, it } from 'vitest';
import { Arrivals, until } from './test-arrivals.js';
import { start, wsServe } from './test-server.js';
import { dial, dialOpen, watch } from './test-websocket.js';
import { WireServer, serverFrame } from './test-wire.js';
import { WebSocket } from './websocket.js';

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

const construct = (...args: unknown[]): unknown =>
  thrownBy(() => Reflect.construct(WebSocket, args) as unknown);

describe('The constructor of WebSocket', () => {
  it.each([
    [''],
    ['/path'],
    ['127.0.0.1'],
    ['ftp://127.0.0.1'],
    ['mailto:a@b.c'],
    ['ws://127.0.0.1/#'],
    ['ws://127.0.0.1/#a'],
    ['ws://a b'],
    ['ws://127.0.0.1:65536'],
  ])('throws a SyntaxError for the URL %j', (url) => {
    const thrown = construct(url);
    expect(thrown).toBeInstanceOf(DOMException);
    expect(thrown).toMatchObject({ name: 'SyntaxError', code: 12 });
  });

  it.each([[''], ['a b'], ['a,b'], ['a\n'], ['ä'], [['a', 'a']], [['a', 'A']], [['']], [['a', 'b c']]])(
    'throws a SyntaxError for the subprotocols %j',
    (protocols) => {
      const thrown = construct('ws://127.0.0.1:1', protocols);
      expect(thrown).toBeInstanceOf(DOMException);
      expect(thrown).toMatchObject({ name: 'SyntaxError' });
    },
  );

  it('throws a TypeError without a URL', () => {
    expect(construct()).toBeInstanceOf(TypeError);
  });

  it.each([[{ protocol: 'a' }], [{ headers: { 'X-A': 'a\nb' } }], [{ pingInterval: -1 }]])(
    'throws a TypeError for the options %j',
    (options) => {
      expect(construct('ws://127.0.0.1:1', options)).toBeInstanceOf(TypeError);
    },
  );

  it.each([
    ['ws://127.0.0.1:1', 'ws://127.0.0.1:1/'],
    ['WS://LOCALHOST:80/A b?c d', 'ws://localhost/A%20b?c%20d'],
    ['http://127.0.0.1:1/a', 'ws://127.0.0.1:1/a'],
    ['https://127.0.0.1:1/a?b', 'wss://127.0.0.1:1/a?b'],
    [new URL('ws://127.0.0.1:1/x/../y'), 'ws://127.0.0.1:1/y'],
  ])('serialises the URL %s as %s', async (url, expected) => {
    const socket = new WebSocket(url);
    expect(socket.url).toBe(expected);
    socket.close();
    await watch(socket).take(2);
  });

  it('begins with nothing but a URL', async () => {
    const { socket } = await dial();
    expect([socket.readyState, socket.protocol, socket.extensions, socket.bufferedAmount]).toEqual([
      0,
      '',
      '',
      0,
    ]);
    expect(socket.binaryType).toBe('blob');
    expect([socket.onopen, socket.onmessage, socket.onerror, socket.onclose]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it.each([
    ['a string', 'b'],
    ['a list', ['a', 'b']],
    ['an option', { protocols: ['b'] }],
  ])('offers the subprotocols of %s', async (_what, protocols) => {
    const { url } = await start({ protocols: ['b'] });
    const socket = new WebSocket(url, protocols);
    await watch(socket).next();
    expect([socket.readyState, socket.protocol]).toEqual([1, 'b']);
  });

  it('takes the options of connect()', async () => {
    const server = await WireServer.listen();
    const socket = new WebSocket(server.url, { headers: { 'X-A': 'b' }, origin: 'http://o' });
    const wire = await server.next();
    const head = await wire.answerHandshake();
    await watch(socket).next();
    expect(head).toMatch(/^x-a: b\r$/im);
    expect(head).toMatch(/^origin: http:\/\/o\r$/im);
  });

  it('can be given up by a signal', async () => {
    const controller = new AbortController();
    const { socket, events } = await dial({ signal: controller.signal });
    controller.abort(new Error('enough'));
    expect(await events.take(2)).toMatchObject([
      { type: 'error', error: new Error('enough'), message: 'enough' },
      { type: 'close', code: 1006 },
    ]);
    expect(socket.readyState).toBe(3);
  });

  it('follows no redirect, unless it is told to', async () => {
    const server = await start({});
    const answer = `HTTP/1.1 302 Found\r\nLocation: ${server.url}\r\nContent-Length: 0\r\n\r\n`;
    const { wire, events } = await dial();
    await wire.head();
    wire.write(answer);
    expect((await events.next()).type).toBe('error');
    const following = await dial({ maxRedirects: 1 });
    await following.wire.head();
    following.wire.write(answer);
    expect((await following.events.next()).type).toBe('open');
    expect(following.socket.url).not.toBe(server.url);
  });
});

describe('The constants of WebSocket', () => {
  const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };

  it.each([
    ['class', WebSocket],
    ['prototype', WebSocket.prototype],
  ])('are on the %s, and stay', (_what, target) => {
    for (const [name, value] of Object.entries(states)) {
      expect(Object.getOwnPropertyDescriptor(target, name)).toEqual({
        value,
        writable: false,
        enumerable: true,
        configurable: false,
      });
    }
  });

  it('are those of each WebSocket', async () => {
    const { socket } = await dial();
    expect([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED]).toEqual([0, 1, 2, 3]);
    expect(socket).toBeInstanceOf(EventTarget);
  });
});

describe('The event handler attributes of WebSocket', () => {
  it('are called with the WebSocket as this and the event', async () => {
    const server = await wsServe();
    const socket = new WebSocket(server.url);
    const calls = new Arrivals<[self: unknown, target: unknown, type: string]>();
    function handler(this: WebSocket, event: Event): void {
      calls.push([this, event.target, event.type]);
    }
    Object.assign(socket, { onopen: handler });
    Object.assign(socket, { onmessage: handler });
    Object.assign(socket, { onerror: handler });
    Object.assign(socket, { onclose: handler });
    expect(socket.onmessage).toBe(handler);
    const peer = await server.connections.next();
    peer.send('hello');
    expect(await calls.take(2)).toEqual([
      [socket, socket, 'open'],
      [socket, socket, 'message'],
    ]);
    peer.terminate();
    expect((await calls.take(2)).map(([, , type]) => type)).toEqual(['error', 'close']);
  });

  it('keep their place when they are replaced, and lose it when they are removed', async () => {
    const { socket, wire } = await dialOpen();
    const calls: string[] = [];
    const named = (name: string) => () => void calls.push(name);
    const message = async (): Promise<string[]> => {
      wire.write(serverFrame(0x81, 'hello'));
      await until(() => calls.includes('listener'));
      return calls.splice(0);
    };
    Object.assign(socket, { onmessage: named('first') });
    socket.addEventListener('message', named('listener'));
    expect(await message()).toEqual(['first', 'listener']);
    Object.assign(socket, { onmessage: named('second') });
    expect(await message()).toEqual(['second', 'listener']);
    Object.assign(socket, { onmessage: null });
    expect(socket.onmessage).toBeNull();
    expect(await message()).toEqual(['listener']);
    Object.assign(socket, { onmessage: named('third') });
    const last = new Arrivals<void>();
    socket.addEventListener('message', () => last.push());
    wire.write(serverFrame(0x81, 'hello'));
    await last.next();
    expect(calls).toEqual(['listener', 'third']);
  });

  it('are null where they are set to what is no function', async () => {
    const { socket } = await dial();
    Object.assign(socket, { onopen: () => {} });
    Object.assign(socket, { onopen: 1 });
    expect(socket.onopen).toBeNull();
    Object.assign(socket, { onopen: undefined });
    expect(socket.onopen).toBeNull();
  });

  it('do not stand in the way of removeEventListener and once', async () => {
    const { socket, wire } = await dialOpen();
    const calls: string[] = [];
    const done = new Arrivals<void>();
    const removed = (): void => void calls.push('removed');
    socket.addEventListener('message', removed);
    socket.removeEventListener('message', removed);
    socket.addEventListener('message', () => void calls.push('once'), { once: true });
    Object.assign(socket, { onmessage: () => done.push() });
    wire.write(Buffer.concat([serverFrame(0x81), serverFrame(0x81)]));
    await done.take(2);
    expect(calls).toEqual(['once']);
  });
});

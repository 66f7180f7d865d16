import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { TimeoutError } from '../protocol/errors.js';
import { connect } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import { turns } from './test-arrivals.js';
import { join, start } from './test-server.js';
import { WireServer, serverFrame } from './test-wire.js';

async function errorOf(connecting: Promise<unknown>): Promise<unknown> {
  return connecting.then(
    () => new Error('It was no error'),
    (error: unknown) => error,
  );
}

/** An attempt to connect to a wire that the test answers, or does not. */
async function attempt(scheme: string, options: ConnectOptions) {
  const server = await WireServer.listen();
  const error = errorOf(connect(`${scheme}://127.0.0.1:${server.port}`, options));
  return { wire: await server.next(), error };
}

describe('connectTimeout', () => {
  it('ends an attempt whose server never answers TLS', async () => {
    const { wire, error } = await attempt('wss', { connectTimeout: 50 });
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(await error).toMatchObject({ code: 'ERR_TIMEOUT', phase: 'connect', milliseconds: 50 });
    await wire.ended;
  });

  it('is over once the connection is made', async () => {
    const { wire, error } = await attempt('ws', { connectTimeout: 30, handshakeTimeout: 200 });
    await wire.head();
    expect(await error).toMatchObject({ phase: 'handshake', milliseconds: 200 });
  });

  it('of 0 is none', async () => {
    const { error } = await attempt('wss', { connectTimeout: 0, handshakeTimeout: 80 });
    expect(await error).toMatchObject({ phase: 'handshake', milliseconds: 80 });
  });
});

describe('handshakeTimeout', () => {
  it('ends an attempt whose server never answers HTTP', async () => {
    const { wire, error } = await attempt('ws', { handshakeTimeout: 50 });
    await wire.head();
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(await error).toMatchObject({ phase: 'handshake', milliseconds: 50 });
    await wire.ended;
  });

  it('ends an attempt whose server sends a byte now and then', async () => {
    const { wire, error } = await attempt('ws', { handshakeTimeout: 100 });
    await wire.head();
    const bytes = 'HTTP/1.1 101 Switching Protocols\r\nX-A: '.split('');
    const timer = setInterval(() => wire.write(bytes.shift() ?? 'a'), 10);
    expect(await error).toMatchObject({ phase: 'handshake' });
    clearInterval(timer);
    await wire.ended;
  });

  it('is over once the connection is open', async () => {
    const server = await start({});
    const socket = await join(server, { handshakeTimeout: 500, connectTimeout: 500 });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(socket.readyState).toBe(1);
  });
});

describe('An AbortSignal', () => {
  it('that is aborted already makes no attempt', async () => {
    const server = await WireServer.listen();
    const reason = new Error('not now');
    let isReached = false;
    void server.next().then(() => (isReached = true));
    expect(await errorOf(connect(server.url, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    await turns(10);
    expect(isReached).toBe(false);
  });

  it('without a reason is an AbortError', async () => {
    expect(await errorOf(connect('ws://127.0.0.1:1', { signal: AbortSignal.abort() }))).toMatchObject({
      name: 'AbortError',
    });
  });

  it.each([
    ['TLS', 'wss'],
    ['HTTP', 'ws'],
  ])('ends an attempt during %s', async (_phase, scheme) => {
    const controller = new AbortController();
    const { wire, error } = await attempt(scheme, { signal: controller.signal });
    await wire.take(1);
    const reason = new Error('changed my mind');
    controller.abort(reason);
    expect(await error).toBe(reason);
    await wire.ended;
  });

  it('ends an attempt before TCP is connected', async () => {
    const controller = new AbortController();
    const server = await WireServer.listen();
    const error = errorOf(connect(server.url, { signal: controller.signal }));
    const reason = new Error('at once');
    controller.abort(reason);
    expect(await error).toBe(reason);
  });

  it('may be one of time', async () => {
    const { error } = await attempt('ws', { signal: AbortSignal.timeout(30) });
    expect(await error).toMatchObject({ name: 'TimeoutError' });
  });

  it('does not end a connection that is open', async () => {
    const controller = new AbortController();
    const server = await WireServer.listen();
    const joining = join(server, { signal: controller.signal });
    const wire = await server.next();
    await wire.answerHandshake();
    const socket = await joining;
    controller.abort();
    wire.write(serverFrame(0x81, 'still here'));
    const { value } = (await socket[Symbol.asyncIterator]().next()) as { value: string };
    expect(value).toBe('still here');
    expect(socket.readyState).toBe(1);
  });

  it('keeps no listener of an attempt that is over', async () => {
    const { signal } = new AbortController();
    const server = await start({});
    await join(server, { signal });
    await errorOf(connect('ws://127.0.0.1:1', { signal }));
    const { error } = await attempt('ws', { signal, handshakeTimeout: 30 });
    await error;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

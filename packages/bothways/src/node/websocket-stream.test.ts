import { describe, expect, it, onTestFinished } from 'vitest';
import { settled, turns } from './test-arrivals.js';
import { listening, start, startWatched } from './test-server.js';
import { WireServer, closePayload, serverFrame } from './test-wire.js';
import { WebSocketError } from './websocket-error.js';
import { WebSocketStream, type WebSocketStreamOptions } from './websocket-stream.js';

// What it shares with Chromium is observed in test/whatwg.

/** A WebSocketStream whose server is a wire of the test; it is not open before the wire answers. */
async function dial(options?: WebSocketStreamOptions) {
  const server = await WireServer.listen();
  const stream = new WebSocketStream(server.url, options);
  const wire = await server.next();
  onTestFinished(() => stream.close());
  return { stream, wire };
}

async function dialOpen(options?: WebSocketStreamOptions) {
  const { stream, wire } = await dial(options);
  await wire.answerHandshake();
  const { readable, writable } = await stream.opened;
  return { stream, wire, readable, writable };
}

const rejected = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => Promise.reject(new Error('It was not rejected')),
    (thrown: unknown) => thrown as Error,
  );

describe('A WebSocketStream', () => {
  it('takes the options of connect', async () => {
    const { stream, wire } = await dial({ headers: { 'X-Who': 'me' }, origin: 'https://example.com' });
    const head = await wire.answerHandshake();
    await stream.opened;
    expect(head).toContain('X-Who: me\r\n');
    expect(head).toContain('Origin: https://example.com\r\n');
    expect(() => new WebSocketStream('ws://127.0.0.1/', { pingInterval: -1 }).url).toThrow(/'pingInterval'/);
    expect(() => new WebSocketStream('ws://127.0.0.1/', { speed: 1 } as never).url).toThrow(/'speed'/);
  });

  it('follows redirects only when told to', async () => {
    const server = await start({});
    const http = await listening();
    http.on('upgrade', (_request, socket) => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${server.url}\r\n\r\n`);
    });
    const url = `ws://127.0.0.1:${http.port}/`;
    const error = await rejected(new WebSocketStream(url).opened);
    expect(error).toMatchObject({ name: 'WebSocketError', cause: { status: 302 } });
    const stream = new WebSocketStream(url, { maxRedirects: 1 });
    await expect(stream.opened).resolves.toHaveProperty('readable');
    stream.close();
  });

  it('says in the cause why it could not be opened', async () => {
    const { stream, wire } = await dial();
    wire.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    const [opened, closed] = [await rejected(stream.opened), await rejected(stream.closed)];
    expect(opened).toBeInstanceOf(WebSocketError);
    expect(opened).toMatchObject({ closeCode: null, cause: { code: 'ERR_HANDSHAKE_STATUS', status: 403 } });
    expect(opened.message).toContain('403');
    expect(closed).toMatchObject({ closeCode: 1006, cause: opened.cause });
  });

  it('says in the cause why it was lost', async () => {
    const { stream, wire, readable } = await dialOpen();
    wire.write(serverFrame(0x83));
    wire.end();
    const error = await rejected(readable.getReader().read());
    expect(error).toMatchObject({ closeCode: 1006, cause: { code: 'ERR_RESERVED_OPCODE' } });
    expect(await rejected(stream.closed)).toBe(error);
  });

  it('does not make an unhandled rejection of a failure that nobody looks at', async () => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    const { stream, wire } = await dialOpen();
    const { stream: refused, wire: refusing } = await dial();
    wire.reset();
    refusing.reset();
    await Promise.allSettled([stream.closed, refused.closed]);
    await turns(5);
    expect(unhandled).toEqual([]);
  });

  it('takes the content at the write, even where it is compressed later in the thread pool', async () => {
    const { server, messages } = await startWatched({ compression: true });
    const stream = new WebSocketStream(server.url, { compression: true });
    onTestFinished(() => stream.close());
    const writer = (await stream.opened).writable.getWriter();
    const data = Buffer.alloc(300_000, 'a');
    const writing = writer.write(data);
    data.fill('b');
    await writing;
    expect(await messages.next()).toEqual(Buffer.alloc(300_000, 'a'));
  });

  it('is read at the reader’s pace: one message is in the stream, the others wait in the socket', async () => {
    const { wire, readable } = await dialOpen();
    wire.write(Buffer.concat(Array.from({ length: 5 }, (_, index) => serverFrame(0x81, String(index)))));
    const reader = readable.getReader();
    for (let index = 0; index < 5; index++) {
      expect(await reader.read()).toEqual({ done: false, value: String(index) });
    }
  });

  it('discards what was not read when it is closed, so that the server’s Close is', async () => {
    const { stream, wire, readable } = await dialOpen();
    const many = Array.from({ length: 100 }, () => serverFrame(0x82, Buffer.alloc(100_000)));
    wire.write(Buffer.concat([...many, serverFrame(0x88, closePayload(4000, 'bye'))]));
    const reader = readable.getReader();
    await reader.read();
    stream.close();
    wire.end();
    expect(await stream.closed).toEqual({ closeCode: 4000, reason: 'bye' });
    let left = 0;
    while (!(await reader.read()).done) left++;
    expect(left).toBeLessThanOrEqual(1);
  });

  it('closes without a code when it is piped from a connection that was lost', async () => {
    const { server, opened } = await startWatched();
    const { wire, readable } = await dialOpen();
    const stream = new WebSocketStream(server.url);
    const { writable } = await stream.opened;
    const piping = readable.pipeTo(writable);
    wire.reset();
    expect(await rejected(piping)).toMatchObject({ closeCode: 1006 });
    const connection = await opened.next();
    expect(await connection.closed).toMatchObject({ code: 1005, wasClean: true });
  });

  it('is done with writing when the connection begins to close', async () => {
    const { stream, wire, writable } = await dialOpen();
    wire.pause();
    const writer = writable.getWriter();
    let written = 0;
    const write = async (): Promise<void> => {
      for (; written < 100; written++) await writer.write(Buffer.alloc(1 << 20));
    };
    const writing = write();
    expect(await settled(() => written)).toBeLessThan(100);
    stream.close();
    await writing;
    wire.reset();
    expect(await rejected(stream.closed)).toMatchObject({ closeCode: 1006 });
  });
});

import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { settled, turns, until } from './test-arrivals.js';
import { startWatched } from './test-server.js';
import { dial, dialOpen } from './test-websocket.js';
import { closePayload, serverFrame } from './test-wire.js';
import { WebSocket, type Sendable } from './websocket.js';

const bytes = new Uint8Array([9, 1, 2, 3, 9]);

describe('send of a WebSocket', () => {
  it.each([
    ['a string', 'é', 1, Buffer.from('é')],
    ['an empty string', '', 1, Buffer.alloc(0)],
    ['a lone surrogate', 'a\udfff', 1, Buffer.from('a\ufffd')],
    ['an ArrayBuffer', bytes.slice(1, 3).buffer, 2, Buffer.of(1, 2)],
    ['a view that begins later', bytes.subarray(1, 4), 2, Buffer.of(1, 2, 3)],
    ['a DataView', new DataView(bytes.buffer, 3), 2, Buffer.of(3, 9)],
    ['a Float64Array', new Float64Array([1]), 2, Buffer.from('000000000000f03f', 'hex')],
    ['a Blob', new Blob(['a', bytes.subarray(1, 2)]), 2, Buffer.from('a\x01')],
    ['an empty Blob', new Blob([]), 2, Buffer.alloc(0)],
    ['a number', 1.5, 1, Buffer.from('1.5')],
    ['null', null, 1, Buffer.from('null')],
    ['undefined', undefined, 1, Buffer.from('undefined')],
    ['an object', { toString: () => 'its text' }, 1, Buffer.from('its text')],
    ['shared memory', new SharedArrayBuffer(2), 1, Buffer.from('[object SharedArrayBuffer]')],
  ])('takes %s', async (_what, data, opcode, payload) => {
    const { socket, wire } = await dialOpen();
    socket.send(data as Sendable);
    expect(await wire.frame()).toEqual({ fin: true, rsv: 0, opcode, isMasked: true, payload });
  });

  it('takes the content at once, even where it is compressed later in the thread pool', async () => {
    const { server, messages } = await startWatched({ compression: true });
    const socket = new WebSocket(server.url, { compression: true });
    onTestFinished(() => socket.close());
    await once(socket, 'open');
    const data = Buffer.alloc(300_000, 'a');
    socket.send(data);
    data.fill('b');
    expect(await messages.next()).toEqual(Buffer.alloc(300_000, 'a'));
  });

  it('throws an InvalidStateError before the connection is open', async () => {
    const { socket } = await dial();
    const expected = expect.objectContaining({ name: 'InvalidStateError', code: 11 }) as Error;
    expect(() => socket.send('early')).toThrow(expected);
    expect(socket.bufferedAmount).toBe(0);
  });

  it('throws a TypeError without a message, and for what has no text', async () => {
    const { socket } = await dialOpen();
    expect(() => (socket.send as () => void)()).toThrow(TypeError);
    expect(() => socket.send(Symbol('a') as never)).toThrow(TypeError);
  });

  it('keeps the order where Blobs take their time, and close waits for them', async () => {
    const { socket, events, wire } = await dialOpen();
    const large = new Blob([Buffer.alloc(300_000, 7)]);
    for (const data of ['a', large, 'b', new Blob(['c']), Buffer.from('d'), 'e']) socket.send(data);
    socket.close(4000);
    expect(socket.readyState).toBe(2);
    const frames = [];
    for (let index = 0; index < 6; index++) frames.push(await wire.frame());
    expect(frames.map(({ opcode }) => opcode)).toEqual([1, 2, 1, 2, 2, 1]);
    expect(frames[1]!.payload.equals(Buffer.alloc(300_000, 7))).toBe(true);
    expect(frames.filter((_, index) => index !== 1).map(({ payload }) => payload.toString())).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
    ]);
    expect((await wire.close()).code).toBe(4000);
    wire.write(serverFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await events.next()).toMatchObject({ type: 'close', wasClean: true });
  });

  it.each([10, 100_000])('takes %i bytes as they are now', async (size) => {
    const { socket, wire } = await dialOpen();
    const data = Buffer.alloc(size, 1);
    socket.send(data);
    data.fill(2);
    expect((await wire.frame()).payload.equals(Buffer.alloc(size, 1))).toBe(true);
  });

  it('takes bytes as they are now, even behind a Blob', async () => {
    const { socket, wire } = await dialOpen();
    const data = Buffer.alloc(10, 1);
    socket.send(new Blob(['first']));
    socket.send(data);
    data.fill(2);
    expect((await wire.frame()).payload.toString()).toBe('first');
    expect((await wire.frame()).payload).toEqual(Buffer.alloc(10, 1));
  });

  it('drops what waits for a Blob when the connection is lost, and throws nowhere', async () => {
    const { socket, events, wire } = await dialOpen();
    socket.send(new Blob([Buffer.alloc(100_000)]));
    socket.send('behind it');
    wire.reset();
    expect((await events.take(2)).map(({ type }) => type)).toEqual(['error', 'close']);
    await turns();
    expect(socket.readyState).toBe(3);
  });
});

describe('binaryType', () => {
  it('is a Blob at first', async () => {
    const { events, wire } = await dialOpen();
    wire.write(serverFrame(0x82, 'é'));
    const { data } = (await events.next()) as Event & { data: Blob };
    expect(data).toBeInstanceOf(Blob);
    expect([data.size, data.type]).toEqual([2, '']);
    expect(Buffer.from(await data.arrayBuffer()).toString()).toBe('é');
  });

  it('may be an ArrayBuffer, which holds the message and nothing else', async () => {
    const { socket, events, wire } = await dialOpen();
    socket.binaryType = 'arraybuffer';
    wire.write(
      Buffer.concat([serverFrame(0x82, 'abc'), serverFrame(0x82), serverFrame(0x82, Buffer.alloc(70_000))]),
    );
    const messages = (await events.take(3)) as (Event & { data: ArrayBuffer })[];
    for (const { data } of messages) expect(data).toBeInstanceOf(ArrayBuffer);
    expect(messages.map(({ data }) => data.byteLength)).toEqual([3, 0, 70_000]);
    expect(Buffer.from(messages[0]!.data).toString()).toBe('abc');
  });

  it('ignores what it cannot be', async () => {
    const { socket } = await dial();
    socket.binaryType = 'nodebuffer' as 'blob';
    expect(socket.binaryType).toBe('blob');
    socket.binaryType = 'arraybuffer';
    socket.binaryType = '' as 'blob';
    expect(socket.binaryType).toBe('arraybuffer');
  });
});

describe('bufferedAmount of a WebSocket', () => {
  it('counts bytes of payload, and does not fall in the task in which they were sent', async () => {
    const { socket, wire } = await dialOpen();
    socket.send('é');
    expect(socket.bufferedAmount).toBe(2);
    socket.send(new ArrayBuffer(200));
    expect(socket.bufferedAmount).toBe(202);
    socket.send('');
    expect(socket.bufferedAmount).toBe(202);
    await Promise.resolve();
    expect(socket.bufferedAmount).toBe(202);
    for (let index = 0; index < 3; index++) await wire.frame();
    await until(() => socket.bufferedAmount === 0);
  });

  it('counts a Blob and what waits behind it', async () => {
    const { socket, wire } = await dialOpen();
    socket.send(new Blob(['abc']));
    socket.send('de');
    expect(socket.bufferedAmount).toBe(5);
    for (let index = 0; index < 2; index++) await wire.frame();
    await until(() => socket.bufferedAmount === 0);
  });

  it('counts what the server does not read', async () => {
    const { socket, wire } = await dialOpen();
    wire.pause();
    for (let count = 0; socket.bufferedAmount < 1 << 20 && count < 200; count++) {
      socket.send(Buffer.alloc(1 << 18));
      await turns();
    }
    expect(await settled(() => socket.bufferedAmount)).toBeGreaterThan(1 << 19);
    wire.resume();
    await until(() => socket.bufferedAmount === 0);
  });

  it('grows by what is sent while closing and when closed, and nothing of it is sent', async () => {
    const { socket, events, wire } = await dialOpen();
    socket.close();
    socket.send('abc');
    expect(socket.bufferedAmount).toBe(3);
    socket.send(new Blob(['de']));
    expect(socket.bufferedAmount).toBe(5);
    expect((await wire.frame()).opcode).toBe(8);
    wire.write(serverFrame(0x88));
    wire.end();
    expect(await wire.rest()).toHaveLength(0);
    await events.next();
    socket.send(new Uint8Array(4));
    await turns();
    expect(socket.bufferedAmount).toBe(9);
  });

  it('does not fall to 0 when the connection is lost', async () => {
    const { socket, events, wire } = await dialOpen();
    wire.pause();
    for (let count = 0; socket.bufferedAmount < 1 << 20 && count < 200; count++) {
      socket.send(Buffer.alloc(1 << 18));
      await turns();
    }
    const before = await settled(() => socket.bufferedAmount);
    wire.reset();
    await events.take(2);
    await turns();
    expect(before).toBeGreaterThan(1 << 19);
    expect(socket.bufferedAmount).toBeGreaterThan(1 << 19);
  });
});

import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import type { Data, MessageStream } from '../protocol/contract.js';
import { MessageDeflater } from './message-deflater.js';
import { Arrivals, deferred, repeatWhile, settled, until } from './test-arrivals.js';
import { join, joinWatched, start, startWatched, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload, noise } from './test-wire.js';

const KIB = 1024;
const MIB = 1024 * KIB;

async function* pieces<Piece>(...values: Piece[]): AsyncGenerator<Piece> {
  for (const value of values) {
    await Promise.resolve();
    yield value;
  }
}

/** A connection of a server whose client is a wire of the test. */
async function openWire(options: object = {}, fields = {}) {
  const { server, opened, messages } = await startWatched(options);
  const wire = await Wire.upgraded(server.port, fields);
  return { server, wire, messages, socket: await opened.next() };
}

async function readAll(message: AsyncIterable<string | Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const piece of message) parts.push(Buffer.from(piece));
  return Buffer.concat(parts).toString('latin1');
}

const broken = async function* (...first: string[]): AsyncGenerator<string> {
  yield* first;
  throw new Error('The source is broken');
};

const lockedStream = (): ReadableStream<string> => {
  const stream = new ReadableStream<string>();
  stream.getReader();
  return stream;
};

const endless = async function* (): AsyncGenerator<string> {
  yield 'a';
  await new Promise(() => {});
};

describe('sendStream', () => {
  it('sends one message in fragments, each piece at once, and ends it with the source', async () => {
    const { wire, socket } = await openWire();
    const gate = deferred();
    const sent = socket.sendStream(
      (async function* () {
        yield 'one ';
        await gate.promise;
        yield '';
        yield 'two';
      })(),
    );
    expect(await wire.frame()).toMatchObject({ fin: false, opcode: 1, payload: Buffer.from('one ') });
    gate.resolve();
    await sent;
    expect(await wire.frame()).toMatchObject({ fin: false, opcode: 0, payload: Buffer.from('two') });
    expect(await wire.frame()).toMatchObject({ fin: true, opcode: 0, payload: Buffer.alloc(0) });
  });

  it.each<[string, () => AsyncIterable<Data> | Iterable<Data>, string | Buffer]>([
    ['an array of strings', () => ['a', 'b'], 'ab'],
    ['an async generator of bytes', () => pieces(Buffer.from('a'), new Uint8Array([98])), Buffer.from('ab')],
    ['buffers of other kinds', () => [new ArrayBuffer(1), new Uint16Array([1])], Buffer.from([0, 1, 0])],
    ['a stream of Node', () => Readable.from([Buffer.from('a'), Buffer.from('b')]), Buffer.from('ab')],
    ['a stream of the web', () => new Blob(['ab']).stream(), Buffer.from('ab')],
    ['nothing', () => [], Buffer.alloc(0)],
    ['nothing but empty text', () => ['', ''], ''],
    ['a character that is cut in two', () => ['\u{1F600}'.slice(0, 1), '\u{1F600}'.slice(1)], '\u{1F600}'],
    ['half a character at the end', () => ['a\uD83D'], 'a\uFFFD'],
    ['half a character, and something else', () => ['\uD83D', 'a'], '\uFFFDa'],
  ])('sends %s', async (_, source, message) => {
    for (const compression of [false, { threshold: 0 }, { threshold: 0, contextTakeover: true }]) {
      const { server, opened } = await startWatched({ compression });
      const { messages } = await joinWatched(server, { compression });
      await (await opened.next()).sendStream(source());
      expect(await messages.next()).toEqual(message);
    }
  });

  it('is read as one message by its peer, from either end, large, compressed or not', async () => {
    const parts = Array.from({ length: 40 }, (_, index) => noise(index * 997));
    for (const compression of [false, { threshold: 0 }, { threshold: 0, contextTakeover: true }]) {
      const { server, opened, messages } = await startWatched({ compression });
      const client = await joinWatched(server, { compression });
      const socket = await opened.next();
      await Promise.all([client.socket.sendStream(parts), socket.sendStream(pieces(...parts))]);
      for (const arrivals of [messages, client.messages]) {
        expect(Buffer.concat(parts).equals((await arrivals.next()) as Buffer)).toBe(true);
      }
    }
  });

  it('holds back the messages that come after it, but no Ping and no Pong', async () => {
    const { wire, socket } = await openWire();
    const gate = deferred();
    const sent = socket.sendStream(
      (async function* () {
        yield 'begun';
        await gate.promise;
      })(),
    );
    const second = socket.sendStream(['second']);
    expect(socket.send('third')).toBe(true);
    expect((await wire.frame()).payload.toString()).toBe('begun');
    socket.ping('now');
    wire.write(clientFrame(0x89, 'you'));
    expect(await wire.frame()).toMatchObject({ opcode: 9 });
    expect(await wire.frame()).toMatchObject({ opcode: 10 });
    expect(socket.bufferedAmount).toBe(5);
    gate.resolve();
    await Promise.all([sent, second]);
    const frames = [await wire.frame(), await wire.frame(), await wire.frame(), await wire.frame()];
    expect(frames.map(({ fin, payload }) => [fin, payload.toString()])).toEqual([
      [true, ''],
      [false, 'second'],
      [true, ''],
      [true, 'third'],
    ]);
  });

  it('asks for the next piece when the last ones have gone, and not before', async () => {
    const { wire, socket } = await openWire();
    wire.pause();
    let asked = 0;
    const sent = socket.sendStream(
      (async function* () {
        for (; asked < 200; asked++) yield Buffer.alloc(256 * KIB, asked);
      })(),
    );
    const stopped = await settled(() => asked);
    expect(stopped).toBeLessThan(100);
    expect(socket.bufferedAmount).toBeLessThan(MIB);
    // What waits behind it does not keep it from going on.
    for (let index = 0; index < 10; index++) socket.send(Buffer.alloc(20 * KIB));
    wire.resume();
    await sent;
    expect(asked).toBe(200);
  });

  it('fails with what the source throws, and the connection with it once the message has begun', async () => {
    const { wire, socket } = await openWire();
    await expect(socket.sendStream(broken())).rejects.toThrow('The source is broken');
    socket.send('still open');
    expect(await wire.text()).toBe('still open');
    await expect(socket.sendStream(broken('begun'))).rejects.toThrow('The source is broken');
    expect((await wire.frame()).payload.toString()).toBe('begun');
    expect(await wire.close()).toMatchObject({ code: 1011 });
    wire.end();
    expect((await socket.closed).error?.message).toBe('The source is broken');
  });

  it('refuses pieces of two kinds, and what is no piece', async () => {
    const { socket } = await openWire();
    await expect(socket.sendStream([7 as unknown as string])).rejects.toThrow(TypeError);
    await expect(socket.sendStream(['a', Buffer.from('b')])).rejects.toThrow('mixed');
  });

  it.each([
    ['a number', 42],
    ['a string', 'text'],
    ['nothing', undefined],
    ['null', null],
    ['an object that is not iterable', {}],
    ['a stream that is read already', lockedStream()],
  ])('refuses %s as a source, and goes on', async (_, source) => {
    const { wire, socket } = await openWire();
    await expect(socket.sendStream(source as never)).rejects.toThrow(TypeError);
    socket.send('still open');
    expect(await wire.text()).toBe('still open');
  });

  it('does not wait for a source that does not let go', async () => {
    const { wire, socket } = await openWire();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('The source is broken')),
        return: () => new Promise<never>(() => {}),
      }),
    };
    await expect(socket.sendStream(source)).rejects.toThrow('The source is broken');
    socket.send('still open');
    expect(await wire.text()).toBe('still open');
  });

  it('ends with a connection that the peer ended without a Close frame, however long it may take to close', async () => {
    const { wire, socket, server } = await openWire({ closeTimeout: 0 });
    const outcomes = Promise.allSettled([
      socket.sendStream(endless()),
      socket.sendStream(['waits behind it']),
    ]);
    await wire.frame();
    wire.end();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_CONNECTION_CLOSED', received: 1006 } });
    }
    expect(await socket.closed).toMatchObject({ code: 1006 });
    expect(server.metrics().connections).toBe(0);
  });

  it('is dropped behind a large message that is still sent to a peer that ended', async () => {
    const { wire, socket } = await openWire(
      { compression: true },
      { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    );
    socket.send(noise(100_000));
    const outcome = socket.sendStream(endless()).catch((error: unknown) => error);
    wire.end();
    expect(await outcome).toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    expect((await wire.frame()).payload).toHaveLength(100_000);
    await wire.ended;
  });

  it('fails when the connection ends, and lets go of the source', async () => {
    const { wire, socket } = await openWire();
    const asked = deferred();
    let isReturned = false;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked.resolve();
          return new Promise(() => {});
        },
        return: () => {
          isReturned = true;
          return Promise.reject(new Error('Whatever'));
        },
      }),
    };
    const sent = [socket.sendStream(source), socket.sendStream(['waits behind it'])];
    const outcomes = Promise.allSettled(sent);
    await asked.promise;
    wire.reset();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_CONNECTION_CLOSED', received: 1006 } });
    }
    await until(() => isReturned);
    await expect(socket.sendStream(['too late'])).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
  });

  it('tells the peer in a Close frame when the source fails after close', async () => {
    const { wire, socket } = await openWire();
    const gate = deferred();
    const outcome = socket
      .sendStream(
        (async function* () {
          yield 'begun';
          await gate.promise;
        })(),
      )
      .catch((error: unknown) => error);
    await wire.frame();
    socket.close(1000, 'bye');
    gate.reject(new Error('The source is broken'));
    expect(await outcome).toMatchObject({ message: 'The source is broken' });
    expect(await wire.close()).toEqual({ code: 1000, reason: 'bye' });
    await wire.ended;
  });

  it('answers the Close of a peer to whom a message cannot be compressed', async () => {
    const { wire, socket } = await openWire(
      { compression: true },
      { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    );
    const gate = deferred<Buffer>();
    const deflating = vi.spyOn(MessageDeflater.prototype, 'deflateInPool').mockReturnValueOnce(gate.promise);
    socket.send(noise(100_000));
    deflating.mockRestore();
    socket.send('after it');
    wire.write(clientFrame(0x88, closePayload(1000)));
    await until(() => socket.readyState !== 1);
    gate.reject(new Error('zlib is broken'));
    expect(await wire.frame()).toMatchObject({ opcode: 8, payload: closePayload(1000) });
    await wire.ended;
  });

  it('releases a source that it never began with', async () => {
    const { wire, socket } = await openWire();
    const isEnded: string[] = [];
    const stream = new Readable({ read() {}, destroy: (_, done) => (isEnded.push('Node'), done(null)) });
    const web = new ReadableStream<string>({ cancel: () => void isEnded.push('web') });
    const generator = { next: () => ({ done: true, value: '' }), return: () => isEnded.push('generator') };
    const own = { [Symbol.iterator]: () => generator, ...generator } as unknown as Iterable<string>;
    const outcomes = Promise.allSettled(
      [endless(), stream, web, ['x']].map((each) => socket.sendStream(each)),
    );
    await wire.frame();
    wire.reset();
    expect((await outcomes).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
    await until(() => isEnded.length === 2);
    await expect(socket.sendStream(own)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    await expect(socket.sendStream(lockedStream())).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    await expect(socket.sendStream(null as never)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    expect(isEnded).toEqual(['Node', 'web', 'generator']);
  });

  it.each<[string, boolean, (socket: Socket) => unknown]>([
    ['empty messages', false, (socket) => socket.send('')],
    ['streams', true, (socket) => socket.sendStream([''])],
  ])('is not waited for by any number of %s', async (_, areStreams, add) => {
    const { wire, socket } = await openWire({ highWaterMark: 1000, maxBufferedBytes: 10_000 });
    const outcome = socket.sendStream(endless()).catch((error: unknown) => error);
    await wire.frame();
    const added: unknown[] = [];
    expect(
      repeatWhile(
        () => socket.readyState === 1,
        () => added.push(add(socket)),
      ),
    ).toBeLessThan(400);
    // Every stream among them fails with the connection; what was only sent has no such outcome.
    const failures = (await Promise.allSettled(added)).filter(({ status }) => status === 'rejected');
    for (const failure of failures)
      expect(failure).toMatchObject({ reason: { code: 'ERR_CONNECTION_CLOSED' } });
    expect(failures).toHaveLength(areStreams ? added.length : 0);
    expect(await outcome).toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    expect(await wire.close()).toMatchObject({ code: 1013 });
    wire.end();
    expect((await socket.closed).error).toMatchObject({ code: 'ERR_BUFFER_FULL' });
  });

  it('lets others have their turn, even if the source always has more', async () => {
    const { wire, socket } = await openWire();
    wire.stream.resume();
    let yielded = 0;
    const outcome = socket
      .sendStream(
        (function* () {
          // Not for ever: nothing else could end the test.
          for (; yielded < 1e6; yielded++) yield 'a';
        })(),
      )
      .catch((error: unknown) => error);
    setImmediate(() => socket.terminate());
    expect(await outcome).toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    expect(yielded).toBeLessThan(1e5);
  });

  it('does not keep a connection from closing: what the peer closes ends it', async () => {
    const { wire, socket } = await openWire({ closeTimeout: 200 });
    const outcome = socket.sendStream(endless()).catch((error: unknown) => error);
    await wire.frame();
    wire.write(clientFrame(0x88, closePayload(1000)));
    expect(await outcome).toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    await wire.ended;
  });
});

describe('streams', () => {
  it('gives a message before it is complete, piece by piece', async () => {
    const { wire, socket } = await openWire();
    const streams = socket.streams();
    wire.write(clientFrame(0x01, 'one '));
    const { value: message } = await streams.next();
    expect(message!.isText).toBe(true);
    const read = message![Symbol.asyncIterator]();
    expect(await read.next()).toEqual({ value: 'one ', done: false });
    wire.write(clientFrame(0x00, 'two'));
    expect(await read.next()).toEqual({ value: 'two', done: false });
    wire.write(clientFrame(0x80));
    expect(await read.next()).toEqual({ value: undefined, done: true });
  });

  it.each([false, { threshold: 0 }, { threshold: 0, contextTakeover: true }])(
    'gives every message whole and in order, compression %j',
    async (compression) => {
      const received = new Arrivals<[boolean, string]>();
      const server = await start({ compression }, async (socket) => {
        for await (const message of socket.streams()) received.push([message.isText, await readAll(message)]);
      });
      const client = await join(server, { compression });
      const sent = [
        '',
        'text',
        Buffer.alloc(0),
        noise(10),
        noise(300_000),
        'x'.repeat(300_000),
        noise(100),
        noise(100),
      ];
      for (const message of sent) client.send(message);
      for (const message of sent) {
        const [isText, content] = await received.next();
        expect([isText, content === Buffer.from(message).toString('latin1')]).toEqual([
          typeof message === 'string',
          true,
        ]);
      }
      await client.sendStream(pieces(noise(50_000), noise(50_000)));
      expect((await received.next())[1].length).toBe(100_000);
    },
  );

  it('slows the sender while nobody reads, and holds no more than highWaterMark and a read', async () => {
    const { server, opened } = await startWatched({ maxMessageSize: 1000 });
    const client = await join(server);
    const socket = await opened.next();
    const streams = socket.streams();
    let sentBytes = 0;
    const sent = client.sendStream(
      (async function* () {
        for (; sentBytes < 64 * MIB; sentBytes += 64 * KIB) yield Buffer.alloc(64 * KIB);
      })(),
    );
    const { value: message } = await streams.next();
    expect(await settled(() => sentBytes)).toBeLessThan(32 * MIB);
    let read = 0;
    for await (const piece of message!) read += piece.length;
    await sent;
    expect(read).toBe(64 * MIB);
  });

  it('holds little of a message that inflates to very much', async () => {
    const { wire, socket } = await openWire(
      { compression: true },
      { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    );
    const streams = socket.streams();
    const { deflateRawSync, constants } = await import('node:zlib');
    const bomb = deflateRawSync(Buffer.alloc(64 * MIB), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
      0,
      -4,
    );
    wire.write(clientFrame(0xc2, bomb));
    const { value: message } = await streams.next();
    const before = process.memoryUsage().arrayBuffers;
    await settled(() => process.memoryUsage().arrayBuffers);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
    let read = 0;
    for await (const piece of message!) read += piece.length;
    expect(read).toBe(64 * MIB);
  });

  it('discards what was not read of a message when the next one is asked for', async () => {
    const { wire, socket } = await openWire({ highWaterMark: 1000 });
    const streams = socket.streams();
    wire.write(clientFrame(0x02, noise(100_000)));
    const first = await streams.next();
    const second = streams.next();
    wire.write(Buffer.concat([clientFrame(0x80, noise(100_000)), clientFrame(0x81, 'second')]));
    expect(await readAll((await second).value)).toBe('second');
    expect(await readAll(first.value)).toBe('');
  });

  it('goes on to the next message when the reader breaks off', async () => {
    const { wire, socket } = await openWire({ highWaterMark: 1000 });
    const streams = socket.streams();
    wire.write(Buffer.concat([clientFrame(0x82, noise(100_000)), clientFrame(0x81, 'second')]));
    const { value: first } = await streams.next();
    for await (const piece of first!) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect(await readAll((await streams.next()).value)).toBe('second');
  });

  it('ends when the connection does, and a message that is not complete throws', async () => {
    const { wire, socket } = await openWire();
    const streams = socket.streams();
    wire.write(Buffer.concat([clientFrame(0x81, 'complete'), clientFrame(0x01, 'not')]));
    expect(await readAll((await streams.next()).value)).toBe('complete');
    const { value: message } = await streams.next();
    const read = message![Symbol.asyncIterator]();
    expect(await read.next()).toEqual({ value: 'not', done: false });
    const failing = read.next();
    wire.write(clientFrame(0x88, closePayload(4000)));
    wire.end();
    await expect(failing).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED', received: 4000 });
    await expect(read.next()).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    expect(await streams.next()).toEqual({ value: undefined, done: true });
  });

  it('begins with the messages that wait already', async () => {
    const server = await start({}, async (socket: Socket) => {
      socket.send('ready');
      await until(() => true);
      for await (const message of socket.streams())
        socket.send(`${message.isText} ${await readAll(message)}`);
    });
    const wire = await Wire.upgraded(server.port);
    wire.write(Buffer.concat([clientFrame(0x81, 'a'), clientFrame(0x82, 'b'), clientFrame(0x01, 'c')]));
    wire.write(clientFrame(0x80, 'd'));
    const texts = [await wire.text(), await wire.text(), await wire.text(), await wire.text()];
    expect(texts).toEqual(['ready', 'true a', 'false b', 'true cd']);
  });

  it('takes the place of the message handler and of iteration', async () => {
    const { wire, socket, messages } = await openWire();
    const streams = socket.streams();
    expect(socket.streams()).toBe(streams);
    expect(() => socket[Symbol.asyncIterator]()).toThrow(TypeError);
    wire.write(clientFrame(0x81, 'a'));
    expect(await readAll((await streams.next()).value)).toBe('a');
    expect(messages.items).toEqual([]);
  });

  it('lets a function that returns early discard the rest and close', async () => {
    const server = await start({ highWaterMark: 1000 }, async (socket: Socket) => {
      const first = (await socket.streams().next()) as IteratorResult<MessageStream, undefined>;
      expect(first.done).toBe(false);
    });
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x02, noise(200_000)));
    expect(await wire.close()).toMatchObject({ code: 1000 });
    wire.write(clientFrame(0x80, noise(200_000)));
    wire.write(clientFrame(0x88, closePayload(1000)));
    await wire.ended;
  });

  it('never join what is left of a message that was discarded to the next one', async () => {
    const pings = new Arrivals<void>();
    const { server, opened } = await startWatched({ highWaterMark: 1000 }, { ping: () => pings.push() });
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    const streams = socket.streams();
    wire.write(clientFrame(0x02, noise(4000)));
    socket.close();
    await wire.frame();
    wire.write(
      Buffer.concat([clientFrame(0x00, noise(4000)), clientFrame(0x00, noise(4000)), clientFrame(0x89)]),
    );
    await pings.next();
    const { value: first } = await streams.next();
    await expect(readAll(first)).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    const next = streams.next();
    wire.write(Buffer.concat([clientFrame(0x80, 'the rest'), clientFrame(0x81, 'next')]));
    expect(await readAll((await next).value)).toBe('next');
  });

  it('end at once on a connection that is gone, as iterating it does', async () => {
    for (const ask of [
      (socket: Socket) => socket.streams(),
      (socket: Socket) => socket[Symbol.asyncIterator](),
    ]) {
      const { wire, socket } = await openWire();
      wire.reset();
      await socket.closed;
      expect(await ask(socket).next()).toEqual({ value: undefined, done: true });
    }
  });

  it('fails a text that is not UTF-8 with 1007', async () => {
    const { wire, socket } = await openWire();
    const streams = socket.streams();
    wire.write(clientFrame(0x01, 'fine'));
    const { value: message } = await streams.next();
    const outcome = readAll(message).catch((error: unknown) => error);
    wire.write(clientFrame(0x00, Buffer.from([0xff])));
    expect(await wire.close()).toMatchObject({ code: 1007 });
    wire.end();
    expect(await outcome).toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
  });
});

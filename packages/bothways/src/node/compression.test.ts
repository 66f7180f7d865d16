import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CompressionOptions, ServerCompressionOptions } from './compression.js';
import { Arrivals, until } from './test-arrivals.js';
import { echo, join, joinWatched, joinWire, start, startWatched, wsJoin, wsServe } from './test-server.js';
import { Wire, WireServer, clientFrame, hex, noise, readClose, serverFrame } from './test-wire.js';

const KIB = 1024;
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
const TAKEOVER = { compression: { threshold: 0, contextTakeover: true } };
const PLAIN = { compression: { threshold: 0 } };
const COMPRESSED_TEXT = 0xc1;
const COMPRESSED_BINARY = 0xc2;

function deflate(text: string | Uint8Array): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

function inflate(payload: Buffer): string {
  return inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
}

const TEXTS = [
  '',
  'a',
  'grüße 漢字 👋'.repeat(10),
  '{"a":1},'.repeat(700),
  'x'.repeat(100_000),
  '€'.repeat(300_000),
];
const BYTES = [0, 1, 100, 5000, 16 * KIB, 16 * KIB + 1, 70_000, 300_000].flatMap((size) => [
  noise(size),
  Buffer.alloc(size, 7),
]);

describe('Compression between two ends', () => {
  it.each<[string, ServerCompressionOptions | true, CompressionOptions | true, string]>([
    ['as it is', true, true, 'server_no_context_takeover; client_no_context_takeover'],
    [
      'of everything',
      PLAIN.compression,
      PLAIN.compression,
      'server_no_context_takeover; client_no_context_takeover',
    ],
    ['with context takeover', TAKEOVER.compression, TAKEOVER.compression, ''],
    [
      'with context takeover for neither, because the client has none',
      TAKEOVER.compression,
      PLAIN.compression,
      'server_no_context_takeover; client_no_context_takeover',
    ],
    [
      'with the smallest window',
      { threshold: 0, windowBits: 8 },
      { threshold: 0, windowBits: 9 },
      'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9',
    ],
    [
      'with small windows and context takeover',
      { threshold: 0, windowBits: 10, contextTakeover: true, level: 1, memLevel: 1 },
      { threshold: 0, contextTakeover: true, level: 9, memLevel: 9 },
      'server_max_window_bits=10; client_max_window_bits=10',
    ],
  ])('%s carries every message, in order', async (_, server, client, parameters) => {
    const listening = await start({ compression: server }, echo);
    const { socket, messages } = await joinWatched(listening, { compression: client });
    expect(socket.extensions).toBe(['permessage-deflate', parameters].filter(Boolean).join('; '));
    for (const message of [...TEXTS, ...BYTES, 'end']) socket.send(message);
    for (const message of [...TEXTS, ...BYTES, 'end']) {
      const back = await messages.next();
      expect(typeof back).toBe(typeof message);
      expect(Buffer.from(back).equals(Buffer.from(message)), `${message.length} bytes are unchanged`).toBe(
        true,
      );
    }
  });

  it.each([
    [undefined, true],
    [false, true],
    [true, undefined],
    [true, false],
  ])('is not there when the server says %s and the client %s', async (server, client) => {
    const listening = await start({ compression: server }, echo);
    const { socket, messages } = await joinWatched(listening, { compression: client });
    expect(socket.extensions).toBe('');
    socket.send('x'.repeat(5000));
    expect(await messages.next()).toBe('x'.repeat(5000));
  });

  it('is what a server of another kind agrees to, or not', async () => {
    const without = await wsServe({ perMessageDeflate: false });
    expect((await join(without, { compression: true })).extensions).toBe('');
    const { url } = await wsServe({ perMessageDeflate: { clientMaxWindowBits: 10, threshold: 0 } });
    const { extensions } = await join(url, { compression: { windowBits: 9 } });
    expect(extensions).toBe('permessage-deflate; client_max_window_bits=10');
  });
});

const upgraded = async (options: object, fields = OFFER) => {
  const { server, messages, opened } = await startWatched(
    { ...options },
    { message: (socket, data) => void socket.send(data) },
  );
  const wire = await Wire.upgraded(server.port, fields);
  return { server, wire, messages, socket: await opened.next() };
};

describe('A server that compresses', () => {
  it('sends messages from the threshold on compressed, with RSV1, and smaller ones as they are', async () => {
    const { wire, socket } = await upgraded({ compression: { threshold: 100 } });
    for (const text of ['a'.repeat(99), 'a'.repeat(100), 'é'.repeat(49), 'é'.repeat(50)]) {
      socket.send(text);
      const { rsv, payload } = await wire.frame();
      const isLarge = Buffer.byteLength(text) >= 100;
      expect(rsv).toBe(isLarge ? 4 : 0);
      expect(isLarge ? inflate(payload) : payload.toString()).toBe(text);
    }
    socket.send(Buffer.alloc(100));
    expect(await wire.frame()).toMatchObject({ fin: true, rsv: 4, opcode: 2 });
  });

  it('sends as it is what compression would not make smaller', async () => {
    const { wire, socket } = await upgraded(PLAIN);
    const random = noise(1000);
    socket.send(random);
    expect(await wire.frame()).toMatchObject({ rsv: 0, payload: random });
    const large = noise(100_000);
    socket.send(large);
    const { rsv, payload } = await wire.frame();
    expect([rsv, payload.equals(large)]).toEqual([0, true]);
  });

  it('never compresses an empty message, a Ping, a Pong or a Close', async () => {
    const { wire, socket } = await upgraded(PLAIN);
    socket.send('');
    socket.ping('a'.repeat(100));
    wire.write(clientFrame(0x89, 'b'.repeat(100)));
    for (const opcode of [1, 9, 10]) expect(await wire.frame()).toMatchObject({ rsv: 0, opcode });
    socket.close(1000, 'c'.repeat(100));
    expect(await wire.close()).toEqual({ code: 1000, reason: 'c'.repeat(100) });
  });

  it('refuses RSV1 when nothing was agreed on, and takes what is not compressed when it was', async () => {
    const none = await upgraded(PLAIN, {} as typeof OFFER);
    none.wire.write(clientFrame(COMPRESSED_TEXT, deflate('a')));
    expect(await none.wire.close()).toMatchObject({ code: 1002 });
    const agreed = await upgraded(PLAIN);
    agreed.wire.write(clientFrame(0x81, 'plain '.repeat(9)));
    expect(inflate((await agreed.wire.frame()).payload)).toBe('plain '.repeat(9));
  });

  it('declines an offer that is wrong, and takes the next one', async () => {
    const fields = {
      'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=7, permessage-deflate',
    };
    const { socket } = await upgraded(TAKEOVER, fields);
    expect(socket.extensions).toBe('permessage-deflate');
    const wrong = { 'Sec-WebSocket-Extensions': 'permessage-deflate; unknown=1' };
    expect((await upgraded(TAKEOVER, wrong)).socket.extensions).toBe('');
  });

  it('closes with 1009 what is larger than maxMessageSize inflated, small and large', async () => {
    for (const bytes of [Buffer.alloc(101), noise(101)]) {
      const { wire } = await upgraded({ ...PLAIN, maxMessageSize: 100 });
      wire.write(clientFrame(COMPRESSED_BINARY, deflate(bytes)));
      expect(await wire.close()).toMatchObject({ code: 1009 });
    }
    const { wire } = await upgraded({ ...PLAIN, maxMessageSize: 100_000 });
    wire.write(clientFrame(COMPRESSED_BINARY, deflate(noise(100_001))));
    expect(await wire.close()).toMatchObject({ code: 1009 });
  });

  it('closes with 1007 what is not deflate data, or not UTF-8 inflated', async () => {
    const cases = [
      clientFrame(COMPRESSED_BINARY, hex('ff')),
      clientFrame(COMPRESSED_BINARY, Buffer.alloc(20_000, 0xff)),
      clientFrame(COMPRESSED_TEXT, deflate(hex('ff'))),
      clientFrame(COMPRESSED_TEXT, deflate(noise(30_000))),
    ];
    for (const bytes of cases) {
      const { wire } = await upgraded(PLAIN);
      wire.write(bytes);
      expect(await wire.close()).toMatchObject({ code: 1007 });
    }
  });

  it('keeps the order while a large message is on the way in or out of the thread pool', async () => {
    const { server, opened } = await startWatched(TAKEOVER, {
      message: (socket, data) => void socket.send(data),
    });
    const { socket, messages } = await wsJoin(server, { perMessageDeflate: { threshold: 0 } });
    await opened.next();
    const sent = Array.from({ length: 30 }, (_, index) =>
      noise(index % 3 === 0 ? 40_000 + index : 20 + index),
    );
    for (const message of sent) socket.send(message);
    for (const message of sent) expect(message.equals((await messages.next()) as Buffer)).toBe(true);
  });

  it('answers a Ping while it compresses a large message', async () => {
    const { wire, socket } = await upgraded(PLAIN);
    wire.write(clientFrame(0x89, 'now'));
    socket.send(Buffer.alloc(8 * KIB * KIB, 'ab'));
    expect(await wire.frame()).toMatchObject({ opcode: 10 });
    expect(await wire.frame()).toMatchObject({ opcode: 2, rsv: 4 });
  });

  it('delivers what was sent before close, and the Close after it', async () => {
    const { wire, socket } = await upgraded(PLAIN);
    socket.send('x'.repeat(200_000));
    socket.send('small');
    expect(socket.bufferedAmount).toBe(200_005);
    socket.close(1000);
    expect(inflate((await wire.frame()).payload)).toBe('x'.repeat(200_000));
    expect((await wire.frame()).opcode).toBe(1);
    expect(await wire.close()).toMatchObject({ code: 1000 });
  });

  it('answers a message and the Close right behind it, in this order', async () => {
    const { wire } = await upgraded(PLAIN);
    const text = noise(100_000).toString('latin1');
    wire.write(Buffer.concat([clientFrame(COMPRESSED_TEXT, deflate(text)), clientFrame(0x88, hex('03 e8'))]));
    const { payload, rsv } = await wire.frame();
    expect((rsv === 4 ? inflate(payload) : payload.toString()) === text).toBe(true);
    expect(await wire.close()).toMatchObject({ code: 1000 });
  });

  it('forgets what waits to be compressed when the connection is cut, and goes on', async () => {
    const { server, wire, socket } = await upgraded(TAKEOVER);
    for (let index = 0; index < 5; index++) socket.send(noise(100_000));
    wire.write(clientFrame(COMPRESSED_BINARY, deflate(noise(200_000))));
    wire.reset();
    expect(await socket.closed).toMatchObject({ code: 1006 });
    expect(socket.bufferedAmount).toBe(0);
    const other = await joinWatched(server, TAKEOVER);
    other.socket.send('still there');
    expect(await other.messages.next()).toBe('still there');
  });

  it('counts what waits to be compressed in bufferedAmount, and tells when it has gone', async () => {
    const drained = new Arrivals<number>();
    const { server, opened } = await startWatched(PLAIN, {
      drain: (socket) => drained.push(socket.bufferedAmount),
    });
    const client = await joinWatched(server, PLAIN);
    const socket = await opened.next();
    expect(socket.send(Buffer.alloc(200_000))).toBe(false);
    expect(socket.send('a')).toBe(false);
    expect(socket.bufferedAmount).toBe(200_001);
    await socket.ready;
    expect(socket.bufferedAmount).toBeLessThanOrEqual(64 * KIB);
    await drained.next();
    expect(((await client.messages.next()) as Buffer).length).toBe(200_000);
    expect(await client.messages.next()).toBe('a');
  });

  it('takes what is sent now, whatever becomes of the bytes, up to 16 KiB', async () => {
    const { server, opened } = await startWatched(PLAIN);
    const { messages } = await joinWatched(server, PLAIN);
    const socket = await opened.next();
    const bytes = Buffer.alloc(10_000, 1);
    socket.send(Buffer.alloc(100_000));
    socket.send(bytes);
    bytes.fill(2);
    await messages.next();
    expect(await messages.next()).toEqual(Buffer.alloc(10_000, 1));
  });
});

describe('publish', () => {
  it('compresses once for all, and for each as was agreed on', async () => {
    const { server, opened } = await startWatched({ compression: { threshold: 0, contextTakeover: true } });
    const clients = [];
    for (const options of [TAKEOVER, PLAIN, { compression: { threshold: 0, windowBits: 9 } }, {}]) {
      clients.push(await joinWatched(server, options));
      (await opened.next()).subscribe('news');
    }
    const texts = [
      '',
      'short',
      'news '.repeat(100),
      noise(1000).toString('latin1'),
      'large '.repeat(20_000),
      'after',
    ];
    for (const text of texts) server.publish('news', text);
    for (const { messages } of clients) expect(await messages.take(texts.length)).toEqual(texts);
  });

  it('copies bytes that are compressed later: they may be changed at once', async () => {
    const { server, opened } = await startWatched(TAKEOVER);
    const clients = [await joinWatched(server, TAKEOVER), await joinWatched(server, PLAIN)];
    for (const socket of await opened.take(2)) socket.subscribe('news');
    const bytes = noise(50_000);
    server.publish('news', Buffer.alloc(200_000));
    server.publish('news', bytes);
    bytes.fill(0);
    for (const { messages } of clients) {
      await messages.next();
      expect(noise(50_000).equals((await messages.next()) as Buffer)).toBe(true);
    }
  });

  it('sends the same compressed bytes to all without context takeover', async () => {
    const { server, opened } = await startWatched(PLAIN);
    const wires = [await Wire.upgraded(server.port, OFFER), await Wire.upgraded(server.port, OFFER)];
    for (const socket of await opened.take(2)) socket.subscribe('news');
    const deflated = vi.spyOn(Buffer, 'allocUnsafe');
    server.publish('news', 'news '.repeat(100));
    server.publish('news', 'news '.repeat(20_000));
    deflated.mockRestore();
    const frames = await Promise.all(wires.map(async (wire) => [await wire.frame(), await wire.frame()]));
    expect(frames[0]).toEqual(frames[1]);
    expect(frames[0]!.map(({ rsv }) => rsv)).toEqual([4, 4]);
    expect(inflate(frames[0]![0]!.payload)).toBe('news '.repeat(100));
  });
});

describe('memoryBudget', () => {
  it('accepts without context takeover what it cannot pay for, and counts it', async () => {
    const options = { compression: { contextTakeover: true, memoryBudget: 700_000 } };
    const { server, opened } = await startWatched(options);
    const clients = [];
    for (let index = 0; index < 3; index++) clients.push(await join(server, TAKEOVER));
    const sockets = await opened.take(3);
    const reduced = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
    expect(sockets.map(({ extensions }) => extensions)).toEqual([
      'permessage-deflate',
      'permessage-deflate',
      reduced,
    ]);
    const { compressionMemory, degradedCompressions } = server.metrics();
    expect(degradedCompressions).toBe(1);
    expect(compressionMemory).toBeGreaterThan(2 * 256 * KIB);
    expect(compressionMemory).toBeLessThanOrEqual(700_000);
    for (const client of clients) client.terminate();
    await until(() => server.connections.size === 0);
    expect(server.metrics().compressionMemory).toBe(0);
    expect((await join(server, TAKEOVER)).extensions).toBe('permessage-deflate');
  });
});

const watch = async (compression: CompressionOptions | boolean) => {
  const server = await wsServe({ perMessageDeflate: false });
  const offered = new Arrivals<string | undefined>();
  server.server.on('connection', (_, request) => offered.push(request.headers['sec-websocket-extensions']));
  await join(server, { compression });
  return offered.next();
};

describe('A client that compresses', () => {
  it('offers what it wishes for', async () => {
    const { wire } = await joinWire();
    expect(wire.error).toBeUndefined();
    expect(await watch(false)).toBeUndefined();
    expect(await watch({ contextTakeover: true })).toBe('permessage-deflate; client_max_window_bits');
    expect(await watch(true)).toBe(
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits, ' +
        'permessage-deflate; client_max_window_bits',
    );
  });

  it.each([
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; unknown',
    'permessage-deflate, permessage-deflate',
    'x-webkit-deflate-frame',
  ])('fails the handshake over the answer %s', async (answer) => {
    const server = await WireServer.listen();
    const joining = join(server, { compression: true });
    const wire = await server.next();
    await wire.answerHandshake(`Sec-WebSocket-Extensions: ${answer}\r\n`);
    await expect(joining).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_EXTENSIONS', status: 101 });
    await wire.ended;
  });

  it('masks what it compresses, and keeps no context where it said so', async () => {
    const server = await WireServer.listen();
    const joining = join(server, PLAIN);
    const wire = await server.next();
    // The server agrees to the second offer, which leaves it all to itself.
    await wire.answerHandshake('Sec-WebSocket-Extensions: permessage-deflate\r\n');
    const socket = await joining;
    const twice = 'the same text '.repeat(9);
    for (const text of [twice, twice, 'y'.repeat(100_000)]) {
      socket.send(text);
      const { isMasked, rsv, payload } = await wire.frame();
      expect([isMasked, rsv, inflate(payload)]).toEqual([true, 4, text]);
    }
    wire.write(serverFrame(0x88, hex('03 e8')));
    expect(readClose((await wire.frame()).payload)).toMatchObject({ code: 1000 });
  });
});

describe('The option compression', () => {
  it.each([
    [{ compression: 'yes' }, "'compression' must be true, false, or an object"],
    [{ compression: null }, "'compression' must be true, false, or an object"],
    [{ compression: { thresholds: 1 } }, "The option 'compression' has no option 'thresholds'"],
    [{ compression: { threshold: -1 } }, "'threshold' must be a whole number"],
    [{ compression: { level: 0 } }, "'level' must be a whole number from 1 to 9"],
    [{ compression: { memLevel: 10 } }, "'memLevel' must be a whole number from 1 to 9"],
    [{ compression: { windowBits: 16 } }, "'windowBits' must be a whole number from 8 to 15"],
    [{ compression: { contextTakeover: 1 } }, "'contextTakeover' must be true or false"],
    [{ compression: { memoryBudget: -1 } }, "'memoryBudget' must be a whole number"],
  ])('refuses %j', async (options, message) => {
    await expect(start(options as never)).rejects.toThrow(TypeError);
    await expect(start(options as never)).rejects.toThrow(message);
  });

  it('has no budget at a client, whose connections are its own', async () => {
    const options = { compression: { memoryBudget: 1 } };
    await expect(join('ws://127.0.0.1:1', options as never)).rejects.toThrow("no option 'memoryBudget'");
  });
});

describe('Where zlib cannot be driven', () => {
  afterEach(() => {
    vi.doUnmock('./zlib.js');
    vi.resetModules();
  });

  it('a server agrees to no compression, and a client offers none', async () => {
    vi.resetModules();
    vi.doMock('./zlib.js', async (original) => ({
      ...(await original<object>()),
      canDriveZlib: () => false,
    }));
    const { serve } = await import('./server.js');
    const { connect } = await import('./connect.js');
    const server = await serve({ port: 0, host: '127.0.0.1', compression: true }, echo);
    const { socket, messages } = await wsJoin(server, { perMessageDeflate: { threshold: 0 } });
    expect(socket.extensions).toBe('');
    socket.send('as it is');
    expect(await messages.next()).toBe('as it is');
    const client = await connect(server.url, { compression: true });
    expect(client.extensions).toBe('');
    await server.close({ timeout: 0 });

    const peer = await wsServe({ perMessageDeflate: true });
    const other = await connect(peer.url, { compression: true });
    expect(other.extensions).toBe('');
    other.terminate();
  });
});

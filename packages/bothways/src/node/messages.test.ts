import { describe, expect, it } from 'vitest';
import { Arrivals, turns } from './test-arrivals.js';
import { join, joinWatched, joinWire, start, startWatched, wsJoin, wsServe } from './test-server.js';
import { Wire, clientFrame, hex, serverFrame } from './test-wire.js';

const MIB = 1 << 20;

/** Bytes in which neighbours, and bytes 256 apart, differ. */
function pattern(count: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, at) => at + (at >>> 8) + (at >>> 16)));
}

const SIZES = [0, 1, 125, 126, 127, 2_047, 2_048, 5_461, 5_462, 16_383, 16_384, 16_385, 65_535, 65_536, MIB];

describe('A message', () => {
  it.each([...SIZES, 16 * MIB])('of %i bytes goes to and fro', async (size) => {
    const server = await start({ maxBufferedBytes: 64 * MIB });
    const { socket, messages } = await wsJoin(server, { maxPayload: 0 });
    const bytes = pattern(size);
    socket.send(bytes);
    const echoed = (await messages.next()) as Buffer;
    expect(echoed).toHaveLength(size);
    expect(echoed.equals(bytes)).toBe(true);
    const text = 'a'.repeat(size);
    socket.send(text);
    expect((await messages.next()) === text).toBe(true);
  });

  it.each(SIZES)('of %i bytes goes to and fro from our client', async (size) => {
    const peer = await wsServe();
    const { socket, messages } = await joinWatched(peer);
    const connection = await peer.connections.next();
    connection.on('message', (data, isBinary) => connection.send(data, { binary: isBinary }));
    const bytes = pattern(size);
    const text = 'a'.repeat(size);
    socket.send(bytes);
    socket.send(text);
    expect(((await messages.next()) as Buffer).equals(bytes)).toBe(true);
    expect((await messages.next()) === text).toBe(true);
  });

  it('is not changed by what is sent or received after it', async () => {
    const received: Buffer[] = [];
    const done = new Arrivals<void>();
    const server = await start(
      {},
      {
        message(socket, data) {
          received.push(data as Buffer);
          socket.send(data);
          if (received.length === 200) done.push();
        },
      },
    );
    const { socket, messages } = await joinWatched(server);
    const expected = Array.from({ length: 200 }, (_, index) => pattern(10 + index * 37).fill(index, 0, 10));
    for (const bytes of expected) socket.send(bytes);
    const echoed = (await messages.take(200)) as Buffer[];
    await done.next();
    expect(received.every((bytes, index) => bytes.equals(expected[index]!))).toBe(true);
    expect(echoed.every((bytes, index) => bytes.equals(expected[index]!))).toBe(true);
  });

  it('may come in fragments, with control frames between them', async () => {
    const pings = new Arrivals<string>();
    const server = await start(
      {},
      {
        message: (socket, data) => void socket.send(data),
        ping: (_socket, payload) => pings.push(String(payload)),
      },
    );
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x01, hex('61 f0 9f'))); // "a" and half of U+1F642
    wire.write(clientFrame(0x89, 'between'));
    wire.write(clientFrame(0x00));
    wire.write(clientFrame(0x8a, 'unasked'));
    wire.write(clientFrame(0x80, hex('99 82 62'))); // its other half, and "b"
    expect(await wire.frame()).toMatchObject({ opcode: 10, payload: Buffer.from('between') });
    expect(await wire.text()).toBe('a🙂b');
    expect(await pings.next()).toBe('between');
  });

  it('may come in 65,536 fragments', async () => {
    const { server, messages } = await startWatched();
    const wire = await Wire.upgraded(server.port);
    const bytes = pattern(4 * MIB);
    const frames = Array.from({ length: 65_536 }, (_, index) => {
      const first = (index === 65_535 ? 0x80 : 0) | (index === 0 ? 2 : 0);
      return clientFrame(first, bytes.subarray(index * 64, index * 64 + 64));
    });
    wire.write(Buffer.concat(frames));
    expect(((await messages.next()) as Buffer).equals(bytes)).toBe(true);
  });

  it('may come byte by byte', async () => {
    const { server, messages } = await startWatched();
    const wire = await Wire.upgraded(server.port);
    const bytes = pattern(300);
    for (const byte of clientFrame(0x82, bytes)) wire.write(Buffer.of(byte));
    expect(await messages.next()).toEqual(bytes);
  });

  it('above maxMessageSize is refused, however it comes', async () => {
    const { server, messages } = await startWatched({ maxMessageSize: 10 });
    const inFragments = Buffer.concat([clientFrame(0x02, 'aaaaaa'), clientFrame(0x80, 'aaaaa')]);
    for (const bytes of [clientFrame(0x82, 'aaaaaaaaaaa'), inFragments]) {
      const wire = await Wire.upgraded(server.port);
      wire.write(clientFrame(0x82, 'aaaaaaaaaa'));
      expect(await messages.next()).toHaveLength(10);
      wire.write(bytes);
      expect((await wire.close()).code).toBe(1009);
    }
    expect(messages.items).toEqual([]);
  });

  it('is a string for text and a Buffer for bytes, at both ends', async () => {
    const { server, opened, messages } = await startWatched();
    const { socket, messages: atClient } = await joinWatched(server);
    socket.send('a');
    socket.send(Buffer.from('a'));
    const connection = await opened.next();
    connection.send('a');
    connection.send(Buffer.from('a'));
    for (const arrivals of [messages, atClient]) {
      expect(await arrivals.next()).toBe('a');
      const bytes = await arrivals.next();
      expect(Buffer.isBuffer(bytes)).toBe(true);
      expect(bytes).toEqual(Buffer.from('a'));
    }
  });
});

const memory = new Uint8Array([9, 9, 1, 2, 3, 4, 9, 9]);

const DATA: readonly (readonly [what: string, data: string | ArrayBuffer | ArrayBufferView, hex: string])[] =
  [
    ['a string', 'é', '81 02 c3a9'],
    ['an empty string', '', '81 00'],
    ['a lone surrogate', '\ud800', '81 03 efbfbd'],
    ['a Buffer', Buffer.from('é'), '82 02 c3a9'],
    ['a Uint8Array that begins later in its memory', memory.subarray(2, 5), '82 03 010203'],
    ['an ArrayBuffer', memory.slice(2, 4).buffer, '82 02 0102'],
    ['an empty ArrayBuffer', new ArrayBuffer(0), '82 00'],
    ['a DataView', new DataView(memory.buffer, 2, 4), '82 04 01020304'],
    ['a Float64Array', new Float64Array([1]), '82 08 000000000000f03f'],
    ['a Uint16Array', new Uint16Array(memory.buffer, 2, 1), '82 02 0102'],
  ];

describe('send', () => {
  it.each(DATA)('takes %s at the server', async (_what, data, expected) => {
    const server = await start({}, { open: (socket) => void socket.send(data) });
    const wire = await Wire.upgraded(server.port);
    expect(await wire.take(hex(expected).length)).toEqual(hex(expected));
  });

  it.each(DATA)('takes %s at the client', async (_what, data, expected) => {
    const { socket, wire } = await joinWire();
    expect(socket.send(data)).toBe(true);
    const { opcode, payload, isMasked } = await wire.frame();
    expect(isMasked).toBe(true);
    expect(serverFrame(0x80 | opcode, payload)).toEqual(hex(expected));
  });

  it.each([
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a number', 1, 'number'],
    ['a boolean', true, 'boolean'],
    ['an object', {}, 'Object'],
    ['a list', ['a'], 'Array'],
    ['a Blob', new Blob(['a']), 'Blob'],
  ])('throws a TypeError for %s', async (_what, data, name) => {
    const { server, opened } = await startWatched();
    const client = await join(server);
    const connection = await opened.next();
    for (const send of [
      () => client.send(data as never),
      () => connection.send(data as never),
      () => server.publish('topic', data as never),
    ]) {
      expect(send).toThrow(TypeError);
      expect(send).toThrow(`not ${name}`);
    }
    expect(client.readyState).toBe(1);
  });

  it('copies bytes up to 16 KiB, so they may be changed at once', async () => {
    const server = await start(
      {},
      {
        open(socket) {
          for (const size of [100, 16_384]) {
            const bytes = Buffer.alloc(size, 1);
            socket.send(bytes);
            bytes.fill(2);
          }
        },
      },
    );
    const { messages } = await wsJoin(server);
    for (const bytes of (await messages.take(2)) as Buffer[])
      expect(bytes.every((byte) => byte === 1)).toBe(true);
  });

  it('does not change the bytes it is given, although a client masks', async () => {
    const { server, messages } = await startWatched();
    const client = await join(server);
    for (const size of [100, 16_384, 100_000]) {
      const bytes = pattern(size);
      client.send(bytes);
      expect(((await messages.next()) as Buffer).equals(pattern(size))).toBe(true);
      expect(bytes.equals(pattern(size))).toBe(true);
    }
  });

  it('masks every frame of a client with another key', async () => {
    const { socket, wire } = await joinWire();
    for (let index = 0; index < 3_000; index++) socket.send('');
    const frames = await wire.take(3_000 * 6);
    const keys = new Set(Array.from({ length: 3_000 }, (_, index) => frames.readUInt32BE(index * 6 + 2)));
    expect(keys.size).toBeGreaterThan(2_990);
  });
});

describe('Many small messages', () => {
  it('that are sent in one tick go out in order and in few writes', async () => {
    const { server, opened } = await startWatched();
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    await turns();
    const before = wire.reads.length;
    for (let index = 0; index < 1_000; index++) socket.send(`message ${index}`);
    for (let index = 0; index < 1_000; index++) expect(await wire.text()).toBe(`message ${index}`);
    expect(wire.reads.length - before).toBeLessThanOrEqual(3);
  });

  it('that are answers to one read go out in order and in few writes', async () => {
    const server = await start({});
    const wire = await Wire.upgraded(server.port);
    await turns();
    const before = wire.reads.length;
    wire.write(
      Buffer.concat(Array.from({ length: 1_000 }, (_, index) => clientFrame(0x81, `message ${index}`))),
    );
    for (let index = 0; index < 1_000; index++) expect(await wire.text()).toBe(`message ${index}`);
    expect(wire.reads.length - before).toBeLessThanOrEqual(4);
  });

  it('and large ones between them keep their order', async () => {
    const { server, opened } = await startWatched({ maxBufferedBytes: 64 * MIB });
    const { messages } = await joinWatched(server);
    const socket = await opened.next();
    const sizes = Array.from(
      { length: 120 },
      (_, index) => [3, 1_000, 5_600, 17_000, 70_000][index % 5]! + index,
    );
    for (const [index, size] of sizes.entries()) {
      if (index % 2 === 0) socket.send(pattern(size));
      else socket.send('a'.repeat(size));
    }
    const arrived = await messages.take(sizes.length);
    expect(arrived.map((message) => message.length)).toEqual(sizes);
  });

  it('that open sends go out with the response of the handshake, in one write', async () => {
    const server = await start({}, { open: (socket) => ['a', 'b'].forEach((text) => socket.send(text)) });
    const wire = await Wire.upgraded(server.port);
    expect([await wire.text(), await wire.text()]).toEqual(['a', 'b']);
    expect(wire.reads).toHaveLength(1);
  });
});

describe('A text whose UTF-8 is longer than its UTF-16', () => {
  const texts = [125, 126, 65_535, 65_536].flatMap((length) =>
    ['é', '€', '🙂'].flatMap((character) => {
      const bytes = Buffer.byteLength(character);
      const count = Math.floor(length / bytes) - 1;
      // Just below, at and just above the border, in ASCII but for the characters in the middle.
      return [length - 1, length, length + 1].map(
        (size) => [size, character, 'a'.repeat(size - count * bytes) + character.repeat(count)] as const,
      );
    }),
  );

  it.each(texts)('keeps its %i bytes of "a" and "%s"', async (size, _character, text) => {
    expect(Buffer.byteLength(text)).toBe(size);
    const { server, opened, messages } = await startWatched();
    const wire = await Wire.upgraded(server.port);
    (await opened.next()).send(text);
    expect(await wire.text()).toBe(text);
    const client = await join(server);
    client.send(text);
    expect(await messages.next()).toBe(text);
  });

  it('keeps every length from 0 to 400 bytes, one behind the other', async () => {
    const server = await start({});
    const { socket, messages } = await joinWatched(server);
    const lines = Array.from({ length: 401 }, (_, index) => 'é'.repeat(index >> 1) + 'a'.repeat(index & 1));
    for (const line of lines) socket.send(line);
    expect(await messages.take(401)).toEqual(lines);
  });
});

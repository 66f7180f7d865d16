import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sharedReader } from './shared-reads.js';
import { Arrivals, settled } from './test-arrivals.js';
import { joinWatched, startWatched } from './test-server.js';
import { Wire, clientFrame, noise } from './test-wire.js';

/** What came: a copy of it, and the memory it was read into. */
interface Read {
  readonly bytes: Buffer;
  readonly memory: ArrayBufferLike;
}

/** Connections of a server, each end of them; the accepted ones are read into shared memory once that is asked for. */
async function openPairs(count: number) {
  const reads = new Arrivals<Read>();
  const accepted = new Arrivals<Socket>();
  const server = createServer(accepted.push).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pairs: { readonly client: Socket; readonly socket: Socket }[] = [];
  for (let index = 0; index < count; index++) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    pairs.push({ client, socket: await accepted.next() });
  }
  onTestFinished(() => {
    server.close();
    for (const { client, socket } of pairs) {
      client.destroy();
      socket.destroy();
    }
  });
  const readShared = sharedReader((chunk) => reads.push({ bytes: Buffer.from(chunk), memory: chunk.buffer }));
  return { pairs, reads, readShared };
}

describe('Shared reads', () => {
  it('of all sockets go to the same memory', async () => {
    const { pairs, reads, readShared } = await openPairs(2);
    const memories = new Set<ArrayBufferLike>();
    for (const { client, socket } of pairs) {
      expect(readShared(socket)).toBe(true);
      socket.resume();
      for (const size of [1, 1000]) {
        client.write(noise(size));
        const { bytes, memory } = await reads.next();
        expect(bytes).toEqual(noise(size));
        memories.add(memory);
      }
    }
    expect(memories.size).toBe(1);
  });

  it('stop and go on with the socket, lose nothing, and end', async () => {
    const { pairs, reads, readShared } = await openPairs(1);
    const { client, socket } = pairs[0]!;
    readShared(socket);
    const sent = noise(8 << 20);
    let received = 0;
    const ended = once(socket, 'end');
    socket.pause();
    client.end(sent);
    expect(await settled(() => reads.items.length, 50)).toBe(0);
    socket.resume();
    while (received < sent.length) {
      const { bytes } = await reads.next();
      expect(bytes.equals(sent.subarray(received, received + bytes.length))).toBe(true);
      received += bytes.length;
    }
    await ended;
  });

  it('are only of sockets of Node that nobody else reads', async () => {
    const { pairs, readShared } = await openPairs(4);
    const [watched, gone, twice, other] = pairs.map(({ socket }) => socket) as [
      Socket,
      Socket,
      Socket,
      Socket,
    ];
    watched.on('data', () => {});
    expect(readShared(watched)).toBe(false);
    gone.destroy();
    expect(readShared(gone)).toBe(false);
    expect([readShared(twice), readShared(twice)]).toEqual([true, false]);
    expect(readShared(new PassThrough())).toBe(false);
    expect(readShared(new TLSSocket(other))).toBe(false);
    expect(readShared(new Socket())).toBe(false);
    expect(readShared(Object.create(Socket.prototype, { _handle: { value: {} } }) as object)).toBe(false);
  });

  it('leave whole what a connection has handed out', async () => {
    const { server, opened, messages } = await startWatched({ compression: true });
    const wire = await Wire.upgraded(server.port);
    await opened.next();
    const kept: (string | Buffer)[] = [];
    for (let round = 0; round < 50; round++) {
      wire.write(clientFrame(0x82, Buffer.alloc(round * 10, round)));
      kept.push(await messages.next());
    }
    for (const [round, message] of kept.entries()) expect(message).toEqual(Buffer.alloc(round * 10, round));
  });

  it('leave whole what is inflated later', async () => {
    const { server, opened } = await startWatched(
      { compression: true },
      { message: (socket, data) => void socket.send(data) },
    );
    const clients = [];
    for (let index = 0; index < 4; index++)
      clients.push(await joinWatched(server, { compression: { threshold: 0 } }));
    await opened.take(4);
    // Of each a little more than 16 KiB is left when it is compressed.
    const texts = clients.map((_, index) => Buffer.from(noise(13_000 + index * 1000).toString('hex')));
    for (const [index, { socket }] of clients.entries()) socket.send(texts[index]!);
    for (const [index, { messages }] of clients.entries()) {
      expect(texts[index]!.equals((await messages.next()) as Buffer)).toBe(true);
    }
  });
});

import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectOutput } from './direct-output.js';
import { Arrivals, turns, until } from './test-arrivals.js';
import { noise } from './test-wire.js';

/** A connection: what was accepted, which only writes, and a client that reads nothing until it is told to. */
async function openPair() {
  const accepted = new Arrivals<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accepted.push).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const socket = await accepted.next();
  client.pause();
  onTestFinished(() => {
    server.close();
    client.destroy();
    socket.destroy();
  });
  return { client, socket };
}

/** More than the operating system takes from a connection whose peer does not read, bytes. */
const MUCH = 16 << 20;

describe('A direct output', () => {
  it('writes past the stream, and is idle when all was taken at once', async () => {
    const { client, socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    let passed = false;
    Object.assign(socket, { _write: () => (passed = true) });
    output.write(Buffer.from('one '));
    output.writeBoth(Buffer.from('two '), Buffer.from('three'));
    expect([output.isIdle, output.waiting, passed]).toEqual([true, 0, false]);
    expect(socket.bytesWritten).toBe('one two three'.length);
    socket.end();
    expect((await buffer(client)).toString()).toBe('one two three');
  });

  it('keeps what the operating system does not take, in order, and tells when it has', async () => {
    const { client, socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    const first = noise(MUCH);
    output.write(first);
    expect([output.isIdle, output.waiting]).toEqual([false, MUCH]);
    output.write(Buffer.from('behind it'));
    output.writeBoth(Buffer.from('and '), Buffer.from('behind that'));
    const total = MUCH + 'behind itand behind that'.length;
    expect(output.waiting).toBe(total);
    const seen: number[] = [];
    output.onWritten = () => seen.push(output.waiting);
    socket.end();
    const all = await buffer(client);
    expect(all.subarray(0, MUCH).equals(first)).toBe(true);
    expect(all.toString('latin1', MUCH)).toBe('behind itand behind that');
    expect(seen).toEqual([total - MUCH, total - MUCH - 9, 0]);
    expect(output.isIdle).toBe(true);
  });

  it('tells a write that waited for a moment from one that did not wait', async () => {
    const { socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    const requests: { oncomplete(status: number): void }[] = [];
    const { _handle: handle } = socket as unknown as { _handle: object };
    // What the operating system took only when it was asked again: it is all gone, but Node still has the request.
    Object.assign(handle, {
      writeBuffer: (request: (typeof requests)[number]) => {
        requests.push(Object.assign(request, { getAsyncId: () => 1 }));
        return 0;
      },
    });
    output.write(Buffer.from('one'));
    output.write(Buffer.from('two'));
    expect(requests[0]).not.toBe(requests[1]);
    expect(output.waiting).toBe(6);
    for (const request of requests) request.oncomplete(0);
    expect(output.waiting).toBe(0);
  });

  it('goes behind what the stream was given before', async () => {
    const { client, socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    socket.write(noise(MUCH));
    output.write(Buffer.from('behind it'));
    expect(output.waiting).toBe(9);
    socket.end();
    expect((await buffer(client)).toString('latin1', MUCH)).toBe('behind it');
  });

  it('tells on a later turn of what was taken at once', async () => {
    const { socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    let calls = 0;
    output.onWritten = () => void calls++;
    output.write(Buffer.from('a'));
    expect(calls).toBe(0);
    await turns(1);
    expect(calls).toBe(1);
  });

  it('destroys the socket, with the error, when the peer is gone', async () => {
    const { client, socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    const failed = once(socket, 'error');
    client.resetAndDestroy();
    await until(() => {
      output.write(Buffer.from('a'));
      return socket.destroyed;
    });
    const [error] = (await failed) as [Error];
    expect(error).toMatchObject({ syscall: 'write', code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) });
    expect(error.message).toMatch(/^write E/);
  });

  it('lets go of what waits when the socket is destroyed, and writes no more', async () => {
    const { socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    output.write(noise(MUCH));
    let calls = 0;
    output.onWritten = () => void calls++;
    socket.destroy();
    await once(socket, 'close');
    expect([output.waiting, calls]).toEqual([0, 1]);
    output.write(Buffer.from('late'));
    output.writeBoth(Buffer.from('late'), Buffer.from('later'));
    expect(output.waiting).toBe(0);
  });

  it('writes nothing after the end', async () => {
    const { client, socket } = await openPair();
    const output = DirectOutput.open(socket)!;
    output.write(Buffer.from('a'));
    socket.end();
    output.write(Buffer.from('late'));
    expect((await buffer(client)).toString()).toBe('a');
  });

  it('is only for sockets of Node whose writes nobody watches', async () => {
    const { client, socket } = await openPair();
    expect(DirectOutput.open(socket)).toBeInstanceOf(DirectOutput);
    socket.write = () => true;
    expect(DirectOutput.open(socket)).toBeUndefined();
    expect(DirectOutput.open(new PassThrough())).toBeUndefined();
    expect(DirectOutput.open(new TLSSocket(client))).toBeUndefined();
    expect(DirectOutput.open(new Socket())).toBeUndefined();
    const other = Object.create(Socket.prototype, { _handle: { value: {} } }) as Socket;
    expect(DirectOutput.open(other)).toBeUndefined();
  });
});

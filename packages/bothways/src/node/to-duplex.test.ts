import { once } from 'node:events';
import { PassThrough, Readable, type Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConnectionClosedError } from '../protocol/errors.js';
import { flood, join, joinWire, start, startWatched } from './test-server.js';
import { settled, turns } from './test-arrivals.js';
import { Wire, closePayload, noise, serverFrame } from './test-wire.js';
import { toDuplex, type ToDuplexOptions } from './to-duplex.js';

/** A stream whose server sends every message back. */
async function joinEcho(options?: ToDuplexOptions): Promise<Duplex> {
  return toDuplex(await join(await start({})), options);
}

/** A stream whose server is a wire of the test. */
async function joinDuplex(options?: ToDuplexOptions) {
  const { socket, wire } = await joinWire();
  const duplex = toDuplex(socket, options);
  onTestFinished(() => void duplex.destroy());
  return { duplex, socket, wire };
}

async function failure(duplex: Duplex): Promise<Error> {
  const [error] = (await once(duplex, 'error')) as [Error];
  return error;
}

describe('toDuplex', () => {
  it('makes a stream of bytes, each chunk a binary message, both ways', async () => {
    const { duplex, wire } = await joinDuplex();
    duplex.write('a text');
    duplex.write(Buffer.of(1, 2));
    expect(await wire.frame()).toMatchObject({ opcode: 2, payload: Buffer.from('a text') });
    expect(await wire.frame()).toMatchObject({ opcode: 2, payload: Buffer.of(1, 2) });
    wire.write(serverFrame(0x81, 'é'));
    wire.write(serverFrame(0x82));
    wire.write(serverFrame(0x82, Buffer.of(3)));
    wire.write(serverFrame(0x88, closePayload(1000)));
    wire.end();
    expect(await buffer(duplex)).toEqual(Buffer.concat([Buffer.from('é'), Buffer.of(3)]));
  });

  it('keeps the messages apart in object mode, texts as strings, empty ones as well', async () => {
    const duplex = await joinEcho({ objectMode: true });
    for (const message of ['a', '', Buffer.of(1), Buffer.alloc(0), 'é']) duplex.write(message);
    duplex.end();
    expect(await duplex.toArray()).toEqual(['a', '', Buffer.of(1), Buffer.alloc(0), 'é']);
  });

  it('takes bytes of any size: they may be changed when the write is done', async () => {
    const { server, opened } = await startWatched();
    const wire = await Wire.upgraded(server.port);
    wire.pause();
    const duplex = toDuplex(await opened.next());
    onTestFinished(() => void duplex.destroy());
    const bytes = Buffer.alloc(40_000);
    let isWaiting = false;
    let count = 0;
    while (!isWaiting && count < 1000) {
      const done = new Promise<boolean>((resolve) => duplex.write(bytes.fill(count), () => resolve(false)));
      isWaiting = await Promise.race([done, turns(20).then(() => true)]);
      count++;
    }
    bytes.fill(255);
    wire.resume();
    // The last one had not been written.
    for (let index = 0; index < count - 1; index++) {
      expect((await wire.frame()).payload.equals(Buffer.alloc(40_000, index))).toBe(true);
    }
  });

  it('sends texts where strings are not decoded, in their encoding', async () => {
    const { duplex, wire } = await joinDuplex({ decodeStrings: false });
    duplex.write('é');
    duplex.write('ff', 'hex');
    expect(await wire.frame()).toMatchObject({ opcode: 1, payload: Buffer.from('é') });
    expect(await wire.frame()).toMatchObject({ opcode: 2, payload: Buffer.of(0xff) });
  });

  it('is a part of pipelines', async () => {
    const unzipped = new PassThrough();
    const server = await start({}, (socket) => pipeline(toDuplex(socket), createGunzip(), unzipped));
    const content = noise(1_000_000);
    const sent = pipeline(Readable.from([content]), createGzip(), toDuplex(await join(server)));
    expect((await buffer(unzipped)).equals(content)).toBe(true);
    await sent;
  });

  it('stops taking writes while the peer does not read', async () => {
    const { duplex, socket, wire } = await joinDuplex();
    wire.pause();
    let written = 0;
    const source = Readable.from(
      (function* () {
        for (; written < 100; written++) yield Buffer.alloc(1 << 20);
      })(),
    );
    const piping = pipeline(source, duplex);
    expect(await settled(() => written)).toBeLessThan(100);
    expect(socket.bufferedAmount).toBeLessThan(1 << 22);
    duplex.destroy();
    await expect(piping).rejects.toThrow(/Premature close/);
  });

  it('slows the peer while it is not read, and loses nothing', async () => {
    const { server, opened } = await startWatched();
    const duplex = toDuplex(await join(server));
    const peer = await opened.next();
    const count = await flood(peer, (index) => Buffer.alloc(10_000, index));
    peer.close();
    const content = await buffer(duplex);
    expect(content.length).toBe(count * 10_000);
    expect(content.at(-1)).toBe((count - 1) % 256);
  });

  it('closes the connection with 1000 when it is ended, and has finished when both are closed', async () => {
    const { duplex, wire } = await joinDuplex();
    duplex.end('last');
    expect(await wire.frame()).toMatchObject({ opcode: 2 });
    expect(await wire.frame()).toMatchObject({ opcode: 8, payload: closePayload(1000) });
    await turns();
    expect(duplex.writableFinished).toBe(false);
    wire.write(serverFrame(0x81, 'meanwhile'));
    wire.write(serverFrame(0x88, closePayload(1000)));
    wire.end();
    expect((await buffer(duplex)).toString()).toBe('meanwhile');
    if (!duplex.closed) await once(duplex, 'close');
    expect(duplex.writableFinished).toBe(true);
    expect(duplex.errored).toBeNull();
  });

  it('ends and finishes when the peer closes', async () => {
    const { duplex, wire } = await joinDuplex();
    duplex.resume();
    const closed = once(duplex, 'close');
    wire.write(serverFrame(0x88, closePayload(4000, 'bye')));
    expect(await wire.frame()).toMatchObject({ opcode: 8, payload: closePayload(4000, 'bye') });
    wire.end();
    await closed;
    expect(duplex).toMatchObject({ readableEnded: true, writableFinished: true, errored: null });
  });

  it('tells who only writes, and waits for its source, that the connection is lost', async () => {
    const { duplex, wire } = await joinDuplex();
    const source = new PassThrough();
    source.write('begun');
    const piped = pipeline(source, duplex);
    await wire.frame();
    // Nobody reads it.
    wire.write(serverFrame(0x82, noise(1000)));
    wire.end();
    await expect(piped).rejects.toBeInstanceOf(ConnectionClosedError);
    expect(source.destroyed).toBe(true);
  });

  it('tells who only writes that the peer closes', async () => {
    const { duplex, wire } = await joinDuplex();
    wire.write(serverFrame(0x88, closePayload(1000)));
    wire.end();
    await once(duplex, 'close');
    expect(duplex.writableFinished).toBe(true);
    expect(duplex.errored).toBeNull();
  });

  it('keeps what came before the peer closed for who reads it later', async () => {
    const { duplex, socket, wire } = await joinDuplex();
    wire.write(serverFrame(0x82, noise(1000)));
    wire.write(serverFrame(0x88, closePayload(1000)));
    wire.end();
    await socket.closed;
    await once(duplex, 'finish');
    expect(await buffer(duplex)).toEqual(noise(1000));
  });

  it('is destroyed with a ConnectionClosedError when the connection is lost', async () => {
    const { duplex, wire } = await joinDuplex();
    duplex.resume();
    wire.end();
    const error = await failure(duplex);
    expect(error).toBeInstanceOf(ConnectionClosedError);
    expect(error).toMatchObject({ received: 1006, initiator: 'network' });
  });

  it('is destroyed with what the peer did wrong', async () => {
    const { duplex, wire } = await joinDuplex();
    duplex.resume();
    wire.write(serverFrame(0x83));
    wire.end();
    expect(await failure(duplex)).toMatchObject({ code: 'ERR_RESERVED_OPCODE' });
  });

  it('errors a write that comes when the connection is closing', async () => {
    const { duplex, socket, wire } = await joinDuplex();
    socket.close(4001);
    duplex.write('late');
    wire.write(serverFrame(0x88, closePayload(4001)));
    wire.end();
    expect(await failure(duplex)).toMatchObject({
      code: 'ERR_CONNECTION_CLOSED',
      received: 4001,
      sent: 4001,
    });
  });

  it('errors a write of what is no message', async () => {
    const { duplex } = await joinDuplex({ objectMode: true });
    duplex.write(5);
    expect(await failure(duplex)).toBeInstanceOf(TypeError);
  });

  it('terminates the connection when it is destroyed', async () => {
    const { duplex, socket, wire } = await joinDuplex();
    duplex.resume();
    duplex.destroy();
    expect(await socket.closed).toMatchObject({ code: 1006, wasClean: false, initiator: 'local' });
    await wire.ended;
    expect(duplex.errored).toBeNull();
  });

  it('lets what its listeners throw be their own mistake, and not one of a promise', async () => {
    const { duplex } = await joinDuplex();
    const through = duplex.pipe(new PassThrough());
    const caught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
    onTestFinished(() => process.setUncaughtExceptionCaptureCallback(null));
    duplex.write('a', () => {
      throw new Error('In the callback');
    });
    expect(await caught).toMatchObject({ message: 'In the callback' });
    through.destroy();
  });
});

import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Opcode, FIN } from '../protocol/frame.js';
import { turns } from './test-arrivals.js';
import { clientFrame, hex, serverFrame } from './test-wire.js';
import { COPY_LIMIT, TEXT_COPY_LIMIT, WriteBatch } from './write-batch.js';

const TEXT = FIN | Opcode.TEXT;
const BINARY = FIN | Opcode.BINARY;

/** A stream that keeps what it is given until it is told to go on, as a socket does whose peer does not read. */
class Slow extends Duplex {
  readonly writes: Buffer[] = [];
  readonly #callbacks: (() => void)[] = [];
  #isStuck: boolean;

  constructor(isStuck = false) {
    super();
    this.#isStuck = isStuck;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#take([chunk], callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      callback,
    );
  }

  go(): void {
    this.#isStuck = false;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** All that was written, as it is in memory now. */
  get all(): Buffer {
    return Buffer.concat(this.writes);
  }

  #take(chunks: Buffer[], callback: () => void): void {
    // What is stuck stays where it is; what is not was sent, so it is looked at now.
    this.writes.push(...(this.#isStuck ? chunks : chunks.map((chunk) => Buffer.from(chunk))));
    if (this.#isStuck) this.#callbacks.push(callback);
    else callback();
  }
}

function masked(frames: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 0; at < frames.length;) {
    const short = frames[at + 1]! & 0x7f;
    const header = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126
        ? short
        : short === 126
          ? frames.readUInt16BE(at + 2)
          : Number(frames.readBigUInt64BE(at + 2));
    const key = frames.subarray(at + header, at + header + 4);
    const start = at + header + 4;
    payloads.push(
      Buffer.from(frames.subarray(start, start + length).map((byte, index) => byte ^ key[index & 3]!)),
    );
    at = start + length;
  }
  return payloads;
}

describe('A write batch', () => {
  it('writes all frames of a tick at its end, in one write', async () => {
    const stream = new Slow();
    const batch = new WriteBatch(stream, false);
    batch.writeText(TEXT, 'a');
    batch.writeFrame(BINARY, hex('01 02'));
    batch.writeEncoded(serverFrame(0x89));
    expect([batch.bufferedAmount, stream.writes.length]).toEqual([3 + 4 + 2, 0]);
    await turns(1);
    expect(stream.writes).toEqual([hex('81 01 61 82 02 0102 89 00')]);
    expect(batch.bufferedAmount).toBe(0);
  });

  it('keeps no large block for the little that waits in a stream', async () => {
    const stream = new Slow(true);
    const batch = new WriteBatch(stream, false);
    for (let index = 0; index < 100; index++) {
      batch.hold();
      batch.writeFrame(BINARY, Buffer.from([index]));
      batch.release();
    }
    stream.go();
    await turns(1);
    const kept = new Set(stream.writes.map(({ buffer }) => buffer));
    const bytes = [...kept].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeLessThan(32 * 1024);
    expect(stream.all).toEqual(
      Buffer.concat(Array.from({ length: 100 }, (_, index) => Buffer.from([0x82, 1, index]))),
    );
  });

  it('writes what was held when it is released, and not before', async () => {
    const stream = new Slow();
    const batch = new WriteBatch(stream, false);
    batch.hold();
    batch.writeText(TEXT, 'a');
    await turns();
    expect(stream.writes).toEqual([]);
    batch.writeText(TEXT, 'b');
    batch.release();
    expect(stream.writes).toEqual([hex('81 01 61 81 01 62')]);
    batch.hold();
    batch.release();
    expect(stream.writes).toHaveLength(1);
  });

  it('writes at once what it is told to flush, and nothing twice', async () => {
    const stream = new Slow();
    const batch = new WriteBatch(stream, false);
    batch.writeText(TEXT, 'a');
    batch.flush();
    batch.flush();
    await turns();
    expect(stream.writes).toEqual([hex('81 01 61')]);
  });

  it.each([0, 1, 47, 48, 125, 126, 127, 2_000, 2_048, COPY_LIMIT - 1, COPY_LIMIT])(
    'copies a payload of %i bytes',
    (size) => {
      const stream = new Slow();
      const batch = new WriteBatch(stream, false);
      const payload = Buffer.alloc(size, 1);
      batch.writeFrame(BINARY, payload);
      payload.fill(2);
      batch.flush();
      expect(stream.all.equals(serverFrame(0x82, Buffer.alloc(size, 1)))).toBe(true);
    },
  );

  it('writes a large payload from where it is, behind what came before', () => {
    const stream = new Slow(true);
    const batch = new WriteBatch(stream, false);
    const payload = Buffer.alloc(COPY_LIMIT + 1, 1);
    batch.writeText(TEXT, 'before');
    batch.writeFrame(BINARY, payload);
    batch.writeText(TEXT, 'after');
    batch.flush();
    stream.go();
    expect(stream.writes.some((write) => write.buffer === payload.buffer)).toBe(true);
    const expected = [serverFrame(0x81, 'before'), serverFrame(0x82, payload), serverFrame(0x81, 'after')];
    expect(stream.all.equals(Buffer.concat(expected))).toBe(true);
  });

  it.each([0, 3, 47, 48, 126, COPY_LIMIT, COPY_LIMIT + 1, 70_000])(
    'masks a copy of a payload of %i bytes',
    (size) => {
      const stream = new Slow();
      const batch = new WriteBatch(stream, true);
      const payload = Buffer.alloc(size, 1);
      batch.writeText(TEXT, 'before');
      batch.writeFrame(BINARY, payload);
      batch.flush();
      expect(payload.equals(Buffer.alloc(size, 1))).toBe(true);
      expect(masked(stream.all)).toEqual([Buffer.from('before'), Buffer.alloc(size, 1)]);
    },
  );

  it.each(['a', 'é', '€', '🙂'])('writes a text of "%s" of any length', (character) => {
    const most = Math.floor(TEXT_COPY_LIMIT / character.length);
    for (const count of [0, 1, 31, 41, 62, 63, 125, 126, 127, 1_000, most]) {
      const text = character.repeat(count);
      const [plain, hidden] = [false, true].map((masks) => {
        const stream = new Slow();
        const batch = new WriteBatch(stream, masks);
        batch.writeText(TEXT, text);
        batch.writeText(TEXT, 'behind');
        batch.flush();
        return stream.all;
      });
      const expected = Buffer.concat([serverFrame(0x81, text), serverFrame(0x81, 'behind')]);
      expect(plain!.equals(expected)).toBe(true);
      expect(masked(hidden!).map(String)).toEqual([text, 'behind']);
    }
  });

  it('keeps the order where one block is not enough', () => {
    const stream = new Slow(true);
    const batch = new WriteBatch(stream, false);
    const expected: Buffer[] = [];
    for (let index = 0; index < 400; index++) {
      const payload = Buffer.alloc((index * 97) % 3_000, index);
      batch.writeFrame(BINARY, payload);
      expected.push(serverFrame(0x82, payload));
    }
    batch.flush();
    stream.go();
    expect(stream.all.equals(Buffer.concat(expected))).toBe(true);
    expect(stream.writes.length).toBeLessThan(15);
  });

  it('does not use a block again that the stream still has', () => {
    const [stuck, other] = [new Slow(true), new Slow()];
    const first = new WriteBatch(stuck, false);
    first.writeText(TEXT, 'to be kept');
    first.flush();
    for (const text of ['x'.repeat(100), 'y'.repeat(3_000)]) {
      const second = new WriteBatch(other, false);
      second.writeText(TEXT, text);
      second.flush();
    }
    expect(stuck.all).toEqual(serverFrame(0x81, 'to be kept'));
  });

  it('writes the batches of several connections that sent in one tick', async () => {
    const streams = [new Slow(), new Slow(), new Slow()];
    const batches = streams.map((stream) => new WriteBatch(stream, false));
    for (const [index, batch] of batches.entries()) batch.writeText(TEXT, `${index}`);
    await turns(1);
    expect(streams.map((stream) => stream.all.toString('latin1', 2))).toEqual(['0', '1', '2']);
  });

  it('tells when a write was taken', () => {
    const stream = new Slow(true);
    const batch = new WriteBatch(stream, false);
    let calls = 0;
    batch.onWritten = () => void calls++;
    batch.writeText(TEXT, 'a');
    batch.flush();
    expect([calls, stream.writableLength]).toEqual([0, 3]);
    stream.go();
    expect([calls, stream.writableLength]).toEqual([1, 0]);
  });

  it('drops what comes after the stream has ended', async () => {
    const stream = new Slow();
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    const batch = new WriteBatch(stream, false);
    stream.end();
    batch.writeText(TEXT, 'late');
    batch.writeFrame(BINARY, Buffer.alloc(COPY_LIMIT + 1));
    await turns();
    expect([stream.writes, errors]).toEqual([[], []]);
    expect(batch.bufferedAmount).toBe(0);
  });

  it('writes encoded frames of any size in their order', () => {
    const stream = new Slow();
    const batch = new WriteBatch(stream, false);
    const frames = [10, COPY_LIMIT - 4, COPY_LIMIT + 1, 3].map((size) =>
      serverFrame(0x82, Buffer.alloc(size, size)),
    );
    for (const frame of frames) batch.writeEncoded(frame);
    batch.flush();
    expect(stream.all.equals(Buffer.concat(frames))).toBe(true);
  });

  it('masks like the example of RFC 6455 section 5.7, but for the key', () => {
    const stream = new Slow();
    const batch = new WriteBatch(stream, true);
    batch.writeText(TEXT, 'Hello');
    batch.flush();
    expect(stream.all).toHaveLength(clientFrame(0x81, 'Hello').length);
    expect(masked(stream.all)).toEqual(masked(clientFrame(0x81, 'Hello')));
  });
});

import { syncBuiltinESMExports } from 'node:module';
import zlib, { constants, inflateRawSync, createInflateRaw } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MessageDeflater, deflatedBound } from './message-deflater.js';
import { ZlibState } from './zlib.js';
import { hex } from './test-wire.js';

const SETTINGS = { level: 6, memLevel: 8, windowBits: 15 };

function inflate(deflated: Uint8Array): Buffer {
  return inflateRawSync(Buffer.concat([deflated, hex('00 00 ff ff')]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  });
}

/** Inflates byte by byte of output, so that nothing but the window is there to refer to. */
function inflateWithin(windowBits: number, deflated: Uint8Array, length: number): Buffer | undefined {
  const state = new ZlibState(createInflateRaw({ windowBits }));
  const output = Buffer.alloc(length);
  let used = 0;
  for (let at = 0; at < length; at++) {
    if (!state.write(deflated, used, deflated.length, output, at, at + 1)) return undefined;
    used = deflated.length - state.unused;
  }
  return output;
}

describe('A deflater', () => {
  it('compresses messages that stand for themselves without context takeover', async () => {
    const deflater = new MessageDeflater(SETTINGS, false);
    const message = Buffer.from('the same message, twice');
    const first = await deflater.deflateWhole(message);
    const second = await deflater.deflateWhole(message);
    expect(second).toEqual(first);
    expect(inflate(second)).toEqual(message);
  });

  it('refers back to earlier messages with context takeover', async () => {
    const deflater = new MessageDeflater(SETTINGS, true);
    const message = Buffer.from('the same message, twice');
    const first = Buffer.from(await deflater.deflateWhole(message));
    const second = await deflater.deflateWhole(message);
    expect(second.length).toBeLessThan(first.length / 2);
    deflater.close();
  });

  it.each([false, true])(
    'keeps to its bound, whatever it compresses (context takeover: %s)',
    (contextTakeover) => {
      const sizes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(16_383, 16_384));
      const setting = fc.record({
        level: fc.integer({ min: 1, max: 9 }),
        memLevel: fc.integer({ min: 1, max: 9 }),
        windowBits: fc.integer({ min: 8, max: 15 }),
      });
      fc.assert(
        fc.property(
          setting,
          fc.array(fc.tuple(sizes, fc.boolean()), { minLength: 1, maxLength: 3 }),
          (settings, messages) => {
            const deflater = new MessageDeflater(settings, contextTakeover);
            const state = new ZlibState(createInflateRaw());
            for (const [size, isRandom] of messages) {
              const message = Buffer.from(
                Array.from({ length: size }, (_, at) =>
                  isRandom ? Math.imul(at + size, 2_654_435_761) >>> 23 : 97,
                ),
              );
              const output = Buffer.alloc(deflatedBound(size));
              const end = deflater.deflate(message, size, output, 0);
              const deflated = Buffer.concat([output.subarray(0, end), hex('00 00 ff ff')]);
              const back = Buffer.alloc(size + 1);
              expect(state.write(deflated, 0, deflated.length, back, 0, back.length)).toBe(true);
              expect(back.subarray(0, back.length - state.free).equals(message)).toBe(true);
              if (!contextTakeover) state.reset();
            }
            deflater.close();
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it.each([8, 9, 10, 12])('refers back no further than a window of 2 to the %d bytes', async (windowBits) => {
    // Every distance from 3 to 1,200 bytes is worth a reference.
    const parts: Buffer[] = [];
    for (let distance = 3; distance < 1200; distance += 7) {
      const unique = Buffer.from(`${distance}:${Math.imul(distance, 2_654_435_761) >>> 0};`.repeat(2));
      parts.push(unique, Buffer.alloc(distance % 300, 65 + (distance % 26)), unique);
    }
    const message = Buffer.concat(parts).subarray(0, 16_384);
    for (const level of [1, 3, 6, 9]) {
      const deflater = new MessageDeflater({ level, memLevel: 8, windowBits }, true);
      const deflated = await deflater.deflateWhole(message);
      expect(deflated.length).toBeLessThan(message.length);
      expect(inflateWithin(windowBits, deflated, message.length)?.equals(message)).toBe(true);
      deflater.close();
    }
    const wide = await new MessageDeflater(SETTINGS, false).deflateWhole(message);
    expect(inflateWithin(windowBits, wide, message.length)).toBeUndefined();
  });

  it('compresses large messages in the thread pool, in turn with small ones', async () => {
    const large = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * at) >>> 8));
    for (const contextTakeover of [false, true]) {
      const deflater = new MessageDeflater(SETTINGS, contextTakeover);
      const messages = [Buffer.from('small'), large, Buffer.from('small'), large];
      const state = new ZlibState(createInflateRaw());
      for (const message of messages) {
        const deflated = await deflater.deflateWhole(message);
        const back = Buffer.alloc(message.length + 1);
        state.write(
          Buffer.concat([deflated, hex('00 00 ff ff')]),
          0,
          deflated.length + 4,
          back,
          0,
          back.length,
        );
        expect(back.subarray(0, -1).equals(message)).toBe(true);
        expect(state.free).toBe(1);
        if (!contextTakeover) state.reset();
      }
      deflater.close();
    }
  });

  it('has few states of zlib in the thread pool without context takeover, and gives them on', async () => {
    const created = vi.spyOn(zlib, 'createDeflateRaw');
    syncBuiltinESMExports();
    const message = Buffer.alloc(50_000, 'large ');
    try {
      for (let round = 0; round < 2; round++) {
        const deflaters = Array.from({ length: 40 }, () => new MessageDeflater(SETTINGS, false));
        for (const deflated of await Promise.all(deflaters.map((each) => each.deflateInPool(message)))) {
          expect(inflate(deflated).equals(message)).toBe(true);
        }
      }
      expect(created.mock.calls.length).toBeLessThanOrEqual(8);
    } finally {
      created.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('closes the states that other settings need no more', async () => {
    const closed = vi.spyOn(ZlibState.prototype, 'close');
    const message = Buffer.alloc(50_000, 'large ');
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      for (const level of [1, 2])
        await new MessageDeflater({ level, memLevel: 1, windowBits }, false).deflateWhole(message);
    }
    expect(closed.mock.calls.length).toBeGreaterThanOrEqual(6);
    closed.mockRestore();
  });
});

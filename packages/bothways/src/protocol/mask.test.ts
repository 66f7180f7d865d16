import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readKey } from './frame.js';
import { wasmPlatform } from './globals.js';
import { maskKernel } from './mask-kernel.js';
import { mask } from './mask.js';
import { hex, pattern, toHex } from './test-platform.js';

/** Every byte of it differs, and as a 32-bit integer it is negative. */
const KEY_BYTES = hex('37 fa 21 9d');
const KEY = readKey(KEY_BYTES, 0);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe('mask', () => {
  it('masks the example of RFC 6455 section 5.7', () => {
    const bytes = Uint8Array.from(Buffer.from('Hello'));
    mask(bytes, 0, 5, readKey(hex('37 fa 21 3d'), 0), 0);
    expect(toHex(bytes)).toBe('7f 9f 4d 51 58');
  });

  it('does what section 5.3 says for every length, alignment, start and phase, and touches nothing else', () => {
    expect(wrongCases(mask)).toEqual([]);
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 0],
    [2 ** 31, 0],
    [2 ** 32 + 1, 1],
    [2 ** 33 + 2, 2],
    [2 ** 53 - 1, 3],
  ])('counts a payload beyond 32 bits: after %d bytes the key is at byte %d', (phase, first) => {
    const bytes = new Uint8Array(1);
    mask(bytes, 0, 1, KEY, phase);
    expect(bytes[0]).toBe(KEY_BYTES[first]);
  });

  it('leaves the payload as it is under a key of zeros', () => {
    const bytes = pattern(300);
    mask(bytes, 0, 300, 0, 0);
    expect(bytes).toEqual(pattern(300));
  });

  it('unmasks what it masked, however the bytes are cut', () => {
    const payload = fc.uint8Array({ minLength: 0, maxLength: 400 });
    fc.assert(
      fc.property(payload, fc.integer(), fc.array(fc.nat({ max: 400 })), (original, key, cuts) => {
        const bytes = Uint8Array.from(original);
        mask(bytes, 0, bytes.length, key, 0);
        let from = 0;
        for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          const to = Math.min(cut, bytes.length);
          mask(bytes, from, to, key, from);
          from = to;
        }
        expect(bytes).toEqual(original);
      }),
    );
  });

  it('works in memory that others share, as the small buffers of a pool do', () => {
    const memory = new Uint8Array(1000).fill(0x5a);
    const inside = Buffer.from(memory.buffer, 101, 203);
    mask(inside, 1, 202, KEY, 2);
    const expected = new Uint8Array(1000).fill(0x5a);
    for (let at = 0; at < 201; at++) expected[102 + at]! ^= KEY_BYTES[(at + 2) % 4]!;
    expect(memory).toEqual(expected);
  });
});

describe('The kernel', () => {
  it('is there, with room to read into', () => {
    expect(maskKernel?.readBlock).toHaveLength(65_536);
  });

  it('does the same where the bytes lie, for every length, alignment, start and phase', () => {
    expect(wrongCases(mask, inKernel)).toEqual([]);
  });

  it('does the same with what it copies in and out, and with what lies in its memory, at random', async () => {
    const loops = await importWithout('WebAssembly');
    const cases = fc.record({
      length: fc.oneof(fc.nat({ max: 2100 }), fc.nat({ max: 200_000 })),
      start: fc.nat({ max: 70 }),
      key: fc.integer(),
      phase: fc.nat(),
    });
    fc.assert(
      fc.property(cases, fc.boolean(), ({ length, start, key, phase }, isInKernel) => {
        const size = Math.min(start + length + 5, isInKernel ? 65_536 : Infinity);
        const original = pattern(size);
        const expected = Uint8Array.from(original);
        const bytes = isInKernel ? inKernel(original) : Uint8Array.from(original);
        const end = Math.max(start, size - 5);
        loops.mask(expected, start, end, key, phase);
        mask(bytes, start, end, key, phase);
        expect(Buffer.compare(bytes, expected)).toBe(0);
      }),
    );
  });
});

describe.each(['WebAssembly', 'its vectors', 'the leave to compile'])('mask without %s', (what) => {
  it('does what section 5.3 says all the same', async () => {
    const loops = await importWithout(what);
    expect((await import('./mask-kernel.js')).maskKernel).toBeUndefined();
    expect(wrongCases(loops.mask)).toEqual([]);
    const bytes = pattern(200_001);
    loops.mask(bytes, 0, bytes.length, KEY, 3);
    mask(bytes, 0, bytes.length, KEY, 3);
    expect(Buffer.compare(bytes, pattern(200_001))).toBe(0);
  });
});

describe('mask on a big-endian machine', () => {
  it('puts each byte of the key where the same byte of the payload is', async () => {
    vi.stubGlobal('Uint32Array', bigEndianWords(Uint32Array));
    vi.stubGlobal('Int32Array', bigEndianWords(Int32Array));
    const bigEndian = await importWithout('WebAssembly');
    expect(wrongCases(bigEndian.mask)).toEqual([]);
  });
});

/** The module where something of WebAssembly is missing. */
async function importWithout(what: string): Promise<{ mask: typeof mask }> {
  const fails = function failing(): never {
    throw new Error(`There is no ${what}`);
  };
  const { Instance, Module } = wasmPlatform()!;
  const partly = what === 'its vectors' ? { Instance, Module: fails } : { Instance: fails, Module };
  vi.stubGlobal('WebAssembly', what === 'WebAssembly' ? undefined : partly);
  vi.resetModules();
  return await import('./mask.js');
}

/** A copy in the kernel's memory; the last one is gone then. */
function inKernel(bytes: Uint8Array): Uint8Array {
  const copy = maskKernel!.readBlock.subarray(0, bytes.length);
  copy.set(bytes);
  return copy;
}

/** Compares with the formula of section 5.3, byte by byte; returns the cases that differ. */
function wrongCases(candidate: typeof mask, place = (bytes: Uint8Array) => bytes): string[] {
  const wrong: string[] = [];
  for (let length = 0; length <= 140; length++) {
    for (const start of [0, 1, 2, 3, 70]) {
      for (let offset = 0; offset < 4; offset++) {
        for (let phase = 0; phase < 4; phase++) {
          const memory = place(pattern(offset + start + length + 9));
          const expected = Uint8Array.from(memory);
          for (let at = 0; at < length; at++) {
            expected[offset + start + at]! ^= KEY_BYTES[(phase + at) % 4]!;
          }
          candidate(memory.subarray(offset), start, start + length, KEY, phase);
          if (Buffer.compare(memory, expected) !== 0) wrong.push(`${length} ${start} ${offset} ${phase}`);
        }
      }
    }
  }
  return wrong;
}

/** The constructor of a typed array of 32-bit words as a big-endian machine lays them out. */
function bigEndianWords(Native: Uint32ArrayConstructor | Int32ArrayConstructor) {
  return function wordsOf(source: number[] | ArrayBuffer, byteOffset = 0, length = 0) {
    const buffer = source instanceof ArrayBuffer ? source : new ArrayBuffer(source.length * 4);
    const words = new Native(buffer, byteOffset, source instanceof ArrayBuffer ? length : source.length);
    const view = new DataView(buffer, byteOffset, words.length * 4);
    if (Array.isArray(source)) source.forEach((word, at) => view.setInt32(at * 4, word));
    return new Proxy(words, {
      get: (target, name) =>
        /^\d+$/.test(String(name)) ? view.getInt32(Number(name) * 4) : Reflect.get(target, name, target),
      set(_, name, word: number) {
        view.setInt32(Number(name) * 4, word);
        return true;
      },
    });
  };
}

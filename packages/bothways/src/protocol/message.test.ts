import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readKey } from './frame.js';
import { mask } from './mask.js';
import { PartialMessage } from './message.js';
import {
  MALFORMED_UTF8,
  PLATFORMS,
  concat,
  countingPlatform,
  hex,
  pattern,
  plainPlatform,
  sum,
  type TestPlatform,
} from './test-platform.js';

const KEY = readKey(hex('37 fa 21 9d'), 0);

/** 48 bytes, so that a piece is long enough for the platform's own check; characters of 1 to 4 bytes. */
const LONG_TEXT = 'aé€😀'.repeat(4) + 'plain ASC';

describe.each(PLATFORMS)('a message in pieces on $name', (platform) => {
  it('is binary or text', () => {
    expect(new PartialMessage(false, platform).isText).toBe(false);
    expect(new PartialMessage(true, platform).isText).toBe(true);
  });

  it('is empty when no byte came', () => {
    expect(new PartialMessage(true, platform).finish()).toBe('');
    const bytes = new PartialMessage(false, platform).finish();
    expect(bytes).toHaveLength(0);
    expect(bytes).toBeInstanceOf(platform.allocate(0).constructor);
  });

  it('is empty when only empty fragments came', () => {
    const message = new PartialMessage(true, platform);
    const nothing = platform.chunk(hex(''));
    expect(message.append(nothing, 0, 0, KEY, 0, 0, false)).toBe(true);
    expect(message.append(nothing, 0, 0, undefined, 0, 0, false)).toBe(true);
    expect(message.length).toBe(0);
    expect(message.finish()).toBe('');
  });

  it('is put together in order', () => {
    const message = new PartialMessage(false, platform);
    append(message, platform, '01 02');
    append(message, platform, '03');
    expect(message.length).toBe(3);
    append(message, platform, '');
    append(message, platform, '04 05');
    expect(message.length).toBe(5);
    const whole = message.finish();
    expect(whole).toEqual(platform.chunk(hex('01 02 03 04 05')));
    expect(whole).toBeInstanceOf(platform.allocate(0).constructor);
  });

  it('takes from a chunk only what belongs to it', () => {
    const chunk = platform.chunk(hex('ee 01 02 ee 03 ee'));
    const message = new PartialMessage(false, platform);
    message.append(chunk, 1, 3, undefined, 0, 3, true);
    message.append(chunk, 4, 5, undefined, 0, 3, true);
    expect(message.finish()).toEqual(platform.chunk(hex('01 02 03')));
  });

  it('does not hold on to the chunks', () => {
    const chunk = platform.chunk(hex('01 02 03 04'));
    const message = new PartialMessage(false, platform);
    message.append(chunk, 0, 4, KEY, 0, 8, true);
    chunk.fill(0);
    message.append(chunk, 0, 4, undefined, 0, 8, true);
    expect(message.finish()).toEqual(platform.chunk(hex('36 f8 22 99 00 00 00 00'))); // the key over 1 to 4
  });

  it('is unmasked from the phase at which each piece begins, and only that piece', () => {
    const original = pattern(300);
    const masked = Uint8Array.from(original);
    mask(masked, 0, 300, KEY, 0);
    for (const cut of [1, 2, 3, 4, 5, 64, 65, 131, 299]) {
      const chunk = platform.chunk(Uint8Array.from(masked));
      const message = new PartialMessage(false, platform);
      message.append(chunk, 0, cut, KEY, 0, 300, true);
      message.append(chunk, cut, 300, KEY, cut, 300, true);
      expect(message.finish()).toEqual(platform.chunk(original));
    }
  });

  it('is the same text however it is cut, in the middle of characters too', () => {
    const bytes = platform.chunk(concat([Buffer.from(LONG_TEXT), Buffer.from(LONG_TEXT)]));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const message = new PartialMessage(true, platform);
      expect(message.append(bytes, 0, cut, undefined, 0, bytes.length, true)).toBe(true);
      expect(message.append(bytes, cut, bytes.length, undefined, 0, bytes.length, true)).toBe(true);
      expect(message.finish()).toBe(LONG_TEXT + LONG_TEXT);
    }
  });

  it('keeps a byte order mark', () => {
    const message = new PartialMessage(true, platform);
    append(message, platform, 'ef bb bf 41');
    expect(message.finish()).toBe('\ufeffA');
  });

  it.each(['c3', 'e2 82', 'f0 9f 98'])('has no text when it ends inside a character: %s', (digits) => {
    for (const before of ['', LONG_TEXT]) {
      const message = new PartialMessage(true, platform);
      const bytes = platform.chunk(concat([Buffer.from(before), hex(digits)]));
      expect(message.append(bytes, 0, bytes.length, undefined, 0, bytes.length, true)).toBe(true);
      expect(message.finish()).toBeUndefined();
    }
  });

  it('takes any bytes at all when it is binary', () => {
    const message = new PartialMessage(false, platform);
    const bytes = platform.chunk(new Uint8Array(100).fill(0xff));
    expect(message.append(bytes, 0, 100, undefined, 0, 100, true)).toBe(true);
    expect(message.finish()).toEqual(bytes);
  });
});

describe.each(MALFORMED_UTF8)('text with %s (%s)', (_, digits, firstBad) => {
  const sequence = hex(digits);

  it('is refused in the piece in which its first bad byte comes', () => {
    for (const before of [0, 1, 11, 30, 31, 32, 33, 48, 64]) {
      const text = concat([new Uint8Array(before).fill(0x61), sequence, new Uint8Array(40).fill(0x62)]);
      for (const size of [1, 2, 3, 5, 31, 32, 33, 34, 35, 64, 1000]) {
        expect(refusedBy(text, size)).toBe(Math.floor((before + firstBad) / size));
      }
    }
  });

  it('is no text when nothing comes after it', () => {
    for (const before of [0, 31, 40]) {
      const text = concat([new Uint8Array(before).fill(0x61), sequence]);
      const message = new PartialMessage(true, plainPlatform);
      const isRefused = !message.append(text, 0, text.length, undefined, 0, text.length, true);
      expect(isRefused).toBe(firstBad < sequence.length);
      expect(isRefused || message.finish() === undefined).toBe(true);
    }
  });
});

describe('the check of a text', () => {
  it('is the platform\u2019s for pieces of 32 bytes and more that begin between characters', () => {
    const platform = countingPlatform();
    const text = Uint8Array.from(Buffer.from('a'.repeat(200)));
    const message = new PartialMessage(true, platform);
    message.append(text, 0, 31, undefined, 0, 200, true);
    expect(platform.checked).toEqual([]);
    message.append(text, 31, 63, undefined, 0, 200, true);
    expect(platform.checked).toEqual([32]);
    message.append(text, 63, 94, undefined, 0, 200, true);
    expect(platform.checked).toEqual([32]);
    message.append(text, 94, 200, undefined, 0, 200, true);
    expect(platform.checked).toEqual([32, 106]);
  });

  it('leaves a character that may be cut, and the piece that goes on with it, to the byte-wise one', () => {
    const platform = countingPlatform();
    const text = concat([new Uint8Array(40).fill(0x61), hex('e2 82 ac'), new Uint8Array(40).fill(0x61)]);
    const message = new PartialMessage(true, platform);
    message.append(text, 0, 42, undefined, 0, text.length, true);
    expect(platform.checked).toEqual([40]);
    message.append(text, 42, text.length, undefined, 0, text.length, true);
    expect(platform.checked).toEqual([40]);
    expect(message.finish()).toBe(`${'a'.repeat(40)}€${'a'.repeat(40)}`);
  });

  it('looks at each byte once: pieces are not checked again with the next one', () => {
    const platform = countingPlatform();
    const message = new PartialMessage(true, platform);
    const piece = platform.chunk(new Uint8Array(100).fill(0x61));
    for (let count = 0; count < 1000; count++) message.append(piece, 0, 100, undefined, 0, 0, false);
    expect(sum(platform.checked)).toBe(100_000);
    expect(platform.decoded).toEqual([]);
    message.finish();
    expect(platform.decoded).toEqual([100_000]);
  });

  it('does not happen for binary messages', () => {
    const platform = countingPlatform();
    const message = new PartialMessage(false, platform);
    message.append(pattern(100), 0, 100, undefined, 0, 100, true);
    message.finish();
    expect(platform.checked).toEqual([]);
    expect(platform.decoded).toEqual([]);
  });
});

describe('the memory of a message in pieces', () => {
  it.each([
    ['a header that promises little reserves just that', [[10, 1000]], [1000]],
    ['a header alone reserves at most 64 KiB, whatever it promises', [[10, 2 ** 50]], [65_536]],
    ['64 KiB are promised exactly', [[10, 65_536]], [65_536]],
    ['one byte more is promised', [[10, 65_537]], [65_536]],
    ['32 KiB came at once', [[32_768, 2 ** 50]], [65_536]],
    ['more than that came at once', [[32_769, 2 ** 50]], [65_538]],
    ['it all came at once, only not with its header', [[60_000, 60_000]], [60_000]],
    ['it is one byte', [[1, 1]], [1]],
    [
      'there is room for what comes',
      [
        [65_536, 3_000_000],
        [65_536, 3_000_000],
      ],
      [131_072],
    ],
    ['a thirty-second of it has come', [[93_750, 3_000_000]], [3_000_000]],
    ['a byte less has come', [[93_749, 3_000_000]], [187_498]],
    [
      'more and more of it comes',
      [
        [10, 3_000_000],
        [65_536, 3_000_000],
        [100_000, 3_000_000],
        [2_834_454, 3_000_000],
      ],
      [65_536, 131_092, 3_000_000],
    ],
  ] as const)('of one frame ends in a buffer of its size when %s', (_, pieces, allocated) => {
    expect(allocatedFor(pieces, true)).toEqual(allocated);
  });

  it.each([
    ['a first small fragment makes room for more', [[1, 1]], [256]],
    ['a first fragment has 128 bytes', [[128, 128]], [256]],
    ['a first fragment has 129 bytes', [[129, 129]], [258]],
    [
      'fragments share the room while it lasts',
      [
        [200, 200],
        [56, 256],
        [144, 400],
      ],
      [400],
    ],
    [
      'they double it then',
      [
        [200, 200],
        [200, 400],
        [1, 401],
      ],
      [400, 802],
    ],
    ['a fragment promises more than it brought', [[10, 1000]], [1000]],
    ['a fragment promises very much more', [[10, 2 ** 50]], [65_536]],
    ['a fragment promises little more', [[200, 201]], [400]],
  ] as const)('of fragments has room for the next when %s', (_, pieces, allocated) => {
    expect(allocatedFor(pieces, false)).toEqual(allocated);
  });

  it('is exactly what is left when the last fragment comes', () => {
    const platform = countingPlatform();
    const message = new PartialMessage(false, platform);
    message.append(pattern(300), 0, 300, undefined, 0, 300, false);
    message.append(pattern(400), 0, 400, undefined, 0, 700, true);
    expect(platform.allocated).toEqual([600, 700]);
    expect(isEqual(message.finish(), concat([pattern(300), pattern(400)]))).toBe(true);
  });

  it('grows so rarely that a fragment costs its own bytes and little more', () => {
    const platform = countingPlatform();
    const message = new PartialMessage(false, platform);
    const byte = hex('61');
    for (let length = 1; length <= 100_000; length++) message.append(byte, 0, 1, undefined, 0, length, false);
    expect(platform.allocated.length).toBeLessThan(12);
    expect(sum(platform.allocated)).toBeLessThan(4 * 100_000);
    expect(message.finish()).toHaveLength(100_000);
  });
});

describe('any message', () => {
  it('is what its pieces were, whatever their number, sizes, keys and promises', () => {
    const piece = fc.record({
      payload: fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ minLength: 28, maxLength: 300 })),
      key: fc.option(fc.integer(), { nil: undefined }),
      phase: fc.nat({ max: 9 }),
      ahead: fc.constantFrom(0, 0, 1, 400, 70_000),
      isLast: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom(...PLATFORMS), (pieces, platform) => {
        const message = new PartialMessage(false, platform);
        let length = 0;
        for (const { payload, key, phase, ahead, isLast } of pieces) {
          const chunk = platform.chunk(payload);
          if (key !== undefined) mask(chunk, 0, chunk.length, key, phase);
          length += chunk.length;
          expect(message.append(chunk, 0, chunk.length, key, phase, length + ahead, isLast)).toBe(true);
          chunk.fill(0);
        }
        expect(message.length).toBe(length);
        const expected = platform.chunk(concat(pieces.map(({ payload }) => payload)));
        expect(isEqual(message.finish(), expected)).toBe(true);
      }),
    );
  });
});

function append(message: PartialMessage<Uint8Array>, platform: TestPlatform, digits: string): void {
  const chunk = platform.chunk(hex(digits));
  expect(message.append(chunk, 0, chunk.length, undefined, 0, message.length + chunk.length, false)).toBe(
    true,
  );
}

/** The allocations for pieces of the sizes given, with what is promised when each comes; checks the result. */
function allocatedFor(
  pieces: readonly (readonly [size: number, promised: number])[],
  isLast: boolean,
): number[] {
  const platform = countingPlatform();
  const message = new PartialMessage(false, platform);
  const expected: Uint8Array[] = [];
  for (const [index, [size, promised]] of pieces.entries()) {
    const piece = new Uint8Array(size).fill(index + 1);
    expected.push(piece);
    message.append(piece, 0, size, undefined, 0, promised, isLast);
  }
  expect(isEqual(message.finish(), concat(expected))).toBe(true);
  return platform.allocated;
}

/** Whether a message is these bytes; many are compared faster so. */
function isEqual(message: string | Uint8Array | undefined, expected: Uint8Array): boolean {
  return message instanceof Uint8Array && Buffer.compare(message, expected) === 0;
}

/** Which piece is refused, counted from 0, when `text` comes in pieces of `size`; -1 for none. */
function refusedBy(text: Uint8Array, size: number): number {
  const message = new PartialMessage(true, plainPlatform);
  for (let from = 0; from < text.length; from += size) {
    const to = Math.min(from + size, text.length);
    if (!message.append(text, from, to, undefined, 0, text.length, true)) return from / size;
  }
  return -1;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LimitError, ProtocolError } from '../protocol/errors.js';
import { concat, hex, pattern, toHex } from '../protocol/test-platform.js';
import { MessageFollower, MessageSplitter, mqtt, type MessageFinder } from './index.js';
import { DIRECTIONS, cut, cuts } from './test-streams.js';

/** What comes out of pieces, and what is thrown, if anything is. */
function split(finder: MessageFinder, pieces: readonly Uint8Array[], maxMessageSize = 100_000) {
  const splitter = new MessageSplitter(finder, maxMessageSize);
  const messages: string[] = [];
  let error: unknown;
  let most = 0;
  try {
    for (const piece of pieces) {
      splitter.push(piece, (message) => messages.push(toHex(message)));
      most = Math.max(most, splitter.bufferedBytes);
    }
  } catch (thrown) {
    error = thrown;
  }
  return { messages, error, most, isWithin: splitter.isWithin };
}

/** The same, counted only. */
function follow(finder: MessageFinder, pieces: readonly Uint8Array[], maxMessageSize = 100_000) {
  const follower = new MessageFollower(finder, maxMessageSize);
  let ended = 0;
  let error: unknown;
  try {
    for (const piece of pieces) ended += follower.follow(piece);
  } catch (thrown) {
    error = thrown;
  }
  return { ended, error, isWithin: follower.isWithin };
}

function isDocumented(error: unknown): boolean {
  if (error instanceof LimitError) return error.code === 'ERR_MESSAGE_TOO_BIG';
  if (error instanceof ProtocolError) return error.code === 'ERR_SUBPROTOCOL';
  return error === undefined;
}

describe.each(DIRECTIONS)('what $name says', ({ makeFinder, streams }) => {
  it('makes the same messages however it is cut', () => {
    fc.assert(
      fc.property(streams, cuts, (messages, lengths) => {
        const pieces = cut(concat(messages), lengths);
        const result = split(makeFinder(), pieces);
        expect(result.error).toBeUndefined();
        expect(result.messages).toEqual(messages.map(toHex));
        expect(result.isWithin).toBe(false);
        expect(follow(makeFinder(), pieces)).toEqual({
          ended: messages.length,
          error: undefined,
          isWithin: false,
        });
      }),
    );
  });

  it('is not at the end of a message when its last byte is still to come', () => {
    fc.assert(
      fc.property(streams, cuts, (messages, lengths) => {
        fc.pre(messages.length > 0 && messages.at(-1)!.length > 1);
        const pieces = cut(concat(messages).subarray(0, -1), lengths);
        const result = split(makeFinder(), pieces);
        expect(result.messages).toEqual(messages.slice(0, -1).map(toHex));
        expect(result.isWithin).toBe(true);
      }),
    );
  });

  it('is refused in the same place, whatever it is, and by no other error than those that are documented', () => {
    const damaged = fc
      .tuple(streams, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 3 }))
      .map(([messages, place, damage]) => {
        const bytes = concat([...messages, damage]);
        bytes.set(damage, place % (bytes.length - damage.length + 1));
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), cuts, (bytes, lengths) => {
        const whole = split(makeFinder(), [bytes], 1_000);
        const pieces = split(makeFinder(), cut(bytes, lengths), 1_000);
        const followed = follow(makeFinder(), cut(bytes, lengths), 1_000);
        expect(pieces.messages).toEqual(whole.messages);
        expect(pieces.error === undefined).toBe(whole.error === undefined);
        expect(followed.error).toEqual(pieces.error);
        expect(pieces.most).toBeLessThanOrEqual(1_000);
        expect([whole.error, pieces.error].filter((error) => !isDocumented(error))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});

/** PUBLISH of MQTT, of `length` + 4 bytes. */
function publish(length: number): Uint8Array {
  return concat([Uint8Array.of(0x30, 0x80 | (length & 0x7f), length >>> 7), pattern(length)]);
}

describe('MessageSplitter', () => {
  it('hands on a part of what came, or all of it, where a message lies in it', () => {
    const bytes = hex('c0 00 d0 00');
    const seen: Uint8Array[] = [];
    const splitter = new MessageSplitter(mqtt.fromClient(), 100);
    splitter.push(bytes, (message) => seen.push(message));
    expect(seen.map(toHex)).toEqual(['c0 00', 'd0 00']);
    expect(seen.every((message) => message.buffer === bytes.buffer)).toBe(true);
    const whole = hex('c0 00');
    splitter.push(whole, (message) => expect(message).toBe(whole));
    expect.assertions(3);
  });

  it('hands on memory of its own where it does not, which nothing changes afterwards', () => {
    const splitter = new MessageSplitter(mqtt.fromClient(), 100);
    const seen: Uint8Array[] = [];
    const memory = new Uint8Array(1);
    for (const byte of hex('30 02 aa bb 30 02 cc dd')) {
      memory[0] = byte;
      splitter.push(memory, (message) => seen.push(message));
    }
    expect(seen.map(toHex)).toEqual(['30 02 aa bb', '30 02 cc dd']);
  });

  it('keeps what is not complete, and says how much that is', () => {
    const splitter = new MessageSplitter(mqtt.fromClient(), 100);
    const seen: Uint8Array[] = [];
    splitter.push(hex('c0 00 30 03 aa'), (message) => seen.push(message));
    expect([splitter.bufferedBytes, splitter.isWithin]).toEqual([3, true]);
    splitter.push(hex(''), (message) => seen.push(message));
    splitter.push(hex('bb cc'), (message) => seen.push(message));
    expect([splitter.bufferedBytes, splitter.isWithin]).toEqual([0, false]);
    expect(seen.map(toHex)).toEqual(['c0 00', '30 03 aa bb cc']);
  });

  it('copies little, and reserves little, of a message that comes byte by byte', () => {
    const bytes = publish(10_000);
    const seen: Uint8Array[] = [];
    const splitter = new MessageSplitter(mqtt.fromClient(), 12_000);
    for (let at = 0; at < bytes.length; at++) {
      splitter.push(bytes.subarray(at, at + 1), (message) => seen.push(message));
    }
    expect(seen).toEqual([bytes]);
    // Doubled from 256 on, up to the limit.
    expect(seen[0]!.buffer.byteLength).toBe(12_000);
  });

  it('takes a message of the limit, and refuses one above it as soon as it is above', () => {
    const bytes = publish(997); // with its head 1,000
    for (const lengths of [[1_000], [1], [999, 1]]) {
      const pieces = cut(bytes, lengths);
      expect(split(mqtt.fromClient(), pieces, 1_000).messages).toHaveLength(1);
      expect(follow(mqtt.fromClient(), pieces, 1_000).ended).toBe(1);
      const error = new LimitError(
        'ERR_MESSAGE_TOO_BIG',
        'A message is larger than maxMessageSize, 999 bytes',
        'maxMessageSize',
        999,
      );
      expect(split(mqtt.fromClient(), pieces, 999)).toMatchObject({ messages: [], error });
      expect(follow(mqtt.fromClient(), pieces, 999)).toMatchObject({ ended: 0, error });
    }
    expect(split(mqtt.fromClient(), [bytes.subarray(0, 500)], 499).error).toBeInstanceOf(LimitError);
    expect(follow(mqtt.fromClient(), [bytes.subarray(0, 500)], 499).error).toBeInstanceOf(LimitError);
  });

  it.each([0, -1, Number.NaN])('takes no limit of %d', (limit) => {
    const message = 'maxMessageSize must be a positive number of bytes';
    expect(() => new MessageSplitter(mqtt.fromClient(), limit)).toThrow(message);
    expect(() => new MessageFollower(mqtt.fromClient(), limit)).toThrow(message);
  });

  it.each([0, 2, 5, -2])('does not go on with a finder that returns %d from 2 of 4', (end) => {
    const finder: MessageFinder = { isWithin: false, findEnd: (_, start) => (start === 0 ? 2 : end) };
    const message = `findEnd() has to return -1, or from 3 to 4, and not ${end}`;
    expect(split(finder, [new Uint8Array(4)]).error).toEqual(new RangeError(message));
    expect(follow(finder, [new Uint8Array(4)]).error).toEqual(new RangeError(message));
  });
});

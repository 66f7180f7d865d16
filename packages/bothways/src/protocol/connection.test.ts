import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCloseCodeOnWire } from './close.js';
import type { ProtocolOptions } from './connection.js';
import { MAX_MESSAGE_SIZE, failed, inPieces, open, show, type End } from './test-connection.js';
import { BothwaysError, LimitError, ProtocolError } from './errors.js';
import { FIN, Opcode, readKey } from './frame.js';
import {
  MALFORMED_UTF8,
  PLATFORMS,
  anyText,
  bufferPlatform,
  concat,
  countingPlatform,
  frame,
  hex,
  pattern,
  plainPlatform,
  sum,
  toHex,
  type FrameFields,
  type TestPlatform,
} from './test-platform.js';

const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG } = Opcode;
const KEY = readKey(hex('37 fa 21 3d'), 0);

/** Every kind of frame in every place where it may be, as a client sends them. */
const CONVERSATION: readonly FrameFields[] = [
  { opcode: TEXT, payload: Buffer.from('aé€😀'), key: KEY },
  { opcode: BINARY, payload: hex('00 ff 80'), key: -2 },
  { opcode: TEXT, key: 1 },
  { opcode: BINARY, key: 2 },
  { opcode: PING, payload: pattern(5), key: 0x0403_0201 },
  { opcode: PONG, key: 3 },
  { opcode: TEXT, payload: hex('61 f0 9f'), fin: false, key: KEY }, // "a" and half of U+1F600
  { opcode: PING, payload: hex('ff'), key: -3 },
  { opcode: CONTINUATION, fin: false, key: 4 },
  { opcode: CONTINUATION, payload: hex('98'), fin: false, key: 5 },
  { opcode: PONG, payload: hex('01 02'), key: 6 },
  { opcode: CONTINUATION, payload: hex('80 62'), key: -7 }, // its end, and "b"
  { opcode: BINARY, payload: pattern(126), key: 0x1122_3344 },
  { opcode: BINARY, fin: false, key: 8 },
  { opcode: CONTINUATION, payload: pattern(40), fin: false, key: KEY },
  { opcode: CONTINUATION, key: 9 },
];

const CONVERSATION_EVENTS: readonly string[] = [
  'message "aé€😀"',
  'message <00 ff 80>',
  'message ""',
  'message <>',
  'ping <00 01 02 03 04>',
  'pong <>',
  'ping <ff>',
  'pong <01 02>',
  'message "a😀b"',
  `message ${show(pattern(126))}`,
  `message ${show(pattern(40))}`,
];

describe.each(PLATFORMS)('a connection on $name', (platform) => {
  /** A client reads unmasked frames: their bytes can be read in a test. */
  const client = (options?: Partial<ProtocolOptions>) => open({ role: 'client', ...options }, platform);
  const server = (options?: Partial<ProtocolOptions>) => open({ role: 'server', ...options }, platform);

  describe('reading the examples of RFC 6455 section 5.7', () => {
    it.each([
      ['a single-frame unmasked text message', '81 05 48 65 6c 6c 6f', ['message "Hello"']],
      ['a fragmented unmasked text message', '01 03 48 65 6c 80 02 6c 6f', ['message "Hello"']],
      ['an unmasked Ping', '89 05 48 65 6c 6c 6f', ['ping <48 65 6c 6c 6f>']],
      ['an unmasked Pong', '8a 05 48 65 6c 6c 6f', ['pong <48 65 6c 6c 6f>']],
      ['all of them', '89 00 01 01 48 8a 00 80 01 69', ['ping <>', 'pong <>', 'message "Hi"']],
    ])('understands %s', (_, digits, events) => {
      const end = client();
      end.receive(digits);
      expect(end.events).toEqual(events);
    });

    it.each([
      ['a masked text message', '81 85 37 fa 21 3d 7f 9f 4d 51 58', ['message "Hello"']],
      ['a masked Pong', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', ['pong <48 65 6c 6c 6f>']],
      ['a masked Ping', '89 85 37 fa 21 3d 7f 9f 4d 51 58', ['ping <48 65 6c 6c 6f>']],
      ['a masked binary message', '82 85 37 fa 21 3d 7f 9f 4d 51 58', ['message <48 65 6c 6c 6f>']],
      ['a message under a key of zeros', '81 82 00 00 00 00 48 69', ['message "Hi"']],
    ])('understands %s from a client', (_, digits, events) => {
      const end = server();
      end.receive(digits);
      expect(end.events).toEqual(events);
    });
  });

  describe('reading the first byte of a frame', () => {
    it('judges each of the 256 at once, between messages and inside one', () => {
      for (let first = 0; first < 256; first++) {
        const between = client();
        between.receive(Uint8Array.of(first));
        expect([first, ...between.events]).toEqual([first, ...afterFirstByte(first, false)]);

        const inside = client();
        inside.receive('01 00'); // the first fragment of a text
        inside.receive(Uint8Array.of(first));
        expect([first, ...inside.events]).toEqual([first, ...afterFirstByte(first, true)]);

        const inOneRead = server();
        inOneRead.receive(concat([frame({ opcode: TEXT, fin: false, key: KEY }), Uint8Array.of(first)]));
        expect([first, ...inOneRead.events]).toEqual([first, ...afterFirstByte(first, true)]);
      }
    });

    it('knows again that no message is under way when one has ended', () => {
      const end = client();
      end.receive('01 01 61 80 01 62'); // a text in two fragments
      end.receive('80 00');
      expect(end.events).toEqual(['message "ab"', ...failed('ERR_CONTINUATION', 1002)]);
    });

    it('knows that a message in one frame leaves nothing to continue', () => {
      const end = client();
      end.receive('81 01 61 80 00');
      expect(end.events).toEqual(['message "a"', ...failed('ERR_CONTINUATION', 1002)]);
    });
  });

  describe('reading the mask bit (section 5.1)', () => {
    const opcodes = [TEXT, BINARY, CLOSE, PING, PONG];

    it.each(opcodes)('of a server refuses an unmasked frame of opcode %d at its second byte', (opcode) => {
      const end = server();
      end.receive(Uint8Array.of(0x80 | opcode));
      expect(end.events).toEqual([]);
      end.receive('00');
      expect(end.events).toEqual(failed('ERR_MASK_MISSING', 1002));
    });

    it.each(opcodes)('of a client refuses a masked frame of opcode %d at its second byte', (opcode) => {
      const end = client();
      end.receive(Uint8Array.of(0x80 | opcode));
      expect(end.events).toEqual([]);
      end.receive('80');
      expect(end.events).toEqual(failed('ERR_MASK_FORBIDDEN', 1002));
    });

    it.each(['7d', '7e', '7f'])('comes before the length: %s', (length) => {
      const end = server();
      end.receive(`89 ${length}`);
      expect(end.events).toEqual(failed('ERR_MASK_MISSING', 1002));
    });
  });

  describe('reading a payload length (section 5.2)', () => {
    it.each([
      ['00', 0],
      ['01', 1],
      ['7d', 125],
      ['7e 00 7e', 126],
      ['7e 00 7f', 127],
      ['7e 01 00', 256],
      ['7e ff ff', 65_535],
      ['7f 00 00 00 00 00 01 00 00', 65_536],
      ['7f 00 00 00 00 00 01 00 01', 65_537],
    ])('takes %s for %d bytes', (digits, length) => {
      const bytes = concat([hex(`82 ${digits}`), pattern(length), hex('89 00')]);
      const expected = [`message ${show(pattern(length))}`, 'ping <>'];
      for (const cut of [0, 1, 2, 3, hex(digits).length, hex(digits).length + 1, bytes.length - 2]) {
        const end = client();
        end.receive(bytes.subarray(0, cut));
        end.receive(bytes.subarray(cut));
        expect(end.events).toEqual(expected);
      }
      const masked = server();
      masked.receive(
        concat([frame({ opcode: BINARY, payload: pattern(length), key: KEY }), hex('89 80 00')]),
      );
      masked.receive('00 00 00');
      expect(masked.events).toEqual(expected);
    });

    it.each([
      ['0 in 16 bits', '7e 00 00'],
      ['125 in 16 bits', '7e 00 7d'],
      ['0 in 64 bits', '7f 00 00 00 00 00 00 00 00'],
      ['125 in 64 bits', '7f 00 00 00 00 00 00 00 7d'],
      ['126 in 64 bits', '7f 00 00 00 00 00 00 00 7e'],
      ['65,535 in 64 bits', '7f 00 00 00 00 00 00 ff ff'],
      ['2^63', '7f 80 00 00 00 00 00 00 00'],
      ['2^63 + 1', '7f 80 00 00 00 00 00 00 01'],
      ['2^64 - 1', '7f ff ff ff ff ff ff ff ff'],
    ])('refuses %s with 1002, with the last byte of the length', (_, digits) => {
      expect(judged(client, hex(`82 ${digits}`))).toEqual(failed('ERR_LENGTH', 1002));
      const masked = hex(`82 ${digits}`);
      masked[1]! |= 0x80;
      expect(judged(server, masked)).toEqual(failed('ERR_LENGTH', 1002));
    });

    it.each([
      ['one byte above the limit', '7f 00 00 00 00 00 10 00 01'],
      ['2^31', '7f 00 00 00 00 80 00 00 00'],
      ['2^32', '7f 00 00 00 01 00 00 00 00'],
      ['2^53 - 1', '7f 00 1f ff ff ff ff ff ff'],
      ['2^53 + 1', '7f 00 20 00 00 00 00 00 01'],
      ['2^63 - 1', '7f 7f ff ff ff ff ff ff ff'],
    ])('refuses a promise of %s with 1009 on the header alone, and reserves nothing for it', (_, digits) => {
      expect(judged(client, hex(`82 ${digits}`))).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
      const masked = hex(`82 ${digits}`);
      masked[1]! |= 0x80;
      expect(judged(server, masked)).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));

      const counting = countingPlatform(platform);
      const end = open({ role: 'client' }, counting);
      end.receive(hex(`82 ${digits}`));
      expect(sum(counting.allocated)).toBe(0);
    });

    it('does not take 2^53 + 1 for 2^53 - 1, however large the limit', () => {
      const largest = client({ maxMessageSize: Number.MAX_SAFE_INTEGER });
      largest.receive('82 7f 00 1f ff ff ff ff ff ff'); // 2^53 - 1
      expect(largest.events).toEqual([]);
      const tooLarge = client({ maxMessageSize: Number.MAX_SAFE_INTEGER });
      tooLarge.receive('82 7f 00 20 00 00 00 00 00 01'); // 2^53 + 1
      expect(tooLarge.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
    });

    it('reserves little for a large promise that is not kept', () => {
      const counting = countingPlatform(platform);
      const end = open({ role: 'client', maxMessageSize: Number.MAX_SAFE_INTEGER }, counting);
      end.receive('82 7f 00 1f ff ff ff ff ff ff');
      end.receive('01');
      expect(sum(counting.allocated)).toBeLessThan(66_000);
    });

    it.each(
      [125, 126, 127].flatMap((length) => [CLOSE, PING, PONG].map((opcode) => [opcode, length] as const)),
    )(
      'allows a control frame of opcode %d 125 bytes and no 16 or 64 bits of length: %d',
      (opcode, length) => {
        const end = client();
        end.receive(Uint8Array.of(0x80 | opcode));
        end.receive(Uint8Array.of(length));
        expect(end.events).toEqual(length === 125 ? [] : failed('ERR_CONTROL_LENGTH', 1002));
      },
    );
  });

  describe('holding messages to maxMessageSize', () => {
    it.each([0, 1, 125, 126, 1000, 70_000])(
      'takes %d bytes where so many are allowed, and no more',
      (limit) => {
        for (const fin of [true, false]) {
          const exact = client({ maxMessageSize: limit });
          exact.receive(frame({ opcode: BINARY, payload: pattern(limit), fin }));
          if (!fin) exact.receive('80 00');
          expect(exact.events).toEqual([`message ${show(pattern(limit))}`]);

          const above = client({ maxMessageSize: limit });
          above.receive(frame({ opcode: BINARY, payload: pattern(limit + 1), fin }));
          expect(above.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
        }
      },
    );

    it('says which limit it was, here and to the peer', () => {
      const end = client({ maxMessageSize: 10 });
      end.receive('82 0b');
      expect(end.connection.failure).toBeInstanceOf(LimitError);
      expect(end.connection.failure).toMatchObject({ limit: 'maxMessageSize', value: 10 });
      expect(end.connection.failure!.message).toContain('maxMessageSize, 10 bytes');
      expect(Buffer.from(end.writes[0]!.payload.subarray(2)).toString()).toBe(
        end.connection.failure!.message,
      );
    });

    it('counts all fragments of a message together', () => {
      const end = client({ maxMessageSize: 4 });
      end.receive('02 03 61 62 63'); // 3 bytes of 4
      end.receive('00 01 64'); // 4 of 4
      end.receive('00 00');
      expect(end.events).toEqual([]);
      end.receive('00 01');
      expect(end.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
    });

    it('starts anew with each message', () => {
      const end = client({ maxMessageSize: 2 });
      end.receive('02 01 61 80 01 62'.repeat(3));
      expect(end.events).toEqual(Array.from({ length: 3 }, () => 'message <61 62>'));
    });

    it('does not count control frames between the fragments', () => {
      const end = client({ maxMessageSize: 130 });
      end.receive(frame({ opcode: BINARY, payload: pattern(100), fin: false }));
      end.receive(frame({ opcode: PING, payload: pattern(125) }));
      end.receive(frame({ opcode: CONTINUATION, payload: pattern(30) }));
      expect(end.events).toEqual([
        `ping ${show(pattern(125))}`,
        `message ${show(concat([pattern(100), pattern(30)]))}`,
      ]);
    });

    it('is not for control frames, which have their own 125 bytes', () => {
      for (const opcode of [PING, PONG, CLOSE]) {
        const end = client({ maxMessageSize: 1 });
        const payload = concat([hex('03 e8'), Buffer.from('a'.repeat(123))]);
        end.receive(frame({ opcode, payload }));
        expect(end.connection.failure).toBeUndefined();
      }
    });
  });

  describe('putting fragments together (section 5.4)', () => {
    it.each([
      ['an empty first fragment', '01 00 80 02 68 69', 'message "hi"'],
      ['an empty last fragment', '01 02 68 69 80 00', 'message "hi"'],
      ['an empty fragment in the middle', '01 01 68 00 00 80 01 69', 'message "hi"'],
      ['empty fragments only', '01 00 00 00 80 00', 'message ""'],
      ['empty fragments of binary only', '02 00 00 00 80 00', 'message <>'],
      ['one byte each', '02 01 01 00 01 02 00 01 03 80 01 04', 'message <01 02 03 04>'],
      ['a character of four bytes in four', '01 01 f0 00 01 9f 00 01 98 80 01 80', 'message "😀"'],
      ['a byte order mark in three', '01 01 ef 00 01 bb 80 02 bf 41', 'message "\ufeffA"'],
    ])('joins %s', (_, digits, event) => {
      for (const chunk of [hex(digits).length, 1, 2, 3]) {
        const end = client();
        for (const piece of inPieces(hex(digits), chunk)) end.receive(piece);
        end.receive('81 01 2e');
        expect(end.events).toEqual([event, 'message "."']);
      }
    });

    it('calls for control frames where they stand, between fragments and in the middle of a character', () => {
      const end = client();
      end.receive('01 01 e2 89 02 01 02 00 02 82 ac 8a 00 80 01 21');
      expect(end.events).toEqual(['ping <01 02>', 'pong <>', 'message "€!"']);
    });

    it('takes a Close between fragments, and the message is never complete', () => {
      const end = client();
      end.receive('01 01 61 88 02 03 e8 80 01 62');
      expect(end.events).toEqual(['write Close 1000', 'close 1000 ""']);
    });

    it('unmasks each fragment with its own key', () => {
      const end = server();
      const keys = [KEY, -1, 0, 0x0102_0304];
      for (const [index, key] of keys.entries()) {
        const opcode = index === 0 ? TEXT : CONTINUATION;
        end.receive(frame({ opcode, payload: hex('61 62 63 64 65'), fin: index === 3, key }));
      }
      expect(end.events).toEqual([`message "${'abcde'.repeat(4)}"`]);
    });
  });

  describe.each(MALFORMED_UTF8)('reading text with %s (%s)', (_, digits, firstBad) => {
    const before = Buffer.from('κό');
    const text = concat([before, hex(digits)]);
    /** How many bytes it takes: one more than the text has where only its end is wrong. */
    const needed = before.length + firstBad + 1;

    it('fails with 1007 with the first byte that cannot be right in a frame that is cut', () => {
      const end = server();
      const bytes = frame({ opcode: TEXT, payload: concat([text, hex('2e')]), key: KEY });
      const header = bytes.length - text.length - 1;
      for (let at = 0; at < header + needed - 1; at++) end.receive(bytes.subarray(at, at + 1));
      expect(end.events).toEqual([]);
      end.receive(bytes.subarray(header + needed - 1, header + needed));
      expect(end.events).toEqual(failed('ERR_UTF8', 1007));
    });

    it('fails with 1007 with the first byte that cannot be right in a fragment', () => {
      const end = client();
      for (let at = 0; at < needed - 1; at++) {
        end.receive(
          frame({ opcode: at === 0 ? TEXT : CONTINUATION, payload: text.subarray(at, at + 1), fin: false }),
        );
      }
      expect(end.events).toEqual([]);
      const last = needed > text.length ? hex('2e') : text.subarray(needed - 1, needed);
      end.receive(frame({ opcode: CONTINUATION, payload: last, fin: false }));
      expect(end.events).toEqual(failed('ERR_UTF8', 1007));
    });

    it('fails with 1007 over the whole frame, and over a fragment, in one read', () => {
      const whole = server();
      whole.receive(frame({ opcode: TEXT, payload: text, key: KEY }));
      expect(whole.events).toEqual(failed('ERR_UTF8', 1007));

      const fragment = server();
      fragment.receive(frame({ opcode: TEXT, payload: concat([text, hex('2e')]), fin: false, key: KEY }));
      expect(fragment.events).toEqual(failed('ERR_UTF8', 1007));
    });

    it('fails with 1007 at the end of a message that ends with it', () => {
      const cut = client();
      const bytes = frame({ opcode: TEXT, payload: text });
      cut.receive(bytes.subarray(0, 3));
      cut.receive(bytes.subarray(3));
      expect(cut.events).toEqual(failed('ERR_UTF8', 1007));

      const fragments = client();
      fragments.receive(frame({ opcode: TEXT, payload: text, fin: false }));
      fragments.receive('80 00');
      expect(fragments.events).toEqual(failed('ERR_UTF8', 1007));
    });

    it('does not mind it in binary, in a Ping or in a Pong', () => {
      const end = client();
      for (const opcode of [BINARY, PING, PONG]) end.receive(frame({ opcode, payload: text }));
      expect(end.events).toEqual([`message ${show(text)}`, `ping ${show(text)}`, `pong ${show(text)}`]);
    });

    it('fails with 1007 in the reason of a Close frame', () => {
      const end = client();
      end.receive(frame({ opcode: CLOSE, payload: concat([hex('03 e8'), text]) }));
      expect(end.events).toEqual(failed('ERR_UTF8', 1007));
      expect(end.connection.closeReceived).toBe(0);
    });
  });

  describe('being closed by the peer (section 5.5.1)', () => {
    it('echoes the code and the reason, and then tells', () => {
      const end = client();
      end.receive('88 05 03 e8 62 79 65'); // 1000, "bye"
      expect(end.events).toEqual(['write Close 1000', 'close 1000 "bye"']);
      expect(end.writes).toEqual([{ firstByte: 0x88, payload: hex('03 e8 62 79 65') }]);
      expect(end.connection).toMatchObject({
        closeSent: 1000,
        closeReceived: 1000,
        closeReason: 'bye',
        initiator: 'remote',
        isOpen: false,
        isCloseComplete: true,
        failure: undefined,
      });
    });

    it('echoes an empty Close with an empty one, which stands as 1005 and never goes out as such', () => {
      const end = client();
      end.receive('88 00');
      expect(end.events).toEqual(['write Close', 'close 1005 ""']);
      expect(end.writes).toEqual([{ firstByte: 0x88, payload: new Uint8Array(0) }]);
      expect(end.connection).toMatchObject({ closeSent: 1005, closeReceived: 1005, initiator: 'remote' });
    });

    it.each([
      [[1000, 1001, 1002, 1003]],
      [[1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]],
      [[3000, 3999, 4000, 4999]],
    ])('takes and echoes the codes %j', (codes) => {
      for (const code of codes) {
        const end = server();
        end.receive(frame({ opcode: CLOSE, payload: Uint8Array.of(code >>> 8, code, 0x2e), key: KEY }));
        expect(end.events).toEqual([`write Close ${code}`, `close ${code} "."`]);
      }
    });

    it.each([
      [[0, 1, 999]],
      [[1004, 1005, 1006]],
      [[1015, 1016, 1100, 2000, 2999]],
      [[5000, 0x03e8 + 0x8000, 65_535]],
    ])('refuses the codes %j with 1002, and says which it was', (codes) => {
      for (const code of codes) {
        const end = server();
        end.receive(frame({ opcode: CLOSE, payload: Uint8Array.of(code >>> 8, code, 0x2e), key: KEY }));
        expect(end.events).toEqual(failed('ERR_CLOSE_CODE', 1002));
        expect(end.connection.failure!.message).toContain(String(code));
      }
    });

    it('refuses a payload of one byte with 1002', () => {
      const end = client();
      end.receive('88 01 03');
      expect(end.events).toEqual(failed('ERR_CLOSE_PAYLOAD', 1002));
    });

    it.each([
      ['no reason', ''],
      ['123 bytes', 'a'.repeat(123)],
      ['41 characters of 3 bytes', '€'.repeat(41)],
      ['30 characters of 4 bytes', '😀'.repeat(30)],
      ['a byte order mark', '\ufeffbye'],
      ['U+FFFD, which is no error when it is sent', '\ufffd'],
    ])('reads and echoes a reason of %s', (_, reason) => {
      const end = server();
      const payload = concat([hex('0f a0'), Buffer.from(reason)]);
      end.receive(frame({ opcode: CLOSE, payload, key: KEY }));
      expect(end.events).toEqual(['write Close 4000', `close 4000 ${JSON.stringify(reason)}`]);
      expect(end.writes).toEqual([{ firstByte: 0x88, payload }]);
      expect(end.connection.closeReason).toBe(reason);
    });

    it.each(['81 01 61', '88 02 03 e9', '89 00', '01 02 61', 'ff', '7f'])(
      'discards what comes after: %s',
      (digits) => {
        const end = client();
        end.receive(`88 02 03 e8 ${digits}`);
        end.receive(digits);
        expect(end.events).toEqual(['write Close 1000', 'close 1000 ""']);
        expect(end.connection.closeReceived).toBe(1000);
      },
    );

    it('does nothing more for close(), fail(), pause() or resume()', () => {
      const end = client();
      end.receive('88 00');
      end.connection.close(1001, 'late');
      end.connection.fail(new Error('late'), 1011);
      end.connection.pause();
      end.connection.resume();
      end.receive('81 01 61');
      expect(end.events).toEqual(['write Close', 'close 1005 ""']);
      expect(end.connection).toMatchObject({ closeSent: 1005, initiator: 'remote', failure: undefined });
    });
  });

  describe('closing (section 7.1.2)', () => {
    it('sends the code and the reason once', () => {
      const end = client();
      end.connection.close(1001, 'é');
      end.connection.close(1000, '');
      end.connection.close(undefined, '');
      expect(end.writes).toEqual([{ firstByte: 0x88, payload: hex('03 e9 c3 a9') }]);
      expect(end.events).toEqual(['write Close 1001']);
      expect(end.connection).toMatchObject({
        closeSent: 1001,
        closeReceived: 0,
        closeReason: '',
        initiator: 'local',
        isOpen: false,
        isCloseComplete: false,
      });
    });

    it('sends no code for none, and counts it as 1005', () => {
      const end = client();
      end.connection.close(undefined, '');
      expect(end.writes).toEqual([{ firstByte: 0x88, payload: new Uint8Array(0) }]);
      expect(end.connection).toMatchObject({ closeSent: 1005, isOpen: false });
    });

    it('takes a reason of 123 bytes', () => {
      const end = client();
      end.connection.close(4999, '€'.repeat(41));
      expect(end.writes[0]!.payload).toHaveLength(125);
    });

    it.each([
      [0, ''],
      [999, ''],
      [1004, ''],
      [1005, ''],
      [1006, ''],
      [1015, ''],
      [2999, ''],
      [5000, ''],
      [1000, '€'.repeat(42)],
      [undefined, 'a reason without a code'],
    ])(
      'throws for %j %j before anything is sent, even when a Close frame was sent before',
      (code, reason) => {
        const end = client();
        expect(() => end.connection.close(code, reason)).toThrow(RangeError);
        expect(end.events).toEqual([]);
        expect(end.connection).toMatchObject({ isOpen: true, closeSent: 0, initiator: 'network' });
        end.connection.close(1000, '');
        expect(() => end.connection.close(code, reason)).toThrow(RangeError);
        expect(end.events).toEqual(['write Close 1000']);
      },
    );

    it('goes on reading until the Close of the peer comes, which is not answered again', () => {
      const end = client();
      end.connection.close(1000, '');
      end.receive('81 01 61 89 00 01 01 62'); // a message, a Ping, and the beginning of another message
      end.receive('80 00 88 05 03 e8 62 79 65'); // its end, and Close 1000 "bye"
      expect(end.events).toEqual([
        'write Close 1000',
        'message "a"',
        'ping <>',
        'message "b"',
        'close 1000 "bye"',
      ]);
      expect(end.connection).toMatchObject({ initiator: 'local', isCloseComplete: true });
    });

    it('may cross with the peer, whose own code is then the one received', () => {
      const end = server();
      end.connection.close(1001, 'going');
      end.receive(frame({ opcode: CLOSE, payload: hex('0f a0 78'), key: KEY }));
      expect(end.events).toEqual(['write Close 1001', 'close 4000 "x"']);
      expect(end.connection).toMatchObject({
        closeSent: 1001,
        closeReceived: 4000,
        closeReason: 'x',
        initiator: 'local',
        isCloseComplete: true,
      });
    });

    it('is complete with an empty Close', () => {
      const end = client();
      end.connection.close(undefined, '');
      end.receive('88 00');
      expect(end.events).toEqual(['write Close', 'close 1005 ""']);
      expect(end.connection).toMatchObject({ closeSent: 1005, closeReceived: 1005, isCloseComplete: true });
    });

    it.each([
      ['1005 spelt out', '88 02 03 ed'],
      ['1006', '88 02 03 ee'],
      ['0', '88 02 00 00'],
      ['999 and a reason', '88 03 03 e7 61'],
      ['1005 and a reason that is not UTF-8', '88 03 03 ed ff'],
    ])('is content with a bad code in the answer: %s', (_, digits) => {
      const end = client();
      end.connection.close(1000, '');
      end.receive(digits);
      expect(end.events).toEqual(['write Close 1000', 'close 1005 ""']);
      expect(end.connection).toMatchObject({ closeReceived: 1005, closeReason: '', failure: undefined });
    });

    it.each([
      ['a payload of one byte', '88 01 03', 'ERR_CLOSE_PAYLOAD', 1002],
      ['a reason that is not UTF-8', '88 03 03 e8 ff', 'ERR_UTF8', 1007],
      ['anything else that is wrong', 'c1', 'ERR_RESERVED_BIT', 1002],
    ])('fails over %s in the answer, but has said its Close already', (_, digits, code, closeCode) => {
      const end = client();
      end.connection.close(1000, '');
      end.receive(digits);
      expect(end.events).toEqual(['write Close 1000', `fail ${code}`]);
      expect(end.connection.failure).toMatchObject({ code, closeCode });
      expect(end.connection).toMatchObject({ closeSent: 1000, closeReceived: 0, isCloseComplete: false });
    });

    it('can start inside a host call, and the rest of the read still comes', () => {
      const end = client();
      end.on('message "a"', () => end.connection.close(1000, ''));
      end.receive('81 01 61 81 01 62 88 02 03 e8');
      expect(end.events).toEqual(['message "a"', 'write Close 1000', 'message "b"', 'close 1000 ""']);
    });
  });

  describe('failing (section 7.1.7)', () => {
    it('tells why: the error, the code on the wire, and the message as the reason', () => {
      const end = client();
      end.receive('83'); // opcode 3
      const { failure } = end.connection;
      expect(failure).toBeInstanceOf(ProtocolError);
      expect(failure).toMatchObject({ code: 'ERR_RESERVED_OPCODE', closeCode: 1002 });
      expect(Buffer.from(end.writes[0]!.payload.subarray(2)).toString()).toBe(failure!.message);
      expect(end.connection).toMatchObject({
        closeSent: 1002,
        closeReceived: 0,
        initiator: 'local',
        isOpen: false,
        isCloseComplete: false,
      });
    });

    it('can tell the peer less than the error says', () => {
      const end = client();
      const error = new BothwaysError('ERR_SECRET', 'A long story'.repeat(20));
      end.connection.fail(error, 1011, 'oh');
      expect(toHex(end.writes[0]!.payload)).toBe('03 f3 6f 68'); // 1011, "oh"
      expect(end.connection).toMatchObject({ failure: error, failureReason: 'oh' });
    });

    it('can be asked for, once', () => {
      const end = client();
      const error = new BothwaysError('ERR_SOMETHING', 'Something');
      end.connection.fail(error, 1011);
      end.connection.fail(new Error('again'), 1008);
      expect(end.events).toEqual(['write Close 1011', 'fail ERR_SOMETHING']);
      expect(toHex(end.writes[0]!.payload)).toBe('03 f3 53 6f 6d 65 74 68 69 6e 67'); // 1011, "Something"
      expect(end.connection).toMatchObject({ failure: error, failureReason: 'Something' });
    });

    it.each(['81 01 61', '88 02 03 e8', '83', '89 00'])('calls nothing afterwards: %s', (digits) => {
      const end = client();
      end.receive(`81 01 61 83 ${digits}`);
      end.receive(digits);
      end.connection.pause();
      end.receive(digits);
      end.connection.resume();
      end.connection.close(1000, '');
      expect(end.events).toEqual(['message "a"', ...failed('ERR_RESERVED_OPCODE', 1002)]);
      expect(end.connection.closeReceived).toBe(0);
    });

    it.each(['81 01 61', '89 00', '01 00 80 00'])('inside a host call ends the read: %s', (digits) => {
      const end = client();
      end.onEach(() => end.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1008));
      end.receive(`${digits} 81 01 62`);
      expect(end.events.slice(1)).toEqual(['write Close 1008', 'fail ERR_ANY']);
    });

    it('while paused gives up what was kept', () => {
      const end = client();
      end.connection.pause();
      end.receive('81 01 61');
      end.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1008);
      end.connection.resume();
      expect(end.events).toEqual(['write Close 1008', 'fail ERR_ANY']);
    });

    it('throws for a reason or a code that cannot be sent, before anything has changed', () => {
      const end = client();
      expect(() => end.connection.fail(new Error('a'.repeat(124)), 1011)).toThrow(RangeError);
      expect(() => end.connection.fail(new Error('a'), 1006)).toThrow(RangeError);
      end.receive('81 01 61');
      expect(end.events).toEqual(['message "a"']);
      expect(end.connection.failure).toBeUndefined();
    });

    it('forgets the header that was cut, and the message under way', () => {
      const end = client();
      end.receive('01 01 61 80'); // a fragment, and the first byte of the next
      end.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1001);
      end.receive('01 62');
      expect(end.events).toEqual(['write Close 1001', 'fail ERR_ANY']);
    });
  });

  describe('before anything happened', () => {
    it('is open, and nobody has closed', () => {
      const { connection, events } = client();
      expect(connection).toMatchObject({
        isOpen: true,
        isCloseComplete: false,
        closeSent: 0,
        closeReceived: 0,
        closeReason: '',
        initiator: 'network',
        failure: undefined,
        failureReason: '',
      });
      expect(events).toEqual([]);
    });

    it('takes empty reads', () => {
      const end = client();
      for (const digits of ['', '81', '', '01', '', '61', '']) end.receive(digits);
      expect(end.events).toEqual(['message "a"']);
    });
  });

  describe('pausing', () => {
    it('keeps what comes, and gives it in order after resume', () => {
      const end = client();
      end.connection.pause();
      end.receive('81 01 61 81');
      end.receive('01 62 89');
      end.receive('00');
      expect(end.events).toEqual([]);
      end.connection.resume();
      expect(end.events).toEqual(['message "a"', 'message "b"', 'ping <>']);
      end.receive('81 01 63');
      expect(end.events.at(-1)).toBe('message "c"');
    });

    it('inside a host call holds back the rest of the read', () => {
      const end = client();
      end.onEach(() => end.connection.pause());
      end.receive('81 01 61 89 01 62 8a 01 63 02 01 64 80 00 88 00');
      const expected = [
        'message "a"',
        'ping <62>',
        'pong <63>',
        'message <64>',
        'write Close',
        'close 1005 ""',
      ];
      for (const count of [1, 2, 3, 4]) {
        expect(end.events).toEqual(expected.slice(0, count));
        end.connection.resume();
      }
      expect(end.events).toEqual(expected);
    });

    it('and resuming inside the same host call changes nothing', () => {
      const end = client();
      end.onEach(() => {
        end.connection.pause();
        end.connection.resume();
      });
      end.receive('81 01 61 89 00 81');
      end.receive('01 62');
      expect(end.events).toEqual(['message "a"', 'ping <>', 'message "b"']);
    });

    it('puts what comes later behind the rest of the read', () => {
      const end = client();
      end.on('message "a"', () => end.connection.pause());
      end.receive('81 01 61 81 01 62');
      end.receive('81 01 63');
      end.receive('81 01 64');
      expect(end.events).toEqual(['message "a"']);
      end.connection.resume();
      expect(end.events).toEqual(['message "a"', 'message "b"', 'message "c"', 'message "d"']);
    });

    it('at the end of a read holds nothing back, and what comes later is kept', () => {
      const end = client();
      end.on('message "a"', () => end.connection.pause());
      end.receive('81 01 61');
      end.receive('81 01 62');
      expect(end.events).toEqual(['message "a"']);
      end.connection.resume();
      expect(end.events).toEqual(['message "a"', 'message "b"']);
    });

    it('in the middle of a header, a control frame and a payload loses nothing', () => {
      for (const digits of [
        '81 02 61 62',
        '89 02 61 62',
        '01 01 61 80 01 62',
        '88 02 03 e8',
        '82 7e 00 7e',
      ]) {
        const payload = digits.startsWith('82') ? pattern(126) : hex('');
        const bytes = concat([hex(digits), payload]);
        const whole = client();
        whole.receive(bytes);
        for (let cut = 1; cut < bytes.length; cut++) {
          const end = client();
          end.receive(bytes.subarray(0, cut));
          end.connection.pause();
          end.receive(bytes.subarray(cut));
          expect(end.events).toEqual([]);
          end.connection.resume();
          expect(end.events).toEqual(whole.events);
        }
      }
    });

    it('by the call for a control frame that was cut keeps what follows it', () => {
      const end = client();
      end.on('ping <61>', () => end.connection.pause());
      end.receive('89');
      end.receive('01 61 81 01 62');
      expect(end.events).toEqual(['ping <61>']);
      end.connection.resume();
      expect(end.events).toEqual(['ping <61>', 'message "b"']);
    });

    it('by the call for an empty last fragment whose header was cut keeps what follows it', () => {
      const end = client();
      end.on('message "a"', () => end.connection.pause());
      end.receive('01 01 61 80');
      end.receive('00 81 01 62');
      expect(end.events).toEqual(['message "a"']);
      end.connection.resume();
      expect(end.events).toEqual(['message "a"', 'message "b"']);
    });

    it('twice is as once, and so is resuming', () => {
      const end = client();
      end.connection.resume();
      end.connection.pause();
      end.connection.pause();
      end.receive('81 01 61');
      end.connection.resume();
      end.connection.resume();
      expect(end.events).toEqual(['message "a"']);
    });

    it('does not keep the Close frame from going out, nor the failure from being told', () => {
      const closing = client();
      closing.connection.pause();
      closing.connection.close(1000, '');
      closing.receive('88 02 03 e8');
      expect(closing.events).toEqual(['write Close 1000']);
      closing.connection.resume();
      expect(closing.events).toEqual(['write Close 1000', 'close 1000 ""']);

      const failing = client();
      failing.connection.pause();
      failing.receive('83');
      expect(failing.events).toEqual([]);
      failing.connection.resume();
      expect(failing.events).toEqual(failed('ERR_RESERVED_OPCODE', 1002));
    });

    it('in onFail or onClose does nothing', () => {
      for (const digits of ['83 81 01 61', '88 00 81 01 61']) {
        const end = client();
        end.onEach(() => {
          end.connection.pause();
          end.connection.resume();
        });
        end.receive(digits);
        end.receive('81 01 62');
        expect(end.events).toHaveLength(2);
      }
    });

    it('reads on with a chunk whose beginning was read before the pause, without copying it', () => {
      const counting = countingPlatform(platform);
      const end = open({ role: 'client' }, counting);
      end.onEach(() => end.connection.pause());
      end.receive('82 01 61'.repeat(1000));
      for (let count = 1; count < 1000; count++) end.connection.resume();
      expect(end.events).toHaveLength(1000);
      expect(counting.allocated).toEqual([]);
    });
  });

  describe('giving bytes out', () => {
    it('does not copy a message, a Ping or a Pong that came whole', () => {
      const end = server();
      const chunk = platform.chunk(
        concat([BINARY, PING, PONG].map((opcode) => frame({ opcode, payload: hex('01 02 03'), key: KEY }))),
      );
      end.receiveChunk(chunk);
      expect(end.given).toHaveLength(3);
      for (const { bytes } of end.given) expect(bytes.buffer).toBe(chunk.buffer);
    });

    it('copies a message in fragments, so that the chunk may go', () => {
      const end = client();
      const chunk = platform.chunk(hex('02 01 61 80 01 62'));
      end.receiveChunk(chunk);
      chunk.fill(0);
      expect(end.given[0]!.bytes).toEqual(platform.chunk(hex('61 62')));
    });

    it('copies a message in a frame that was cut', () => {
      for (let cut = 1; cut < 4; cut++) {
        const end = client();
        const chunks = [hex('82 02 61 62').subarray(0, cut), hex('82 02 61 62').subarray(cut)].map((bytes) =>
          platform.chunk(bytes),
        );
        for (const chunk of chunks) {
          end.receiveChunk(chunk);
          chunk.fill(0);
        }
        expect(end.given[0]!.bytes).toEqual(platform.chunk(hex('61 62')));
      }
    });

    it('copies a control frame that was cut, and the header of any frame', () => {
      for (let cut = 1; cut < 8; cut++) {
        const end = server();
        const bytes = frame({ opcode: PING, payload: hex('61 62'), key: KEY });
        for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
          const chunk = platform.chunk(piece);
          end.receiveChunk(chunk);
          chunk.fill(0);
        }
        expect(end.events).toEqual(['ping <61 62>']);
        expect(end.given[0]!.bytes).toEqual(platform.chunk(hex('61 62')));
      }
    });

    it('copies what comes while paused', () => {
      const end = client();
      const chunk = platform.chunk(hex('82 01 61'));
      end.connection.pause();
      end.receiveChunk(chunk);
      chunk.fill(0);
      end.connection.resume();
      expect(end.events).toEqual(['message <61>']);
    });

    it('does not take back what it gave: later frames do not change it', () => {
      const end = server();
      const stream = concat([...CONVERSATION, ...CONVERSATION].map(frame));
      for (const piece of inPieces(stream, 29)) end.receive(piece);
      expect(end.given.length).toBeGreaterThan(8);
      for (const { bytes, asGiven } of end.given) expect(show(bytes)).toBe(asGiven);
    });

    it('gives the bytes of the platform, whatever it was that the transport gave', () => {
      for (const size of [1, 7, 1000]) {
        const end = server();
        for (const piece of inPieces(concat(CONVERSATION.map(frame)), size)) end.receive(piece);
        for (const { bytes } of end.given) expect(bytes).toBeInstanceOf(platform.allocate(0).constructor);
      }
    });
  });

  describe('reading a conversation', () => {
    const stream = concat([
      ...CONVERSATION.map(frame),
      frame({ opcode: CLOSE, payload: hex('0f a0 c3 a9'), key: 9 }),
    ]);
    const expected = [...CONVERSATION_EVENTS, 'write Close 4000', 'close 4000 "é"'];

    it('calls the same when it comes at once', () => {
      const end = server();
      end.receive(stream);
      expect(end.events).toEqual(expected);
    });

    it('calls the same when it comes in two pieces, cut anywhere', () => {
      for (let cut = 0; cut <= stream.length; cut++) {
        const end = server();
        end.receive(stream.subarray(0, cut));
        end.receive(stream.subarray(cut));
        expect(end.events).toEqual(expected);
      }
    });

    it('calls the same when it comes in pieces of any one size', () => {
      for (let size = 1; size < stream.length; size++) {
        const end = server();
        for (const piece of inPieces(stream, size)) end.receive(piece);
        expect(end.events).toEqual(expected);
      }
    });

    it('calls the same with a pause and a resume before each piece, and while paused during all', () => {
      for (const size of [1, 2, 5, 64]) {
        const end = server();
        for (const piece of inPieces(stream, size)) {
          end.connection.pause();
          end.receive(piece);
          end.connection.resume();
        }
        expect(end.events).toEqual(expected);

        const paused = server();
        paused.connection.pause();
        for (const piece of inPieces(stream, size)) paused.receive(piece);
        expect(paused.events).toEqual([]);
        paused.connection.resume();
        expect(paused.events).toEqual(expected);
      }
    });
  });

  it('calls the same for a short stream in three pieces, cut anywhere', () => {
    const stream = hex('81 03 e2 82 ac 01 01 c3 89 02 70 71 00 00 80 01 a9 82 00 8a 01 72 88 04 03 e8 6f 6b');
    const expected = ['message "€"', 'ping <70 71>', 'message "é"', 'message <>', 'pong <72>'];
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const end = client();
        end.receive(stream.subarray(0, first));
        end.receive(stream.subarray(first, second));
        end.receive(stream.subarray(second));
        expect(end.events).toEqual([...expected, 'write Close 1000', 'close 1000 "ok"']);
      }
    }
  });
});

describe('a long message', () => {
  it('of 4 MiB in 65,536 fragments of 64 bytes is taken, and memory grows in a few steps', () => {
    const counting = countingPlatform();
    const end = open({ role: 'client', maxMessageSize: 4 << 20 }, counting);
    const block = pattern(65_536);
    const fragments = inPieces(block, 64).map((payload) => ({ opcode: CONTINUATION, payload, fin: false }));
    const chunk = concat(fragments.map(frame));
    for (let count = 1; count <= 64; count++) {
      const copy = Uint8Array.from(chunk);
      if (count === 1) copy[0] = BINARY;
      if (count === 64) copy[copy.length - 66]! |= FIN; // the last fragment: 2 bytes of header, 64 of payload
      end.receive(copy);
    }
    expect(end.events).toEqual([`message ${show(concat(Array.from({ length: 64 }, () => block)))}`]);
    expect(counting.allocated.length).toBeLessThan(16);
    expect(sum(counting.allocated)).toBeLessThan(5 * (4 << 20));
  });

  it.each([TEXT, BINARY])(
    'of opcode %d in 400,000 one-byte fragments without end is cut with 1009',
    (opcode) => {
      const counting = countingPlatform();
      const limit = 300_000;
      const end = open({ role: 'server', maxMessageSize: limit }, counting);
      const fragment = { opcode: CONTINUATION, payload: hex('61'), fin: false, key: KEY };
      const chunk = concat(Array.from({ length: 8000 }, () => frame(fragment)));
      end.receive(frame({ ...fragment, opcode }));
      for (let count = 1; count <= 37; count++) end.receive(chunk);
      expect(end.events).toEqual([]); // 296,001 of 300,000 bytes
      for (let count = 38; count <= 50; count++) end.receive(chunk);
      expect(end.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
      expect(sum(counting.allocated)).toBeLessThan(5 * limit);
      expect(Math.max(...counting.allocated)).toBeLessThanOrEqual(2 * limit);
    },
  );

  it('of a million empty fragments costs nothing', () => {
    const counting = countingPlatform();
    const end = open({ role: 'client' }, counting);
    end.receive('01 00');
    for (let count = 0; count < 20; count++) end.receive(new Uint8Array(100_000)); // 00 00 each
    end.receive('80 01 61');
    expect(end.events).toEqual(['message "a"']);
    expect(sum(counting.allocated)).toBeLessThan(1000);
  });

  it.each([TEXT, BINARY])('of opcode %d and 60,000 bytes in one-byte reads takes linear work', (opcode) => {
    const counting = countingPlatform();
    const end = open({ role: 'server' }, counting);
    const payload = new Uint8Array(60_000).fill(0x61);
    const bytes = frame({ opcode, payload, key: KEY });
    for (const piece of inPieces(bytes, 1)) end.connection.receive(piece);
    expect(end.events).toHaveLength(1);
    expect(counting.allocated.length).toBeLessThan(16); // 8 for the header, few for the payload
    expect(sum(counting.allocated)).toBeLessThan(2 * payload.length);
    expect(counting.checked).toEqual([]);
    expect(sum(counting.decoded)).toBe(opcode === TEXT ? 60_000 : 0);
  });

  it('of 10,000 small frames in one read takes no memory of its own', () => {
    const counting = countingPlatform();
    const end = open({ role: 'client' }, counting);
    end.receive('82 01 61 89 00 8a 00'.repeat(10_000));
    expect(end.events).toHaveLength(30_000);
    expect(counting.allocated).toEqual([]);
  });

  it('of 125 bytes in a Ping in one-byte reads copies no more than a control frame each time', () => {
    const counting = countingPlatform();
    const end = open({ role: 'server' }, counting);
    for (const piece of inPieces(frame({ opcode: PING, payload: pattern(125), key: KEY }), 1))
      end.receive(piece);
    expect(end.events).toEqual([`ping ${show(pattern(125))}`]);
    expect(Math.max(...counting.allocated)).toBeLessThanOrEqual(139);
  });

  it('behind a header that was cut is not copied as a whole with it', () => {
    const counting = countingPlatform();
    const end = open({ role: 'client' }, counting);
    end.receive('82');
    end.receive(
      concat([hex('01 61'), ...Array.from({ length: 1000 }, () => hex('82 40'.concat('00'.repeat(64))))]),
    );
    expect(end.events).toHaveLength(1001);
    expect(sum(counting.allocated)).toBeLessThan(500);
  });
});

describe('the memory of a connection', () => {
  /** What happens, and whether a chunk or a buffer is still needed afterwards. */
  const CASES: readonly (readonly [what: string, isNeeded: boolean, run: (end: End) => void])[] = [
    ['a message is under way', true, (end) => end.receive('01 01 61')],
    ['a header was cut', true, (end) => end.receive('81')],
    ['a message was read', false, (end) => end.receive('81 01 61')],
    ['a message in fragments was read', false, (end) => end.receive('01 01 61 80 00')],
    [
      'a control frame that was cut was read',
      false,
      (end) => {
        end.receive('89');
        end.receive('00');
        end.given.length = 0;
      },
    ],
    ['the peer closed inside a message', false, (end) => end.receive('01 01 61 88 00 80 00')],
    ['the peer broke the rules inside a message', false, (end) => end.receive('01 01 61 83 00')],
    ['the peer broke the rules at once', false, (end) => end.receive('83')],
    [
      'the peer broke the rules in a header that was cut',
      false,
      (end) => {
        end.receive('82');
        end.receive('81 00');
      },
    ],
    [
      'it was failed inside a header',
      false,
      (end) => {
        end.receive('82');
        end.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1001);
      },
    ],
    [
      'it was failed while paused',
      false,
      (end) => {
        end.connection.pause();
        end.receive('81 01 61');
        end.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1001);
      },
    ],
    [
      'it was paused at the end of a chunk',
      false,
      (end) => {
        end.on('message "a"', () => end.connection.pause());
        end.receive('81 01 61');
      },
    ],
  ];

  it('is let go of as soon as it is not needed, though the connection is still there', async () => {
    const runs = CASES.map(([what, , run]) => {
      const { end, memory } = openTracked();
      run(end);
      return { what, end, memory };
    });
    await collectGarbage();
    expect(
      runs.map(({ what, memory }) => [what, memory.some((buffer) => buffer.deref() !== undefined)]),
    ).toEqual(CASES.map(([what, isNeeded]) => [what, isNeeded]));
    // The connections are still in use here, so it was not with them that the memory went.
    for (const { end } of runs) end.connection.close(1000, '');
    expect(runs.every(({ end }) => !end.connection.isOpen)).toBe(true);
  });
});

describe('any conversation', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.uint8Array({ minLength: 30, maxLength: 40 }),
    fc.constantFrom(125, 126, 127, 300).map((length) => pattern(length)),
  );
  const text = fc.oneof(anyText(0, 8), anyText(20, 60)).map((string) => Uint8Array.from(Buffer.from(string)));
  const control = fc.record({
    opcode: fc.constantFrom(PING, PONG),
    payload: fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.constant(pattern(125))),
  });
  const message = fc.record({
    message: fc.oneof(
      fc.record({ opcode: fc.constant(TEXT), payload: text }),
      fc.record({ opcode: fc.constant(BINARY), payload }),
    ),
    cuts: fc.array(fc.nat({ max: 300 }), { maxLength: 4 }),
    between: fc.array(control, { maxLength: 2 }),
    keys: fc.array(fc.integer(), { minLength: 8, maxLength: 8 }),
  });
  const conversation = fc.array(message, { maxLength: 6 }).map((messages) => messages.map(framesOf));
  const reads = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
    fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
  );
  const role = fc.constantFrom('server' as const, 'client' as const);
  const platforms = fc.constantFrom(plainPlatform, bufferPlatform as TestPlatform);

  /** The frames of one message, its control frames between the fragments, and the calls that they lead to. */
  function framesOf(plan: {
    message: { opcode: number; payload: Uint8Array };
    cuts: number[];
    between: { opcode: number; payload: Uint8Array }[];
    keys: number[];
  }): { frames: FrameFields[]; events: string[] } {
    const { opcode, payload: whole } = plan.message;
    const cuts = plan.cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b);
    const frames: FrameFields[] = [0, ...cuts].map((from, index) => ({
      opcode: index === 0 ? opcode : CONTINUATION,
      payload: whole.subarray(from, cuts[index] ?? whole.length),
      fin: index === cuts.length,
    }));
    const controls = plan.between.map((each) => ({ ...each, fin: true }));
    frames.splice(1, 0, ...controls);
    const calls = controls.map((each) => `${each.opcode === PING ? 'ping' : 'pong'} ${show(each.payload)}`);
    const content = opcode === TEXT ? JSON.stringify(Buffer.from(whole).toString()) : show(whole);
    return {
      frames: frames.map((each, index) => ({ ...each, key: plan.keys[index]! })),
      events: cuts.length === 0 ? [`message ${content}`, ...calls] : [...calls, `message ${content}`],
    };
  }

  it('is read as it was written, however it is fragmented, masked and cut', () => {
    fc.assert(
      fc.property(conversation, reads, role, platforms, (messages, sizes, end, platform) => {
        const reader = open({ role: end }, platform);
        const stream = messages.flatMap(({ frames }) =>
          frames.map((fields) => frame({ ...fields, key: end === 'server' ? fields.key : undefined })),
        );
        for (const piece of inPieces(concat(stream), ...sizes)) reader.receive(piece);
        expect(reader.events).toEqual(messages.flatMap(({ events }) => events));
        for (const { bytes, asGiven } of reader.given) expect(show(bytes)).toBe(asGiven);
      }),
      { numRuns: 200 },
    );
  });

  it('is read as it was written wherever the reader pauses and resumes', () => {
    const action = fc.constantFrom('pause', 'pause and resume', 'nothing');
    fc.assert(
      fc.property(conversation, reads, fc.array(action), fc.array(fc.boolean()), platforms, (...given) => {
        const [messages, sizes, inCalls, betweenReads, platform] = given;
        const reader = open({ role: 'server' }, platform);
        let calls = 0;
        reader.onEach(() => {
          const what = inCalls[calls++ % (inCalls.length + 1)];
          if (what?.startsWith('pause')) reader.connection.pause();
          if (what === 'pause and resume') reader.connection.resume();
        });
        const stream = concat(messages.flatMap(({ frames }) => frames.map(frame)));
        for (const [index, piece] of inPieces(stream, ...sizes).entries()) {
          reader.receive(piece);
          if (betweenReads[index % (betweenReads.length + 1)] === true) reader.connection.resume();
        }
        const expected = messages.flatMap(({ events }) => events);
        for (let count = 0; count < expected.length; count++) reader.connection.resume();
        expect(reader.events).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('ends with a legal Close frame and without an exception, whatever the bytes are', () => {
    const wild = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .record({
          first: fc.constantFrom(0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0x08, 0x83, 0xc1),
          second: fc.constantFrom(
            0,
            1,
            2,
            3,
            5,
            125,
            126,
            127,
            0x80,
            0x81,
            0x82,
            0x83,
            0x85,
            0xfd,
            0xfe,
            0xff,
          ),
          rest: fc.uint8Array({ maxLength: 20 }),
        })
        .map(({ first, second, rest }) => concat([Uint8Array.of(first, second), rest])),
      fc
        .record({ code: fc.nat({ max: 6000 }), reason: fc.uint8Array({ maxLength: 5 }), key: fc.integer() })
        .map(({ code, reason, key }) =>
          frame({ opcode: CLOSE, payload: concat([Uint8Array.of(code >>> 8, code), reason]), key }),
        ),
      message.map((plan) => concat(framesOf(plan).frames.map(frame))),
      message.map((plan) =>
        concat(framesOf(plan).frames.map((fields) => frame({ ...fields, key: undefined }))),
      ),
    );
    const action = fc.constantFrom('pause', 'resume', 'close', 'fail', 'nothing', 'nothing', 'nothing');
    fc.assert(
      fc.property(
        fc.array(wild, { maxLength: 5 }),
        fc.constantFrom(10, 200, MAX_MESSAGE_SIZE),
        reads,
        fc.array(action),
        role,
        platforms,
        (pieces, maxMessageSize, sizes, actions, end, platform) => {
          const reader = open({ role: end, maxMessageSize }, platform);
          let steps = 0;
          const act = () => {
            const what = actions[steps++ % (actions.length + 1)];
            if (what === 'pause') reader.connection.pause();
            if (what === 'resume') reader.connection.resume();
            if (what === 'close') reader.connection.close(1000, '');
            if (what === 'fail') reader.connection.fail(new BothwaysError('ERR_ANY', 'Any'), 1011);
          };
          reader.onEach(act);
          for (const piece of inPieces(concat(pieces), ...sizes)) {
            reader.receive(piece);
            act();
          }
          reader.connection.resume();
          const last = reader.events.findIndex((event) => /^(fail|close) /.test(event));
          expect(last === -1 || last === reader.events.length - 1).toBe(true);
          expect(reader.writes.length).toBe(reader.connection.isOpen ? 0 : 1);
          for (const { firstByte, payload: close } of reader.writes) {
            expect(firstByte).toBe(0x88);
            expect(close.length === 0 || isCloseCodeOnWire((close[0]! << 8) | close[1]!)).toBe(true);
            expect(close.length).toBeLessThanOrEqual(125);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('leads to the same calls however it is cut, when it is wrong as well', () => {
    const bytes = fc.array(
      fc.oneof(
        message.map((plan) => concat(framesOf(plan).frames.map(frame))),
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
      ),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(bytes, reads, (pieces, sizes) => {
        const atOnce = open({ role: 'server' });
        atOnce.receive(concat(pieces));
        const cut = open({ role: 'server' });
        for (const piece of inPieces(concat(pieces), ...sizes)) cut.receive(piece);
        const bytewise = open({ role: 'server' });
        for (const piece of inPieces(concat(pieces), 1)) bytewise.receive(piece);
        expect(cut.events).toEqual(bytewise.events);
        expect(atOnce.events).toEqual(bytewise.events);
      }),
      { numRuns: 200 },
    );
  });
});

/** What is called over a header: with its last byte and not before, and the same when all comes at once. */
function judged(openEnd: () => End, header: Uint8Array): string[] {
  const bytewise = openEnd();
  for (const byte of header.subarray(0, -1)) bytewise.receive(Uint8Array.of(byte));
  expect(bytewise.events).toEqual([]);
  bytewise.receive(header.subarray(-1));
  for (const rest of [hex(''), pattern(1), pattern(300)]) {
    const atOnce = openEnd();
    atOnce.receive(concat([header, rest]));
    expect(atOnce.events).toEqual(bytewise.events);
  }
  return bytewise.events;
}

/** What RFC 6455 sections 5.2, 5.4 and 5.5 say about a frame that begins with `first`. */
function afterFirstByte(first: number, insideMessage: boolean): string[] {
  const [fin, reserved, opcode] = [first >= 0x80, (first >> 4) % 8, first % 16];
  if (reserved !== 0) return failed('ERR_RESERVED_BIT', 1002);
  if (opcode === 0) return insideMessage ? [] : failed('ERR_CONTINUATION', 1002);
  if (opcode === 1 || opcode === 2) return insideMessage ? failed('ERR_INTERLEAVED', 1002) : [];
  if (opcode === 8 || opcode === 9 || opcode === 10) return fin ? [] : failed('ERR_CONTROL_FRAGMENTED', 1002);
  return failed('ERR_RESERVED_OPCODE', 1002);
}

/** An end, and all the memory that came to it: what the platform allocated, and the chunks. */
function openTracked(): { end: End; memory: WeakRef<ArrayBufferLike>[] } {
  const memory: WeakRef<ArrayBufferLike>[] = [];
  const track = (bytes: Uint8Array) => {
    memory.push(new WeakRef(bytes.buffer));
    return bytes;
  };
  const platform: TestPlatform = {
    ...plainPlatform,
    allocate: (size) => track(plainPlatform.allocate(size)),
    chunk: (bytes) => track(plainPlatform.chunk(bytes)),
  };
  return { end: open({ role: 'client' }, platform), memory };
}

/** Collects what nothing refers to any more. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  // What a WeakRef was made of in this turn of the event loop stays until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  if (typeof collect === 'function') collect();
}

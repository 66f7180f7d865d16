import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Inflated, Inflater } from './inflater.js';
import { MAX_MESSAGE_SIZE, failed, inPieces, open, type End } from './test-connection.js';
import { anyText, concat, frame, hex, pattern, type FrameFields } from './test-platform.js';

const RSV1 = 0x40;
const TEXT = 0x41;
const BINARY = 0x42;

/** A message as RFC 7692 section 7.2.1 has it: compressed, flushed, and the tail taken off. */
function deflate(bytes: Uint8Array | string): Uint8Array {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** Inflates by Node's own function; what `later` is told comes when it is asked for. */
class TestInflater implements Inflater {
  /** The messages that wait to be inflated. */
  readonly waiting: (() => Inflated<Uint8Array>)[] = [];
  readonly limits: number[] = [];
  isClosed = false;
  isLate = false;

  inflate(payload: Uint8Array, limit: number): Inflated<Uint8Array> | 'later' {
    this.limits.push(limit);
    if (!this.isLate) return inflate(payload, limit);
    const kept = Uint8Array.from(payload);
    this.waiting.push(() => inflate(kept, limit));
    return 'later';
  }

  openStream() {
    let pushed: Uint8Array[] = [];
    return {
      push: (bytes: Uint8Array) => void pushed.push(bytes),
      end: () => void pushed.push(hex('00 00 ff ff')),
      // Stored blocks only: 5 bytes of header, of which the third and second are the length, and the content.
      pull: () => {
        const all = concat(pushed);
        if (all.length > 0 && all[0] !== 0) return 'corrupt' as const;
        const length = all.length < 5 ? Infinity : all[1]! + 256 * all[2]!;
        if (all.length < 5 + length) return undefined;
        pushed = [all.subarray(5 + length)];
        return all.slice(5, 5 + length);
      },
      close: () => void (this.isClosed = true),
    };
  }
}

function inflate(payload: Uint8Array, limit: number): Inflated<Uint8Array> {
  try {
    return inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-big' : 'corrupt';
  }
}

function client(inflater: Inflater = new TestInflater(), maxMessageSize = MAX_MESSAGE_SIZE): End {
  return open({ role: 'client', inflater, maxMessageSize });
}

describe('a connection that agreed on permessage-deflate', () => {
  describe('reading the examples of RFC 7692 section 7.2.3', () => {
    it.each([
      ['one compressed message', 'c1 07 f2 48 cd c9 c9 07 00'],
      ['the same in two fragments', '41 03 f2 48 cd 80 04 c9 c9 07 00'],
      ['a block that is stored', 'c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00'],
      ['a last block (BFINAL)', 'c1 08 f3 48 cd c9 c9 07 00 00'],
      ['two blocks', 'c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00'],
    ])('understands %s', (_, digits) => {
      const end = client();
      end.receive(digits);
      expect(end.events).toEqual(['message "Hello"']);
    });
  });

  it('reads compressed and other messages, text and binary, in any order', () => {
    const end = client();
    const frames: FrameFields[] = [
      { opcode: TEXT, payload: deflate('a') },
      { opcode: 0x01, payload: Buffer.from('b') },
      { opcode: BINARY, payload: deflate(hex('00 ff')) },
      { opcode: 0x02, payload: hex('01') },
      { opcode: TEXT, payload: hex('00') }, // nothing, as it is compressed
      { opcode: 0x09, payload: hex('02') },
      { opcode: BINARY, payload: deflate('c'), fin: false },
      { opcode: 0x0a },
      { opcode: 0x00 },
    ];
    end.receive(concat(frames.map(frame)));
    const messages = ['"a"', '"b"', '<00 ff>', '<01>', '""'].map((message) => `message ${message}`);
    expect(end.events).toEqual([...messages, 'ping <02>', 'pong <>', 'message <63>']);
  });

  it('reads them from a client, who masks them', () => {
    const end = open({ role: 'server', inflater: new TestInflater() });
    end.receive(frame({ opcode: TEXT, payload: deflate('masked'), key: 0x1234_5678 }));
    expect(end.events).toEqual(['message "masked"']);
  });

  it('takes RSV1 for the first frame of a message only (section 6)', () => {
    for (const first of [0xc0, 0xc8, 0xc9, 0xca, 0xa1, 0x91, 0xe1, 0xd1, 0xf1]) {
      const end = client();
      end.receive(Uint8Array.of(first));
      expect([first, ...end.events]).toEqual([first, ...failed('ERR_RESERVED_BIT', 1002)]);
    }
    const inside = client();
    inside.receive(frame({ opcode: TEXT, payload: hex('f2'), fin: false }));
    inside.receive(Uint8Array.of(0x80 | RSV1));
    expect(inside.events).toEqual(failed('ERR_RESERVED_BIT', 1002));
  });

  it('knows after a compressed message in fragments that the next one is not', () => {
    const end = client();
    end.receive(
      concat([frame({ opcode: TEXT, payload: deflate('a'), fin: false }), hex('80 00'), hex('81 01 62')]),
    );
    expect(end.events).toEqual(['message "a"', 'message "b"']);
  });

  it('refuses text that is not UTF-8, once it is inflated', () => {
    const end = client();
    end.receive(frame({ opcode: TEXT, payload: deflate(hex('61 ff')) }));
    expect(end.events).toEqual(failed('ERR_UTF8', 1007));
  });

  it('refuses what is not deflate data with 1007', () => {
    const end = client();
    end.receive(frame({ opcode: BINARY, payload: hex('ff ff ff') }));
    expect(end.events).toEqual(failed('ERR_INFLATE', 1007));
  });

  it('gives the limit to the inflater, and fails with 1009 what is larger inflated', () => {
    const inflater = new TestInflater();
    const end = client(inflater, 1000);
    end.receive(frame({ opcode: BINARY, payload: deflate(new Uint8Array(1000)) }));
    expect(end.events).toHaveLength(1);
    end.receive(frame({ opcode: BINARY, payload: deflate(new Uint8Array(1001)) }));
    expect(end.events.slice(1)).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
    expect(inflater.limits).toEqual([1000, 1000]);
  });

  it('lets a message that does not compress be an eighth and a little larger than the limit, and no more', () => {
    const end = client(new TestInflater(), 8000);
    end.receive(hex(`c2 7e ${(8000 + 1000 + 1024).toString(16).padStart(4, '0')}`));
    expect(end.events).toEqual([]);
    const larger = client(new TestInflater(), 8000);
    larger.receive(hex(`c2 7e ${(8000 + 1000 + 1025).toString(16).padStart(4, '0')}`));
    expect(larger.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
    const plain = client(new TestInflater(), 8000);
    plain.receive(hex(`82 7e ${(8001).toString(16)}`));
    expect(plain.events).toEqual(failed('ERR_MESSAGE_TOO_BIG', 1009));
  });

  it('gives the same messages however the bytes are cut', () => {
    const message = fc.record({
      content: fc.oneof(anyText(0, 60), fc.uint8Array({ maxLength: 200 })),
      isCompressed: fc.boolean(),
      cut: fc.nat(20),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (messages, sizes) => {
          const frames = messages.flatMap(({ content, isCompressed, cut }) => {
            const bytes = typeof content === 'string' ? Buffer.from(content) : content;
            const payload = isCompressed ? deflate(bytes) : bytes;
            const opcode = (typeof content === 'string' ? 1 : 2) | (isCompressed ? RSV1 : 0);
            return [
              frame({ opcode, payload: payload.subarray(0, cut), fin: false }),
              frame({ opcode: 0, payload: payload.subarray(cut) }),
            ];
          });
          const whole = client();
          whole.receive(concat(frames));
          const cut = client();
          for (const piece of inPieces(concat(frames), ...sizes)) cut.receive(piece);
          expect(whole.events).toHaveLength(messages.length);
          expect(cut.events).toEqual(whole.events);
        },
      ),
      { numRuns: 100 },
    );
  });

  describe('while a message is inflated that takes a while', () => {
    it('keeps the order: what comes after it waits', () => {
      const { end, finish } = startLate();
      expect(end.events).toEqual([]);
      finish();
      expect(end.events).toEqual(['message "a"', 'message "b"', 'ping <>', 'message "c"']);
    });

    it('goes on with the next one that takes a while', () => {
      const { inflater, end, finish } = startLate();
      end.receive(frame({ opcode: BINARY, payload: deflate(pattern(3)) }));
      inflater.isLate = true;
      finish();
      expect(end.events).toEqual(['message "a"', 'message "b"', 'ping <>', 'message "c"']);
      inflater.isLate = false;
      finish();
      expect(end.events.at(-1)).toBe('message <00 01 02>');
    });

    it('may be paused and resumed, and reads on when it is neither', () => {
      const { end, finish } = startLate();
      end.connection.pause();
      end.connection.resume();
      expect(end.events).toEqual([]);
      end.connection.pause();
      finish();
      expect(end.events).toEqual([]);
      end.connection.resume();
      expect(end.events).toEqual(['message "a"', 'message "b"', 'ping <>', 'message "c"']);
    });

    it('may be paused by the message itself', () => {
      const { end, finish } = startLate();
      end.on('message "a"', () => {
        end.connection.pause();
        end.connection.resume();
        end.connection.pause();
      });
      finish();
      expect(end.events).toEqual(['message "a"']);
    });

    it('may be stopped or failed; then nothing comes of it', () => {
      const stopped = startLate();
      stopped.end.connection.stop();
      stopped.finish();
      expect(stopped.end.events).toEqual([]);
      const ended = startLate();
      ended.end.connection.fail(new Error('Any'), 1011);
      ended.finish();
      expect(ended.end.events).toEqual(['write Close 1011', 'fail Any']);
    });

    it('fails when it comes to nothing', () => {
      const { end } = startLate();
      end.connection.inflated('corrupt');
      expect(end.events).toEqual(failed('ERR_INFLATE', 1007));
    });

    it('keeps the beginning of a header that comes meanwhile', () => {
      const { end, finish } = startLate();
      end.receive('81');
      finish();
      end.receive('01 64');
      expect(end.events.at(-1)).toBe('message "d"');
    });
  });
});

/** A late message "a", and what came behind it in the same read and in the next one. */
const startLate = () => {
  const inflater = new TestInflater();
  const end = client(inflater);
  inflater.isLate = true;
  end.receive(concat([frame({ opcode: TEXT, payload: deflate('a') }), hex('81 01 62 89 00')]));
  end.receive('81 01 63');
  inflater.isLate = false;
  const finish = () => end.connection.inflated(inflater.waiting.shift()!());
  return { inflater, end, finish };
};

const streaming = (inflater?: TestInflater, role: 'client' | 'server' = 'client'): End => {
  const end = open({ role, inflater, maxMessageSize: 10 });
  end.connection.streams = true;
  return end;
};

const stored = (content: string): string => {
  const bytes = Buffer.from(content);
  return `00 0${bytes.length} 00 f${(15 - bytes.length).toString(16)} ff ${bytes.toString('hex')}`;
};

describe('a connection whose messages are streamed', () => {
  it('refuses a frame whose end cannot be counted to the byte, with 1009 on the length alone', () => {
    const largest = streaming();
    largest.receive('82 7f 00 1f ff ff ff ff ff ff 01'); // 2^53 - 1
    expect(largest.events).toEqual(['piece <01>']);
    const tooLarge = streaming();
    tooLarge.receive('82 7f 00 20 00 00 00 00 00 00'); // 2^53
    expect(tooLarge.events).toEqual(failed('ERR_LENGTH', 1009));
  });

  it('hands over each piece as it arrives, and the end', () => {
    const end = streaming();
    end.receive('02 03 01');
    expect(end.events).toEqual(['piece <01>']);
    end.receive('02 03 80 02 04');
    end.receive('05 81 01 61');
    const rest = ['piece <02 03>', 'piece <04>', 'piece <05>', 'end of binary', 'piece "a"', 'end of text'];
    expect(end.events).toEqual(['piece <01>', ...rest]);
  });

  it('unmasks the pieces', () => {
    const end = streaming(undefined, 'server');
    for (const piece of inPieces(frame({ opcode: 2, payload: pattern(20), key: 0x0102_0304 }), 6, 7, 5))
      end.receive(piece);
    const content = end.given.map(({ bytes }) => bytes);
    expect(concat(content)).toEqual(pattern(20));
    expect(end.events.at(-1)).toBe('end of binary');
  });

  it('ends an empty message without a piece', () => {
    const end = streaming();
    end.receive('81 00 02 00 00 00 80 00');
    expect(end.events).toEqual(['end of text', 'end of binary']);
  });

  it('does not apply maxMessageSize: nothing is kept', () => {
    const end = streaming();
    end.receive(frame({ opcode: 2, payload: pattern(70_000), fin: false }));
    end.receive(frame({ opcode: 0, payload: pattern(70_000) }));
    expect(end.events).toHaveLength(3);
  });

  it('cuts text between characters only', () => {
    const end = streaming();
    const bytes = frame({ opcode: 1, payload: Buffer.from('aé€😀z') });
    end.receive(bytes.subarray(0, 2));
    for (const piece of inPieces(bytes.subarray(2), 1)) end.receive(piece);
    expect(end.events).toEqual([
      'piece "a"',
      'piece "é"',
      'piece "€"',
      'piece "😀"',
      'piece "z"',
      'end of text',
    ]);
  });

  it.each([
    ['in a piece', ['81 02 61 ff']],
    ['at its end', ['01 02 61 c3', '80 00']],
    ['between two pieces', ['81 03 61 c3', '28']],
    ['before the message ends', ['01 02 61 ff']],
  ])('refuses text that is not UTF-8 %s', (_, chunks) => {
    const end = streaming();
    for (const chunk of chunks) end.receive(chunk);
    expect(end.events.slice(-2)).toEqual(failed('ERR_UTF8', 1007));
  });

  it('lets control frames through, and refuses a message within a message', () => {
    const end = streaming();
    end.receive('01 01 61 89 00 81 00');
    expect(end.events).toEqual(['piece "a"', 'ping <>', ...failed('ERR_INTERLEAVED', 1002)]);
  });

  it('assembles the message that had begun before', () => {
    const end = open({ role: 'client' });
    end.receive('01 01 61');
    end.connection.streams = true;
    end.receive('80 01 62 81 01 63');
    expect(end.events).toEqual(['message "ab"', 'piece "c"', 'end of text']);
  });

  it('stops between pieces when it is paused, and goes on from there', () => {
    const end = streaming();
    end.on('piece "a"', () => end.connection.pause());
    end.receive('01 01 61 80 01 62 89 00');
    expect(end.events).toEqual(['piece "a"']);
    end.connection.resume();
    expect(end.events).toEqual(['piece "a"', 'piece "b"', 'end of text', 'ping <>']);
  });

  describe('and compressed', () => {
    it('inflates them as they come', () => {
      const inflater = new TestInflater();
      const end = streaming(inflater);
      end.receive(`41 06 ${stored('a')}`);
      expect(end.events).toEqual(['piece "a"']);
      expect(inflater.isClosed).toBe(false);
      end.receive(`80 07 ${stored('b')} 00`);
      expect(end.events).toEqual(['piece "a"', 'piece "b"', 'end of text']);
      expect(inflater.isClosed).toBe(true);
    });

    it('holds what is inflated when it is paused, and the end of the message with it', () => {
      const end = streaming(new TestInflater());
      end.on('piece "a"', () => end.connection.pause());
      end.receive(`c1 0d ${stored('a')} ${stored('b')} 00 81 01 63`);
      expect(end.events).toEqual(['piece "a"']);
      end.connection.resume();
      expect(end.events).toEqual(['piece "a"', 'piece "b"', 'end of text', 'piece "c"', 'end of text']);
    });

    it('may be paused again while it hands over what it held', () => {
      const end = streaming(new TestInflater());
      end.on('piece "a"', () => end.connection.pause());
      end.on('piece "b"', () => end.connection.pause());
      end.receive(`c1 0d ${stored('a')} ${stored('b')} 00`);
      end.receive('81 01 63');
      end.connection.resume();
      expect(end.events).toEqual(['piece "a"', 'piece "b"']);
      end.connection.resume();
      expect(end.events.slice(2)).toEqual(['end of text', 'piece "c"', 'end of text']);
    });

    it('refuses what is not deflate data, and lets go of the inflater', () => {
      const inflater = new TestInflater();
      const end = streaming(inflater);
      end.receive('42 01 ff');
      expect(end.events).toEqual(failed('ERR_INFLATE', 1007));
      expect(inflater.isClosed).toBe(true);
    });
  });
});

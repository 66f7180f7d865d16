import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import zlib, { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import type { Inflated } from '../protocol/inflater.js';
import { InflateContext } from './inflate-context.js';
import { MessageInflater } from './message-inflater.js';
import { ZlibState } from './zlib.js';
import { hex, noise } from './test-wire.js';

const LIMIT = 1 << 20;

/** An inflater, and what it makes of messages, one after the other. */
function open(contextTakeover: boolean, windowBits = 15) {
  let resolve: (outcome: Inflated<Buffer>) => void;
  const host = { inflating: vi.fn<() => void>(), inflated: (outcome: Inflated<Buffer>) => resolve(outcome) };
  const inflater = new MessageInflater(host, windowBits, contextTakeover);
  const inflate = async (payload: Uint8Array, limit = LIMIT, isText = false): Promise<Inflated<Buffer>> => {
    const outcome = inflater.inflate(Buffer.from(payload), limit, isText);
    if (outcome !== 'later') return typeof outcome === 'string' ? outcome : Buffer.from(outcome);
    return new Promise((onOutcome) => (resolve = onOutcome));
  };
  return { inflater, inflate, host };
}

/** What a peer sends that keeps no context. */
function deflate(bytes: Uint8Array | string, options = {}): Buffer {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
}

/** What a peer sends that keeps its context. */
function deflater(): (bytes: Uint8Array) => Buffer {
  const state = new ZlibState(createDeflateRaw());
  const output = Buffer.alloc(2 * LIMIT);
  return (bytes) => {
    state.write(bytes, 0, bytes.length, output, 0, output.length);
    return Buffer.from(output.subarray(0, output.length - state.free - 4));
  };
}

/** A deflate stream that ends (BFINAL), and the byte that RFC 7692 section 7.2.3.4 puts behind it. */
function final(text: string): Buffer {
  return Buffer.concat([deflateRawSync(text), hex('00')]);
}

/** As `toEqual`, which takes a second for a large Buffer. */
function expectBytes(outcome: Inflated<Buffer>, bytes: Buffer): void {
  const isSame = Buffer.isBuffer(outcome) && outcome.equals(bytes);
  expect(isSame ? 'the same' : outcome.slice(0, 100)).toBe('the same');
}

const pullAll = (stream: ReturnType<MessageInflater['openStream']>): Buffer | 'corrupt' => {
  const pieces: Buffer[] = [];
  for (let piece = stream.pull(); piece !== undefined; piece = stream.pull()) {
    if (piece === 'corrupt') return 'corrupt';
    expect(piece.length).toBeLessThanOrEqual(65_536);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};

const streamAll = (inflater: MessageInflater, payload: Buffer, step: number): Buffer | 'corrupt' => {
  const stream = inflater.openStream();
  const outcomes: Buffer[] = [];
  for (let at = 0; at < payload.length; at += step) {
    stream.push(payload.subarray(at, at + step));
    const outcome = pullAll(stream);
    if (outcome === 'corrupt') return outcome;
    outcomes.push(outcome);
  }
  stream.end();
  const last = pullAll(stream);
  stream.close();
  return last === 'corrupt' ? last : Buffer.concat([...outcomes, last]);
};

/** Refers back to what never came. */
const TOO_FAR = deflate('never came', { dictionary: Buffer.from('never came') });

const SIZES = [0, 1, 100, 65_535, 65_536, 65_537, 200_000, LIMIT];

describe.each([
  ['without context takeover', false],
  ['with context takeover', true],
])('An inflater %s', (_, contextTakeover) => {
  it.each(SIZES)('inflates %d bytes that compress well', async (size) => {
    const { inflate } = open(contextTakeover);
    const bytes = Buffer.alloc(size, 'abc');
    for (const isText of [false, true]) expectBytes(await inflate(deflate(bytes), LIMIT, isText), bytes);
  });

  it.each(SIZES)('inflates %d bytes that do not, the large ones in the thread pool', async (size) => {
    const { inflate, host } = open(contextTakeover);
    expectBytes(await inflate(deflate(noise(size))), noise(size));
    expect(host.inflating).toHaveBeenCalledTimes(size > 16_384 ? 1 : 0);
  });

  it('inflates nothing to nothing', async () => {
    const { inflate } = open(contextTakeover);
    expect(await inflate(hex(''))).toEqual(Buffer.alloc(0));
    expect(await inflate(hex('00'))).toEqual(Buffer.alloc(0));
    expect(await inflate(deflate('after'))).toEqual(Buffer.from('after'));
  });

  it.each([1, 1000, 65_535, 65_536, 100_000, 300_000])(
    'allows exactly %d bytes when that is the limit',
    async (limit) => {
      const { inflate } = open(contextTakeover);
      for (const bytes of [Buffer.alloc(limit), noise(limit)]) {
        expectBytes(await inflate(deflate(bytes), limit), bytes);
      }
      expect(await inflate(deflate(Buffer.alloc(limit + 1)), limit)).toBe('too-big');
    },
  );

  it('cuts off a large message in the thread pool at the limit', async () => {
    const { inflate } = open(contextTakeover);
    expect(await inflate(deflate(noise(100_000)), 99_999)).toBe('too-big');
  });

  it('stops there: what is left of a large message is not inflated', async () => {
    const context = new InflateContext(15, contextTakeover);
    const { stream } = context.state;
    expect(await context.inflateInPool(deflate(noise(LIMIT)), 1000)).toBe('too-big');
    if (!contextTakeover) context.close();
    if (!stream.closed) await once(stream, 'close');
    expect(stream.bytesWritten).toBeLessThan(LIMIT / 2);
  });

  it('allocates no more than the limit for what would be a thousand times as much', async () => {
    const { inflate } = open(contextTakeover);
    const bomb = deflate(Buffer.alloc(12 * LIMIT));
    const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
    expect(await inflate(bomb, LIMIT)).toBe('too-big');
    const total = allocated.mock.calls.reduce((sum, [size]) => sum + size, 0);
    allocated.mockRestore();
    expect(total).toBeLessThanOrEqual(LIMIT + 1);
  });

  it.each([
    ['a reserved block type', '07'],
    ['a stored block whose lengths differ', '00 01 00 ff ff 61'],
    ['a distance too far back', TOO_FAR.toString('hex')],
    ['rubbish', 'ff ff ff ff ff'],
  ])('refuses %s', async (__, digits) => {
    expect(await open(contextTakeover).inflate(hex(digits))).toBe('corrupt');
  });

  it('refuses rubbish in the thread pool, and inflates for others after that', async () => {
    expect(await open(contextTakeover).inflate(Buffer.alloc(20_000, 0xff))).toBe('corrupt');
    expect(await open(contextTakeover).inflate(deflate('fine'))).toEqual(Buffer.from('fine'));
  });

  it('goes on behind a deflate stream that ends (BFINAL)', async () => {
    const { inflate } = open(contextTakeover);
    for (const text of ['one', 'two', 'three']) expect(await inflate(final(text))).toEqual(Buffer.from(text));
    expect(await inflate(deflate('four'))).toEqual(Buffer.from('four'));
    // Without the byte behind it, as some send it.
    expect(await inflate(deflateRawSync('five'))).toEqual(Buffer.from('five'));
    expect(await inflate(deflate('six'))).toEqual(Buffer.from('six'));
  });

  it('takes an empty last block of which the tail has been taken off', async () => {
    const { inflate } = open(contextTakeover);
    const large = noise(40_000);
    for (const bytes of [Buffer.from('small'), Buffer.alloc(0), large]) {
      expectBytes(await inflate(Buffer.concat([deflate(bytes), hex('00 00 ff ff 01')])), bytes);
      expect(await inflate(deflate('next'))).toEqual(Buffer.from('next'));
    }
  });

  it('goes on behind the end of a deflate stream within a message, which may refer back', async () => {
    const { inflate } = open(contextTakeover);
    const text = Buffer.from('something to refer back to');
    const again = deflate(text, { dictionary: text });
    expect(again.length).toBeLessThan(text.length / 2);
    const message = Buffer.concat([deflateRawSync(text), again]);
    for (let round = 0; round < 2; round++) {
      expect(await inflate(message)).toEqual(Buffer.concat([text, text]));
    }
    expect(await inflate(deflate('next'))).toEqual(Buffer.from('next'));
  });

  it('does so in the thread pool', async () => {
    const { inflate } = open(contextTakeover);
    const first = noise(40_000);
    const message = Buffer.concat([deflateRawSync(first), deflate('and more')]);
    expect(await inflate(message)).toEqual(Buffer.concat([first, Buffer.from('and more')]));
    expectBytes(await inflate(deflateRawSync(first)), first);
    expect(await inflate(final(first.toString('latin1')))).toEqual(Buffer.from(first.toString('latin1')));
    expect(await inflate(deflate('next'))).toEqual(Buffer.from('next'));
  });

  it('gives up on a message in which deflate streams end again and again', async () => {
    const nothing = hex('03 00');
    const few = Buffer.concat(Array.from({ length: 15 }, () => nothing));
    const many = Buffer.concat(Array.from({ length: 18 }, () => nothing));
    expect(await open(contextTakeover).inflate(Buffer.concat([few, deflate('a')]))).toEqual(Buffer.from('a'));
    expect(await open(contextTakeover).inflate(Buffer.concat([many, deflate('a')]))).toBe('corrupt');
  });

  describe('that streams', () => {
    it.each([1, 7, 100_000])('gives the same as at once, pushed %d bytes at a time', (step) => {
      const { inflater } = open(contextTakeover);
      for (const bytes of [Buffer.alloc(200_000, 'ab'), Buffer.alloc(65_536), noise(3000), hex('61')]) {
        expectBytes(streamAll(inflater, deflate(bytes), step), bytes);
      }
      expect(streamAll(inflater, hex('00'), step)).toEqual(Buffer.alloc(0));
      expect(streamAll(inflater, hex(''), step)).toEqual(Buffer.alloc(0));
    });

    it.each([1, 1000])('goes on behind a deflate stream that ends, pushed %d bytes at a time', (step) => {
      const { inflater } = open(contextTakeover);
      expect(streamAll(inflater, final('one'), step)).toEqual(Buffer.from('one'));
      expect(streamAll(inflater, deflateRawSync('two'), step)).toEqual(Buffer.from('two'));
      const two = Buffer.concat([deflateRawSync('three '), deflate('four')]);
      expect(streamAll(inflater, two, step)).toEqual(Buffer.from('three four'));
      const many = Buffer.concat(Array.from({ length: 20 }, () => hex('03 00')));
      expect(streamAll(inflater, many, step)).toBe('corrupt');
    });

    it.each([1, 1000, 100_000])(
      'takes what refers back to before that end, pushed %d bytes at a time',
      (step) => {
        const { inflater } = open(contextTakeover);
        // Longer than a window, and what is repeated is its end.
        const first = noise(step === 1 ? 3000 : 100_000);
        const again = deflate(first.subarray(-500), { dictionary: first.subarray(-32_768) });
        expect(again.length).toBeLessThan(50);
        for (let round = 0; round < 2; round++) {
          const message = Buffer.concat([deflateRawSync(first), again]);
          expectBytes(streamAll(inflater, message, step), Buffer.concat([first, first.subarray(-500)]));
        }
      },
    );

    it('refuses rubbish', () => {
      expect(streamAll(open(contextTakeover).inflater, hex('07 00'), 1)).toBe('corrupt');
    });

    it('gives what comes before the end as soon as it can', () => {
      const stream = open(contextTakeover).inflater.openStream();
      stream.push(deflate('early'));
      expect(stream.pull()).toEqual(Buffer.from('early'));
      expect(stream.pull()).toBeUndefined();
      stream.close();
    });
  });
});

describe('An inflater without context takeover', () => {
  const text = Buffer.from('a message that refers to the one before');

  it('refuses what refers to the message before', async () => {
    const { inflate } = open(false);
    const send = deflater();
    expect(await inflate(send(text))).toEqual(text);
    expect(await inflate(send(text))).toBe('corrupt');
  });

  it('refuses a message that is cut short', async () => {
    const whole = deflate(text);
    for (let length = 1; length < whole.length; length++) {
      expect([length, await open(false).inflate(whole.subarray(0, length))]).toEqual([length, 'corrupt']);
    }
    expect(await open(false).inflate(deflate(noise(30_000)).subarray(0, -50))).toBe('corrupt');
    const stream = open(false).inflater.openStream();
    stream.push(whole.subarray(0, 10));
    stream.end();
    let last = stream.pull();
    while (Buffer.isBuffer(last)) last = stream.pull();
    expect(last).toBe('corrupt');
  });
});

describe('The thread pool', () => {
  it('has few states of zlib for all that is inflated without context takeover, and gives them on', async () => {
    const created = vi.spyOn(zlib, 'createInflateRaw');
    syncBuiltinESMExports();
    const bytes = noise(30_000);
    const payload = deflate(bytes);
    try {
      for (let round = 0; round < 2; round++) {
        const outcomes = await Promise.all(Array.from({ length: 40 }, () => open(false).inflate(payload)));
        for (const outcome of outcomes) expectBytes(outcome, bytes);
      }
      expect(created.mock.calls.length).toBeLessThanOrEqual(8);
    } finally {
      created.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('gives on none that failed, and goes on', async () => {
    const bytes = noise(30_000);
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.all([
        open(false).inflate(Buffer.alloc(20_000, 0xff)),
        open(false).inflate(deflate(bytes), 1000),
        open(false).inflate(deflate(bytes)),
      ]);
      expect(outcomes.slice(0, 2)).toEqual(['corrupt', 'too-big']);
      expectBytes(outcomes[2], bytes);
    }
  });

  it('may still be at it when the connection is gone', async () => {
    for (const payload of [deflate(noise(200_000)), deflateRawSync(noise(200_000))]) {
      const context = new InflateContext(15, true);
      const outcome = context.inflateInPool(payload, LIMIT);
      context.close();
      expect(await outcome).toBe('corrupt');
    }
  });
});

describe('An inflater with context takeover', () => {
  it('inflates what refers to earlier messages, large and small, whole and streamed', async () => {
    const { inflate, inflater } = open(true);
    const send = deflater();
    for (const bytes of [noise(200), noise(30_000), noise(200), noise(40_000), noise(500)]) {
      expectBytes(await inflate(send(bytes)), bytes);
    }
    const stream = inflater.openStream();
    stream.push(send(noise(500)));
    expect(stream.pull()).toEqual(noise(500));
    stream.end();
    expect(stream.pull()).toBeUndefined();
    stream.close();
    expectBytes(await inflate(send(noise(300))), noise(300));
  });

  it('remembers what came before the end of a deflate stream', async () => {
    const { inflate } = open(true);
    const text = Buffer.from('what is remembered');
    expect(await inflate(final(text.toString()))).toEqual(text);
    expect(await inflate(deflate('x'))).toEqual(Buffer.from('x'));
    const again = deflate(text, { dictionary: Buffer.concat([text, Buffer.from('x')]) });
    expect(again.length).toBeLessThan(text.length / 2);
    expect(await inflate(again)).toEqual(text);
  });

  it('remembers that as well where messages are read as they arrive', async () => {
    const { inflater, inflate } = open(true);
    const [one, two, three] = [noise(500), noise(1000).subarray(500), noise(1500).subarray(1000)];
    // Two deflate streams end in it.
    expectBytes(
      streamAll(inflater, Buffer.concat([deflateRawSync(one), deflateRawSync(two)]), 1),
      Buffer.concat([one, two]),
    );
    expectBytes(streamAll(inflater, deflate(three), 100), three);
    expectBytes(streamAll(inflater, final('four'), 100), Buffer.from('four'));
    let before = Buffer.concat([one, two, three, Buffer.from('four')]);
    for (const bytes of [one, two, three]) {
      const again = deflate(bytes, { dictionary: before });
      expect(again.length).toBeLessThan(50);
      expectBytes(streamAll(inflater, again, 10), bytes);
      before = Buffer.concat([before, bytes]);
    }
    expectBytes(await inflate(deflate(one, { dictionary: before })), one);
  });

  it('does not mind what is done with a piece that was read', () => {
    const stream = open(true).inflater.openStream();
    stream.push(Buffer.concat([deflate('what is remembered'), hex('00 00 ff ff')]));
    (stream.pull() as Buffer).fill(0);
    const again = deflate('what is remembered', { dictionary: Buffer.from('what is remembered!') });
    stream.push(Buffer.concat([deflateRawSync('!'), again]));
    expect(pullAll(stream)).toEqual(Buffer.from('!what is remembered'));
  });

  it('reads no further back than was agreed on', async () => {
    // With 512 bytes of window a repetition 600 bytes back cannot be meant.
    const far = Buffer.concat([noise(100), noise(600).subarray(100), noise(100)]);
    expectBytes(await open(true, 15).inflate(deflate(far)), far);
    const narrow = open(true, 9);
    const send = deflater();
    expectBytes(await narrow.inflate(send(far.subarray(0, 600))), far.subarray(0, 600));
    expect(await narrow.inflate(send(far.subarray(0, 60)))).toBe('corrupt');
  });
});

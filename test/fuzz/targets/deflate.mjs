/**
 * `MessageDeflater` and `MessageInflater`: what two connections compress, in turns and in any size, comes back. So does
 * what zlib compresses with any settings, flushes and last blocks. Corrupt data is refused within the limit, whole and
 * streamed alike, and leaves what is shared usable.
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { MessageDeflater } from '../../../packages/bothways/dist/node/message-deflater.js';
import { MessageInflater } from '../../../packages/bothways/dist/node/message-inflater.js';
import { must } from '../finding.mjs';
import { randomText } from '../talk.mjs';

export const name = 'deflate';

const LARGE = 1 << 24;
const FLUSHES = ['Z_SYNC_FLUSH', 'Z_FULL_FLUSH', 'Z_FINISH'];
const STRATEGIES = ['Z_DEFAULT_STRATEGY', 'Z_FILTERED', 'Z_HUFFMAN_ONLY', 'Z_RLE', 'Z_FIXED'];

export function generate(random) {
  const connections = random.list(2, () => ({
    setup: {
      takeover: random.oneIn(2),
      windowBits: random.between(8, 15),
      level: random.between(1, 9),
      memLevel: random.between(1, 9),
      isForeign: random.oneIn(2),
    },
  }));
  const messages = random.list(random.between(1, 10), () => ({
    connection: random.below(2),
    payload: randomPayload(random),
    isStreamed: random.oneIn(3),
    isText: random.oneIn(2),
    piece: random.pick([1, 7, 100, 5000, 100_000]),
    setup: { flush: random.pick(FLUSHES), strategy: random.pick(STRATEGIES), level: random.between(0, 9) },
    /** How much the limit leaves, bytes: -1 is too little by one. */
    spare: random.oneIn(8) ? random.between(-1, 1) : LARGE,
  }));
  const damage = random.oneIn(2)
    ? random.list(random.between(1, 3), () => ({ at: random.next(), byte: random.below(256) }))
    : [];
  return { connections, messages, damage };
}

function randomPayload(random) {
  const length = random.oneIn(6) ? random.pick([16_383, 16_384, 16_385, 40_000, 70_000]) : random.below(2000);
  if (random.oneIn(3)) return random.bytes(length);
  if (random.oneIn(2)) return randomText(random, length);
  return Buffer.alloc(length, random.bytes(random.between(1, 60)));
}

export async function check({ connections, messages, damage }) {
  const ends = connections.map(({ setup }) => new Ends(setup));
  try {
    for (const message of messages) {
      const end = ends[message.connection];
      const wire = await end.compress(message);
      const limit = message.payload.length + message.spare;
      const came = await end.inflate(wire, limit, message);
      if (message.spare < 0 && !message.isStreamed) {
        must(came === 'too-big', 'a message above the limit is inflated', () => described(came));
        break;
      }
      must(Buffer.isBuffer(came), 'a message is not inflated', () => described(came));
      must(came.equals(message.payload), 'a message comes back as another');
    }
    if (damage.length > 0 && messages.length > 0) await checkDamaged(messages.at(-1), damage);
  } finally {
    for (const end of ends) end.close();
  }
}

/** Without context takeover, so that all there is to say about the message is in it. */
async function checkDamaged({ payload, setup, piece, isText }, damage) {
  const wire = deflateForeign(payload, { ...setup, windowBits: 15, dictionary: Buffer.alloc(0) });
  for (const { at, byte } of damage) wire[at % wire.length] = byte;
  const limit = 2 * payload.length + 100;
  const end = new Ends({ takeover: false, windowBits: 15, level: 6, memLevel: 8 });
  const whole = await end.inflate(wire, limit, { isText });
  must(typeof whole === 'string' || whole.length <= limit, 'more is inflated than the limit allows');
  const streamed = await end.inflate(wire, limit, { isStreamed: true, piece });
  const expected = inflateByZlib(wire);
  if (whole !== 'too-big') {
    // Behind a last block within a message, what is streamed cannot refer back to what was before it.
    const isRefused = streamed === 'corrupt' && expected === undefined;
    must(
      isRefused || isSame(whole, streamed),
      'a damaged message depends on how it is inflated',
      () => `${described(whole)}, ${described(streamed)}: ${wire.toString('hex')}`,
    );
    must(
      expected === undefined || isSame(whole, expected),
      'good deflate data is not inflated',
      () => `${described(whole)}: ${wire.toString('hex')}`,
    );
  }
  const good = Buffer.from('what is shared can still be used');
  const again = await end.inflate(
    deflateRawSync(good, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
    LARGE,
    {},
  );
  must(Buffer.isBuffer(again) && again.equals(good), 'corrupt data spoils what is shared', () =>
    described(again),
  );
  end.close();
}

/** What zlib itself makes of a message without a last block; `undefined` for any other. */
function inflateByZlib(wire) {
  // With a last block behind it a message that is not complete can be told from one that is.
  const input = Buffer.concat([wire, Buffer.from('0000ffff010000ffff', 'hex')]);
  try {
    const { buffer, engine } = inflateRawSync(input, { info: true });
    return engine.bytesWritten === input.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

function isSame(one, other) {
  return Buffer.isBuffer(one) && Buffer.isBuffer(other) ? one.equals(other) : one === other;
}

function described(outcome) {
  return Buffer.isBuffer(outcome) ? `${outcome.length} bytes` : String(outcome);
}

/** Both ends of one direction of a connection. */
class Ends {
  #deflater;
  #inflater;
  #setup;
  #history = Buffer.alloc(0);
  #onInflated = () => {};

  constructor(setup) {
    this.#setup = setup;
    const { level, memLevel, windowBits, takeover } = setup;
    this.#deflater = new MessageDeflater({ level, memLevel, windowBits }, takeover);
    const host = { inflating: () => {}, inflated: (outcome) => this.#onInflated(outcome) };
    // A window of 256 bytes is inflated like one of 512: zlib has no other.
    this.#inflater = new MessageInflater(host, Math.max(9, windowBits), takeover);
  }

  async compress({ payload, setup }) {
    // As the sender does it.
    if (payload.length === 0) return Buffer.from([0]);
    if (!this.#setup.isForeign) return await this.#deflater.deflateWhole(payload);
    const { windowBits, takeover } = this.#setup;
    const bits = Math.max(9, windowBits);
    const dictionary = takeover ? this.#history.subarray(-(1 << bits)) : this.#history;
    // Behind a last block a compressor begins anew, and so does what it refers back to.
    if (setup.flush === 'Z_FINISH') this.#history = Buffer.alloc(0);
    else if (takeover) this.#history = Buffer.concat([this.#history, payload]).subarray(-32_768);
    return deflateForeign(payload, { ...setup, windowBits: bits, dictionary });
  }

  async inflate(wire, limit, { isStreamed = false, isText = false, piece = 100 }) {
    if (isStreamed) return this.#stream(wire, piece);
    const arrived = new Promise((resolve) => (this.#onInflated = resolve));
    const outcome = this.#inflater.inflate(Buffer.from(wire), limit, isText);
    const inflated = outcome === 'later' ? await arrived : outcome;
    // What is a text is in memory that is used again.
    return Buffer.isBuffer(inflated) && isText ? Buffer.from(inflated) : inflated;
  }

  #stream(wire, size) {
    const stream = this.#inflater.openStream();
    const pieces = [];
    const pull = () => {
      for (let piece = stream.pull(); piece !== undefined; piece = stream.pull()) {
        if (piece === 'corrupt') return false;
        must(piece.length <= 64 * 1024, 'a piece is larger than it may be');
        pieces.push(piece);
      }
      return true;
    };
    let isGood = true;
    for (let at = 0; at < wire.length && isGood; at += size) {
      stream.push(Buffer.from(wire.subarray(at, at + size)));
      isGood = pull();
    }
    if (isGood) {
      stream.end();
      isGood = pull();
    }
    stream.close();
    return isGood ? Buffer.concat(pieces) : 'corrupt';
  }

  close() {
    this.#deflater.close();
    this.#inflater.close();
  }
}

/** Another implementation's message: RFC 7692 section 7.2.3 has its examples of most of these. */
function deflateForeign(payload, { flush, strategy, level, windowBits, dictionary }) {
  if (payload.length === 0) return Buffer.from([0]);
  const options = {
    finishFlush: constants[flush],
    strategy: constants[strategy],
    level,
    windowBits,
    ...(dictionary.length === 0 ? {} : { dictionary }),
  };
  const deflated = deflateRawSync(payload, options);
  // Section 7.2.3.4: behind a last block comes an empty one, less its tail.
  return flush === 'Z_FINISH' ? Buffer.concat([deflated, Buffer.from([0])]) : deflated.subarray(0, -4);
}

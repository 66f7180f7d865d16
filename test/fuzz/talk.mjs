/** Random talks that keep to RFC 6455 and RFC 7692: what one end may say, and as which frames it goes out. */
import { constants, deflateRawSync } from 'node:zlib';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  PING,
  PONG,
  RSV1,
  TEXT,
  closePayload,
  encodeFrame,
} from './frames.mjs';

/** Where the encoding of a length, or a limit of the library, changes. */
const EDGES = [0, 1, 2, 31, 32, 33, 124, 125, 126, 127, 128, 129, 255, 256, 257, 4095, 4096];
const LARGE_EDGES = [16_383, 16_384, 16_385, 65_534, 65_535, 65_536, 65_537, 131_072];

const WORDS = [
  'a',
  'ab ',
  'é',
  'ß',
  '€',
  '語',
  '\u0000',
  '\u07ff',
  '\ud7ff',
  '\uffff',
  '😀',
  '\u{10ffff}',
  '\ufeff',
];

/** @param {import('./random.mjs').Random} random */
export function randomSetup(random) {
  const deflate = random.oneIn(2)
    ? { takeover: random.oneIn(2), windowBits: random.between(9, 15), level: random.between(0, 9) }
    : undefined;
  return {
    role: random.pick(['server', 'client']),
    streams: random.oneIn(2),
    lendsChunks: random.oneIn(2),
    maxMessageSize: random.oneIn(4) ? random.pick([...EDGES.slice(1), ...LARGE_EDGES]) : 1 << 20,
    closesFirst: random.oneIn(8),
    deflate,
  };
}

/**
 * What an end says: messages, and control frames, which may stand between the fragments of a message.
 *
 * @param {import('./random.mjs').Random} random
 */
export function randomTalk(random) {
  const talk = random.list(random.between(1, 8), () =>
    random.oneIn(4) ? randomControl(random) : randomMessage(random),
  );
  if (random.oneIn(3)) talk.push({ close: randomClose(random), key: random.next() });
  return talk;
}

function randomMessage(random) {
  const isText = random.oneIn(2);
  const length = randomLength(random);
  const payload = isText ? randomText(random, length) : randomBinary(random, length);
  const count = random.oneIn(2) ? 0 : random.between(1, random.oneIn(20) ? 40 : 4);
  return {
    isText,
    payload,
    cuts: random.list(count, () => random.between(0, payload.length)).toSorted((a, b) => a - b),
    controls: random.list(random.oneIn(3) ? random.between(1, 3) : 0, () => ({
      ...randomControl(random),
      before: random.between(1, count + 1),
    })),
    isCompressed: !random.oneIn(4),
    key: random.oneIn(10) ? 0 : random.next(),
  };
}

function randomControl(random) {
  const length = random.oneIn(2) ? random.pick([0, 1, 124, 125]) : random.between(0, 125);
  return { opcode: random.pick([PING, PONG]), payload: random.bytes(length), key: random.next() };
}

function randomClose(random) {
  if (random.oneIn(4)) return Buffer.alloc(0);
  const code = random.pick([1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999, random.between(3000, 4999)]);
  const reason = random.oneIn(2) ? randomText(random, random.between(0, 123)) : Buffer.alloc(0);
  return closePayload(code, reason);
}

function randomLength(random) {
  if (random.oneIn(40)) return random.oneIn(2) ? random.pick(LARGE_EDGES) : random.between(4000, 80_000);
  return random.oneIn(2) ? random.pick(EDGES) : random.between(0, 400);
}

/** Exactly `length` bytes of UTF-8. */
export function randomText(random, length) {
  const alphabet = random
    .list(random.between(1, 6), () =>
      random.oneIn(4) ? String.fromCodePoint(randomCodePoint(random)) : random.pick(WORDS),
    )
    .map((word) => Buffer.from(word));
  const text = Buffer.alloc(length, 'x');
  let at = 0;
  for (;;) {
    const word = random.pick(alphabet);
    if (at + word.length > length) return text;
    at += word.copy(text, at);
  }
}

function randomCodePoint(random) {
  const code = random.pick([
    random.below(0x80),
    random.below(0x800),
    random.below(0x10000),
    random.below(0x110000),
  ]);
  return code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
}

function randomBinary(random, length) {
  if (random.oneIn(2)) return random.bytes(length);
  return Buffer.alloc(length, random.bytes(random.pick([1, 3, 50])));
}

/**
 * The frames of a talk, and what an end that receives them has to call: written down from what was meant, not read
 * from the bytes.
 */
export function layOut(talk, setup) {
  const frames = [];
  const calls = [];
  const lengths = [];
  const { role, deflate, streams, maxMessageSize } = setup;
  const keyOf = (key, index) => (role === 'server' ? (key + Math.imul(index, 0x9e37_79b9)) >>> 0 : undefined);
  let history = Buffer.alloc(0);
  let isOver = false;
  const call = (text) => {
    if (isOver) return;
    calls.push(text);
    isOver = text.startsWith('close') || text.startsWith('fail');
  };
  const control = ({ opcode, payload, key }) => {
    frames.push(encodeFrame(FIN | opcode, payload, keyOf(key, 0)));
    call(`${opcode === PING ? 'ping' : 'pong'} ${show(payload)}`);
  };
  for (const item of talk) {
    if (item.close !== undefined) {
      frames.push(encodeFrame(FIN | CLOSE, item.close, keyOf(item.key, 0)));
      call(describeClose(item.close));
      continue;
    }
    if (item.opcode !== undefined) {
      control(item);
      continue;
    }
    const isCompressed = deflate !== undefined && item.isCompressed;
    const wire = isCompressed ? compress(item.payload, deflate, history) : item.payload;
    if (isCompressed && deflate.takeover) history = Buffer.concat([history, item.payload]).subarray(-32_768);
    lengths.push(wire.length);
    const limit = streams ? Infinity : maxMessageSize;
    const limitOnWire = isCompressed ? limit + Math.floor(limit / 8) + 1024 : limit;
    const ends = [...item.cuts.map((cut) => Math.min(cut, wire.length)), wire.length];
    for (let index = 0, from = 0; index < ends.length; from = ends[index++]) {
      for (const each of item.controls) if (each.before === index) control(each);
      let first = index === ends.length - 1 ? FIN : 0;
      if (index === 0) first |= (item.isText ? TEXT : BINARY) | (isCompressed ? RSV1 : 0);
      else first |= CONTINUATION;
      frames.push(encodeFrame(first, wire.subarray(from, ends[index]), keyOf(item.key, index)));
      if (ends[index] > limitOnWire) call('fail ERR_MESSAGE_TOO_BIG 1009');
    }
    const isTooBig = item.payload.length > limit;
    call(isTooBig ? 'fail ERR_MESSAGE_TOO_BIG 1009' : describeMessage(item.isText, item.payload));
  }
  return { frames, calls, lengths };
}

/** RFC 7692 section 7.2.1, by zlib and not by the library. */
function compress(payload, { windowBits, level }, history) {
  // An empty message is one empty block; zlib would write two of them.
  if (payload.length === 0) return Buffer.from([0]);
  const dictionary = history.subarray(-(1 << windowBits));
  const options = { windowBits, level, finishFlush: constants.Z_SYNC_FLUSH };
  const deflated = deflateRawSync(payload, dictionary.length === 0 ? options : { ...options, dictionary });
  return deflated.subarray(0, -4);
}

export function describeMessage(isText, payload) {
  return `${isText ? 'text' : 'binary'} ${show(payload)}`;
}

export function describeClose(payload) {
  if (payload.length < 2) return 'close 1005 <>';
  return `close ${payload.readUInt16BE()} ${show(payload.subarray(2))}`;
}

/** Bytes for reading, or, where they are many, for telling apart. */
export function show(bytes) {
  if (bytes.length <= 64) return `<${bytes.toString('hex')}>`;
  return `<${bytes.length} bytes, ${hashOf(bytes)}>`;
}

/** FNV-1a: fast enough for every message. */
export function hashOf(bytes) {
  let hash = 0x811c_9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

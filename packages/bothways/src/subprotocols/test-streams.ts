import fc from 'fast-check';
import { concat } from '../protocol/test-platform.js';
import { amqp, mqtt, stomp, type MessageFinder } from './index.js';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** The messages of one direction, in order. */
type Stream = readonly Uint8Array[];

export interface Direction {
  readonly name: string;
  readonly makeFinder: () => MessageFinder;
  readonly streams: fc.Arbitrary<Stream>;
}

/** Most are short, some have another number of bytes of a length. */
const bodies = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(126, 127, 128, 255, 256, 16_383, 16_384)
      .map((size) => new Uint8Array(size).fill(7)),
  },
);

const eols = fc.constantFrom('\n', '\r\n');

/** Names that are nearly the one that matters. */
const stompHeader = fc.tuple(
  fc.constantFrom(
    'destination',
    'content-lengt',
    'content-lengths',
    'Content-Length',
    'c',
    '',
    'content-content-length',
  ),
  fc.constantFrom('/queue/a', '', 'content-length:3', '\\n\\c', 'ü', 'a:b:c', ' '),
);

const stompFrame = fc
  .record({
    command: fc.constantFrom('SEND', 'MESSAGE', 'content-length:7', 'c', '\u00ff'),
    before: fc.array(stompHeader, { maxLength: 3 }),
    lengthFormat: fc.constantFrom(undefined, '#', ' # ', '000#'),
    after: fc.array(fc.oneof(stompHeader, fc.constant(['content-length', 'x'] as const)), { maxLength: 3 }),
    body: bodies,
    eol: eols,
  })
  .map(({ command, before, lengthFormat, after, body, eol }) => {
    const isCounted = lengthFormat !== undefined;
    const content = isCounted ? body : body.filter((byte) => byte !== 0);
    const length = lengthFormat?.replace('#', String(content.length));
    const headers = isCounted
      ? [...before, ['content-length', length] as const, ...after]
      : [...before, ...after.filter(([name]) => name !== 'content-length')];
    const head = [command, ...headers.map(([name, value]) => `${name}:${value}`), '', ''].join(eol);
    return concat([bytesOf(head), content, bytesOf('\0')]);
  });

const stompStream = fc.array(fc.oneof(stompFrame, eols.map(bytesOf)), { maxLength: 8 });

const mqttStream = fc.array(
  fc.record({ first: fc.integer({ min: 0x10, max: 0xff }), body: bodies }).map(({ first, body }) => {
    const length: number[] = [];
    let rest = body.length;
    do length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    while ((rest >>>= 7) > 0);
    return concat([Uint8Array.of(first, ...length), body]);
  }),
  { maxLength: 8 },
);

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

const header = (...version: number[]): Uint8Array => concat([bytesOf('AMQP'), Uint8Array.from(version)]);

const oldFrames = fc.array(
  fc
    .record({ type: fc.constantFrom(1, 2, 3, 8), channel: fc.constantFrom(0, 0xcece), payload: bodies })
    .map(({ type, channel, payload }) =>
      concat([
        Uint8Array.of(type, channel >>> 8, channel & 0xff),
        uint32(payload.length),
        payload,
        Uint8Array.of(0xce),
      ]),
    ),
  { maxLength: 5 },
);

const newFrames = fc.array(
  fc
    .record({ type: fc.constantFrom(0, 1), extended: fc.integer({ min: 0, max: 3 }), body: bodies })
    .map(({ type, extended, body }) =>
      concat([
        uint32(8 + 4 * extended + body.length),
        Uint8Array.of(2 + extended, type, 0, 0),
        new Uint8Array(4 * extended).fill(0x41),
        body,
      ]),
    ),
  { maxLength: 5 },
);

const newStream = fc.oneof(
  newFrames.map((frames) => [header(0, 1, 0, 0), ...frames]),
  fc
    .tuple(newFrames, newFrames)
    .map(([sasl, frames]) => [header(3, 1, 0, 0), ...sasl, header(0, 1, 0, 0), ...frames]),
);

const oldHeaders = fc.constantFrom(header(0, 0, 9, 1), header(1, 1, 0, 9), header(1, 1, 8, 0));

/** What a peer of each protocol may say. */
export const DIRECTIONS: readonly Direction[] = [
  { name: 'a STOMP client', makeFinder: () => stomp.fromClient(), streams: stompStream },
  { name: 'a STOMP server', makeFinder: () => stomp.fromServer(), streams: stompStream },
  { name: 'an MQTT client', makeFinder: () => mqtt.fromClient(), streams: mqttStream },
  { name: 'an MQTT server', makeFinder: () => mqtt.fromServer(), streams: mqttStream },
  { name: 'an AMQP 1.0 client', makeFinder: () => amqp.fromClient(), streams: newStream },
  { name: 'an AMQP 1.0 server', makeFinder: () => amqp.fromServer(), streams: newStream },
  {
    name: 'an AMQP 0-9-1 client',
    makeFinder: () => amqp.fromClient(),
    streams: fc.tuple(oldHeaders, oldFrames).map(([first, frames]) => [first, ...frames]),
  },
  { name: 'an AMQP 0-9-1 server', makeFinder: () => amqp.fromServer(), streams: oldFrames },
  {
    name: 'an AMQP server that refuses',
    makeFinder: () => amqp.fromServer(),
    streams: oldHeaders.map((one) => [one]),
  },
];

/** How long the pieces are, one after the other, and then over again. */
export const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20_000 })), {
  minLength: 1,
  maxLength: 6,
});

/** Pieces as a transport has them: in memory that has other bytes around them. */
export function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const piece = bytes.subarray(at, at + lengths[turn % lengths.length]!);
    const memory = new Uint8Array(piece.length + 4).fill([0x00, 0x0a, 0xce][turn % 3]!);
    memory.set(piece, 2);
    pieces.push(memory.subarray(2, 2 + piece.length));
    at += piece.length;
  }
  return pieces;
}

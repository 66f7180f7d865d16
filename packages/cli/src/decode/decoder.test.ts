import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { MAX_FIELDS, MAX_SUMMARY, MAX_VALUE, type Decoded, type Side } from './decoded.js';
import { createDecoder, MAX_MESSAGES } from './decoder.js';
import { frame, list, oldFrame } from './test-amqp.js';

const PROTOCOLS = ['stomp', 'xmpp', 'amqp', 'mqtt', 'raw'];

describe('messages that are cut and joined', () => {
  it('are told when they end', () => {
    const decoder = createDecoder('stomp');
    expect(decoder.decode('client', 'SEND\ndestination:/a\n\none\0SEND\ndest')).toMatchObject([
      { summary: 'SEND destination=/a 3 bytes' },
    ]);
    expect(decoder.decode('server', '\n')).toMatchObject([{ name: 'heart-beat' }]);
    expect(decoder.decode('client', 'ination:/b\n\n')).toEqual([]);
    expect(decoder.decode('client', Buffer.from('two\0\n'))).toMatchObject([
      { summary: 'SEND destination=/b 3 bytes' },
      { name: 'heart-beat' },
    ]);
  });

  it('are told up to a number, and all are counted', () => {
    const messages = createDecoder('stomp').decode('client', '\n'.repeat(MAX_MESSAGES + 500));
    expect(messages).toHaveLength(MAX_MESSAGES);
    expect(messages.at(-1)).toMatchObject({ summary: 'and 501 messages more' });
  });
});

it('knows the version of MQTT for both sides, from what the client has said', () => {
  const decoder = createDecoder('mqtt');
  decoder.decode('client', generate({ cmd: 'connect', clientId: 'c', protocolVersion: 5 }));
  const answer = generate({ cmd: 'connack', reasonCode: 0, sessionPresent: false }, { protocolVersion: 5 });
  expect(decoder.decode('server', answer)).toMatchObject([
    { summary: 'CONNACK session-present=false code=0' },
  ]);
});

it('goes on with the next message behind one that is malformed', () => {
  const decoder = createDecoder('mqtt');
  expect(decoder.decode('server', Uint8Array.of(0, 0))).toMatchObject([{ name: 'malformed' }]);
  expect(decoder.decode('server', Uint8Array.of(0xd0, 0))).toMatchObject([{ name: 'PINGRESP' }]);
});

it('shows messages of a protocol that it does not know as they are', () => {
  const decoder = createDecoder('mine');
  expect(decoder.decode('client', 'PING\r\n')).toMatchObject([{ name: 'text', summary: 'text 6 bytes' }]);
  expect(decoder.decode('server', Uint8Array.of(1))).toMatchObject([
    { name: 'binary', summary: 'binary 1 byte' },
  ]);
});

/** Bytes that begin as those of a protocol do, and then go wrong. */
function almost(...good: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
      fc.nat(10),
    )
    .map(([bytes, changes, cut]) => {
      const changed = Uint8Array.from(bytes);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      return changed.subarray(0, cut < 3 ? changed.length - cut : changed.length);
    });
}

const GOOD: readonly Uint8Array[] = [
  generate({ cmd: 'connect', clientId: 'c', protocolVersion: 5, properties: { userProperties: { a: 'b' } } }),
  generate({ cmd: 'publish', topic: 'a', qos: 1, messageId: 1, dup: false, retain: false, payload: 'x' }),
  generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] }),
  oldFrame(1, 1, '0032 000a 0000 0171 12 00000011 0161 49 0000000a 0162 53 00000003 6c617a'),
  oldFrame(2, 1, '003c 0000 0000000000000005 f000 0161 0162 00000000 02 01'),
  frame(0, 0, `005310 ${list(2, 'a10163 a10168')}`),
  frame(0, 0, `005314 ${list(1, '43')} 005373 ${list(1, 'a10161')} 005375 a00161`),
  Buffer.from('SEND\ndestination:/a\ncontent-length:1\n\nx\0'),
  Buffer.from(`<iq to="a" id='b'><query xmlns="c"/></iq>`),
];

const message = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  almost(...GOOD),
  fc.string({ unit: 'binary', maxLength: 100 }),
);

it.each(PROTOCOLS)(
  '%s: never throws, and says no more than it may, in one line that is safe to print',
  (protocol) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom<Side>('client', 'server'), message), { maxLength: 4 }),
        (said) => {
          const decoder = createDecoder(protocol);
          for (const [from, one] of said) decoder.decode(from, one).forEach(expectBounded);
        },
      ),
      { numRuns: 1_000 },
    );
  },
);

it.each(PROTOCOLS)('%s: is bounded for messages that are large', (protocol) => {
  const decoder = createDecoder(protocol);
  const large = [
    `SEND\n${'a:b\n'.repeat(100_000)}\n\0`,
    `<a ${'b="c" '.repeat(100_000)}>`,
    new Uint8Array(1e6).fill(0x61),
    oldFrame(1, 1, `0032 000a 0000 0171 12 000f4240 ${'0161 49 0000000a'.repeat(142_857)}00`),
    generate({
      cmd: 'unsubscribe',
      messageId: 1,
      unsubscriptions: Array.from({ length: 20_000 }, () => 'a'),
    }),
  ];
  for (const one of large) decoder.decode('server', one).forEach(expectBounded);
  expect.hasAssertions();
});

function expectBounded({ name, summary, fields }: Decoded): void {
  const texts = [name, ...fields.flat()];
  const tooLong = texts.filter((text) => text.length > MAX_VALUE);
  const unsafe = [summary, ...texts].filter((text) => /[\p{Cc}\p{Cs}\u2028-\u202E\u2066-\u2069]/u.test(text));
  expect({
    tooLong,
    unsafe,
    summary: summary.length <= MAX_SUMMARY,
    fields: fields.length <= MAX_FIELDS,
  }).toEqual({
    tooLong: [],
    unsafe: [],
    summary: true,
    fields: true,
  });
}

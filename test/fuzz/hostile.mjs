/**
 * Streams that are known to hurt: what other implementations got wrong, and what the standard forbids. Each is read
 * whole, byte by byte, and in random pieces; `ends` is the last call, and nothing is called behind it.
 */
import { deflateRawSync } from 'node:zlib';
import { drive } from './drive.mjs';
import { must, mustEqual } from './finding.mjs';
import { closePayload, encodeFrame } from './frames.mjs';
import { checkMemoryOfBytes } from './memory.mjs';
import { describeMessage } from './talk.mjs';

const LIMIT = 1 << 20;
const PLAIN = { role: 'server', streams: false, maxMessageSize: LIMIT, closesFirst: false };
const DEFLATE = { ...PLAIN, deflate: { takeover: false, windowBits: 15, level: 6 } };
const STREAMS = { ...PLAIN, streams: true };

const client = (first, payload = '') => encodeFrame(first, Buffer.from(payload), 0x37fa_213d);
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const KEY = '37fa213d';
const deflated = (bytes) => deflateRawSync(bytes, { finishFlush: 2 }).subarray(0, -4);
const times = (count, frame) => Array.from({ length: count }, () => frame);

/** @type {readonly (readonly [what: string, setup: object, frames: readonly Buffer[], ends: string])[]} */
export const HOSTILE = [
  ['RSV1 without an extension', PLAIN, [client(0xc1, 'a')], 'fail ERR_RESERVED_BIT 1002'],
  ['RSV2', DEFLATE, [client(0xa1, 'a')], 'fail ERR_RESERVED_BIT 1002'],
  ['RSV3', DEFLATE, [client(0x91, 'a')], 'fail ERR_RESERVED_BIT 1002'],
  ['RSV1 on a Ping', DEFLATE, [client(0xc9)], 'fail ERR_RESERVED_BIT 1002'],
  ['RSV1 on a continuation', DEFLATE, [client(0x41, 'a'), client(0xc0, 'b')], 'fail ERR_RESERVED_BIT 1002'],
  ...[3, 7, 11, 15].map((opcode) => [
    `opcode ${opcode}`,
    PLAIN,
    [client(0x80 | opcode)],
    'fail ERR_RESERVED_OPCODE 1002',
  ]),
  ['a Ping of 126 bytes', PLAIN, [client(0x89, 'a'.repeat(126))], 'fail ERR_CONTROL_LENGTH 1002'],
  ['a Ping of 64 KiB', PLAIN, [client(0x89, 'a'.repeat(65_536))], 'fail ERR_CONTROL_LENGTH 1002'],
  ['a fragmented Ping', PLAIN, [client(0x09)], 'fail ERR_CONTROL_FRAGMENTED 1002'],
  ['a length of 2^31', PLAIN, [hex('82ff 0000000080000000')], 'fail ERR_MESSAGE_TOO_BIG 1009'],
  ['a length of 2^53 + 1', PLAIN, [hex('82ff 0020000000000001')], 'fail ERR_MESSAGE_TOO_BIG 1009'],
  ['a length of 2^63 - 1', PLAIN, [hex('82ff 7fffffffffffffff')], 'fail ERR_MESSAGE_TOO_BIG 1009'],
  ['a length of 2^63', PLAIN, [hex('82ff 8000000000000000')], 'fail ERR_LENGTH 1002'],
  ['a length of 2^64 - 1', PLAIN, [hex('82ff ffffffffffffffff')], 'fail ERR_LENGTH 1002'],
  ['a length of 2^53 that is streamed', STREAMS, [hex('82ff 0020000000000000')], 'fail ERR_LENGTH 1009'],
  ['a length of 2^63 that is streamed', STREAMS, [hex('82ff 8000000000000000')], 'fail ERR_LENGTH 1002'],
  ['a length as large as the limit, and one byte', PLAIN, [hex(`82ff 0000000000100000 ${KEY} 00`)], ''],
  ['a length of 125 in 16 bits', PLAIN, [hex(`82fe 007d ${KEY}`)], 'fail ERR_LENGTH 1002'],
  ['a length of 65535 in 64 bits', PLAIN, [hex(`82ff 000000000000ffff ${KEY}`)], 'fail ERR_LENGTH 1002'],
  ['an unmasked text', PLAIN, [encodeFrame(0x81, Buffer.from('a'), undefined)], 'fail ERR_MASK_MISSING 1002'],
  ['a Close of 1 byte', PLAIN, [client(0x88, 'a')], 'fail ERR_CLOSE_PAYLOAD 1002'],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map((code) => [
    `close code ${code}`,
    PLAIN,
    [client(0x88, closePayload(code))],
    'fail ERR_CLOSE_CODE 1002',
  ]),
  ['a close reason that is not UTF-8', PLAIN, [client(0x88, hex('03e8c328'))], 'fail ERR_UTF8 1007'],
  ['a clean Close, and more', PLAIN, [client(0x88, hex('03e8')), client(0x81, 'a')], 'close 1000 <>'],
  ['a byte that no character has', PLAIN, [client(0x81, hex('61ff62'))], 'fail ERR_UTF8 1007'],
  ['a surrogate', PLAIN, [client(0x81, hex('eda080'))], 'fail ERR_UTF8 1007'],
  ['an overlong slash', PLAIN, [client(0x81, hex('c0af'))], 'fail ERR_UTF8 1007'],
  ['a text that ends inside a character', PLAIN, [client(0x81, hex('e282'))], 'fail ERR_UTF8 1007'],
  ['a character that a fragment breaks', PLAIN, [client(1, hex('e282')), client(0x80, '(')], 'fail ERR_UTF8 1007'],
  ['the same, streamed', STREAMS, [client(1, hex('e282')), client(0x80, '(')], 'fail ERR_UTF8 1007'],
  ['a character that the last fragment leaves', PLAIN, [client(1, hex('e2')), client(0x80)], 'fail ERR_UTF8 1007'],
  ['a continuation of nothing', PLAIN, [client(0x80, 'a')], 'fail ERR_CONTINUATION 1002'],
  ['a message inside of a message', PLAIN, [client(1, 'a'), client(0x81, 'b')], 'fail ERR_INTERLEAVED 1002'],
  ['20,000 fragments of a byte that never end', PLAIN, times(20_000, client(0, 'a')).with(0, client(2, 'a')), ''],
  ['50,000 fragments of nothing', PLAIN, times(50_000, client(0)).with(0, client(2)), ''],
  ['2,000 Pings', PLAIN, [...times(2000, client(0x89, 'a'.repeat(125))), client(0x8f)], 'fail ERR_RESERVED_OPCODE 1002'],
  ['a message of 60 kB', PLAIN, [client(0x82, 'a'.repeat(60_000))], describeMessage(false, Buffer.alloc(60_000, 'a'))],
  ['64 MiB of zeros in 64 KiB', DEFLATE, [client(0xc2, deflated(Buffer.alloc(64 << 20)))], 'fail ERR_MESSAGE_TOO_BIG 1009'],
  ['no deflate data', DEFLATE, [client(0xc1, hex('ffffff'))], 'fail ERR_INFLATE 1007'],
  ['a last block, and junk', DEFLATE, [client(0xc1, hex('0300ffff'))], 'fail ERR_INFLATE 1007'],
  ['compressed bytes that are no text', DEFLATE, [client(0xc1, deflated(hex('ff')))], 'fail ERR_UTF8 1007'],
]; // prettier-ignore

/** @param {readonly (readonly number[])[]} cuts beside none, and every byte */
export async function checkHostile(setup, frames, ends, cuts) {
  const bytes = Buffer.concat(frames);
  const whole = await drive(setup, bytes);
  if (ends !== '')
    must(whole.calls.at(-1) === ends, 'a hostile stream ends otherwise', String(whole.calls.at(-1)));
  else must(whole.calls.length === 0, 'a stream without an end calls something');
  for (const each of [Array.from(bytes, (_, at) => at), ...cuts]) {
    const cut = await drive(setup, bytes, each);
    mustEqual('a hostile stream depends on how it is cut', whole.calls, cut.calls);
    checkMemoryOfBytes(cut, setup, bytes, each.length + 1);
  }
}

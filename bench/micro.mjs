/** The parts alone: `npm run bench:micro [REGEX]`. No sockets, one process; see README.md. */
import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import { constants, deflateRawSync } from 'node:zlib';
import { Bench } from 'tinybench';
import { ProtocolConnection } from 'bothways/protocol';
import { MessageDeflater, deflatedBound } from '../packages/bothways/dist/node/message-deflater.js';
import { nodePlatform } from '../packages/bothways/dist/node/platform.js';
import { maskKernel } from '../packages/bothways/dist/protocol/mask-kernel.js';
import { mask, maskByWords } from '../packages/bothways/dist/protocol/mask.js';
import { UTF8_START, checkUtf8 } from '../packages/bothways/dist/protocol/utf8.js';
import { encodeFrame } from './load/frames.mjs';

const require = createRequire(import.meta.url);
const bufferUtil = require('bufferutil');
const { Receiver } = require('ws');

const pattern = new RegExp(process.argv[2] ?? '', 'i');
const KEY = 0x12345678;
const KEY_BYTES = Buffer.from([0x78, 0x56, 0x34, 0x12]);
const KIB = 1024;
/** A call is too short for the clock; so many are timed together. */
const CALLS = 200;

/** Parts by what they do, each beside others that do the same. */
const groups = new Map([
  ...[16, 64, KIB, 16 * KIB, 64 * KIB].map((size) => [`mask ${label(size)} in place`, () => masking(size)]),
  ...[64, KIB].map((size) => [`parse 16 masked frames of ${label(size)}`, () => parsing(size)]),
  ...[64, KIB, 64 * KIB].map((size) => [`text of ${label(size)}, UTF-8`, () => decoding(size)]),
  ...[128, KIB, 16 * KIB].map((size) => [`deflate ${label(size)} of JSON`, () => deflating(size)]),
]);

for (const [title, make] of groups) {
  if (!pattern.test(title)) continue;
  const bench = new Bench({ time: 300, warmupTime: 100 });
  for (const [part, call] of Object.entries(make())) {
    bench.add(part, () => {
      for (let left = CALLS; left > 0; left--) call();
    });
  }
  await bench.run();
  console.log(`\n${title}`);
  console.table(
    Object.fromEntries(
      bench.tasks.map(({ name, result: { latency } }) => [
        name,
        {
          'median, ns': nanoseconds(latency.p50),
          'p99, ns': nanoseconds(latency.p99),
          'margin of error': `${latency.rme.toFixed(1)}%`,
        },
      ]),
    ),
  );
}

function nanoseconds(milliseconds) {
  return Number(((milliseconds * 1e6) / CALLS).toPrecision(3));
}

function masking(size) {
  const bytes = Buffer.alloc(size, 'a');
  const read = maskKernel?.readBlock.subarray(0, size);
  return {
    bothways: () => mask(bytes, 0, size, KEY, 0),
    ...(read !== undefined && {
      'bothways, in the memory that sockets read into': () => mask(read, 0, size, KEY, 0),
    }),
    'bothways without WebAssembly': () => maskByWords(bytes, 0, size, KEY),
    'bufferutil (native)': () => bufferUtil.unmask(bytes, KEY_BYTES),
  };
}

function parsing(size) {
  const frames = Buffer.concat(Array.from({ length: 16 }, () => encodeFrame(2, Buffer.alloc(size, 'a'))));
  const host = { onMessage() {} };
  const settings = { role: 'server', maxMessageSize: 1 << 20, inflater: undefined };
  const connection = new ProtocolConnection(settings, host, nodePlatform);
  const receiver = new Receiver({ isServer: true });
  receiver.on('message', () => {});
  // Unmasking in place makes other bytes of them each time, which are as good.
  return {
    bothways: () => connection.receive(frames),
    'ws Receiver': () => receiver.write(frames),
  };
}

function decoding(size) {
  const bytes = Buffer.alloc(size, 'grüße 漢字 👋 0123456789 \n');
  // What the end cut in two.
  bytes.fill('.', size - 8);
  if (!isUtf8(bytes)) throw new Error('The text is not valid');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return {
    'bothways, to a string': () => nodePlatform.decodeUtf8(bytes, 0, size),
    'TextDecoder, to a string': () => decoder.decode(bytes),
    'bothways, checked as it arrives': () => checkUtf8(bytes, 0, size, UTF8_START),
    'buffer.isUtf8': () => isUtf8(bytes),
  };
}

function deflating(size) {
  const records = Array.from({ length: size / 16 }, (_, id) => ({ id, name: `user ${(id * 7919) % 997}` }));
  const input = Buffer.from(JSON.stringify(records).slice(0, size));
  const settings = {
    level: constants.Z_DEFAULT_LEVEL,
    memLevel: constants.Z_DEFAULT_MEMLEVEL,
    windowBits: 15,
  };
  const output = Buffer.alloc(deflatedBound(size));
  const alone = new MessageDeflater({ ...settings, level: 6 }, false);
  const keeping = new MessageDeflater({ ...settings, level: 6 }, true);
  const options = { level: 6, finishFlush: constants.Z_SYNC_FLUSH };
  return {
    bothways: () => alone.deflate(input, size, output, 0),
    'bothways with context takeover': () => keeping.deflate(input, size, output, 0),
    'zlib.deflateRawSync': () => deflateRawSync(input, options),
  };
}

function label(size) {
  return size < KIB ? `${size} B` : `${size / KIB} KiB`;
}

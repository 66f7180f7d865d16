import type { CaseBody, Chapter, Message, Script, TalkCase } from '../case.js';
import { deflateBlocks } from '../wire/deflate.js';
import { BINARY, CONTINUATION, TEXT, frame, type Frame } from '../wire/frame.js';
import { bytesOf } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  close,
  echoes,
  expects,
  fails,
  failsOver,
  goodbye,
  more,
  ping,
  pong,
  rule,
  send,
  sendCompressed,
  talk,
  text,
} from './build.js';

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const HELLO = hex('f248cdc9c90700');
const compressed = (payload: Buffer, fin = true, opcode = TEXT): Frame =>
  frame(opcode, payload, { rsv: 4, fin });
const further = (payload: Buffer, fin = true, rsv = 0): Frame => frame(CONTINUATION, payload, { fin, rsv });

const both = (title: string, script: () => Script, options: Partial<TalkCase> = {}): TalkCase =>
  talk(title, script, {
    extension: 'permessage-deflate',
    settings: { compression: { contextTakeover: true } },
    ...options,
  });

const none = (title: string, script: () => Script): TalkCase =>
  both(title, script, {
    extension: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  });

/** With context takeover and without. */
const each = (title: string, script: () => Script): TalkCase[] => [
  both(`${title}, with context takeover`, script),
  none(`${title}, without`, script),
];

const wrong = (frames: readonly Frame[], messages: readonly Message[] = []): Script =>
  failsOver([...frames, text('after')], 1002, { messages });

const FAULT = [1007, 1002, 1003, 1008, 1011];

/** Data that is not what RFC 1951 says: "not consistent with the type of the message", or a protocol error. */
const corrupt = (payload: Buffer, opcode = TEXT): Script => ({
  steps: [send(compressed(payload, true, opcode), text('after'))],
  ...fails(FAULT),
});

/** Data that breaks off inside a block. It is not valid, and what can be inflated of it is not the message. */
function breaksOff(payload: Buffer, all: Message): Script {
  return {
    steps: [send(compressed(payload, true, BINARY)), awaits('messages'), goodbye],
    ...fails(FAULT),
    lenient: [
      expects('delivers what could be inflated', 'any', {
        messages: 'any',
        also: ({ messages: [only, ...others] }) =>
          only !== undefined &&
          others.length === 0 &&
          all.data.subarray(0, only.data.length).equals(only.data),
      }),
    ],
  };
}

/** A compressor that is flushed twice makes nothing of nothing, not even the byte 00 that section 7.2.3.6 asks for. */
function noDataAtAll(): Script {
  return {
    steps: [send(compressed(Buffer.alloc(0)), compressed(HELLO)), awaits('messages', 2), goodbye],
    ...fails(FAULT),
    lenient: [
      expects('takes it for an empty message', 'any', { messages: [aText(''), aText('Hello')] }),
      expects('takes it for an empty message, and fails over the next', FAULT, { messages: [aText('')] }),
    ],
  };
}

const PART = aBinary(bytesOf(300));
const PART_DEFLATED = deflateBlocks(PART.data);

const BITS: CaseBody[] = [
  both('RSV1 on a continuation', () =>
    wrong([compressed(hex('f248cd'), false), further(hex('c9c90700'), true, 4)]),
  ),
  both('RSV1 on a continuation of a message that is not compressed', () =>
    wrong([text('Hel', { fin: false }), more('lo', { rsv: 4 })]),
  ),
  both('RSV1 on a Ping', () => wrong([ping('Hello', { rsv: 4 })])),
  both('RSV1 on a Pong', () => wrong([pong('Hello', { rsv: 4 })])),
  both('RSV1 on a Close frame', () => wrong([close(1000, '', { rsv: 4 })])),
  both('RSV1 on a Ping between compressed fragments', () =>
    wrong([compressed(hex('f248cd'), false), ping('Hello', { rsv: 4 }), further(hex('c9c90700'))]),
  ),
  ...[1, 2, 3].map((rsv) =>
    both(`RSV1 with ${rsv === 1 ? 'RSV3' : rsv === 2 ? 'RSV2' : 'RSV2 and RSV3'} on a text`, () =>
      wrong([frame(TEXT, HELLO, { rsv: 4 | rsv })]),
    ),
  ),
  both('RSV2 on a text', () => wrong([frame(TEXT, 'Hello', { rsv: 2 })])),
  both('RSV1 on opcode 3', () => wrong([frame(3, HELLO, { rsv: 4 })])),
  both('RSV2 behind a compressed message', () =>
    wrong([compressed(HELLO), frame(TEXT, 'x', { rsv: 2 })], [aText('Hello')]),
  ),
];

const DATA: CaseBody[] = [
  ...each('a block of the reserved type 3', () => corrupt(hex('07'))),
  ...each('bytes that are no deflate data', () => corrupt(Buffer.from('this is no deflate data at all'))),
  ...each('a stored block whose lengths disagree', () => corrupt(hex('000500000048656c6c6f00'))),
  ...each('a reference to before the beginning', () => corrupt(hex('f2001100'))),
  ...each('a block whose code lengths are impossible', () => corrupt(hex('fcffffffffffffff'))),
  none('a reference to an earlier message that is no longer there', () => ({
    steps: [send(compressed(HELLO), compressed(hex('f200110000')), text('after'))],
    ...fails(FAULT, { messages: [aText('Hello')] }),
  })),
  both(
    'a reference beyond the window that was agreed on',
    () => ({
      steps: [
        send(compressed(deflateBlocks(Buffer.concat([bytesOf(1000, 5), bytesOf(1000, 5)])), true, BINARY)),
        awaits('messages'),
        goodbye,
      ],
      ...fails(FAULT),
      lenient: [
        expects('takes it', 'any', {
          messages: [aBinary(Buffer.concat([bytesOf(1000, 5), bytesOf(1000, 5)]))],
        }),
      ],
    }),
    { extension: 'permessage-deflate; client_max_window_bits=9; server_max_window_bits=9' },
  ),
  ...each('data that breaks off inside a stored block', () =>
    breaksOff(PART_DEFLATED.subarray(0, 150), PART),
  ),
  ...each('data that breaks off inside a compressed block', () => {
    const message = aBinary('All happy families are alike. '.repeat(20));
    return breaksOff(deflateBlocks(message.data).subarray(0, 20), message);
  }),
  ...each('no data at all', noDataAtAll),
  ...each('text that is not UTF-8 when it is inflated', () => ({
    steps: [send(compressed(deflateBlocks(hex('eda080'))), text('after'))],
    ...fails(1007),
  })),
  ...each('text that ends inside a character when it is inflated', () => ({
    steps: [send(compressed(deflateBlocks(hex('e6bc'))), text('after'))],
    ...fails(1007),
  })),
  both('binary that is no text is none of anybody’s business', () => ({
    steps: [sendCompressed(aBinary(hex('eda080ff'))), awaits('messages'), goodbye],
    strict: echoes([aBinary(hex('eda080ff'))]),
  })),
];

const LIMIT = 100_000;

const tooLarge = (frames: readonly Frame[]): Script => ({
  steps: [send(...frames, text('after'))],
  ...fails([1009, 1008]),
});

const zeros = (size: number): Buffer => deflateBlocks(Buffer.alloc(size));

function inFragments(payload: Buffer, size: number): Frame[] {
  const count = Math.ceil(payload.length / size);
  return Array.from({ length: count }, (_, at) => {
    const part = payload.subarray(at * size, (at + 1) * size);
    const fin = at === count - 1;
    return at === 0 ? compressed(part, fin, BINARY) : further(part, fin);
  });
}

const BOMBS: CaseBody[] = [
  both('as large as the limit', () => ({
    steps: [sendCompressed(aBinary(Buffer.alloc(LIMIT))), awaits('messages'), goodbye],
    strict: echoes([aBinary(Buffer.alloc(LIMIT))]),
  })),
  both('as large as the limit, of data that does not compress', () => ({
    steps: [sendCompressed(aBinary(bytesOf(LIMIT))), awaits('messages'), goodbye],
    strict: [
      ...echoes([aBinary(bytesOf(LIMIT))]),
      expects('refuses it with 1009: compressed, it is larger than the limit', 1009),
    ],
  })),
  both('one byte beyond', () => tooLarge([compressed(zeros(LIMIT + 1), true, BINARY)])),
  both('1 MiB of zeros in 1 KiB', () => tooLarge([compressed(zeros(1 << 20), true, BINARY)])),
  both('64 MiB of zeros in 64 KiB', () => tooLarge([compressed(zeros(64 << 20), true, BINARY)]), {
    isWholeOnly: true,
  }),
  both('64 MiB of zeros in fragments of 1 KiB', () => tooLarge(inFragments(zeros(64 << 20), 1024)), {
    isWholeOnly: true,
  }),
  none('1 MiB of zeros, without context takeover', () =>
    tooLarge([compressed(zeros(1 << 20), true, BINARY)]),
  ),
  both('two messages, each within the limit', () => {
    const message = aBinary(Buffer.alloc(LIMIT - 1));
    return {
      steps: [sendCompressed(message), sendCompressed(message), awaits('messages', 2), goodbye],
      strict: echoes([message, message]),
    };
  }),
  both('one that is not compressed, one byte beyond', () => tooLarge([frame(BINARY, bytesOf(LIMIT + 1))])),
].map((bomb) => ({ ...bomb, settings: { ...bomb.settings, maxMessageSize: LIMIT } }));

export const compressionFaults: Chapter = {
  title: 'Compression: faults',
  groups: [
    {
      title: 'Reserved bits where compression was agreed on',
      rule: rule(
        7692,
        '6.1',
        'RSV1 is for the first frame of a data message; an endpoint that receives it on another frame MUST fail.',
      ),
      cases: BITS,
    },
    {
      title: 'Data that cannot be inflated',
      rule: rule(
        7692,
        '7.2.2',
        'The payload and the four bytes of its tail are decompressed with DEFLATE. What is no such data is not a message.',
      ),
      cases: DATA,
    },
    {
      title: `Bombs, and a limit of ${LIMIT.toLocaleString('en-US')} bytes`,
      rule: rule(
        6455,
        '10.4, 7.4.1',
        'Implementations MUST protect themselves against exceeding their limits; 1009: too big to process.',
      ),
      cases: BOMBS,
    },
  ],
};

import { constants } from 'node:zlib';
import type { CaseBody, Chapter, Message, Role, Script, TalkCase } from '../case.js';
import type { Compression } from '../subjects/subject.js';
import { deflateBlocks } from '../wire/deflate.js';
import { CONTINUATION, TEXT, frame } from '../wire/frame.js';
import { KINDS, bytesOf, type Kind } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  binary,
  echo,
  echoes,
  expects,
  goodbye,
  more,
  ping,
  rule,
  send,
  sendCompressed,
  talk,
  text,
  withOptions,
} from './build.js';

/** What is offered to a server and answered to a client, and how the subject is set up. */
interface ParameterSet {
  readonly role: Role;
  readonly extension: string;
  readonly compression: Compression;
}

const pmd = (parameters: string): string => `permessage-deflate${parameters === '' ? '' : `; ${parameters}`}`;
const WITH: Compression = { contextTakeover: true };
const BITS = [8, 9, 10, 11, 12, 13, 14, 15];

const toServer = (parameters: string, compression = WITH): ParameterSet => ({
  role: 'server',
  extension: pmd(parameters),
  compression,
});
const toClient = (parameters: string, compression = WITH): ParameterSet => ({
  role: 'client',
  extension: pmd(parameters),
  compression,
});

/** The four of context takeover: for each kind of data by itself. */
const CONTEXTS = [
  '',
  'server_no_context_takeover',
  'client_no_context_takeover',
  'server_no_context_takeover; client_no_context_takeover',
];

/** Windows and mixtures: with all kinds of data in one conversation. */
const SETS: ParameterSet[] = [
  ...BITS.map((bits) => toServer(`server_max_window_bits=${bits}`)),
  ...BITS.map((bits) => toServer(`client_max_window_bits=${bits}`)),
  ...[8, 9, 12].map((bits) =>
    toServer(`server_no_context_takeover; server_max_window_bits=${bits}; client_max_window_bits=${bits}`),
  ),
  toServer(
    'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  ),
  toServer('client_max_window_bits', { contextTakeover: false }),
  toServer('client_max_window_bits', { contextTakeover: false, windowBits: 9 }),
  ...[8, 9, 12].map((bits) =>
    toServer('client_max_window_bits', { contextTakeover: true, windowBits: bits }),
  ),
  ...BITS.map((bits) => toClient(`server_max_window_bits=${bits}`)),
  ...BITS.map((bits) => toClient(`client_max_window_bits=${bits}`)),
  ...[8, 9, 12].map((bits) =>
    toClient(`client_no_context_takeover; server_max_window_bits=${bits}; client_max_window_bits=${bits}`),
  ),
  toClient(
    'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  ),
  toClient('server_no_context_takeover; client_no_context_takeover', { contextTakeover: false }),
  toClient('server_max_window_bits=9; client_max_window_bits=9', { contextTakeover: true, windowBits: 9 }),
];

const SIZES = [0, 1, 16, 250, 1024, 5000, 20_000, 70_000];

const times = (count: number, size: number): number[] => Array.from({ length: count }, () => size);

function messagesOf(kind: Kind, sizes: readonly number[]): Message[] {
  return sizes.map((size, at) => ({ type: kind.type, data: kind.make(size, at) }));
}

/** Sends them compressed, one after the other without waiting, and takes the echo apart. */
function echoCompressed(messages: readonly Message[]): Script {
  return {
    steps: [...messages.map((each) => sendCompressed(each)), awaits('messages', messages.length), goodbye],
    strict: echoes(messages, {}, 'echoes every message, within what was agreed on'),
  };
}

function inSet(title: string, set: ParameterSet, script: () => Script): TalkCase {
  const { role, extension, compression } = set;
  return talk(title, script, { role, extension, settings: { compression } });
}

const describe = ({ extension, compression }: ParameterSet): string => {
  const parameters = extension.replace(/^permessage-deflate(?:; )?/, '') || 'no parameter';
  const own = `${compression.contextTakeover ? '' : ', set up without context takeover'}${compression.windowBits === undefined ? '' : `, set up with ${compression.windowBits} bits`}`;
  return `${parameters}${own}`;
};

const BY_KIND: CaseBody[] = (['server', 'client'] as const).flatMap((role) =>
  CONTEXTS.flatMap((parameters) =>
    KINDS.map((kind, at) => {
      const set = role === 'server' ? toServer(parameters) : toClient(parameters);
      const each = inSet(`${kind.name}: ${parameters === '' ? 'no parameter' : parameters}`, set, () =>
        echoCompressed(messagesOf(kind, SIZES)),
      );
      return { ...each, isSlow: at > 2 };
    }),
  ),
);

const BY_SET: CaseBody[] = SETS.map((set) =>
  inSet(describe(set), set, () =>
    echoCompressed(KINDS.flatMap((kind) => messagesOf(kind, [1, 300, 2000, 40_000]))),
  ),
);

/** The same in both roles, with context takeover both ways. */
const both = (title: string, script: () => Script, options: Partial<TalkCase> = {}): TalkCase =>
  talk(title, script, { extension: pmd(''), settings: { compression: WITH }, ...options });

const HELLO = aText('Hello');
const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
const compressed = (payload: Buffer, fin = true) => frame(TEXT, payload, { rsv: 4, fin });
const further = (payload: Buffer, fin = true) => frame(CONTINUATION, payload, { fin });

/** The payloads of section 7.2.3, byte by byte. */
const EXAMPLES: CaseBody[] = [
  both('7.2.3.1: one compressed block', () => echo([compressed(hex('f248cdc9c90700'))], [HELLO])),
  both('7.2.3.1: the same in two fragments', () =>
    echo([compressed(hex('f248cd'), false), further(hex('c9c90700'))], [HELLO]),
  ),
  both('7.2.3.2: the second refers to the first', () =>
    echo([compressed(hex('f248cdc9c90700')), compressed(hex('f200110000'))], [HELLO, HELLO]),
  ),
  both('7.2.3.3: a block without compression', () =>
    echo([compressed(hex('000500faff48656c6c6f00'))], [HELLO]),
  ),
  both('7.2.3.4: a block with BFINAL set', () => echo([compressed(hex('f348cdc9c9070000'))], [HELLO])),
  both('7.2.3.5: two blocks', () => echo([compressed(hex('f24805000000ffffcac9c90700'))], [HELLO])),
  both('7.2.3.6: an empty message', () => echo([compressed(hex('00'))], [aText('')])),
];

const LONG = aText(`${'All happy families are alike; '.repeat(40)}the end`);

const STRUCTURES: CaseBody[] = [
  both('a block with BFINAL set, and a second block', () =>
    echo(
      [
        compressed(
          Buffer.concat([
            deflateBlocks(Buffer.from('Hel'), { isFinal: true }),
            deflateBlocks(Buffer.from('lo')),
          ]),
        ),
      ],
      [HELLO],
    ),
  ),
  both('three blocks with BFINAL set', () =>
    echo(
      [
        compressed(
          Buffer.concat([
            ...['He', 'll', 'o'].map((part) => deflateBlocks(Buffer.from(part), { isFinal: true })),
            hex('00'),
          ]),
        ),
      ],
      [HELLO],
    ),
  ),
  both('a message with BFINAL set, and then an ordinary one', () =>
    echo([compressed(hex('f348cdc9c9070000')), compressed(hex('f248cdc9c90700'))], [HELLO, HELLO]),
  ),
  both('BFINAL without the empty block behind it', () => echo([compressed(hex('f348cdc9c90700'))], [HELLO])),
  both('many blocks, each flushed by itself', () => {
    const blocks = Array.from('Hello, world!', (letter) =>
      Buffer.concat([deflateBlocks(Buffer.from(letter)), hex('0000ffff')]),
    );
    return echo([compressed(Buffer.concat([...blocks, hex('00')]))], [aText('Hello, world!')]);
  }),
  ...(
    [
      ['stored blocks only', { level: 0 }],
      ['Huffman codes only', { strategy: constants.Z_HUFFMAN_ONLY }],
      ['runs only', { strategy: constants.Z_RLE }],
      ['fixed codes', { strategy: constants.Z_FIXED }],
      ['the fastest level', { level: 1 }],
      ['the best level', { level: 9 }],
    ] as const
  ).map(([title, options]) =>
    both(title, () => ({
      steps: [
        ...KINDS.map((kind) => sendCompressed({ type: kind.type, data: kind.make(30_000, 1) }, options)),
        awaits('messages', KINDS.length),
        goodbye,
      ],
      strict: echoes(KINDS.map((kind) => ({ type: kind.type, data: kind.make(30_000, 1) }))),
    })),
  ),
  both('a message in fragments of one byte', () => ({
    steps: [sendCompressed(LONG, { fragmentSize: 1 }), awaits('messages'), goodbye],
    strict: echoes([LONG]),
  })),
  both('64 KiB in fragments of 1,000 bytes', () => {
    const message = aBinary(bytesOf(65_536));
    return {
      steps: [sendCompressed(message, { fragmentSize: 1000 }), awaits('messages'), goodbye],
      strict: echoes([message]),
    };
  }),
  both('a Ping between any two fragments', () => {
    const payload = deflateBlocks(LONG.data);
    const frames = [compressed(payload.subarray(0, 10), false)];
    const pongs: string[] = [];
    for (let at = 10; at < payload.length; at += 10) {
      pongs.push(`${at}`);
      frames.push(ping(`${at}`), further(payload.subarray(at, at + 10), at + 10 >= payload.length));
    }
    return echo(frames, [LONG], { pongs });
  }),
  both('an empty first fragment, and an empty last one', () =>
    echo([compressed(hex(''), false), further(hex('f248cdc9c90700'), false), further(hex(''))], [HELLO]),
  ),
  both('messages that are not compressed between some that are', () => ({
    steps: [
      sendCompressed(LONG),
      send(text('as it is')),
      sendCompressed(LONG),
      send(binary('as it is'), text('in ', { fin: false }), more('fragments')),
      sendCompressed(LONG),
      awaits('messages', 6),
      goodbye,
    ],
    strict: echoes([LONG, aText('as it is'), LONG, aBinary('as it is'), aText('in fragments'), LONG]),
  })),
  both('empty messages between others', () => ({
    steps: [
      ...[LONG, aText(''), LONG, aBinary(''), LONG].map((each) => sendCompressed(each)),
      awaits('messages', 5),
      goodbye,
    ],
    strict: echoes([LONG, aText(''), LONG, aBinary(''), LONG]),
  })),
  both('references across 32 KiB of earlier messages', () => {
    const far = aBinary(bytesOf(8000, 1));
    const all = [far, aBinary(bytesOf(8000, 2)), aBinary(bytesOf(8000, 3)), aBinary(bytesOf(7000, 4)), far];
    return echoCompressed(all);
  }),
  both('500 messages of 200 bytes', () => echoCompressed(messagesOf(KINDS[0]!, times(500, 200)))),
  both('16 messages of 256 KiB', () => echoCompressed(messagesOf(KINDS[1]!, times(16, 262_144))), {
    isSlow: true,
  }),
  both('4 MiB of JSON', () => echoCompressed(messagesOf(KINDS[0]!, [4 << 20])), { isSlow: true }),
  both('a character across two compressed fragments', () => {
    const data = Buffer.from('漢字');
    return echo(
      [
        compressed(Buffer.concat([deflateBlocks(data.subarray(0, 4)), hex('0000ffff')]), false),
        further(deflateBlocks(data.subarray(4))),
      ],
      [aText(data)],
    );
  }),
];

const COMPRESSES: CaseBody[] = [
  both('a text that compresses well', () => ({
    steps: [sendCompressed(LONG), awaits('messages'), goodbye],
    strict: [
      expects('echoes it, compressed', 1000, { messages: [LONG], compressed: true }),
      expects('echoes it, not compressed', 1000, { messages: [LONG], compressed: false }),
      ...echoes([LONG]),
    ],
  })),
  both('a text that came without compression', () => ({
    steps: [send(text(LONG.data)), awaits('messages'), goodbye],
    strict: [
      expects('echoes it, compressed', 1000, { messages: [LONG], compressed: true }),
      expects('echoes it, not compressed', 1000, { messages: [LONG], compressed: false }),
      ...echoes([LONG]),
    ],
  })),
];

export const compressedMessages: Chapter = {
  title: 'Compression: messages',
  groups: [
    {
      title: 'The examples of the RFC',
      rule: rule(7692, '7.2.3', 'Payloads that every implementation has to understand.'),
      cases: EXAMPLES,
    },
    {
      title: 'Kinds of data, with and without context takeover',
      rule: rule(
        7692,
        '7.1.1',
        'With context takeover the window of one message is that of the next; without, each begins with an empty one.',
      ),
      cases: BY_KIND,
    },
    {
      title: 'Windows of every size',
      rule: rule(7692, '7.1.2', 'An endpoint MUST NOT use a larger LZ77 window than was agreed on.'),
      cases: withOptions(BY_SET, {}).map((each, at) => ({ ...each, isSlow: at % 3 !== 0 })),
    },
    {
      title: 'Blocks and fragments of every form',
      rule: rule(
        7692,
        '7.2.1, 6.1',
        'Any number of blocks of any type, with BFINAL 0 or 1, in any fragments; control frames may come between.',
      ),
      cases: STRUCTURES,
    },
    {
      title: 'What the subject compresses',
      rule: rule(7692, '6', 'An endpoint MAY compress each message, or send it as it is.'),
      cases: COMPRESSES,
    },
  ],
};

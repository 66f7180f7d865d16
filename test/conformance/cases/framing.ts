import type { CaseBody, Chapter, Message, Script } from '../case.js';
import { count } from '../wire/words.js';
import { bytesOf, textOf } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  binary,
  close,
  echo,
  echoOf,
  echoes,
  end,
  expects,
  fails,
  failsOver,
  fragments,
  goodbye,
  mark,
  more,
  ping,
  pong,
  rule,
  send,
  talk,
  text,
  whole,
} from './build.js';

const LENGTHS = [
  0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 65, 124, 125, 126, 127, 128, 255, 256, 1023, 1024, 4096,
  16_384, 65_534, 65_535, 65_536, 65_537, 131_072,
];

const lengths = (make: (length: number) => Message): CaseBody[] =>
  LENGTHS.map((length) => talk(count(length), () => echoOf(make(length))));

/** A length in more bits than it takes. Nobody may send it; what whoever receives it has to do is not said. */
function wideLength(message: Message, lengthBits: number): CaseBody {
  return talk(`${count(message.data.length)}, with the length in ${lengthBits} bits`, (): Script => ({
    steps: [send(whole(message, { lengthBits })), awaits('messages', 1), goodbye],
    ...fails(1002),
    lenient: [
      expects('fails with another code', 'any'),
      expects('takes it all the same', 'any', { messages: [message] }),
    ],
  }));
}

/** A length that no message may have, without its payload. */
function announced(title: string, length: bigint, codes: readonly number[]): CaseBody {
  return talk(title, {
    steps: [
      send(binary('', { announced: length, lengthBits: 64 })),
      mark('at the header'),
      send(pong('x'.repeat(100))),
      mark('later'),
      end,
    ],
    ...fails(codes),
  });
}

const KEYS = ['00000000', 'ffffffff', '01020304', '80808080', '7f7f7f7f', '00ff00ff'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

const ALIGNED = Array.from({ length: 20 }, (_, at) => aBinary(bytesOf(at, at)));

/** Every kind of frame with the mask that the other end would have. */
const WRONG_MASK = (masked: boolean): CaseBody[] =>
  [
    ['a text', [text('Hello', { masked })], []],
    ['a binary message', [binary('Hello', { masked })], []],
    ['an empty text', [text('', { masked })], []],
    ['a Ping', [ping('Hello', { masked })], []],
    ['a Pong', [pong('Hello', { masked })], []],
    ['a Close frame', [close(1000, '', { masked })], []],
    ['the second fragment of a text', [text('Hel', { fin: false }), more('lo', { masked })], []],
    ['a text behind one that is right', [text('one'), text('two', { masked })], [aText('one')]],
  ].map(([title, frames, messages]) =>
    talk(title as string, () =>
      failsOver([...(frames as ReturnType<typeof text>[]), text('after')], 1002, {
        messages: messages as Message[],
      }),
    ),
  );

export const framing: Chapter = {
  title: 'Framing and masking',
  groups: [
    {
      title: 'Text of every length encoding',
      rule: rule(6455, '5.2', 'The payload length takes 7, 7+16 or 7+64 bits.'),
      cases: lengths((length) => aText(textOf(length))),
    },
    {
      title: 'Binary of every length encoding',
      rule: rule(6455, '5.2', 'The payload length takes 7, 7+16 or 7+64 bits.'),
      cases: lengths((length) => aBinary(bytesOf(length))),
    },
    {
      title: 'Lengths that are not minimal',
      rule: rule(
        6455,
        '5.2',
        'In all cases, the minimal number of bytes MUST be used to encode the length. (Said to the sender.)',
      ),
      cases: [
        wideLength(aText(''), 16),
        wideLength(aText('Hello'), 16),
        wideLength(aBinary(bytesOf(125)), 16),
        wideLength(aText(''), 64),
        wideLength(aText('Hello'), 64),
        wideLength(aBinary(bytesOf(126)), 64),
        wideLength(aBinary(bytesOf(65_535)), 64),
      ],
    },
    {
      title: 'Lengths that cannot be',
      rule: rule(6455, '5.2', 'The most significant bit of a 64-bit length MUST be 0.'),
      cases: [
        announced('2⁶³', 1n << 63n, [1002, 1009]),
        announced('2⁶⁴ − 1', (1n << 64n) - 1n, [1002, 1009]),
      ],
    },
    {
      title: 'Lengths that no endpoint can take',
      rule: rule(
        6455,
        '10.4',
        'Implementations that have limitations regarding the frame size or total message size MUST protect themselves.',
      ),
      cases: [
        announced('2⁶³ − 1', (1n << 63n) - 1n, [1009]),
        announced('2⁵³ + 1', (1n << 53n) + 1n, [1009]),
        announced('2⁵³ − 1', (1n << 53n) - 1n, [1009]),
        announced('2³²', 1n << 32n, [1009]),
        announced('2³¹', 1n << 31n, [1009]),
      ],
    },
    {
      title: 'Masking keys of a client',
      rule: rule(
        6455,
        '5.3',
        'Octet i of the transformed data is the XOR of octet i of the original data with octet i modulo 4 of the key.',
      ),
      cases: [
        ...KEYS.map((key) =>
          talk(
            `the key ${key.toString('hex')}`,
            () => {
              const message = aBinary(bytesOf(256));
              return echo([whole(message, { key })], [message]);
            },
            { role: 'server' },
          ),
        ),
        talk('messages of 0 to 19 bytes, each with its own key', () =>
          echo(
            ALIGNED.map((each) => whole(each)),
            ALIGNED,
          ),
        ),
        talk('fragments of 1 to 9 bytes, each with its own key', () => {
          const parts = Array.from({ length: 9 }, (_, at) => bytesOf(at + 1, at));
          return echo(fragments('binary', parts), [aBinary(Buffer.concat(parts))]);
        }),
        talk(
          'a client takes another key for each frame',
          () => ({
            steps: [...Array.from({ length: 16 }, () => send(text('same'))), awaits('messages', 16), goodbye],
            strict: echoes(
              Array.from({ length: 16 }, () => aText('same')),
              { also: ({ keys }) => new Set(keys).size === keys.length },
              'echoes the 16 messages, with 17 keys',
            ),
          }),
          {
            role: 'client',
            rule: rule(
              6455,
              '5.3',
              'The client MUST pick a fresh masking key; it needs to be unpredictable.',
            ),
          },
        ),
      ],
    },
    {
      title: 'Frames to a server without a mask',
      rule: rule(
        6455,
        '5.1',
        'The server MUST close the connection upon receiving a frame that is not masked.',
      ),
      cases: WRONG_MASK(false).map((each) => ({ ...each, role: 'server' as const })),
    },
    {
      title: 'Frames to a client with a mask',
      rule: rule(6455, '5.1', 'A client MUST close a connection if it detects a masked frame.'),
      cases: WRONG_MASK(true).map((each) => ({ ...each, role: 'client' as const })),
    },
  ],
};

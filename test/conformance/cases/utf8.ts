import type { CaseBody, Chapter, Script } from '../case.js';
import {
  aBinary,
  aText,
  binary,
  echo,
  fails,
  fragments,
  mark,
  more,
  rule,
  send,
  talk,
  text,
} from './build.js';

/** Valid texts, and why each is here. The names and values follow Markus Kuhn's well-known stress test. */
const VALID: readonly (readonly [string, string])[] = [
  ['“κόσμε”', 'cebae1bdb9cf83cebcceb5'],
  ['U+0000, the first of one byte', '00'],
  ['U+0080, the first of two bytes', 'c280'],
  ['U+0800, the first of three bytes', 'e0a080'],
  ['U+10000, the first of four bytes', 'f0908080'],
  ['U+007F, the last of one byte', '7f'],
  ['U+07FF, the last of two bytes', 'dfbf'],
  ['U+FFFF, the last of three bytes', 'efbfbf'],
  ['U+10FFFF, the last of four bytes', 'f48fbfbf'],
  ['U+D7FF, before the surrogates', 'ed9fbf'],
  ['U+E000, after the surrogates', 'ee8080'],
  ['U+FFFD, the replacement character', 'efbfbd'],
  ['U+FFFE, no character', 'efbfbe'],
  ['U+FEFF, a byte order mark, at the beginning', 'efbbbf48656c6c6f'],
  ['U+FEFF alone', 'efbbbf'],
  ['U+1FFFE and U+1FFFF, no characters', 'f09fbfbef09fbfbf'],
  ['U+FDD0 to U+FDD3, no characters', 'efb790efb791efb792efb793'],
  ['U+2028, a line separator', 'e280a8'],
  ['a character of each length', '41c3a9e6bca2f09d849e'],
  ['a family of four, joined', 'f09f91a9e2808df09f91a9e2808df09f91a7e2808df09f91a6'],
  ['letters and combining marks', '65cc8161cc8a'],
  ['controls of one byte', '01091f7f0d0a'],
  ['U+10FFFD between ASCII', '78f48fbfbd78'],
  ['a character across the eighth byte', '61616161616161e6bca2616161616161'],
  ['40 characters of three bytes', 'e6bca2'.repeat(40)],
];

/** Invalid ones: the bytes, and how many of them it takes to know that they cannot become valid. */
const INVALID: readonly (readonly [string, string, number])[] = [
  ['U+D800 within “κόσμε”', 'cebae1bdb9cf83cebcceb5eda080656469746564', 13],
  ['a continuation byte 80 alone', '80', 1],
  ['a continuation byte BF alone', 'bf', 1],
  ['two continuation bytes', '80bf', 1],
  ['seven continuation bytes', '80bf80bf80bf80', 1],
  ['C0, a first byte that never is', 'c020', 1],
  ['C1, a first byte that never is', 'c120', 1],
  ['F5, a first byte that never is', 'f520202020', 1],
  ['FE', 'fe', 1],
  ['FF', 'ff', 1],
  ['FE FE FF FF', 'fefeffff', 1],
  ['a first byte of two and a space', 'c220', 2],
  ['a first byte of three and a space', 'e220', 2],
  ['a first byte of three, a continuation and a space', 'e28220', 3],
  ['a first byte of four and a space', 'f020', 2],
  ['a first byte of four, two continuations and a space', 'f09d8420', 4],
  ['two first bytes', 'c3c3', 2],
  ['U+002F in two bytes (overlong)', 'c0af', 1],
  ['U+002F in three bytes (overlong)', 'e080af', 2],
  ['U+002F in four bytes (overlong)', 'f08080af', 2],
  ['U+002F in five bytes (overlong)', 'f8808080af', 1],
  ['U+002F in six bytes (overlong)', 'fc80808080af', 1],
  ['U+007F in two bytes (overlong)', 'c1bf', 1],
  ['U+07FF in three bytes (overlong)', 'e09fbf', 2],
  ['U+FFFF in four bytes (overlong)', 'f08fbfbf', 2],
  ['U+0000 in two bytes (overlong)', 'c080', 1],
  ['U+0000 in three bytes (overlong)', 'e08080', 2],
  ['U+D800, a surrogate', 'eda080', 2],
  ['U+DB7F, a surrogate', 'edadbf', 2],
  ['U+DC00, a surrogate', 'edb080', 2],
  ['U+DFFF, a surrogate', 'edbfbf', 2],
  ['a surrogate pair', 'eda080edb080', 2],
  ['U+110000, beyond the last', 'f4908080', 2],
  ['U+1FFFFF in four bytes', 'f7bfbfbf', 1],
  ['U+200000 in five bytes', 'f888808080', 1],
  ['U+3FFFFFF in five bytes', 'fbbfbfbfbf', 1],
  ['U+7FFFFFFF in six bytes', 'fdbfbfbfbfbf', 1],
  ['a fault behind 60 bytes of ASCII', `${'61'.repeat(60)}ff`, 61],
  ['a fault behind 60 bytes of text', `${'e6bca2'.repeat(20)}eda080`, 62],
];

/** Texts that end inside a character: only their end shows it. */
const UNFINISHED: readonly (readonly [string, string])[] = [
  ['the first byte of two', 'c3'],
  ['the first byte of three', 'e6'],
  ['two bytes of three', 'e6bc'],
  ['the first byte of four', 'f0'],
  ['two bytes of four', 'f09d'],
  ['three bytes of four', 'f09d84'],
  ['three bytes of four, behind ASCII', '48656c6c6ff09d84'],
  ['two bytes of three, behind 60 bytes of text', `${'e6bca2'.repeat(20)}e6bc`],
];

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** A message for each place at which a text can be cut in two. */
function cutEverywhere(data: Buffer): Script {
  const cuts = Array.from({ length: data.length + 1 }, (_, at) => [data.subarray(0, at), data.subarray(at)]);
  return echo(
    cuts.flatMap((two) => fragments('text', two)),
    cuts.map(() => aText(data)),
  );
}

const inSingleBytes = (data: Buffer): Script =>
  echo(
    fragments(
      'text',
      Array.from(data, (_, at) => data.subarray(at, at + 1)),
    ),
    [aText(data)],
  );

export const AT_THE_BYTE = 'at the byte that cannot be right';
export const AT_THE_FRAME = 'at the end of its frame';
export const AT_THE_MESSAGE = 'at the end of the message';

/** A text in one frame, sent up to the byte that cannot be right, and then the rest. */
function wrongInOneFrame(data: Buffer, known: number): Script {
  const [frame] = [text(Buffer.concat([data, Buffer.from(' and more')]))];
  return {
    steps: [
      { do: 'send-part', frame, until: known },
      mark(AT_THE_BYTE),
      { do: 'send-part', frame, from: known },
      mark(AT_THE_MESSAGE),
      send(text('after')),
    ],
    ...fails(1007),
  };
}

/** The same in three frames: what is right, the wrong byte with something behind it, and an end. */
function wrongInFragments(data: Buffer, known: number): Script {
  const first = text(data.subarray(0, known - 1), { fin: false });
  const second = more(Buffer.concat([data.subarray(known - 1), Buffer.from(' and more')]), { fin: false });
  return {
    steps: [
      send(first),
      { do: 'send-part', frame: second, until: 1 },
      mark(AT_THE_BYTE),
      { do: 'send-part', frame: second, from: 1 },
      mark(AT_THE_FRAME),
      send(more(' and the end')),
      mark(AT_THE_MESSAGE),
      send(text('after')),
    ],
    ...fails(1007),
  };
}

const VALID_RULE = rule(
  6455,
  '5.6',
  'A text frame might include a partial UTF-8 sequence; the whole message MUST contain valid UTF-8.',
);
const INVALID_RULE = rule(
  6455,
  '8.1',
  'An endpoint that finds that a byte stream is not valid UTF-8 MUST fail the connection. (When it finds it is left open.)',
);

const each = (list: readonly (readonly [string, string])[], script: (data: Buffer) => Script): CaseBody[] =>
  list.map(([title, hex]) => talk(title, () => script(bytes(hex))));

export const utf8: Chapter = {
  title: 'UTF-8',
  groups: [
    {
      title: 'Valid texts, in one frame',
      rule: VALID_RULE,
      cases: each(VALID, (data) => echo([text(data)], [aText(data)])),
    },
    {
      title: 'Valid texts, in two fragments, cut at each byte',
      rule: VALID_RULE,
      cases: each(
        VALID.filter(([, hex]) => hex.length > 2),
        cutEverywhere,
      ),
    },
    {
      title: 'Valid texts, in fragments of one byte',
      rule: VALID_RULE,
      cases: each(
        VALID.filter(([, hex]) => hex.length > 6),
        inSingleBytes,
      ),
    },
    {
      title: 'Invalid texts, in one frame',
      rule: INVALID_RULE,
      cases: INVALID.map(([title, hex, known]) => talk(title, () => wrongInOneFrame(bytes(hex), known))),
    },
    {
      title: 'Invalid texts, in fragments',
      rule: INVALID_RULE,
      cases: INVALID.map(([title, hex, known]) => talk(title, () => wrongInFragments(bytes(hex), known))),
    },
    {
      title: 'Texts that end inside a character',
      rule: INVALID_RULE,
      cases: [
        ...each(UNFINISHED, (data) => ({ steps: [send(text(data), text('after'))], ...fails(1007) })),
        ...UNFINISHED.map(([title, hex]) =>
          talk(`${title}, in fragments`, () => ({
            steps: [send(...fragments('text', [bytes(hex), '']), text('after'))],
            ...fails(1007),
          })),
        ),
        talk('three bytes of four, and the fourth in the next message', () => ({
          steps: [send(text(bytes('f09d84')), text(bytes('9e')))],
          ...fails(1007),
        })),
      ],
    },
    {
      title: 'Binary messages may be anything',
      rule: rule(
        6455,
        '5.6',
        'Binary: arbitrary data whose interpretation is solely up to the application layer.',
      ),
      cases: [
        talk('every invalid text of above', () => {
          const all = INVALID.map(([, hex]) => aBinary(bytes(hex)));
          return echo(
            all.map(({ data }) => binary(data)),
            all,
          );
        }),
        talk('an invalid text in fragments, and then a valid text', () =>
          echo(
            [...fragments('binary', [bytes('ed'), bytes('a080')]), text('κόσμε')],
            [aBinary(bytes('eda080')), aText('κόσμε')],
          ),
        ),
      ],
    },
  ],
};

import type { CaseBody, Chapter, Message, Script } from '../case.js';
import { count } from '../wire/words.js';
import { bytesOf, textOf } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  echo,
  echoOf,
  echoes,
  expects,
  fails,
  fragmentsOf,
  goodbye,
  mark,
  rule,
  send,
  talk,
  whole,
} from './build.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The limit for the cases about the limit. */
const LIMIT = 1000;

const make = (type: Message['type'], size: number): Message =>
  type === 'text' ? aText(textOf(size)) : aBinary(bytesOf(size));

const SIZES: CaseBody[] = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB].flatMap((size) =>
  (['text', 'binary'] as const).map((type) =>
    talk(`${type}, ${count(size)}`, () => echoOf(make(type, size)), { isSlow: size > MIB }),
  ),
);

/** 4 MiB in many fragments. A limit on their number is one of the limits an implementation may have. */
const IN_FRAGMENTS: CaseBody[] = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB].flatMap((size) =>
  (['text', 'binary'] as const).map((type) =>
    talk(
      `${type}, 4 MiB in ${((4 * MIB) / size).toLocaleString('en-US')} fragments of ${count(size)}`,
      () => {
        const message = make(type, 4 * MIB);
        const script = echo(fragmentsOf(message, size), [message]);
        const refuses = expects('refuses it with 1008 or 1009: too many fragments for it', [1008, 1009]);
        return { ...script, strict: [...script.strict, refuses] };
      },
      { isWholeOnly: size < 4 * KIB, isSlow: size !== 64 && size !== 16 * KIB },
    ),
  ),
);

const MANY: CaseBody[] = (
  [
    [0, 5000],
    [16, 5000],
    [64, 5000],
    [256, 5000],
    [KIB, 5000],
    [4 * KIB, 2000],
    [16 * KIB, 500],
  ] as const
).flatMap(([size, number]) =>
  (['text', 'binary'] as const).map((type) =>
    talk(
      `${number.toLocaleString('en-US')} messages, ${type}, ${count(size)}`,
      () => {
        const messages = Array.from({ length: number }, (_, at) =>
          type === 'text'
            ? aText(`${at} ${textOf(size)}`.slice(0, Math.min(size, 12)).padEnd(size, '.'))
            : aBinary(bytesOf(size, at)),
        );
        return echo(
          messages.map((each) => whole(each)),
          messages,
        );
      },
      { isWholeOnly: true, isSlow: size > 0 && size !== 64 },
    ),
  ),
);

const ONE_BY_ONE: CaseBody[] = (['text', 'binary'] as const).map((type) =>
  talk(
    `200 messages, ${type}, each when the last was echoed`,
    () => {
      const messages = Array.from({ length: 200 }, (_, at) => make(type, at * 5));
      const steps = messages.flatMap((each, at) => [send(whole(each)), awaits('messages', at + 1)]);
      return { steps: [...steps, goodbye], strict: echoes(messages) };
    },
    { isWholeOnly: true },
  ),
);

/** A message beyond the limit: "as soon as a header announces it" is better than when all of it is here. */
function tooLarge(message: Message, fragmentSize: number): Script {
  const frames = fragmentsOf(message, fragmentSize);
  const last = frames.at(-1)!;
  return {
    steps: [
      send(...frames.slice(0, -1)),
      { do: 'send-part', frame: last, until: 0 },
      mark('at the header that goes beyond'),
      { do: 'send-part', frame: last, from: 0 },
      mark('at the end of the message'),
    ],
    ...fails([1009, 1008]),
  };
}

const AT_THE_LIMIT: CaseBody[] = (['text', 'binary'] as const).flatMap((type) => [
  talk(`${type}, as large as the limit`, () => echoOf(make(type, LIMIT))),
  talk(`${type}, as large as the limit, in 10 fragments`, () => {
    const message = make(type, LIMIT);
    return echo(fragmentsOf(message, LIMIT / 10), [message]);
  }),
  talk(`${type}, one byte beyond`, () => tooLarge(make(type, LIMIT + 1), LIMIT + 1)),
  talk(`${type}, one byte beyond, in 11 fragments`, () => tooLarge(make(type, LIMIT + 1), LIMIT / 10)),
  talk(`${type}, 1 MiB`, () => tooLarge(make(type, MIB), MIB)),
]);

const ALL = rule(
  6455,
  '5.2, 6.2',
  'The length may be up to 2⁶³ − 1; what an endpoint takes of it is left to its limits.',
);

export const sizes: Chapter = {
  title: 'Sizes and numbers',
  groups: [
    { title: 'Large messages', rule: ALL, cases: SIZES },
    {
      title: '4 MiB in fragments',
      rule: rule(
        6455,
        '5.4, 10.4',
        'A sender MAY create fragments of any size. Implementations that have limitations MUST protect themselves.',
      ),
      cases: IN_FRAGMENTS,
    },
    { title: 'Many messages', rule: rule(6455, '6.2', 'Every message is received, in order.'), cases: MANY },
    {
      title: 'One message after the other',
      rule: rule(6455, '6.2', 'Every message is received, in order.'),
      cases: ONE_BY_ONE,
    },
    {
      title: `A limit of ${LIMIT.toLocaleString('en-US')} bytes`,
      rule: rule(
        6455,
        '7.4.1, 10.4',
        '1009: a message that is too big to process. The limit applies to the total message size after reassembly.',
      ),
      cases: AT_THE_LIMIT.map((each) => ({ ...each, settings: { maxMessageSize: LIMIT } })),
    },
  ],
};

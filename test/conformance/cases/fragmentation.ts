import type { CaseBody, Chapter, Message, Script } from '../case.js';
import type { Frame } from '../wire/frame.js';
import { bytesOf, textOf } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  awaitsPong,
  binary,
  close,
  echo,
  echoes,
  expects,
  failsOver,
  fragments,
  fragmentsOf,
  goodbye,
  mark,
  more,
  ping,
  pong,
  rule,
  send,
  talk,
  text,
} from './build.js';

const parts = (...payloads: readonly string[]): CaseBody =>
  talk(payloads.map((each) => (each === '' ? 'nothing' : `“${each}”`)).join(' + '), () =>
    echo(fragments('text', payloads), [aText(payloads.join(''))]),
  );

/** The kinds of frames of which all sequences are made. */
const KINDS = {
  begins: { says: 'a first fragment', frame: (at: number): Frame => text(`${at}.`, { fin: false }) },
  whole: { says: 'a whole message', frame: (at: number): Frame => text(`${at}.`) },
  goes: { says: 'a further fragment', frame: (at: number): Frame => more(`${at}.`, { fin: false }) },
  ends: { says: 'a last fragment', frame: (at: number): Frame => more(`${at}.`) },
  ping: { says: 'a Ping', frame: (at: number): Frame => ping(`${at}.`) },
} as const;
type Kind = keyof typeof KINDS;

/** What RFC 6455 section 5.4 says of a sequence: the messages and Pongs it comes to, and whether it breaks a rule. */
interface Meaning {
  readonly messages: readonly Message[];
  readonly pongs: readonly string[];
  readonly open: string | undefined;
  readonly isWrong: boolean;
}

const NOTHING: Meaning = { messages: [], pongs: [], open: undefined, isWrong: false };

function follow(before: Meaning, kind: Kind, at: number): Meaning {
  const { messages, open } = before;
  const payload = `${at}.`;
  const isInMessage = open !== undefined;
  if (kind === 'ping') return { ...before, pongs: [...before.pongs, payload] };
  if (isInMessage === (kind === 'begins' || kind === 'whole')) return { ...before, isWrong: true };
  if (kind === 'begins' || kind === 'goes') return { ...before, open: (open ?? '') + payload };
  return { ...before, messages: [...messages, aText((open ?? '') + payload)], open: undefined };
}

/** Every sequence of so many frames, each up to its first fault. */
function sequences(length: number, kinds: readonly Kind[] = [], meaning = NOTHING): CaseBody[] {
  if (meaning.isWrong || kinds.length === length) return [sequence(kinds, meaning)];
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
    sequences(length, [...kinds, kind], follow(meaning, kind, kinds.length)),
  );
}

function sequence(kinds: readonly Kind[], { messages, pongs, open, isWrong }: Meaning): CaseBody {
  const title = kinds.map((kind) => KINDS[kind].says).join(', ');
  const frames = kinds.map((kind, at) => KINDS[kind].frame(at));
  if (isWrong) return talk(title, () => failsOver([...frames, text('after')], 1002, { messages, pongs }));
  // A message that was begun is ended, so that it can be seen.
  if (open === undefined) return talk(title, () => echo(frames, messages, { pongs }));
  const all = [...messages, aText(`${open}end`)];
  return talk(title, () => echo([...frames, more('end')], all, { pongs }));
}

/** A Close frame within a message: the message is not complete, so nothing of it is told to anybody. */
function closeWithin(frames: readonly Frame[]): Script {
  return {
    steps: [send(...frames, close(1000), more('late'), text('later'))],
    strict: [expects('closes with 1000', 1000), expects('closes with another code', 'any')],
  };
}

const FRAGMENTS = rule(
  6455,
  '5.4',
  'A fragmented message is equivalent to a single larger message whose payload is the concatenation of the fragments.',
);

export const fragmentation: Chapter = {
  title: 'Fragmentation',
  groups: [
    {
      title: 'Messages in fragments',
      rule: FRAGMENTS,
      cases: [
        parts('Hel', 'lo'),
        parts('Hello', ''),
        parts('', 'Hello'),
        parts('', '', ''),
        parts('a', '', 'b', '', 'c'),
        talk('one fragment for each byte of 100', () => {
          const message = aBinary(bytesOf(100));
          return echo(fragmentsOf(message, 1), [message]);
        }),
        ...[125, 126, 65_535, 65_536].map((size) =>
          talk(`three fragments of ${size.toLocaleString('en-US')} bytes`, () => {
            const message = aBinary(bytesOf(3 * size));
            return echo(fragmentsOf(message, size), [message]);
          }),
        ),
        talk('a long fragment and a short one, a short one and a long one', () => {
          const one = bytesOf(70_000);
          return echo(
            [...fragments('binary', [one, 'x']), ...fragments('binary', ['x', one])],
            [
              aBinary(Buffer.concat([one, Buffer.from('x')])),
              aBinary(Buffer.concat([Buffer.from('x'), one])),
            ],
          );
        }),
        talk('text and binary in turn, in fragments', () =>
          echo(
            [
              ...fragments('text', ['one', 'two']),
              ...fragments('binary', ['three', 'four']),
              text('five'),
              binary('six'),
            ],
            [aText('onetwo'), aBinary('threefour'), aText('five'), aBinary('six')],
          ),
        ),
        talk('fragments that come one by one', {
          steps: [
            send(text('one ', { fin: false })),
            mark('after the first'),
            send(more('two ', { fin: false })),
            mark('after the second'),
            send(more('three')),
            awaits('messages'),
            goodbye,
          ],
          strict: echoes([aText('one two three')]),
        }),
        talk('1,000 fragments of 10 bytes', () => {
          const message = aText(textOf(10_000));
          return echo(fragmentsOf(message, 10), [message]);
        }),
      ],
    },
    {
      title: 'Control frames between the fragments',
      rule: rule(
        6455,
        '5.4',
        'An endpoint MUST be capable of handling control frames in the middle of a fragmented message.',
      ),
      cases: [
        talk('a Ping', () =>
          echo([text('one ', { fin: false }), ping('P'), more('two')], [aText('one two')], { pongs: ['P'] }),
        ),
        talk('a Ping of 125 bytes', () =>
          echo([text('one ', { fin: false }), ping('P'.repeat(125)), more('two')], [aText('one two')], {
            pongs: ['P'.repeat(125)],
          }),
        ),
        talk('a Pong', () =>
          echo([text('one ', { fin: false }), pong('P'), more('two')], [aText('one two')]),
        ),
        talk('a Ping in each gap', {
          steps: [
            send(text('one ', { fin: false }), ping('1')),
            awaitsPong('1'),
            send(more('two ', { fin: false }), ping('2')),
            awaitsPong('2'),
            send(more('three ', { fin: false }), ping('3')),
            awaitsPong('3'),
            send(more('four')),
            awaits('messages'),
            goodbye,
          ],
          strict: echoes(
            [aText('one two three four')],
            { pongs: ['1', '2', '3'] },
            'answers each Ping at once, echoes the message',
          ),
        }),
        talk('Pings and Pongs in each gap, all in one', () =>
          echo(
            [
              text('one ', { fin: false }),
              ping('1'),
              pong('-'),
              more('two ', { fin: false }),
              pong('-'),
              ping('2'),
              more('three'),
            ],
            [aText('one two three')],
            { pongs: ['1', '2'], onlyLastPong: true },
          ),
        ),
        talk('a Ping between empty fragments', () =>
          echo([text('', { fin: false }), ping('P'), more('')], [aText('')], { pongs: ['P'] }),
        ),
        talk('a Close frame within a message', () => closeWithin([text('one ', { fin: false })])),
        talk('a Close frame within a message, after a Pong', () =>
          closeWithin([binary('one ', { fin: false }), pong('P'), more('two', { fin: false })]),
        ),
      ],
    },
    {
      title: 'Every sequence of three frames',
      rule: rule(
        6455,
        '5.4',
        'A first frame with an opcode other than 0, then frames with the opcode 0; the fragments of one message MUST NOT be interleaved with another.',
      ),
      cases: sequences(3),
    },
    {
      title: 'Fragments of nothing, and messages within messages',
      rule: rule(
        6455,
        '5.4',
        'The fragments of one message MUST NOT be interleaved between the fragments of another message.',
      ),
      cases: [
        talk('an empty continuation of nothing', () => failsOver([more(''), text('after')], 1002)),
        talk('a continuation of a message that has ended', () =>
          failsOver([...fragments('text', ['one ', 'two']), more('three'), text('after')], 1002, {
            messages: [aText('one two')],
          }),
        ),
        talk('a binary message within a text', () =>
          failsOver([text('one ', { fin: false }), binary('two'), more('three')], 1002),
        ),
        talk('a text within a binary message', () =>
          failsOver([binary('one ', { fin: false }), text('two'), more('three')], 1002),
        ),
        talk('an empty text within a text', () =>
          failsOver([text('', { fin: false }), text(''), more('')], 1002),
        ),
        talk('a text within a text, after a Ping', () =>
          failsOver([text('one ', { fin: false }), ping('P'), text('two'), more('three')], 1002, {
            pongs: ['P'],
          }),
        ),
        talk('a continuation of nothing, five times over', () =>
          failsOver(
            Array.from({ length: 5 }, (_, at) => more(`${at}`, { fin: at % 2 === 1 })),
            1002,
          ),
        ),
      ],
    },
  ],
};

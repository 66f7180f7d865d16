import type { CaseBody, Chapter, Script } from '../case.js';
import { bytesOf } from './data.js';
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
  fails,
  goodbye,
  more,
  ping,
  pong,
  rule,
  send,
  tell,
  text,
  talk,
} from './build.js';
import { frame, type Frame } from '../wire/frame.js';

/** Pings, and a Pong for each. RFC 6455 section 5.5.3 lets an endpoint answer only the latest of several. */
function pings(payloads: readonly string[]): Script {
  const pongs = payloads;
  const strict = echoes([], { pongs }, payloads.length === 1 ? 'answers with a Pong' : 'answers each Ping');
  if (payloads.length > 1) {
    strict.push(...echoes([], { pongs, onlyLastPong: true }, 'answers the last Ping, and not all others'));
  }
  // Once the Close frame has come, no Pong need be sent: so the last one is awaited.
  return {
    steps: [send(...payloads.map((payload) => ping(payload))), awaitsPong(payloads.at(-1)!), goodbye],
    strict,
  };
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, at) => `Ping ${at}`);
const anyBytes = bytesOf(125, 7).toString('latin1');

export const pingsAndPongs: Chapter = {
  title: 'Ping and Pong',
  groups: [
    {
      title: 'Pings are answered',
      rule: rule(
        6455,
        '5.5.2, 5.5.3',
        'Upon receipt of a Ping, an endpoint MUST send a Pong with identical application data.',
      ),
      cases: [
        talk('an empty Ping', pings([''])),
        talk('a Ping of one byte', pings(['x'])),
        talk('a Ping with text', pings(['Hello'])),
        talk('a Ping of 124 bytes', pings(['y'.repeat(124)])),
        talk('a Ping of 125 bytes, the most there may be', pings(['z'.repeat(125)])),
        talk('a Ping with bytes that are no text', pings(['\xff\xfe\x00\x80'])),
        talk('a Ping with 125 bytes of any value', pings([anyBytes])),
        talk('10 Pings', pings(numbered(10))),
        talk('100 Pings', pings(numbered(100)), { isSlow: true }),
        talk('a Ping between two messages', () =>
          echo([text('one'), ping('between'), text('two')], [aText('one'), aText('two')], {
            pongs: ['between'],
          }),
        ),
        talk('a Ping that the subject is asked to answer within a message, before it has ended', () => ({
          steps: [
            send(text('one ', { fin: false }), ping('within')),
            awaits('pongs', 1),
            send(more('message')),
            awaits('messages', 1),
            goodbye,
          ],
          strict: echoes(
            [aText('one message')],
            { pongs: ['within'] },
            'answers the Ping, echoes the message',
          ),
        })),
        talk('a Ping and a Close frame in one', {
          steps: [send(ping('last'), close(1000))],
          strict: [
            expects('answers the Ping and closes with 1000', 1000, { pongs: ['last'] }),
            expects('closes with 1000', 1000),
            expects('closes with another code', 'any', { pongs: ['last'] }),
            expects('closes with another code', 'any'),
          ],
        }),
      ],
    },
    {
      title: 'Pongs that nobody asked for',
      rule: rule(
        6455,
        '5.5.3',
        'A Pong frame MAY be sent unsolicited. A response to an unsolicited Pong frame is not expected.',
      ),
      cases: [
        talk('an empty Pong', () => echo([pong(), text('Hello')], [aText('Hello')])),
        talk('a Pong with text', () => echo([pong('unasked'), text('Hello')], [aText('Hello')])),
        talk('a Pong of 125 bytes', () => echo([pong('p'.repeat(125)), text('Hello')], [aText('Hello')])),
        talk('a Pong, a Ping and a Pong', () =>
          echo([pong('before'), ping('asked'), pong('after'), text('Hello')], [aText('Hello')], {
            pongs: ['asked'],
          }),
        ),
        talk('ten Pongs', () =>
          echo([...numbered(10).map((each) => pong(each)), text('Hello')], [aText('Hello')]),
        ),
      ],
    },
    {
      title: 'Pings of the subject',
      rule: rule(
        6455,
        '5.5.2',
        'An endpoint MAY send a Ping frame any time after the connection is established.',
      ),
      cases: [
        talk('one that is answered', {
          steps: [
            tell({ ping: 'are you there?' }),
            awaits('pings'),
            send(pong('are you there?'), text('yes')),
            awaits('messages'),
            goodbye,
          ],
          strict: echoes([aText('yes')], { pings: ['are you there?'] }, 'pings, echoes the message'),
        }),
        talk('one whose Pong says something else', {
          steps: [
            tell({ ping: 'are you there?' }),
            awaits('pings'),
            send(pong('somebody is'), text('yes')),
            awaits('messages'),
            goodbye,
          ],
          strict: echoes([aText('yes')], { pings: ['are you there?'] }, 'pings, echoes the message'),
        }),
        talk('both ends ping at once', {
          steps: [
            tell({ ping: 'yours' }),
            send(ping('mine')),
            awaits('pings'),
            awaits('pongs'),
            send(pong('yours')),
            goodbye,
          ],
          strict: echoes([], { pings: ['yours'], pongs: ['mine'] }, 'pings, answers the other Ping'),
        }),
      ],
    },
    {
      title: 'Control frames that are too long, or fragments',
      rule: rule(
        6455,
        '5.5',
        'All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented.',
      ),
      cases: [
        ...[126, 127, 128, 65_536].flatMap((length) => [
          talk(`a Ping of ${length.toLocaleString('en-US')} bytes`, () =>
            failsOver([ping('x'.repeat(length)), text('after')], 1002),
          ),
          talk(`a Pong of ${length.toLocaleString('en-US')} bytes`, () =>
            failsOver([pong('x'.repeat(length)), text('after')], 1002),
          ),
        ]),
        talk('a Close frame of 126 bytes', () =>
          failsOver([close(1000, 'x'.repeat(124)), text('after')], 1002),
        ),
        talk('a Ping that is not the last fragment', () =>
          failsOver([ping('frag', { fin: false }), more('ment')], 1002),
        ),
        talk('a Pong that is not the last fragment', () =>
          failsOver([pong('frag', { fin: false }), more('ment')], 1002),
        ),
        talk('a Close frame that is not the last fragment', () =>
          failsOver([close(1000, '', { fin: false }), more('ment')], 1002),
        ),
        talk('a Ping that is a fragment, within a message', () =>
          failsOver([text('one ', { fin: false }), ping('frag', { fin: false }), more('two')], 1002),
        ),
        talk('a Ping of 126 bytes behind a message', () =>
          failsOver([text('one'), ping('x'.repeat(126)), text('after')], 1002, { messages: [aText('one')] }),
        ),
      ],
    },
  ],
};

const RESERVED = rule(
  6455,
  '5.2',
  'If a nonzero reserved bit is received and no negotiated extension defines its meaning, the endpoint MUST fail.',
);
const bitNames = (rsv: number): string =>
  [4, 2, 1].flatMap((bit, at) => ((rsv & bit) === 0 ? [] : [`RSV${at + 1}`])).join(', ');

const withBits: readonly (readonly [string, (rsv: number) => Frame[]])[] = [
  ['Text', (rsv) => [text('Hello', { rsv })]],
  ['Binary messages', (rsv) => [binary('Hello', { rsv })]],
  ['Continuations', (rsv) => [text('Hel', { fin: false }), more('lo', { rsv })]],
  ['Pings', (rsv) => [ping('Hello', { rsv })]],
  ['Pongs', (rsv) => [pong('Hello', { rsv })]],
  ['Close frames', (rsv) => [close(1000, '', { rsv })]],
];

export const reservedBits: Chapter = {
  title: 'Reserved bits',
  groups: withBits.map(([title, framesOf]) => ({
    title: `${title} with reserved bits`,
    rule: RESERVED,
    cases: [
      ...[1, 2, 3, 4, 5, 6, 7].map((rsv) =>
        talk(bitNames(rsv), () => failsOver([...framesOf(rsv), text('after')], 1002)),
      ),
      talk('RSV2, behind a message and a Ping', () =>
        failsOver([text('one'), ping('two'), ...framesOf(2), text('after')], 1002, {
          messages: [aText('one')],
          pongs: ['two'],
        }),
      ),
    ],
  })),
};

const OPCODE = rule(
  6455,
  '5.2',
  'If an unknown opcode is received, the receiving endpoint MUST fail the connection.',
);

function unknown(opcode: number): CaseBody[] {
  return [
    talk(`opcode ${opcode}, empty`, () => failsOver([frame(opcode, ''), text('after')], 1002)),
    talk(`opcode ${opcode}, with a payload, behind a message`, () =>
      failsOver([text('one'), frame(opcode, 'payload'), text('after')], 1002, { messages: [aText('one')] }),
    ),
    talk(`opcode ${opcode}, not the last fragment, within a message`, () => ({
      steps: [send(text('one ', { fin: false }), frame(opcode, 'x', { fin: false }), more('two'))],
      ...fails(1002),
    })),
  ];
}

export const opcodes: Chapter = {
  title: 'Opcodes',
  groups: [
    {
      title: 'Opcodes reserved for further data frames',
      rule: OPCODE,
      cases: [3, 4, 5, 6, 7].flatMap(unknown),
    },
    {
      title: 'Opcodes reserved for further control frames',
      rule: OPCODE,
      cases: [11, 12, 13, 14, 15].flatMap(unknown),
    },
    {
      title: 'The two kinds of messages',
      rule: rule(6455, '5.6', 'The opcode determines the interpretation of the data.'),
      cases: [
        talk('text and binary in turn', () =>
          echo(
            [text('one'), binary('two'), text('three'), binary('four')],
            [aText('one'), aBinary('two'), aText('three'), aBinary('four')],
          ),
        ),
        talk('binary that would be no text', () =>
          echo([binary(Buffer.from('fffe80c0', 'hex'))], [aBinary(Buffer.from('fffe80c0', 'hex'))]),
        ),
        talk('binary that would be text', () => echo([binary('κόσμε')], [aBinary('κόσμε')])),
      ],
    },
  ],
};

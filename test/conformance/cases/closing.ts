import type { CaseBody, Chapter, CloseMatch, Expectation, Script, Step } from '../case.js';
import { CLOSE, frame, type Frame } from '../wire/frame.js';
import { bytesOf } from './data.js';
import {
  aBinary,
  aText,
  awaits,
  close,
  end,
  expects,
  fails,
  failsOver,
  more,
  ping,
  pong,
  reset,
  rule,
  send,
  talk,
  tell,
  text,
  whole,
} from './build.js';

/** A Close frame of the harness, answered in any way that is one. */
function closes(
  frames: readonly Frame[],
  code: number,
  rest: Omit<Expectation, 'says' | 'close'> = {},
): Script {
  const best = code === 1005 ? 'an empty Close frame' : `${code}`;
  return {
    steps: [send(...frames)],
    strict: [
      expects(`closes with ${best}`, code, rest),
      expects('closes with another code', 'any', rest),
      // "unless it already received a Close frame", and "no guarantee that the endpoint [...] will continue".
      ...(rest.pongs === undefined ? [] : [expects('closes without a Pong', 'any', { ...rest, pongs: [] })]),
    ],
  };
}

/** The subject's application closes, and the harness does these things. */
function subjectCloses(
  code: number,
  reason: string,
  then: readonly Step[],
  rest: Omit<Expectation, 'says' | 'close'> = {},
): Script {
  return {
    steps: [tell({ close: [code, reason] }), awaits('close'), ...then],
    strict: [
      expects(`closes with ${code}${reason === '' ? '' : ' and the reason'}`, code, { reason, ...rest }),
    ],
  };
}

const LONGEST = 'r'.repeat(123);
const UNICODE = 'auf Wiedersehen 👋 さようなら';

const ORDERS: CaseBody[] = [
  talk('the harness closes', closes([close(1000)], 1000)),
  talk('the harness closes without a code', closes([close(1005)], 1005)),
  talk('the harness closes with a reason', closes([close(1000, 'That is all')], 1000)),
  talk('the harness closes with the longest reason', closes([close(1000, LONGEST)], 1000)),
  talk('the harness closes with a reason in several scripts', closes([close(1000, UNICODE)], 1000)),
  talk('the harness closes with a reason that is U+0000', closes([close(1000, '\0')], 1000)),
  talk('the subject closes, and is answered', subjectCloses(1000, '', [send(close(1000))])),
  talk(
    'the subject closes with a reason, and is answered',
    subjectCloses(4000, UNICODE, [send(close(4000))]),
  ),
  talk('the subject closes, and is answered without a code', subjectCloses(1000, '', [send(close(1005))])),
  talk(
    'the subject closes, and is answered with another code',
    subjectCloses(1000, '', [send(close(4321, 'No'))]),
  ),
  talk(
    'the subject closes, and is answered with the longest reason',
    subjectCloses(1001, '', [send(close(1001, LONGEST))]),
  ),
  talk('both close at once', {
    steps: [tell({ close: [4001, 'mine'] }), send(close(4002, 'yours')), awaits('close')],
    strict: [expects('closes with 4001', 4001), expects('closes with the other’s code', 4002)],
  }),
  talk(
    'the harness closes behind a message',
    closes([text('Hello'), close(1000)], 1000, { messages: [aText('Hello')] }),
  ),
  talk('the harness closes behind a Ping', closes([ping('P'), close(1000)], 1000, { pongs: ['P'] })),
  talk('the harness closes behind 256 KiB', () => {
    const message = aBinary(bytesOf(256 * 1024));
    const { steps } = closes([whole(message), close(1000)], 1000);
    return {
      steps,
      strict: [
        ...closes([], 1000, { messages: [message] }).strict,
        // What the application answers after the peer's Close frame has come cannot be sent any more.
        expects('closes with 1000, without an echo', 1000),
      ],
    };
  }),
  talk('the harness closes within a message', closes([text('Hel', { fin: false }), close(1000)], 1000)),
];

const AFTER_CLOSE: CaseBody[] = [
  talk('a message behind the harness’s Close frame', closes([close(1000), text('late')], 1000)),
  talk('a Ping behind the harness’s Close frame', closes([close(1000), ping('late')], 1000)),
  talk('a second Close frame', closes([close(1000), close(1001)], 1000)),
  talk(
    'a fragment behind the harness’s Close frame',
    closes([text('Hel', { fin: false }), close(1000), more('lo')], 1000),
  ),
  talk(
    'what is no frame behind the harness’s Close frame',
    closes([close(1000), frame(15, 'x', { rsv: 7 })], 1000),
  ),
  talk('256 KiB behind the harness’s Close frame', () =>
    closes([close(1000), whole(aBinary(bytesOf(256 * 1024)))], 1000),
  ),
  talk(
    'a message on its way when the subject closes',
    subjectCloses(1000, '', [send(text('on its way'), close(1000))]),
  ),
  talk('a Ping and a Pong on their way when the subject closes', {
    steps: [tell({ close: [1000, ''] }), awaits('close'), send(ping('on its way'), pong('too'), close(1000))],
    strict: [expects('closes with 1000', 1000)],
  }),
  talk('256 KiB on its way when the subject closes', () =>
    subjectCloses(1000, '', [send(whole(aBinary(bytesOf(256 * 1024))), close(1000))]),
  ),
];

const TOLD = (frames: readonly Frame[], answer: CloseMatch, code: number, reason: string): Script => ({
  steps: [send(...frames)],
  strict: [
    expects(`tells the application ${code}${reason === '' ? '' : ' and the reason'}`, answer, {
      told: { code, reason },
    }),
  ],
});

const WHAT_IS_TOLD: CaseBody[] = [
  talk('a code', TOLD([close(1000)], 'any', 1000, '')),
  talk('a code of the application’s and a reason', TOLD([close(4321, UNICODE)], 'any', 4321, UNICODE)),
  talk('a reason of 123 bytes', TOLD([close(1001, LONGEST)], 'any', 1001, LONGEST)),
  talk('a reason with a byte order mark', TOLD([close(1000, '\uFEFFmark')], 'any', 1000, '\uFEFFmark')),
  talk('no code: 1005', TOLD([close(1005)], 'any', 1005, '')),
  talk('TCP ends without a Close frame: 1006', {
    steps: [send(text('Hello')), awaits('messages'), end],
    strict: [
      expects('ends TCP, tells the application 1006', 'none', {
        messages: [aText('Hello')],
        told: { code: 1006 },
      }),
    ],
  }),
  talk('TCP ends within a frame: 1006', {
    steps: [{ do: 'send-part', frame: text('Hello'), until: 2 }, end],
    strict: [
      expects('ends TCP, tells the application 1006', 'none', { told: { code: 1006 } }),
      expects('fails, tells the application 1006', 'any', { told: { code: 1006 } }),
    ],
  }),
  talk('TCP ends within a message: 1006', {
    steps: [send(text('Hel', { fin: false })), end],
    strict: [
      expects('ends TCP, tells the application 1006', 'none', { told: { code: 1006 } }),
      expects('fails, tells the application 1006', 'any', { told: { code: 1006 } }),
    ],
  }),
  talk('TCP is reset: 1006', {
    steps: [send(text('Hello')), awaits('messages'), reset],
    strict: [
      expects('tells the application 1006', 'none', { messages: [aText('Hello')], told: { code: 1006 } }),
    ],
  }),
  talk('the answer to the subject’s own Close frame', {
    steps: [tell({ close: [4001, 'mine'] }), awaits('close'), send(close(4002, 'yours'))],
    strict: [
      expects('tells the application 4002, the code that it received', 4001, {
        told: { code: 4002, reason: 'yours' },
      }),
    ],
  }),
];

const NEVER_ENDS: CaseBody[] = [
  talk(
    'the harness never answers the subject’s Close frame',
    {
      steps: [tell({ close: [1000, ''] }), awaits('close'), awaits('end')],
      strict: [expects('ends TCP after its closeTimeout', 1000)],
    },
    { settings: { closeTimeout: 300 }, isWholeOnly: true },
  ),
  talk(
    'the harness sends messages on and on, but no Close frame',
    {
      steps: [
        tell({ close: [1000, ''] }),
        awaits('close'),
        ...Array.from({ length: 20 }, () => send(text('and another thing'))),
        awaits('end'),
      ],
      strict: [expects('ends TCP after its closeTimeout', 1000)],
    },
    { settings: { closeTimeout: 300 }, isWholeOnly: true },
  ),
];

export const closing: Chapter = {
  title: 'Closing handshake',
  groups: [
    {
      title: 'Every order',
      rule: rule(
        6455,
        '5.5.1',
        'An endpoint that receives a Close frame and did not previously send one MUST send one in response. After both, it MUST close TCP, a server at once.',
      ),
      cases: ORDERS,
    },
    {
      title: 'What comes behind a Close frame',
      rule: rule(
        6455,
        '1.4, 5.5.1',
        'After receiving a Close frame, data is discarded; after sending one, no more data frames MUST be sent.',
      ),
      cases: AFTER_CLOSE,
    },
    {
      title: 'What the application is told',
      rule: rule(
        6455,
        '7.1.5, 7.1.6',
        'The close code is that of the first Close frame received; 1005 if it had none, 1006 if no Close frame came.',
      ),
      cases: WHAT_IS_TOLD,
    },
    {
      title: 'Peers that do not answer',
      rule: rule(
        6455,
        '7.1.1',
        'An endpoint MAY close the connection via any means available when necessary.',
      ),
      cases: NEVER_ENDS,
    },
  ],
};

const VALID_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3500, 3999, 4000, 4500, 4999,
];
const REGISTERED = [1012, 1013, 1014];
const FORBIDDEN = [1005, 1006, 1015];
const UNUSED = [0, 1, 999];
const RESERVED = [1004, 1016, 1100, 1999, 2000, 2999];
const BEYOND = [5000, 65_535];

/** A code with its two bytes, also where `close` means none. */
function spelled(code: number): Frame {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frame(CLOSE, payload);
}

const accepted = (code: number): CaseBody => talk(`${code}`, closes([close(code)], code));
const acceptedWithReason = (code: number): CaseBody =>
  talk(`${code} with a reason`, closes([close(code, 'a reason')], code));

/** The peer leaves with a code that means nothing: failing and simply closing come to the same. */
function refused(code: number): CaseBody {
  return talk(`${code}`, {
    steps: [send(spelled(code))],
    strict: [expects('fails with 1002', 1002), expects('ends TCP without a Close frame', 'none')],
    lenient: [expects('closes as if nothing were wrong', 'any')],
  });
}

/** Codes that no standard gives a meaning: whether a receiver has to mind is not said. */
function undefinedCode(code: number): CaseBody {
  return talk(`${code}`, {
    steps: [send(spelled(code))],
    strict: [
      expects('fails with 1002', 1002),
      expects('takes it and closes', 'any'),
      expects('ends TCP without a Close frame', 'none'),
    ],
  });
}

export const closeCodes: Chapter = {
  title: 'Close codes and reasons',
  groups: [
    {
      title: 'Codes that may be sent',
      rule: rule(6455, '7.4', 'Defined codes, and 3000 to 4999 for libraries and applications.'),
      cases: [...VALID_CODES.map(accepted), ...[1001, 3000, 4999].map(acceptedWithReason)],
    },
    {
      title: 'Codes registered since',
      rule: rule(
        6455,
        '7.4.2, 11.7',
        'Codes from 1000 to 2999 are reserved for revisions and extensions; IANA has registered 1012 to 1014.',
      ),
      cases: REGISTERED.map((code) =>
        talk(`${code}`, {
          ...closes([close(code)], code),
          // Whoever knows only what the RFC itself defines is not wrong.
          strict: [...closes([], code).strict, expects('fails with 1002', 1002)],
        }),
      ),
    },
    {
      title: 'Codes that must not be in a Close frame',
      rule: rule(6455, '7.4.1', '1005, 1006 and 1015 MUST NOT be set as a status code in a Close frame.'),
      cases: FORBIDDEN.map(refused),
    },
    {
      title: 'Codes that are not used',
      rule: rule(6455, '7.4.2', 'Status codes in the range 0 to 999 are not used.'),
      cases: UNUSED.map(refused),
    },
    {
      title: 'Codes without a definition',
      rule: rule(
        6455,
        '7.4.1, 7.4.2',
        '1004 and 1016 to 2999 are reserved; codes above 4999 are not mentioned. Nothing says what their receiver has to do.',
      ),
      cases: [...RESERVED, ...BEYOND].map(undefinedCode),
    },
    {
      title: 'Payloads that are no code and reason',
      rule: rule(
        6455,
        '5.5.1, 8.1',
        'If there is a body, its first two bytes MUST be a code; a reason is UTF-8.',
      ),
      cases: [
        talk('one byte', () => failsOver([frame(CLOSE, 'x')], 1002)),
        ...(
          [
            ['a reason that is FF', 'ff'],
            ['a reason with an overlong character', 'c0af'],
            ['a reason with a surrogate', 'eda080'],
            ['a reason that ends inside a character', '676f6f64627965e6bc'],
            ['a reason beyond U+10FFFF', 'f4908080'],
          ] as const
        ).map(([title, hex]) =>
          talk(title, () => ({
            steps: [send(close(1000, Buffer.from(hex, 'hex')))],
            // 1007 is about a message; a Close frame that is malformed may as well be a protocol error.
            ...fails([1007, 1002]),
          })),
        ),
      ],
    },
  ],
};

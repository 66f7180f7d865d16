import type { CaseBody, Chapter, OpeningExpectation, OpeningSeen } from '../case.js';
import type { Compression } from '../subjects/subject.js';
import { requestHead, responseHead } from '../wire/http.js';
import { opening, rule } from './build.js';

type Parameters = ReadonlyMap<string, string | true>;

/** What a server accepted, `undefined` for nothing, and a string for what is none. */
function acceptedBy({ headers }: OpeningSeen): Parameters | string | undefined {
  const values = headers.get('sec-websocket-extensions');
  if (values === undefined) return undefined;
  const [name, ...rest] = values.join(', ').split(';');
  if (name!.trim() !== 'permessage-deflate') return `an answer that is not permessage-deflate`;
  const parameters = new Map<string, string | true>();
  for (const each of rest) {
    const [key, value] = each.trim().split('=');
    if (parameters.has(key!)) return `${key} twice`;
    parameters.set(key!, value ?? true);
  }
  return parameters;
}

const NAMES = [
  'server_no_context_takeover',
  'client_no_context_takeover',
  'server_max_window_bits',
  'client_max_window_bits',
];

const isBits = (value: string | true | undefined, most: number): boolean =>
  typeof value === 'string' && /^(?:[89]|1[0-5])$/.test(value) && Number(value) <= most;

/** Whether an answer is one to this offer, by RFC 7692 section 7.1. */
function isAnswerTo(offer: string, seen: OpeningSeen): boolean {
  const accepted = acceptedBy(seen);
  if (accepted === undefined || typeof accepted === 'string') return false;
  const offered = new Map(
    offer.split(';').map((each): [string, string | true] => {
      const [key, value] = each.trim().split('=');
      return [key!, value ?? true];
    }),
  );
  const mostOf = (name: string): number => {
    const value = offered.get(name);
    return value === undefined || value === true ? 15 : Number(value);
  };
  const server = accepted.get('server_max_window_bits');
  const client = accepted.get('client_max_window_bits');
  return (
    [...accepted.keys()].every((key) => NAMES.includes(key)) &&
    // "A server accepts [...] by including the parameter in the response."
    (!offered.has('server_no_context_takeover') || accepted.get('server_no_context_takeover') === true) &&
    (!offered.has('server_max_window_bits') || isBits(server, mostOf('server_max_window_bits'))) &&
    (server === undefined || isBits(server, 15)) &&
    // "If a received offer doesn't have it, the response MUST NOT include the client_max_window_bits parameter."
    (client === undefined ||
      (offered.has('client_max_window_bits') && isBits(client, mostOf('client_max_window_bits')))) &&
    ['server_no_context_takeover', 'client_no_context_takeover'].every((key) =>
      [undefined, true].includes(accepted.get(key) as true | undefined),
    )
  );
}

const isDeclined = (seen: OpeningSeen): boolean => acceptedBy(seen) === undefined;

/** A server may refuse any handshake, though it need not refuse it over an offer (RFC 6455 section 4.2.2). */
const refuses: OpeningExpectation = {
  says: 'refuses the handshake over it',
  opens: false,
  status: [400],
};
const declines: OpeningExpectation = { says: 'opens without the extension', opens: true, also: isDeclined };

const WITH: Compression = { contextTakeover: true };
const WITHOUT: Compression = { contextTakeover: false };
/** The server that cases about its answers talk to. */
const settings = { compression: WITH };
const deflate = (parameters: string): string =>
  parameters === '' ? 'permessage-deflate' : `permessage-deflate; ${parameters}`;

function offers(value: string, compression: Compression, effective = value): CaseBody {
  const { contextTakeover, windowBits } = compression;
  const setUp = `${contextTakeover ? 'with' : 'without'} context takeover${windowBits === undefined ? '' : `, ${windowBits} bits`}`;
  return opening(
    `${value === deflate('') ? 'no parameter' : value.replace('permessage-deflate; ', '')} (a server ${setUp})`,
    {
      role: 'server',
      settings: { compression },
      head: (request) => requestHead(request, { 'Sec-WebSocket-Extensions': value }),
      strict: [
        {
          says: 'accepts the offer, within what was offered',
          opens: true,
          also: (seen) => isAnswerTo(effective, seen),
        },
        declines,
        refuses,
      ],
    },
  );
}

const BITS = [8, 9, 10, 11, 12, 13, 14, 15];

const OFFERS: CaseBody[] = [
  offers(deflate(''), WITH),
  offers(deflate('server_no_context_takeover'), WITH),
  offers(deflate('client_no_context_takeover'), WITH),
  offers(deflate('server_no_context_takeover; client_no_context_takeover'), WITH),
  offers(deflate('client_max_window_bits'), WITH),
  ...BITS.map((bits) => offers(deflate(`server_max_window_bits=${bits}`), WITH)),
  ...BITS.map((bits) => offers(deflate(`client_max_window_bits=${bits}`), WITH)),
  offers(
    deflate(
      'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12',
    ),
    WITH,
  ),
  offers(deflate(''), WITHOUT),
  offers(deflate('client_max_window_bits'), WITHOUT),
  offers(deflate(''), { ...WITH, windowBits: 10 }),
  offers(deflate('client_max_window_bits'), { ...WITH, windowBits: 10 }),
  offers(deflate('client_max_window_bits; server_max_window_bits=12'), { ...WITH, windowBits: 10 }),
  offers(deflate('client_max_window_bits=9'), { ...WITH, windowBits: 10 }),
  offers(deflate('client_max_window_bits; server_max_window_bits=9'), { ...WITH, windowBits: 10 }),
];

/** Offers in other spellings, and several of them. */
const SPELLINGS: CaseBody[] = (
  [
    [
      'a quoted value',
      'permessage-deflate; server_max_window_bits="10"',
      deflate('server_max_window_bits=10'),
    ],
    [
      'no spaces',
      'permessage-deflate;server_no_context_takeover;client_max_window_bits',
      deflate('server_no_context_takeover; client_max_window_bits'),
    ],
    [
      'spaces and tabs everywhere',
      'permessage-deflate \t; \tclient_max_window_bits',
      deflate('client_max_window_bits'),
    ],
    ['behind an extension that nobody knows', 'x-unknown; a=1; b="2", permessage-deflate', deflate('')],
    ['before an extension that nobody knows', 'permessage-deflate, x-unknown', deflate('')],
    [
      'the first of two that can be accepted',
      'permessage-deflate; server_max_window_bits=10, permessage-deflate',
      deflate('server_max_window_bits=10'),
    ],
  ] as const
).map(([title, value, effective]) => ({ ...offers(value, WITH, effective), title }));

const SECOND_OFFER = opening('the second of two, where the first cannot be', {
  role: 'server',
  settings,
  head: (request) =>
    requestHead(request, {
      'Sec-WebSocket-Extensions': 'permessage-deflate; x-unknown=1, permessage-deflate',
    }),
  strict: [
    { says: 'accepts the second offer', opens: true, also: (seen) => isAnswerTo(deflate(''), seen) },
    declines,
    refuses,
  ],
});

const TWO_FIELDS = opening('in two header fields', {
  role: 'server',
  settings,
  head: (request) =>
    requestHead(request, { 'Sec-WebSocket-Extensions': ['x-unknown', 'permessage-deflate'] }),
  strict: [
    { says: 'accepts the offer', opens: true, also: (seen) => isAnswerTo(deflate(''), seen) },
    declines,
    refuses,
  ],
});

const NO_OFFER = opening('no offer at all', {
  role: 'server',
  settings,
  head: (request) => requestHead(request),
  strict: [declines],
});

const NOT_WANTED = opening('an offer to a server that compresses nothing', {
  role: 'server',
  head: (request) => requestHead(request, { 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
  strict: [declines],
});

/** Offers that a server MUST decline (section 7), and what it comes to to take them all the same. */
const BAD_OFFERS: CaseBody[] = (
  [
    ['server_max_window_bits=7', undefined],
    ['server_max_window_bits=16', undefined],
    ['server_max_window_bits=0', undefined],
    ['server_max_window_bits=1000', undefined],
    ['server_max_window_bits=08', 'server_max_window_bits=8'],
    ['server_max_window_bits=+9', 'server_max_window_bits=9'],
    ['server_max_window_bits=1e1', 'server_max_window_bits=10'],
    ['server_max_window_bits=0xa', 'server_max_window_bits=10'],
    ['server_max_window_bits', undefined],
    ['client_max_window_bits=7', undefined],
    ['client_max_window_bits=16', undefined],
    ['client_max_window_bits=09', 'client_max_window_bits=9'],
    ['server_no_context_takeover=true', undefined],
    ['client_no_context_takeover=1', undefined],
    ['server_no_context_takeover; server_no_context_takeover', undefined],
    ['server_max_window_bits=10; server_max_window_bits=10', undefined],
    ['client_max_window_bits; client_max_window_bits=10', undefined],
    ['x_unknown', undefined],
    ['__proto__', undefined],
    ['constructor=1', undefined],
  ] as const
).map(([parameters, meant]) =>
  opening(parameters, {
    role: 'server',
    settings,
    head: (request) => requestHead(request, { 'Sec-WebSocket-Extensions': deflate(parameters) }),
    strict: [declines, refuses],
    lenient: [
      {
        says: 'accepts it as it was meant',
        opens: true,
        also: (seen) => meant !== undefined && isAnswerTo(deflate(meant), seen),
      },
    ],
  }),
);

/** Section 9.1 of RFC 6455: the recipient of such malformed data MUST immediately fail. */
const MALFORMED: CaseBody[] = [
  'permessage-deflate;',
  ';permessage-deflate',
  'permessage-deflate; =10',
  'permessage-deflate; server_max_window_bits=',
  'permessage-deflate; server_max_window_bits="10',
  'permessage-deflate; server_max_window_bits="1 0"',
  'permessage-deflate; server_max_window_bits=""',
  'permessage deflate',
  'permessage-deflate; a b',
  'permessage-deflate; a=b=c',
  'permessage-deflate/1',
  '@',
].map((value) =>
  opening(value, {
    role: 'server',
    settings,
    head: (request) => requestHead(request, { 'Sec-WebSocket-Extensions': value }),
    strict: [{ says: 'refuses the handshake with 400', opens: false, status: [400] }],
    lenient: [{ ...declines, says: 'opens without the extension' }],
  }),
);

/** Answers to a client that offers permessage-deflate. */
const ANSWERS: CaseBody[] = [
  ...[
    '',
    'server_no_context_takeover',
    'client_no_context_takeover',
    'server_no_context_takeover; client_no_context_takeover',
    ...BITS.map((bits) => `server_max_window_bits=${bits}`),
    ...BITS.map((bits) => `client_max_window_bits=${bits}`),
    'server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12',
  ].map((parameters) => answer(parameters === '' ? 'no parameter' : parameters, deflate(parameters))),
  answer('a quoted value', 'permessage-deflate; server_max_window_bits="10"'),
];

function answer(title: string, value: string): CaseBody {
  return opening(title, {
    role: 'client',
    settings,
    head: (request) => responseHead(request, { 'Sec-WebSocket-Extensions': value }),
    strict: [{ says: 'opens', opens: true }],
  });
}

const DECLINED = opening('an answer without the extension', {
  role: 'client',
  settings,
  head: (request) => responseHead(request),
  strict: [{ says: 'opens', opens: true }],
});

const OFFERED = opening('the client’s own offer', {
  role: 'client',
  settings,
  head: (request) => responseHead(request),
  strict: [
    {
      says: 'offers permessage-deflate, well-formed',
      opens: true,
      also: ({ headers }) => areOffers(headers.get('sec-websocket-extensions')?.join(', ') ?? ''),
    },
  ],
});

const PARAMETER =
  /^(?:(?:server|client)_no_context_takeover|client_max_window_bits|(?:server|client)_max_window_bits=(?:[89]|1[0-5]))$/;

function areOffers(value: string): boolean {
  return value.split(',').every((offer) => {
    const [name, ...parameters] = offer.split(';').map((each) => each.trim());
    const names = parameters.map((each) => each.split('=')[0]!);
    return (
      name === 'permessage-deflate' &&
      parameters.every((each) => PARAMETER.test(each)) &&
      new Set(names).size === names.length
    );
  });
}

const BAD_ANSWERS: CaseBody[] = (
  [
    ['client_max_window_bits without a value', deflate('client_max_window_bits'), false],
    ['client_max_window_bits=16', deflate('client_max_window_bits=16'), false],
    ['client_max_window_bits=7', deflate('client_max_window_bits=7'), false],
    ['server_max_window_bits without a value', deflate('server_max_window_bits'), false],
    ['server_max_window_bits=16', deflate('server_max_window_bits=16'), false],
    ['server_max_window_bits=7', deflate('server_max_window_bits=7'), false],
    ['server_max_window_bits=08', deflate('server_max_window_bits=08'), true],
    ['client_max_window_bits=010', deflate('client_max_window_bits=010'), true],
    ['server_no_context_takeover=true', deflate('server_no_context_takeover=true'), false],
    ['a parameter twice', deflate('server_no_context_takeover; server_no_context_takeover'), false],
    ['an unknown parameter', deflate('x_unknown=1'), false],
    ['permessage-deflate twice', 'permessage-deflate, permessage-deflate', true],
    ['an extension beside it that was not offered', 'permessage-deflate, x-unknown', false],
    ['an extension in its place that was not offered', 'x-unknown', false],
    ['what is malformed', 'permessage-deflate; =', false],
    ['what is empty', '', true],
  ] as const
).map(([title, value, isHarmless]) =>
  opening(title, {
    role: 'client',
    settings,
    head: (request) => responseHead(request, { 'Sec-WebSocket-Extensions': value }),
    strict: [{ says: 'fails the connection', opens: false }],
    lenient: isHarmless ? [{ says: 'takes it as it was meant', opens: true }] : [],
  }),
);

const NOT_OFFERED: CaseBody[] = [deflate(''), 'x-unknown'].map((value) =>
  opening(`${value}, to a client that offers nothing`, {
    role: 'client',
    head: (request) => responseHead(request, { 'Sec-WebSocket-Extensions': value }),
    strict: [{ says: 'fails the connection', opens: false }],
  }),
);

export const negotiation: Chapter = {
  title: 'Compression: what is agreed on',
  groups: [
    {
      title: 'Offers to a server',
      rule: rule(
        7692,
        '7.1',
        'A server accepts a parameter by including it in its response, with the same or a smaller window; client_max_window_bits only if it was offered.',
      ),
      cases: [...OFFERS, NO_OFFER, NOT_WANTED],
    },
    {
      title: 'Offers in other spellings, and several offers',
      rule: rule(
        6455,
        '9.1',
        'A list of extensions with parameters, over one or several fields; the first are the most preferable.',
      ),
      cases: [...SPELLINGS, SECOND_OFFER, TWO_FIELDS],
    },
    {
      title: 'Offers that cannot be accepted',
      rule: rule(
        7692,
        '7',
        'A server MUST decline an offer with a parameter that is unknown, repeated, or has an invalid value.',
      ),
      cases: BAD_OFFERS,
    },
    {
      title: 'Offers that are malformed',
      rule: rule(
        6455,
        '9.1, 4.2.1',
        'A value that does not conform to the ABNF: the recipient MUST immediately fail the connection.',
      ),
      cases: MALFORMED,
    },
    {
      title: 'Answers to a client',
      rule: rule(
        7692,
        '7.1',
        'A server may ask for any of the four; a client that offered client_max_window_bits obeys.',
      ),
      cases: [OFFERED, ...ANSWERS, DECLINED],
    },
    {
      title: 'Answers that fit no offer',
      rule: rule(
        7692,
        '7, 5',
        'A client MUST fail the connection over a response with a parameter that is unknown, repeated, invalid, or not for a response.',
      ),
      cases: [...BAD_ANSWERS, ...NOT_OFFERED],
    },
  ],
};

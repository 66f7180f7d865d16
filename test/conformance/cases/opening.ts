import type { CaseBody, Chapter, ClientRequest, OpeningExpectation } from '../case.js';
import { requestHead, responseHead } from '../wire/http.js';
import { aText, opening, ping, rule, talk, text, echoes, awaits, send, goodbye, tell } from './build.js';

type Changes = Parameters<typeof requestHead>[1];

const OPENS: OpeningExpectation = { says: 'opens', opens: true };
const FAILS: OpeningExpectation = { says: 'fails the connection', opens: false };

function accepts(title: string, changes: Changes = {}, target?: (path: string) => string): CaseBody {
  return opening(title, {
    role: 'server',
    head: (request) =>
      requestHead(
        request,
        changes,
        target === undefined ? undefined : `GET ${target(request.path)} HTTP/1.1`,
      ),
    strict: [OPENS],
  });
}

const ERRORS = [400, 403, 404, 405, 411, 413, 417, 426, 431, 500, 501, 505];

/** "An appropriate error code (such as 400 Bad Request)". */
function refuses(
  title: string,
  status: readonly number[],
  head: (request: ClientRequest) => string,
  rest: { lenient?: readonly OpeningExpectation[]; also?: OpeningExpectation['also'] } = {},
): CaseBody {
  const also = rest.also === undefined ? {} : { also: rest.also };
  return opening(title, {
    role: 'server',
    head,
    strict: [
      { says: `answers with ${status.join(' or ')}`, opens: false, status, ...also },
      { says: 'answers with another error', opens: false, status: ERRORS, ...also },
    ],
    lenient: rest.lenient,
  });
}

const without = (
  title: string,
  changes: Changes,
  status: readonly number[] = [400],
  isHarmless = false,
): CaseBody =>
  refuses(title, status, (request) => requestHead(request, changes), isHarmless ? { lenient: [TAKES] } : {});

const TAKES: OpeningExpectation = { says: 'opens all the same', opens: true };

const GOOD_REQUESTS: CaseBody[] = [
  accepts('the least there may be'),
  accepts('field names in other case', {
    Host: undefined,
    Upgrade: undefined,
    Connection: undefined,
    'Sec-WebSocket-Version': undefined,
    HOST: '127.0.0.1',
    upgrade: 'websocket',
    CONNECTION: 'upgrade',
    'sec-websocket-version': '13',
  }),
  accepts('Upgrade: WebSocket', { Upgrade: 'WebSocket' }),
  accepts('Connection: keep-alive, Upgrade', { Connection: 'keep-alive, Upgrade' }),
  accepts('Connection: upgrade', { Connection: 'upgrade' }),
  accepts('Connection in two fields', { Connection: ['keep-alive', 'Upgrade'] }),
  accepts('white space around the values', {
    Upgrade: ' \t websocket \t ',
    'Sec-WebSocket-Version': '  13  ',
  }),
  accepts('no Origin', { Origin: undefined }),
  accepts('a query', {}, (path) => path),
  accepts('fields that nobody knows', {
    'X-Unknown': 'x'.repeat(1000),
    Cookie: 'a=b; c=d',
    'User-Agent': 'conformance',
  }),
  accepts('an Authorization', { Authorization: 'Basic YTpi' }),
];

const BEHIND = opening('frames right behind the request', {
  role: 'server',
  head: (request) => requestHead(request),
  behind: [text('early')],
  strict: [OPENS, FAILS],
});

const BAD_REQUESTS: CaseBody[] = [
  ...['POST', 'PUT', 'DELETE', 'OPTIONS'].map((method) =>
    refuses(`${method} in place of GET`, [405, 400], (request) =>
      requestHead(request, {}, `${method} ${request.path} HTTP/1.1`),
    ),
  ),
  refuses(
    'HTTP/1.0',
    [505, 400, 426],
    (request) => requestHead(request, {}, `GET ${request.path} HTTP/1.0`),
    { lenient: [TAKES] },
  ),
  refuses('HTTP/9.9', [505, 400], (request) => requestHead(request, {}, `GET ${request.path} HTTP/9.9`)),
  refuses('what is no HTTP', [400], () => 'Hello, is there a WebSocket?\r\n\r\n'),
  without('no Host', { Host: undefined }, [400], true),
  without('no Upgrade', { Upgrade: undefined }, [426, 400]),
  without('an empty Upgrade', { Upgrade: '' }, [426, 400]),
  without('Upgrade: h2c', { Upgrade: 'h2c' }, [426, 400]),
  without('Upgrade: websockets', { Upgrade: 'websockets' }, [426, 400]),
  without('no Connection', { Connection: undefined }, [426, 400]),
  without('Connection: keep-alive', { Connection: 'keep-alive' }, [426, 400]),
  without('Connection: NotUpgrade', { Connection: 'NotUpgrade' }, [426, 400]),
  without('no key', { 'Sec-WebSocket-Key': undefined }),
  without('an empty key', { 'Sec-WebSocket-Key': '' }),
  without('a key of 15 bytes', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }),
  without('a key of 17 bytes', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' }),
  without('a key that is not base64', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }),
  refuses('a key twice', [400], (request) =>
    requestHead(request, { 'Sec-WebSocket-Key': [request.key, request.key] }),
  ),
];

const hasVersions = ({ headers }: Parameters<NonNullable<OpeningExpectation['also']>>[0]): boolean =>
  (headers.get('sec-websocket-version') ?? [])
    .join(',')
    .split(',')
    .some((each) => each.trim() === '13');

const VERSIONS: CaseBody[] = [
  ['no version', undefined],
  ['an empty version', ''],
  ['version 0', '0'],
  ['version 12', '12'],
  ['version 14', '14'],
  ['version 113', '113'],
  ['version “thirteen”', 'thirteen'],
].map(([title, version]) =>
  refuses(title!, [426, 400], (request) => requestHead(request, { 'Sec-WebSocket-Version': version }), {
    also: hasVersions,
  }),
);

const ODD_VERSIONS: CaseBody[] = [
  ['version 013, with a leading zero', '013'],
  ['version 13.0', '13.0'],
  ['version 1.3e1', '1.3e1'],
  ['version 0xd', '0xd'],
].map(([title, version]) =>
  refuses(title!, [426, 400], (request) => requestHead(request, { 'Sec-WebSocket-Version': version }), {
    lenient: [TAKES],
    also: hasVersions,
  }),
);

const protocols = ['chat', 'superchat'];
const speaks = (protocol: string | undefined): OpeningExpectation => ({
  says: protocol === undefined ? 'opens without a subprotocol' : `opens with “${protocol}”`,
  opens: true,
  also: ({ headers }) => headers.get('sec-websocket-protocol')?.join(',') === protocol,
});

function offersProtocols(
  title: string,
  value: string | readonly string[],
  strict: readonly OpeningExpectation[],
  lenient: readonly OpeningExpectation[] = [],
): CaseBody {
  return opening(title, {
    role: 'server',
    settings: { protocols },
    head: (request) => requestHead(request, { 'Sec-WebSocket-Protocol': value }),
    strict,
    lenient,
  });
}

const REFUSED: OpeningExpectation = { says: 'answers with 400', opens: false, status: [400] };

const SUBPROTOCOLS: CaseBody[] = [
  offersProtocols('one that is spoken', 'chat', [speaks('chat')]),
  offersProtocols('two, one of which is spoken', 'x, superchat', [speaks('superchat')]),
  offersProtocols('both that are spoken', 'superchat, chat', [speaks('chat'), speaks('superchat')]),
  offersProtocols('in two fields', ['x', 'chat'], [speaks('chat')]),
  offersProtocols('none that is spoken', 'x, y', [speaks(undefined), REFUSED]),
  offersProtocols('another case: not the same', 'Chat', [speaks(undefined), REFUSED]),
  opening('one, to a server that speaks none', {
    role: 'server',
    settings: { protocols: [] },
    head: (request) => requestHead(request, { 'Sec-WebSocket-Protocol': 'chat' }),
    strict: [speaks(undefined), REFUSED],
  }),
  ...(
    [
      ['the same twice', 'chat, chat', true],
      ['an empty list', '', true],
      ['an empty element', 'chat,,superchat', true],
      ['a space within', 'chat room', false],
      ['a separator', 'chat/1', false],
      ['a quoted one', '"chat"', false],
    ] as const
  ).map(([title, value, isHarmless]) =>
    offersProtocols(
      title,
      value,
      [REFUSED],
      isHarmless ? [speaks('chat'), speaks(undefined)] : [speaks(undefined)],
    ),
  ),
];

const answers = (
  title: string,
  changes: Changes | ((request: ClientRequest) => Changes),
  strict: readonly OpeningExpectation[],
  lenient: readonly OpeningExpectation[] = [],
  own?: readonly string[],
): CaseBody =>
  opening(title, {
    role: 'client',
    ...(own === undefined ? {} : { settings: { protocols: own } }),
    head: (request) => responseHead(request, typeof changes === 'function' ? changes(request) : changes),
    strict,
    lenient,
  });

const GOOD_ANSWERS: CaseBody[] = [
  answers('the least there may be', {}, [OPENS]),
  answers('Upgrade: WebSocket, Connection: upgrade', { Upgrade: 'WebSocket', Connection: 'upgrade' }, [
    OPENS,
  ]),
  answers('Connection: keep-alive, Upgrade', { Connection: 'keep-alive, Upgrade' }, [OPENS]),
  answers(
    'white space around the values',
    ({ accept }) => ({ Upgrade: ' websocket ', 'Sec-WebSocket-Accept': `  ${accept}\t` }),
    [OPENS],
  ),
  answers('fields that nobody knows', { Server: 'conformance', 'X-Unknown': 'x'.repeat(1000) }, [OPENS]),
  opening('another reason phrase', {
    role: 'client',
    head: (request) => responseHead(request, {}, 'HTTP/1.1 101 Yes, gladly'),
    strict: [OPENS],
  }),
  opening('a message and a Ping right behind the answer', {
    role: 'client',
    head: (request) => responseHead(request),
    behind: [text('early')],
    strict: [OPENS],
  }),
];

const BAD_ANSWERS: CaseBody[] = [
  answers('no Upgrade', { Upgrade: undefined }, [FAILS]),
  answers('an empty Upgrade', { Upgrade: '' }, [FAILS]),
  answers('Upgrade: h2c', { Upgrade: 'h2c' }, [FAILS]),
  answers('no Connection', { Connection: undefined }, [FAILS]),
  answers('Connection: keep-alive', { Connection: 'keep-alive' }, [FAILS]),
  answers('no Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': undefined }, [FAILS]),
  answers('an empty Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': '' }, [FAILS]),
  answers('the accept of another key', { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }, [FAILS]),
  answers('the key in place of the accept', ({ key }) => ({ 'Sec-WebSocket-Accept': key }), [FAILS]),
  answers('the accept in small letters', ({ accept }) => ({ 'Sec-WebSocket-Accept': accept.toLowerCase() }), [
    FAILS,
  ]),
  answers(
    'the accept twice',
    ({ accept }) => ({ 'Sec-WebSocket-Accept': [accept, accept] }),
    [FAILS],
    [OPENS],
  ),
  ...[200, 201, 204, 301, 302, 400, 401, 403, 404, 426, 500, 503].map((status) =>
    opening(`status ${status}`, {
      role: 'client',
      head: (request) =>
        responseHead(
          request,
          { Upgrade: undefined, Connection: 'close', 'Content-Length': '0' },
          `HTTP/1.1 ${status} Status`,
        ),
      strict: [FAILS],
    }),
  ),
  opening('status 200 with all that a 101 has', {
    role: 'client',
    head: (request) => responseHead(request, {}, 'HTTP/1.1 200 OK'),
    behind: [],
    strict: [FAILS],
  }),
  opening('what is no HTTP', {
    role: 'client',
    head: () => 'Hello, this is no WebSocket\r\n\r\n',
    strict: [FAILS],
  }),
];

const SUBPROTOCOL_ANSWERS: CaseBody[] = [
  answers('the one that was offered', { 'Sec-WebSocket-Protocol': 'chat' }, [OPENS], [], ['chat']),
  answers('the second of two', { 'Sec-WebSocket-Protocol': 'superchat' }, [OPENS], [], protocols),
  answers('none, where one was offered', {}, [FAILS, OPENS], [], ['chat']),
  answers('one that was not offered', { 'Sec-WebSocket-Protocol': 'x' }, [FAILS], [], ['chat']),
  answers('one in another case', { 'Sec-WebSocket-Protocol': 'Chat' }, [FAILS], [], ['chat']),
  answers('both of two', { 'Sec-WebSocket-Protocol': 'chat, superchat' }, [FAILS], [], protocols),
  answers('one in each of two fields', { 'Sec-WebSocket-Protocol': protocols }, [FAILS], [], protocols),
  answers('one, where none was offered', { 'Sec-WebSocket-Protocol': 'chat' }, [FAILS]),
  answers('an empty one', { 'Sec-WebSocket-Protocol': '' }, [FAILS], [OPENS]),
];

const only = (request: ClientRequest | undefined, name: string): string | undefined => {
  const values = request?.headers.get(name);
  return values?.length === 1 ? values[0] : undefined;
};

const asks = (
  title: string,
  isGood: (request: ClientRequest) => boolean,
  own?: readonly string[],
): CaseBody =>
  opening(title, {
    role: 'client',
    ...(own === undefined ? {} : { settings: { protocols: own } }),
    head: (request) => responseHead(request, own === undefined ? {} : { 'Sec-WebSocket-Protocol': own[0] }),
    strict: [
      {
        says: 'does so, and opens',
        opens: true,
        also: ({ request }) => request !== undefined && isGood(request),
      },
    ],
  });

const keys = new Set<string>();

const REQUESTS: CaseBody[] = [
  asks('GET and HTTP/1.1', ({ line }) => /^GET \S+ HTTP\/1\.1$/.test(line)),
  asks('the path of the URL', ({ line }) => /^GET \/\d+\.\d+\.\d+\/\d+ /.test(line)),
  asks('one Host, with the port', (request) => /^127\.0\.0\.1:\d+$/.test(only(request, 'host') ?? '')),
  asks('one Upgrade: websocket', (request) => only(request, 'upgrade')?.toLowerCase() === 'websocket'),
  asks('one Connection: Upgrade', (request) =>
    /(?:^|, *)upgrade(?:$|,)/i.test(only(request, 'connection') ?? ''),
  ),
  asks('one Sec-WebSocket-Version: 13', (request) => only(request, 'sec-websocket-version') === '13'),
  asks('one key of 16 bytes in base64', (request) =>
    /^[A-Za-z0-9+/]{22}==$/.test(only(request, 'sec-websocket-key') ?? ''),
  ),
  asks('another key for each connection', ({ key }) => !keys.has(key) && keys.add(key).has(key)),
  asks(
    'the subprotocols it was given, in order',
    (request) => {
      const list = request.headers.get('sec-websocket-protocol')?.join(',').split(',') ?? [];
      return list.map((each) => each.trim()).join() === protocols.join();
    },
    protocols,
  ),
  asks(
    'no subprotocol and no extension where it was given none',
    ({ headers }) => !headers.has('sec-websocket-protocol') && !headers.has('sec-websocket-extensions'),
  ),
];

const FIRST_WORDS: CaseBody[] = [
  talk('the subject speaks first', {
    steps: [
      tell({ send: 'welcome' }),
      awaits('messages'),
      send(text('thanks')),
      awaits('messages', 2),
      goodbye,
    ],
    strict: echoes([aText('welcome'), aText('thanks')]),
  }),
  talk('the subject pings first', {
    steps: [tell({ ping: 'first' }), awaits('pings'), send(ping('second')), awaits('pongs'), goodbye],
    strict: echoes([], { pings: ['first'], pongs: ['second'] }),
  }),
];

export const openingHandshake: Chapter = {
  title: 'Opening handshake',
  groups: [
    {
      title: 'Requests that are right',
      rule: rule(
        6455,
        '4.2.1, 4.2.2',
        'The server MUST reply with 101, Upgrade, Connection and the right Sec-WebSocket-Accept.',
      ),
      cases: [...GOOD_REQUESTS, BEHIND],
    },
    {
      title: 'Requests that are not',
      rule: rule(
        6455,
        '4.2.1',
        'A handshake that does not match the description: the server MUST return an HTTP response with an appropriate error code.',
      ),
      cases: BAD_REQUESTS,
    },
    {
      title: 'Versions',
      rule: rule(
        6455,
        '4.2.2, 4.4',
        'Another version than 13: an error code (such as 426) and a Sec-WebSocket-Version that says which are understood.',
      ),
      cases: [...VERSIONS, ...ODD_VERSIONS],
    },
    {
      title: 'Subprotocols that are offered',
      rule: rule(
        6455,
        '4.2.2, 4.1',
        'One of those that were offered, or none; they are tokens and MUST all be unique.',
      ),
      cases: SUBPROTOCOLS,
    },
    {
      title: 'What a client asks',
      rule: rule(6455, '4.1', 'The requirements for the client’s handshake.'),
      cases: REQUESTS,
    },
    {
      title: 'Answers that are right',
      rule: rule(6455, '4.1', 'If the response is validated, the connection is established.'),
      cases: GOOD_ANSWERS,
    },
    {
      title: 'Answers that are not',
      rule: rule(6455, '4.1', 'The client MUST validate the response, and MUST fail the connection.'),
      cases: BAD_ANSWERS,
    },
    {
      title: 'Subprotocols that are answered',
      rule: rule(
        6455,
        '4.1',
        'A subprotocol that was not requested: the client MUST fail. None at all is allowed here; the WHATWG WebSocket fails over it.',
      ),
      cases: SUBPROTOCOL_ANSWERS,
    },
    {
      title: 'The first words',
      rule: rule(6455, '4.2.2', 'At this point, the server may begin sending (and receiving) data.'),
      cases: FIRST_WORDS,
    },
  ],
};

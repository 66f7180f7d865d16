import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HandshakeError } from './errors.js';
import {
  checkHandshakeResponse,
  type HandshakeAgreement,
  type HandshakeResponse,
  type SentHandshake,
} from './handshake-client-response.js';

type Pair = readonly [name: string, value: string];

const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const sha1Base64 = (text: string): string => createHash('sha1').update(text).digest('base64');

const SENT: SentHandshake = {
  key: 'dGhlIHNhbXBsZSBub25jZQ==',
  protocols: ['chat', 'superchat'],
  extensionsOffered: [
    { name: 'permessage-deflate', parameters: [['client_max_window_bits', true]] },
    { name: 'foo', parameters: [] },
  ],
};

/** The example of RFC 6455 section 1.3. */
const EXAMPLE: readonly Pair[] = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Accept', ACCEPT],
  ['Sec-WebSocket-Protocol', 'chat'],
];

const having = (name: string, ...values: string[]): Pair[] => [
  ...EXAMPLE.filter((pair) => pair[0] !== name),
  ...values.map((value): Pair => [name, value]),
];

function check(
  pairs: readonly Pair[] = EXAMPLE,
  sent: Partial<SentHandshake> = {},
  response: Partial<HandshakeResponse> = {},
): HandshakeAgreement | HandshakeError {
  const given = { status: 101, rawHeaders: pairs.flat(), ...response };
  return checkHandshakeResponse(given, { ...SENT, ...sent }, sha1Base64);
}

function failure(pairs: readonly Pair[], sent?: Partial<SentHandshake>): HandshakeError {
  const result = check(pairs, sent);
  if (!(result instanceof HandshakeError)) throw new Error('accepted');
  return result;
}

describe('a proper response', () => {
  it('is accepted as in the example of RFC 6455', () => {
    expect(check()).toEqual({ protocol: 'chat', extensions: [] });
  });

  it('may use what was offered', () => {
    const pairs: Pair[] = [
      ...having('Sec-WebSocket-Protocol', 'superchat'),
      ['Sec-WebSocket-Extensions', 'foo'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate; server_max_window_bits=10'],
    ];
    expect(check(pairs)).toEqual({
      protocol: 'superchat',
      extensions: [
        { name: 'foo', parameters: [] },
        { name: 'permessage-deflate', parameters: [['server_max_window_bits', '10']] },
      ],
    });
  });

  it('needs no subprotocol when none was offered', () => {
    expect(check(having('Sec-WebSocket-Protocol'), { protocols: [] })).toEqual({
      protocol: '',
      extensions: [],
    });
  });

  it('may have its names and tokens in any case', () => {
    expect(
      check([
        ['UPGRADE', 'WebSocket'],
        ['connection', 'keep-alive, UPGRADE'],
        ['sec-websocket-accept', ACCEPT],
        ['sec-websocket-protocol', 'chat'],
      ]),
    ).toEqual({ protocol: 'chat', extensions: [] });
  });
});

describe('the status', () => {
  it.each([100, 200, 301, 401, 426, 503])('%d is a failure that keeps the response', (status) => {
    const rawHeaders = ['Location', '/x', '__proto__', 'y'];
    const result = check([], {}, { status, rawHeaders, body: 'because' });
    expect(result).toBeInstanceOf(HandshakeError);
    expect(result).toMatchObject({
      code: 'ERR_HANDSHAKE_STATUS',
      status,
      message: expect.stringMatching(`status ${status} instead of 101`),
      headers: { location: '/x' },
      body: 'because',
    });
  });
});

describe.each([
  ['Upgrade', 'ERR_HANDSHAKE_UPGRADE', ['', 'h2c', 'websocket, h2c', 'websockets', 'WEBSOC\u212aET']],
  ['Connection', 'ERR_HANDSHAKE_CONNECTION', ['', 'keep-alive', 'upgrades']],
  [
    'Sec-WebSocket-Accept',
    'ERR_HANDSHAKE_ACCEPT',
    ['', 'junk', ACCEPT.toLowerCase(), `${ACCEPT}, ${ACCEPT}`],
  ],
  ['Sec-WebSocket-Protocol', 'ERR_HANDSHAKE_PROTOCOL', ['', 'other', 'Chat', 'chat, superchat', 'chat\r\n']],
])('%s', (name, code, wrong) => {
  it('is a failure when it is missing', () => {
    const error = failure(having(name));
    expect(error).toMatchObject({ code, status: 101, body: '' });
    expect(error.message).toMatch(`expected ${name} to `);
    expect(error.message).toMatch('the server sent none');
  });

  it.each(wrong)('is a failure when it is %j', (value) => {
    expect(failure(having(name, value)).code).toBe(code);
  });
});

it.each([
  ['Upgrade', 'ERR_HANDSHAKE_UPGRADE', 'websocket'],
  ['Sec-WebSocket-Accept', 'ERR_HANDSHAKE_ACCEPT', ACCEPT],
  ['Sec-WebSocket-Protocol', 'ERR_HANDSHAKE_PROTOCOL', 'chat'],
])('%s is a failure when it comes twice', (name, code, value) => {
  expect(failure(having(name, value, value)).code).toBe(code);
});

describe('a subprotocol', () => {
  it('is a failure when none was offered', () => {
    const error = failure(EXAMPLE, { protocols: [] });
    expect(error.code).toBe('ERR_HANDSHAKE_PROTOCOL');
    expect(error.message).toMatch('none was offered');
  });

  it('that was not offered is shown beside those that were', () => {
    const { message } = failure(having('Sec-WebSocket-Protocol', 'mqtt'));
    expect(message).toMatch('one of "chat, superchat"; the server sent "mqtt"');
  });
});

describe('an extension', () => {
  it.each([
    ['that was not offered', ['bar']],
    ['that was offered in another case', ['Foo']],
    ['that is accepted twice', ['foo, foo']],
    ['that is accepted twice, on two lines', ['foo', 'foo; a=1']],
    ['beside one that was not offered', ['foo, constructor']],
    ['that is malformed', ['foo;']],
    ['that is empty', ['']],
  ])('%s is a failure', (_, values) => {
    expect(failure(having('Sec-WebSocket-Extensions', ...values)).code).toBe('ERR_HANDSHAKE_EXTENSIONS');
  });

  it('is a failure when none was offered', () => {
    const error = failure([...EXAMPLE, ['Sec-WebSocket-Extensions', 'foo']], { extensionsOffered: [] });
    expect(error.code).toBe('ERR_HANDSHAKE_EXTENSIONS');
  });
});

it('what the server sent is shown without control characters, and cut', () => {
  const { message } = failure(having('Upgrade', `\x1b[2J\r\n\x9b${'x'.repeat(5000)}`));
  expect(message).toMatch('"\\u001b[2J\\u000d\\u000a\\u009bxxx');
  expect(message).toMatch(/^[ -~]{1,300}$/);
});

it('nothing is thrown, whatever the server sends', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('foo', '"', '\\', ';', ',', '=', ' ', '\r\n', '\0'), { maxLength: 20 })
      .map((parts) => parts.join('')),
    fc.constantFrom('websocket', 'Upgrade', ACCEPT, 'chat', 'foo'),
  );
  const name = fc.oneof(fc.constantFrom('Sec-WebSocket-Extensions', ...EXAMPLE.map((pair) => pair[0])), text);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, text), { maxLength: 6 }),
      fc.boolean(),
      fc.integer(),
      (pairs, whole, status) => {
        const response = { status: whole ? 101 : status };
        const result = check(whole ? [...EXAMPLE, ...pairs] : pairs, {}, response);
        const isFine =
          result instanceof HandshakeError
            ? /^[ -~]{1,900}$/.test(result.message)
            : SENT.protocols.includes(result.protocol);
        expect(isFine).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

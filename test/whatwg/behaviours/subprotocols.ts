import type { Env, Group } from '../behaviour.js';
import { follow, next, open, outcome, type Socket } from '../watching.js';

const offer = (env: Env, ...lists: readonly unknown[]): unknown[] =>
  lists.map((protocols) => outcome(() => env.make('/echo', protocols).protocol));

/** The subprotocols that the server is offered. */
async function offered(socket: Socket): Promise<string[]> {
  const { data } = await next(socket, 'message');
  return (JSON.parse(data as string) as { protocols: string[] }).protocols;
}

/** The characters of RFC 2616 section 2.2 that separate, and hence cannot be in a token. */
const SEPARATORS = '()<>@,;:\\"/[]?={} \t'.split('');
const CONTROLS = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code));
const ABOVE = Array.from({ length: 129 }, (_, index) => String.fromCharCode(0x7f + index));

export const SUBPROTOCOLS: Group = {
  subject: 'WebSocket',
  title: 'Subprotocols',
  behaviours: [
    {
      name: 'throws a SyntaxError for a separator in a subprotocol',
      wpt: ['Create-asciiSep-protocol-string.any.js', 'Create-protocol-with-space.any.js'],
      expected: SEPARATORS.map(() => 'throws SyntaxError'),
      observe: (env) => offer(env, ...SEPARATORS.map((each) => `a${each}b`)),
    },
    {
      name: 'throws a SyntaxError for a control character, and for what is not ASCII',
      wpt: ['Create-nonAscii-protocol-string.any.js', 'constructor/004.html', 'constructor/007.html'],
      expected: [...CONTROLS, ...ABOVE, '€', '\ud800'].map(() => 'throws SyntaxError'),
      observe: (env) => offer(env, ...[...CONTROLS, ...ABOVE, '€', '\ud800'].map((each) => `a${each}b`)),
    },
    {
      name: 'throws a SyntaxError for an empty subprotocol, alone or in a list',
      wpt: ['Create-valid-url-protocol-empty.any.js', 'constructor/004.html'],
      expected: ['throws SyntaxError', 'throws SyntaxError', 'throws SyntaxError'],
      observe: (env) => offer(env, '', [''], ['a', '']),
    },
    {
      name: 'throws a SyntaxError for a subprotocol that comes twice',
      wpt: ['Create-protocols-repeated.any.js', 'constructor/021.html'],
      expected: ['throws SyntaxError', 'throws SyntaxError'],
      observe: (env) => offer(env, ['echo', 'echo'], ['a', 'b', 'a']),
    },
    {
      name: 'throws a SyntaxError for a subprotocol that comes twice, in another case',
      wpt: ['Create-protocols-repeated-case-insensitive.any.js'],
      expected: ['throws SyntaxError', 'throws SyntaxError'],
      chromium: { observed: ['', ''], why: 'it tells them apart by their case' },
      observe: (env) => offer(env, ['echo', 'Echo'], ['a', 'b', 'A']),
    },
    {
      name: 'takes every character of a token',
      wpt: ['constructor/004.html'],
      expected: ["!#$%&'*+-.^_`|~09AZaz", 'chat'],
      observe: async (env) => offered(env.make('/request', ["!#$%&'*+-.^_`|~09AZaz", 'chat'])),
    },
    {
      name: 'offers a string, a list, and whatever can be iterated',
      wpt: [
        'Create-valid-url-protocol.any.js',
        'Create-valid-url-array-protocols.any.js',
        'constructor/022.html',
      ],
      expected: [['chat'], ['superchat', 'x'], ['chat', 'y'], ['chat', 'z']],
      async observe(env) {
        const iterable = {
          *[Symbol.iterator]() {
            yield 'chat';
            yield 'z';
          },
        };
        const results = [];
        for (const protocols of ['chat', ['superchat', 'x'], new Set(['chat', 'y']), iterable]) {
          results.push(await offered(env.make('/request', protocols)));
        }
        return results;
      },
    },
    {
      name: 'offers nothing for an empty list, and for undefined',
      wpt: ['Create-valid-url-array-protocols.any.js', 'Create-valid-url.any.js'],
      expected: [[], []],
      observe: async (env) => [
        await offered(env.make('/request', [])),
        await offered(env.make('/request', undefined)),
      ],
    },
    {
      name: 'takes what is no list for a string: null, a number',
      wpt: ['Create-valid-url-protocol-string.any.js'],
      expected: ['', ''],
      observe: (env) => offer(env, null, 5),
    },
    {
      name: 'takes an object for a list, or else for a string',
      wpt: [],
      expected: ['throws SyntaxError', ''],
      node: {
        observed: ['throws TypeError', 'throws TypeError'],
        why: 'an object that cannot be iterated is the options of connect(), and unknown options are refused',
      },
      observe: (env) => offer(env, { a: 1 }, { toString: () => 'chat' }),
    },
    {
      name: 'knows the subprotocol once it is open, and not before',
      wpt: [
        'Create-Secure-valid-url-protocol-setCorrectly.any.js',
        'Create-valid-url-protocol-setCorrectly.any.js',
        'constructor/009.html',
      ],
      expected: ['', 'superchat', 'superchat'],
      async observe(env) {
        const socket = env.make('/close', ['superchat']);
        const before = socket.protocol;
        await next(socket, 'open');
        const whileOpen = socket.protocol;
        await next(socket, 'close');
        return [before, whileOpen, socket.protocol];
      },
    },
    {
      name: 'has the one of several that the server chose',
      wpt: ['Create-valid-url-array-protocols.any.js', 'constructor/022.html'],
      expected: 'chat',
      observe: async (env) => (await open(env, '/echo', ['x', 'superchat', 'chat'])).protocol,
    },
    {
      name: 'fails where the server chose none of those offered',
      wpt: ['constructor/012.html'],
      expected: ['error 3', 'close 3'],
      observe: async (env) => follow(env.make('/echo', 'x')),
    },
    {
      name: 'fails where the server chose what was not offered',
      wpt: ['constructor/011.html'],
      expected: ['error 3', 'close 3'],
      observe: async (env) => follow(env.make(`${env.crooked}/?field=Sec-WebSocket-Protocol:+x`, 'chat')),
    },
    {
      name: 'fails where the server chose and nothing was offered',
      wpt: ['constructor/010.html'],
      expected: ['error 3', 'close 3'],
      observe: async (env) => follow(env.make(`${env.crooked}/?field=Sec-WebSocket-Protocol:+chat`)),
    },
    {
      name: 'fails where the server wrote the subprotocol in another case',
      wpt: ['constructor/011.html'],
      expected: ['error 3', 'close 3'],
      observe: async (env) => follow(env.make(`${env.crooked}/?field=Sec-WebSocket-Protocol:+Chat`, 'chat')),
    },
    {
      name: 'fails where the server chose two',
      wpt: [],
      expected: ['error 3', 'close 3'],
      observe: async (env) =>
        follow(env.make(`${env.crooked}/?field=Sec-WebSocket-Protocol:+a,+b`, ['a', 'b'])),
    },
  ],
};

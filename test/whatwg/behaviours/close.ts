import type { Env, Group } from '../behaviour.js';
import { ending, follow, later, next, open, outcome, seen, watchedPath } from '../watching.js';

type CloseArguments = readonly unknown[];

/** What the listener of close is told, and what the server got. */
async function closedWith(env: Env, args: CloseArguments): Promise<unknown[]> {
  const path = watchedPath();
  const socket = await open(env, path);
  const over = ending(socket);
  (socket.close as (...args: CloseArguments) => void)(...args);
  const { code, reason } = await seen(env, path);
  return [...(await over), code, reason];
}

/** How `close` takes it, before the connection is open, when it is, and after. */
async function refusals(env: Env, lists: readonly CloseArguments[]): Promise<unknown[]> {
  const socket = env.make('/echo');
  const all = (): unknown[] =>
    lists.map((args) => outcome(() => (socket.close as (...args: CloseArguments) => void)(...args)));
  const connecting = [...all(), socket.readyState];
  await next(socket, 'open');
  const opened = [...all(), socket.readyState];
  socket.close();
  return [connecting, opened, [...all(), socket.readyState]];
}

const thrice = (name: string, count: number): unknown[] =>
  [0, 1, 2].map((state) => [...Array.from({ length: count }, () => `throws ${name}`), state]);

const INVALID_CODES = [0, 500, 999, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1015, 2999, 5000]
  .concat([65_535, 66_536, -1, Infinity, -Infinity, NaN])
  .map((code) => [code]);
const NOT_NUMBERS = [[null], ['string'], [{}], [''], [false], [[]]];

export const CLOSE: Group = {
  subject: 'WebSocket',
  title: 'close',
  behaviours: [
    {
      name: 'sends no code where none is given, and reports 1005',
      wpt: [
        'Secure-Close-1005-verify-code.any.js',
        'closing-handshake/003.html',
        'Close-undefined.any.js',
        'interfaces/WebSocket/close/close-basic.html',
      ],
      expected: [
        [1005, '', true, 1005, ''],
        [1005, '', true, 1005, ''],
        [1005, '', true, 1005, ''],
      ],
      observe: async (env) => [
        await closedWith(env, []),
        await closedWith(env, [undefined]),
        await closedWith(env, [undefined, undefined]),
      ],
    },
    {
      name: 'sends the code 1000 and those from 3000 to 4999',
      wpt: [
        'Close-1000.any.js',
        'Secure-Close-1000-verify-code.any.js',
        'Secure-Close-3000-verify-code.any.js',
        'Secure-Close-4999-reason.any.js',
      ],
      expected: [1000, 3000, 3999, 4000, 4999].map((code) => [code, '', true, code, '']),
      async observe(env) {
        const results = [];
        for (const code of [1000, 3000, 3999, 4000, 4999]) results.push(await closedWith(env, [code]));
        return results;
      },
    },
    {
      name: 'sends the reason, which may be empty or not ASCII',
      wpt: ['Close-1000-reason.any.js', 'Secure-Close-3000-reason.any.js'],
      expected: [
        [1000, 'Clean Close', true, 1000, 'Clean Close'],
        [3000, '', true, 3000, ''],
        [4000, 'é€𐍈', true, 4000, 'é€𐍈'],
        [4000, 'null', true, 4000, 'null'],
      ],
      observe: async (env) => [
        await closedWith(env, [1000, 'Clean Close']),
        await closedWith(env, [3000, '']),
        await closedWith(env, [4000, 'é€𐍈']),
        await closedWith(env, [4000, null]),
      ],
    },
    {
      name: 'sends 1000 with a reason that comes without a code',
      wpt: [],
      expected: [1000, 'why', true, 1000, 'why'],
      chromium: {
        observed: 'throws InvalidAccessError',
        why: 'it takes undefined in front of a reason for the code 0',
      },
      observe: async (env) =>
        closedWith(env, [undefined, 'why']).catch((thrown: Error) => `throws ${thrown.name}`),
    },
    {
      name: 'throws an InvalidAccessError for every other code, in any state, and changes nothing',
      wpt: ['close-invalid.any.js', 'Secure-Close-2999-reason.any.js'],
      expected: thrice('InvalidAccessError', INVALID_CODES.length),
      observe: async (env) => refusals(env, INVALID_CODES),
    },
    {
      name: 'throws an InvalidAccessError for what is no number',
      wpt: ['close-invalid.any.js', 'Secure-Close-onlyReason.any.js'],
      expected: thrice('InvalidAccessError', NOT_NUMBERS.length),
      observe: async (env) => refusals(env, NOT_NUMBERS),
    },
    {
      name: 'takes what can be a number for a code',
      wpt: ['close-invalid.any.js', 'interfaces/WebSocket/close/close-basic.html'],
      expected: [
        [3000, '', true, 3000, ''],
        [4000, '', true, 4000, ''],
      ],
      observe: async (env) => [
        await closedWith(env, ['3000']),
        await closedWith(env, [{ valueOf: () => 4000 }]),
      ],
    },
    {
      name: 'rounds a code to the nearest number, and of two to the even one',
      wpt: [],
      expected: [1000, 1000, 1000, 3000, 4999].map((code) => [code, '', true]),
      chromium: {
        observed: [1000, 'InvalidAccessError', 1000, 'InvalidAccessError', 4999].map((code) =>
          typeof code === 'number' ? [code, '', true] : code,
        ),
        why: 'it cuts off what is behind the point',
      },
      async observe(env) {
        const results = [];
        for (const code of [1000.4, 999.6, 1000.5, 2999.5, 4999.4]) {
          const closing = closedWith(env, [code]).then((all) => all.slice(0, 3));
          results.push(await closing.catch((thrown: Error) => thrown.name));
        }
        return results;
      },
    },
    {
      name: 'throws a SyntaxError for a reason of more than 123 bytes of UTF-8, in any state',
      wpt: ['Close-Reason-124Bytes.any.js', 'Secure-Close-Reason-124Bytes.any.js'],
      expected: thrice('SyntaxError', 3),
      observe: async (env) =>
        refusals(env, [
          [1000, 'a'.repeat(124)],
          [4000, 'é'.repeat(62)],
          [1000, '\ud800'.repeat(42)],
        ]),
    },
    {
      name: 'looks at the code first where both are wrong',
      wpt: [],
      expected: thrice('InvalidAccessError', 1),
      observe: async (env) => refusals(env, [[999, 'a'.repeat(124)]]),
    },
    {
      name: 'sends a reason of 123 bytes',
      wpt: ['Close-Reason-124Bytes.any.js'],
      expected: [1000, 'a'.repeat(123), true, 1000, 'a'.repeat(123)],
      observe: async (env) => closedWith(env, [1000, 'a'.repeat(123)]),
    },
    {
      name: 'replaces surrogates that stand alone in a reason',
      wpt: ['Close-reason-unpaired-surrogates.any.js'],
      expected: [1000, 'a\ufffdb', true, 1000, 'a\ufffdb'],
      observe: async (env) => closedWith(env, [1000, 'a\ud807b']),
    },
    {
      name: 'is closing at once, and closed at the event',
      wpt: [
        'Secure-Close-readyState-Closing.any.js',
        'Secure-Close-readyState-Closed.any.js',
        'interfaces/WebSocket/readyState/007.html',
        'interfaces/WebSocket/readyState/008.html',
      ],
      expected: [1, 2, 'close 3'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const { readyState } = socket;
        const events = follow(socket);
        socket.close();
        return [readyState, socket.readyState, ...(await events)];
      },
    },
    {
      name: 'sends first what was to be sent, a Blob as well',
      wpt: ['interfaces/WebSocket/close/close-basic.html', 'Send-binary-blob.any.js'],
      expected: [['text a', 'binary of 200000', 'text b'], 4000],
      async observe(env) {
        const path = watchedPath();
        const socket = await open(env, path);
        for (const data of ['a', new Blob([new Uint8Array(200_000)]), 'b']) socket.send(data);
        socket.close(4000);
        const { messages, code } = await seen(env, path);
        return [messages, code];
      },
    },
    {
      name: 'does nothing the second time, and when all is over',
      wpt: ['interfaces/WebSocket/close/close-multiple.html'],
      expected: [['close 3'], 4000, 3],
      async observe(env) {
        const path = watchedPath();
        const socket = await open(env, path);
        const events = follow(socket);
        socket.close(4000);
        socket.close(4001);
        const log = await events;
        socket.close(4002);
        await later();
        return [log, (await seen(env, path)).code, socket.readyState];
      },
    },
    {
      name: 'may be called in the listener of open',
      wpt: ['opening-handshake/002.html', 'opening-handshake/005.html'],
      expected: [
        ['open 1', 'close 3'],
        [3001, true],
      ],
      async observe(env) {
        const path = watchedPath();
        const socket = env.make(path);
        const events = follow(socket);
        socket.addEventListener('open', () => socket.close(3001));
        const log = await events;
        const { code, wasClean } = await seen(env, path);
        return [log, [code, wasClean]];
      },
    },
    {
      name: 'may be called in the listener of a message, and no other message comes then',
      wpt: ['interfaces/WebSocket/close/close-nested.html', 'closing-handshake/004.html'],
      expected: ['open 1', 'message 1', 'close 3'],
      async observe(env) {
        const socket = env.make('/echo?say=first&say=second&say=third');
        const events = follow(socket);
        socket.addEventListener('message', () => socket.close());
        return events;
      },
    },
    {
      name: 'may be called in the listener of close, and does nothing',
      wpt: ['interfaces/WebSocket/close/close-nested.html'],
      expected: ['open 1', 'close 3'],
      async observe(env) {
        const socket = env.make('/close');
        socket.addEventListener('close', () => socket.close());
        return follow(socket);
      },
    },
    {
      name: 'while connecting makes it closing, and then come error and close, not before it returns',
      wpt: [
        'interfaces/WebSocket/close/close-connecting.html',
        'interfaces/WebSocket/close/close-connecting-async.any.js',
      ],
      expected: [0, 2, [], ['error 3', 'close 3'], [1006, '', false]],
      async observe(env) {
        const socket = env.make(`${env.crooked}/?silent`);
        const early: string[] = [];
        for (const type of ['error', 'close'] as const) {
          socket.addEventListener(type, () => early.push(type));
        }
        const events = follow(socket);
        const over = ending(socket);
        const { readyState } = socket;
        socket.close(4000, 'never mind');
        return [readyState, socket.readyState, [...early], await events, await over];
      },
    },
    {
      name: 'while connecting wins, even if the server answers',
      wpt: ['interfaces/WebSocket/close/close-connecting.html'],
      expected: ['error 3', 'close 3'],
      async observe(env) {
        const socket = env.make('/echo?say=text');
        const events = follow(socket);
        socket.close();
        return events;
      },
    },
  ],
};

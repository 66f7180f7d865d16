import type { Env, Group } from '../behaviour.js';
import { EVENTS, ending, follow, later, next, open, type AnyEvent } from '../watching.js';

/** Frames of a server, in hexadecimal digits. */
const TEXT = '810161';
const CLOSE_4000 = '88050fa0776879';
const FAILURES = {
  'a reserved opcode': '8300',
  'a reserved bit': 'c10161',
  'a masked frame': '818137fa213d56',
  'bytes that are not UTF-8': '8101ff',
  'a control frame in pieces': '0900',
  'a control frame of 126 bytes': `897e007e${'00'.repeat(126)}`,
  'a continuation of nothing': '800161',
  'close code 1005': '880203ed',
  'a Close frame of one byte': '880103',
  'a close reason that is not UTF-8': '880303e8ff',
};

/** All that a connection of the crooked server makes happen. */
async function ofCrooked(env: Env, query: string): Promise<unknown[]> {
  const socket = env.make(`${env.crooked}/?${query}`);
  const over = ending(socket);
  return [await follow(socket), await over];
}

const LOST = [1006, '', false];

export const EVENTS_GROUP: Group = {
  subject: 'WebSocket',
  title: 'Events and readyState',
  behaviours: [
    {
      name: 'are open, messages and close, in this order, and readyState is 1, 1 and 3 then',
      wpt: [
        'interfaces/WebSocket/readyState/006.html',
        'interfaces/WebSocket/readyState/008.html',
        'closing-handshake/002.html',
      ],
      expected: ['open 1', 'message 1', 'message 1', 'close 3'],
      observe: async (env) => follow(env.make('/close?say=a&bytes=00')),
    },
    {
      name: 'are the same for what comes in one piece with the handshake',
      wpt: ['opening-handshake/005.html'],
      expected: [
        ['open 1', 'message 1', 'close 3'],
        [4000, 'why', true],
      ],
      observe: async (env) => ofCrooked(env, `first=${TEXT}${CLOSE_4000}&end`),
    },
    {
      name: 'do not come before the constructor has returned, nor within any call',
      wpt: ['interfaces/WebSocket/readyState/001.html', 'Create-valid-url.any.js'],
      expected: [0, [], ['open']],
      async observe(env) {
        const socket = env.make('/echo');
        const log: string[] = [];
        socket.addEventListener('open', () => log.push('open'));
        const { readyState } = socket;
        await Promise.resolve();
        const early = [...log];
        await next(socket, 'open');
        return [readyState, early, log];
      },
    },
    {
      name: 'do not bubble, cannot be cancelled, and are trusted by the platform',
      wpt: ['interfaces/WebSocket/events/018.html', 'interfaces/WebSocket/events/017.html'],
      expected: ['open', 'message', 'error', 'close'].map((type) => [type, false, false, true]),
      node: {
        observed: ['open', 'message', 'error', 'close'].map((type) => [type, false, false, false]),
        why: 'only the platform itself can make an event that is trusted',
      },
      async observe(env) {
        const socket = env.make(`${env.crooked}/?first=${TEXT}8300&end`);
        const log: unknown[] = [];
        for (const type of EVENTS) {
          socket.addEventListener(type, (event: Event) =>
            log.push([event.type, event.bubbles, event.cancelable, event.isTrusted]),
          );
        }
        await next(socket, 'close');
        return log;
      },
    },
    {
      name: 'are an Event, a MessageEvent, an Event and a CloseEvent',
      wpt: ['interfaces/WebSocket/events/015.html', 'interfaces/WebSocket/events/018.html'],
      expected: [
        '[object Event] true false',
        '[object MessageEvent] true true',
        '[object Event] true false',
        '[object CloseEvent] true false',
      ],
      node: {
        observed: [
          '[object Event] true false',
          '[object Event] true true',
          '[object ErrorEvent] true false',
          '[object CloseEvent] true false',
        ],
        why: 'an error has its reason in `error` and `message`; and Node calls its MessageEvent an Event',
      },
      async observe(env) {
        const socket = env.make(`${env.crooked}/?first=${TEXT}8300&end`);
        const log: string[] = [];
        for (const type of EVENTS) {
          socket.addEventListener(type, (event: Event) => {
            const kinds = [event instanceof Event, event instanceof MessageEvent].join(' ');
            log.push(`${Object.prototype.toString.call(event)} ${kinds}`);
          });
        }
        await next(socket, 'close');
        return log;
      },
    },
    {
      name: 'say of an error nothing about its reason',
      wpt: ['remove-own-iframe-during-onerror.window.js'],
      expected: ['undefined', 'undefined'],
      node: {
        observed: ['HandshakeError', 'string'],
        why: 'an error has its reason in `error` and `message`',
      },
      async observe(env) {
        const socket = env.make(`${env.crooked}/?answer=HTTP/1.1 403 Forbidden`);
        const event = (await next(socket, 'error')) as AnyEvent & { error?: Error; message?: string };
        return [event.error === undefined ? 'undefined' : event.error.constructor.name, typeof event.message];
      },
    },
    {
      name: 'have the data and the origin of the server in a message, and nothing in the rest of it',
      wpt: ['interfaces/WebSocket/events/017.html', 'Send-data.any.js'],
      expected: ['text', true, '', null, []],
      async observe(env) {
        const socket = env.make('/echo?say=text');
        const { data, origin, lastEventId, source, ports } = await next(socket, 'message');
        return [data, origin === env.server, lastEventId, source, [...ports]];
      },
    },
    {
      name: 'have the WebSocket as target and currentTarget, and themselves as the only step of the path',
      wpt: ['interfaces/WebSocket/events/016.html'],
      expected: [true, true, 1, 2],
      async observe(env) {
        const socket = env.make('/close');
        return new Promise((resolve) => {
          socket.addEventListener('close', (event: Event) =>
            resolve([
              event.target === socket,
              event.currentTarget === socket,
              event.composedPath().length,
              event.eventPhase,
            ]),
          );
        });
      },
    },
    {
      name: 'tell the code and the reason with which the server closed',
      wpt: ['Secure-Close-server-initiated-close.any.js', 'interfaces/CloseEvent/clean-close.html'],
      expected: [
        [1000, '', true],
        [1001, 'restart', true],
        [4321, 'é', true],
        [3000, 'a'.repeat(123), true],
      ],
      async observe(env) {
        const results = [];
        const queries = ['', '?code=1001&reason=restart', '?code=4321&reason=é'];
        for (const query of [...queries, `?code=3000&reason=${'a'.repeat(123)}`]) {
          results.push(await ending(env.make(`/close${query}`)));
        }
        return results;
      },
    },
    {
      name: 'tell 1005 where the server closed without a code',
      wpt: ['Secure-Close-1005-verify-code.any.js'],
      expected: [
        ['open 1', 'close 3'],
        [1005, '', true],
      ],
      observe: async (env) => ofCrooked(env, 'first=8800&end'),
    },
    {
      name: 'bring no message that came behind the Close frame',
      wpt: ['closing-handshake/004.html'],
      expected: [
        ['open 1', 'close 3'],
        [4000, 'why', true],
      ],
      chromium: {
        observed: [['open 1', 'error 3', 'close 3'], LOST],
        why: 'it takes what comes behind a Close frame for a failure, where RFC 6455 says to ignore it',
      },
      observe: async (env) => ofCrooked(env, `first=${CLOSE_4000}${TEXT}&end`),
    },
    {
      name: 'bring no message that comes after close was called',
      wpt: ['closing-handshake/004.html', 'interfaces/WebSocket/close/close-nested.html'],
      expected: [['close 3'], [4000, 'why', true]],
      async observe(env) {
        const socket = await open(env, `${env.crooked}/?reply=${TEXT}${CLOSE_4000}&end`);
        const over = ending(socket);
        const events = follow(socket);
        socket.close(3000);
        return [await events, await over];
      },
    },
    {
      name: 'are error and close 1006 when the connection ends without a Close frame',
      wpt: ['interfaces/CloseEvent/clean-close.html'],
      expected: [
        [['open 1', 'close 3'], LOST],
        [['open 1', 'message 1', 'close 3'], LOST],
      ],
      node: {
        observed: [
          [['open 1', 'error 3', 'close 3'], LOST],
          [['open 1', 'message 1', 'error 3', 'close 3'], LOST],
        ],
        why: 'every loss is told',
      },
      observe: async (env) => [await ofCrooked(env, 'end'), await ofCrooked(env, `first=${TEXT}&end`)],
    },
    {
      name: 'are error and close 1006 when the connection is reset',
      wpt: ['interfaces/CloseEvent/clean-close.html'],
      expected: [1006, '', false],
      async observe(env) {
        const socket = await open(env, '/terminate');
        socket.send('now');
        return ending(socket);
      },
    },
    {
      name: 'are error and close 1006 when the connection ends within a message',
      wpt: ['interfaces/CloseEvent/clean-close.html'],
      expected: LOST,
      observe: async (env) => (await ofCrooked(env, 'first=810561&end'))[1],
    },
    {
      name: 'are error and close 1006 when the server breaks the protocol, however it does',
      wpt: ['interfaces/WebSocket/events/015.html', 'interfaces/WebSocket/events/018.html'],
      expected: Object.keys(FAILURES).map((name) => [name, ['open 1', 'error 3', 'close 3'], LOST]),
      async observe(env) {
        const results = [];
        for (const [name, hex] of Object.entries(FAILURES)) {
          results.push([name, ...(await ofCrooked(env, `first=${hex}&end`))]);
        }
        return results;
      },
    },
    {
      name: 'are error and close 1006 when the handshake fails, however it does',
      wpt: [
        'opening-handshake/001.html',
        'opening-handshake/003.html',
        'interfaces/WebSocket/events/020.html',
      ],
      expected: Array.from({ length: 6 }, () => [['error 3', 'close 3'], LOST]),
      async observe(env) {
        const results = [];
        const queries = [
          'HTTP/1.1 200 OK',
          'HTTP/1.1 404 Not Found',
          'HTTP/1.1 500 Oh',
          'SSH-2.0',
          'HTTP/1.1 101 A',
        ];
        for (const query of [...queries.map((line) => `answer=${line}`), 'accept=AAAA']) {
          results.push(await ofCrooked(env, query));
        }
        return results;
      },
    },
    {
      name: 'come once each: nothing follows close',
      wpt: ['opening-handshake/002.html', 'closing-handshake/003.html'],
      expected: ['close 3'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const events = follow(socket);
        socket.close();
        const log = await events;
        for (let turn = 0; turn < 5; turn++) await later();
        return log;
      },
    },
    {
      name: 'come while Pings are answered and messages are in pieces, as if there were none',
      wpt: ['keeping-connection-open/001.html'],
      expected: ['abc', ['message 1', 'close 3']],
      async observe(env) {
        const bytes = ['010161', '8900', '000162', '8a00', '800163', '88020fa0'].join('');
        const socket = await open(env, `${env.crooked}/?reply=${bytes}&end`);
        const message = next(socket, 'message');
        const events = follow(socket);
        socket.send('go');
        return [(await message).data, await events];
      },
    },
    {
      name: 'go on for a WebSocket that nobody keeps, as long as it has listeners and is open',
      wpt: ['Create-on-worker-shutdown.any.js', 'unload-a-document/003.html'],
      expected: 'At last',
      async observe(env) {
        const query = `?${Math.random()}`;
        let hear!: (data: unknown) => void;
        const heard = new Promise((resolve) => (hear = resolve));
        await new Promise<void>((resolve) => {
          const socket = new env.WebSocket(`${env.server}/patient${query}`);
          socket.onopen = () => resolve();
          socket.onmessage = ({ data }: { data: unknown }) => {
            hear(data);
            socket.close();
          };
        });
        await env.collect();
        await fetch(`${env.server.replace('ws:', 'http:')}/speak${query}`);
        return heard;
      },
    },
  ],
};

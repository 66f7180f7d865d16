import type { Group } from '../behaviour.js';
import { ask, next, open, outcome } from '../watching.js';

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const;
const READ_ONLY = ['url', 'readyState', 'bufferedAmount', 'protocol', 'extensions'] as const;
const HANDLERS = ['onopen', 'onmessage', 'onerror', 'onclose'] as const;

function descriptorOf(target: object, name: string): PropertyDescriptor {
  return Object.getOwnPropertyDescriptor(target, name)!;
}

export const INTERFACE: Group = {
  subject: 'WebSocket',
  title: 'The interface',
  behaviours: [
    {
      name: 'is a class named WebSocket that needs one argument, on top of EventTarget',
      wpt: ['idlharness.any.js', 'interfaces/WebSocket/events/004.html'],
      expected: ['WebSocket', 1, true, true],
      observe({ WebSocket }) {
        const isChild = Object.getPrototypeOf(WebSocket) === EventTarget;
        const inherits = Object.getPrototypeOf(WebSocket.prototype) === EventTarget.prototype;
        return [WebSocket.name, WebSocket.length, isChild, inherits];
      },
    },
    {
      name: 'cannot be called without new, nor without a URL',
      wpt: ['constructor/001.html', 'idlharness.any.js'],
      expected: ['throws TypeError', 'throws TypeError'],
      observe: ({ WebSocket, server }) => [
        outcome(() => (WebSocket as unknown as (url: string) => void)(server)),
        outcome(() => Reflect.construct(WebSocket, []) as unknown),
      ],
    },
    {
      name: 'does not mind arguments that nobody knows',
      wpt: ['constructor.any.js', 'constructor/005.html'],
      expected: true,
      observe: (env) => env.make('/echo', [], 'stray') instanceof env.WebSocket,
    },
    {
      name: 'can be derived from',
      wpt: [],
      expected: ['derived', true, 'WebSocket'],
      observe({ WebSocket, server }) {
        class Derived extends WebSocket {
          get name(): string {
            return 'derived';
          }
        }
        const socket = new Derived(server);
        socket.close();
        return [
          socket.name,
          socket instanceof WebSocket,
          Object.prototype.toString.call(socket).slice(8, -1),
        ];
      },
    },
    {
      name: 'calls its prototype and its objects [object WebSocket]',
      wpt: ['idlharness.any.js'],
      expected: [
        '[object WebSocket]',
        '[object WebSocket]',
        { value: 'WebSocket', writable: false, enumerable: false, configurable: true },
      ],
      observe: (env) => [
        Object.prototype.toString.call(env.make('/echo')),
        Object.prototype.toString.call(env.WebSocket.prototype),
        Object.getOwnPropertyDescriptor(env.WebSocket.prototype, Symbol.toStringTag),
      ],
    },
    {
      name: 'has its constants on the class and on the prototype',
      wpt: ['interfaces/WebSocket/constants/001.html', 'interfaces/WebSocket/constants/004.html'],
      expected: [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3],
      observe(env) {
        const socket = env.make('/echo');
        return [env.WebSocket, env.WebSocket.prototype, socket].flatMap((target) =>
          STATES.map((state) => target[state]),
        );
      },
    },
    {
      name: 'has constants that can be enumerated, and neither set, deleted nor redefined',
      wpt: ['002', '003', '005', '006'].map((name) => `interfaces/WebSocket/constants/${name}.html`),
      expected: Array.from({ length: 8 }, () => [true, false, false, 'throws TypeError']),
      observe: ({ WebSocket }) =>
        [WebSocket, WebSocket.prototype].flatMap((target) =>
          STATES.map((state) => [
            descriptorOf(target, state).enumerable,
            Reflect.set(target, state, 5),
            Reflect.deleteProperty(target, state),
            outcome(() => Object.defineProperty(target, state, { get: () => 'other' })),
          ]),
        ),
    },
    {
      name: 'has its attributes on the prototype, where they can be enumerated and replaced',
      wpt: ['idlharness.any.js', 'interfaces/WebSocket/events/006.html'],
      expected: [...READ_ONLY, 'binaryType', ...HANDLERS].map((name) => [name, true, true, true]),
      observe: ({ WebSocket }) =>
        [...READ_ONLY, 'binaryType', ...HANDLERS].map((name) => {
          const descriptor = descriptorOf(WebSocket.prototype, name);
          const { enumerable, configurable } = descriptor;
          return [name, typeof descriptor.get === 'function', enumerable, configurable];
        }),
    },
    {
      name: 'has its methods on the prototype, where they can be enumerated and replaced',
      wpt: ['idlharness.any.js'],
      expected: [
        ['send', 1, true, true, true],
        ['close', 0, true, true, true],
      ],
      observe: ({ WebSocket }) =>
        ['send', 'close'].map((name) => {
          const { value, writable, enumerable, configurable } = descriptorOf(WebSocket.prototype, name);
          return [name, (value as () => void).length, writable, enumerable, configurable];
        }),
    },
    {
      name: 'has nothing else on the prototype: no URL, for one',
      wpt: ['interfaces/WebSocket/url/004.html', 'idlharness.any.js'],
      expected: [],
      node: {
        observed: ['addEventListener', 'removeEventListener'],
        why: 'they are those of EventTarget, and see to it that what a listener throws does not end the process',
      },
      observe({ WebSocket }) {
        const known = [...READ_ONLY, 'binaryType', ...HANDLERS, ...STATES, 'send', 'close', 'constructor'];
        return Object.getOwnPropertyNames(WebSocket.prototype)
          .filter((name) => !known.includes(name))
          .toSorted();
      },
    },
    {
      name: 'has attributes that cannot be set, and keep their value when it is tried',
      wpt: [
        'interfaces/WebSocket/url/002.html',
        'interfaces/WebSocket/readyState/002.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-readonly.html',
      ],
      expected: READ_ONLY.map(() => ['throws TypeError', true]),
      observe(env) {
        const socket = env.make('/echo');
        return READ_ONLY.map((name) => {
          const before = socket[name];
          const result = outcome(() => {
            (socket as Record<typeof name, unknown>)[name] = 5;
          });
          return [result, socket[name] === before];
        });
      },
    },
    {
      name: 'can have an attribute replaced by a property of the object, and given back',
      wpt: [
        'interfaces/WebSocket/readyState/003.html',
        'interfaces/WebSocket/readyState/004.html',
        'interfaces/WebSocket/readyState/005.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-defineProperty-getter.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-deleting.html',
      ],
      expected: ['other', 0, 0],
      observe(env) {
        const socket = env.make('/echo');
        Object.defineProperty(socket, 'readyState', { get: () => 'other', configurable: true });
        const replaced = socket.readyState;
        Reflect.deleteProperty(socket, 'readyState');
        const restored = socket.readyState;
        Reflect.deleteProperty(socket, 'readyState');
        return [replaced, restored, socket.readyState];
      },
    },
    {
      name: 'has getters and methods that refuse to work on anything else',
      wpt: ['idlharness.any.js'],
      expected: Array.from({ length: 11 }, () => 'throws TypeError'),
      observe: ({ WebSocket: { prototype } }) => [
        ...[...READ_ONLY, 'binaryType', ...HANDLERS.slice(0, 3)].map((name) =>
          outcome((): unknown => descriptorOf(prototype, name).get!.call({})),
        ),
        outcome(() => prototype.send.call({} as never, 'text')),
        outcome(() => prototype.close.call({} as never)),
      ],
    },
    {
      name: 'begins with nothing but a URL, connecting',
      wpt: [
        'interfaces/WebSocket/readyState/001.html',
        'interfaces/WebSocket/events/001.html',
        'interfaces/WebSocket/extensions/001.html',
        'interfaces/WebSocket/protocol/001.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-getting.html',
      ],
      expected: [0, '', '', 0, 'blob', null, null, null, null],
      observe(env) {
        const socket = env.make('/echo', 'chat');
        const { readyState, protocol, extensions, bufferedAmount, binaryType } = socket;
        const handlers = HANDLERS.map((name) => socket[name]);
        return [readyState, protocol, extensions, bufferedAmount, binaryType, ...handlers];
      },
    },
    {
      name: 'answers undefined from send and close',
      wpt: ['interfaces/WebSocket/close/close-return.html', 'interfaces/WebSocket/send/008.html'],
      expected: [undefined, undefined, undefined],
      async observe(env) {
        const socket = await open(env, '/echo');
        const sent: unknown = socket.send('text');
        const closed: unknown = socket.close();
        return [sent, closed, socket.send('late') as unknown];
      },
    },
    {
      name: 'can have its close method replaced, and nothing of its own calls it',
      wpt: ['interfaces/WebSocket/close/close-replace.html'],
      expected: [5, 1],
      async observe(env) {
        const socket = await open(env, '/echo');
        Object.assign(socket, { close: 5 });
        const replaced = Reflect.get(socket, 'close');
        await ask(socket, 'text');
        Reflect.deleteProperty(socket, 'close');
        return [replaced, socket.readyState];
      },
    },
    {
      name: 'ends with a CloseEvent that can also be made by hand',
      wpt: ['idlharness.any.js', 'interfaces/CloseEvent/constructor.html'],
      expected: [
        'CloseEvent',
        '[object CloseEvent]',
        ['made', false, 0, '', false],
        ['made', true, 4000, 'why', true],
      ],
      async observe(env) {
        const socket = env.make('/close');
        const event = await next(socket, 'close');
        const Close = event.constructor as new (type: string, init?: object) => typeof event;
        const list = ({ type, wasClean, code, reason, cancelable }: typeof event): unknown[] => [
          type,
          wasClean,
          code,
          reason,
          cancelable,
        ];
        const full = { wasClean: true, code: 4000, reason: 'why', cancelable: true };
        return [
          Close.name,
          Object.prototype.toString.call(event),
          list(new Close('made')),
          list(new Close('made', full)),
        ];
      },
    },
  ],
};

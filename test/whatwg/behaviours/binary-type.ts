import type { Group } from '../behaviour.js';
import { ask, next, open, outcome } from '../watching.js';

const kindOf = (data: unknown): string => Object.prototype.toString.call(data).slice(8, -1);

export const BINARY_TYPE: Group = {
  subject: 'WebSocket',
  title: 'binaryType',
  behaviours: [
    {
      name: 'is "blob" at first, whatever the URL',
      wpt: ['Create-Secure-valid-url-binaryType-blob.any.js', 'Create-valid-url-binaryType-blob.any.js'],
      expected: ['blob', 'blob'],
      observe: (env) => [env.make('/echo').binaryType, env.make('wss://127.0.0.1:9/').binaryType],
    },
    {
      name: 'can be set in any state, and keeps its value when closed',
      wpt: ['binary/001.html', 'binary/005.html'],
      expected: ['arraybuffer', 'arraybuffer', 'blob'],
      async observe(env) {
        const socket = env.make('/close');
        socket.binaryType = 'arraybuffer';
        const connecting = socket.binaryType;
        await next(socket, 'close');
        const closed = socket.binaryType;
        socket.binaryType = 'blob';
        return [connecting, closed, socket.binaryType];
      },
    },
    {
      name: 'ignores what it cannot be, without throwing',
      wpt: ['binaryType-wrong-value.any.js'],
      expected: [undefined, 'blob', undefined, 'arraybuffer', undefined, 'arraybuffer'],
      observe(env) {
        const socket = env.make('/echo');
        const set = (type: unknown): unknown[] => [
          outcome(() => {
            socket.binaryType = type as 'blob';
          }),
          socket.binaryType,
        ];
        const first = set('notBlobOrArrayBuffer');
        socket.binaryType = 'arraybuffer';
        return [...first, ...set('BLOB'), ...set(null)];
      },
    },
    {
      name: 'takes for its value what has that text',
      wpt: ['idlharness.any.js'],
      expected: ['arraybuffer'],
      observe(env) {
        const socket = env.make('/echo');
        socket.binaryType = { toString: () => 'arraybuffer' } as never;
        return [socket.binaryType];
      },
    },
    {
      name: 'makes a Blob without a type of a binary message',
      wpt: ['Send-binary-blob.any.js', 'binary/002.html'],
      expected: ['Blob', '', 3, [1, 2, 255]],
      async observe(env) {
        const socket = await open(env, '/echo');
        const blob = (await ask(socket, Uint8Array.of(1, 2, 255))) as Blob;
        return [kindOf(blob), blob.type, blob.size, [...new Uint8Array(await blob.arrayBuffer())]];
      },
    },
    {
      name: 'makes an ArrayBuffer of a binary message, of its length and no longer',
      wpt: ['binary/001.html', 'binary/004.html', 'binary/005.html'],
      expected: [
        ['ArrayBuffer', 3],
        ['ArrayBuffer', 0],
        ['ArrayBuffer', 70_000],
      ],
      async observe(env) {
        const socket = await open(env, '/echo');
        socket.binaryType = 'arraybuffer';
        const answers = [];
        for (const size of [3, 0, 70_000]) {
          const data = (await ask(socket, new ArrayBuffer(size))) as ArrayBuffer;
          answers.push([kindOf(data), data.byteLength]);
        }
        return answers;
      },
    },
    {
      name: 'can be changed between messages, and holds for those that come after',
      wpt: ['binary/002.html'],
      expected: ['Blob', 'ArrayBuffer', 'Blob'],
      async observe(env) {
        const socket = env.make('/echo?bytes=01&bytes=02&bytes=03');
        const kinds: string[] = [];
        return new Promise((resolve) => {
          socket.onmessage = ({ data }: { data: unknown }) => {
            socket.binaryType = kinds.push(kindOf(data)) === 1 ? 'arraybuffer' : 'blob';
            if (kinds.length === 3) resolve(kinds);
          };
        });
      },
    },
    {
      name: 'does not matter to texts',
      wpt: ['Send-data.any.js'],
      expected: ['text', 'text'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const first = await ask(socket, 'text');
        socket.binaryType = 'arraybuffer';
        return [first, await ask(socket, 'text')];
      },
    },
  ],
};

import type { Group } from '../behaviour.js';
import { ask, next, open, outcome } from '../watching.js';

/** Bytes from 0 up, in memory that begins before them and ends behind them. */
function numbered(length: number): ArrayBuffer {
  return Uint8Array.from({ length }, (_, index) => index).buffer;
}

/** What all typed arrays and DataView have in common. */
type ViewClass = (new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView) & {
  readonly BYTES_PER_ELEMENT?: number;
};

const TYPED = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  DataView,
] as readonly ViewClass[];

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000];

export const SEND: Group = {
  subject: 'WebSocket',
  title: 'send',
  behaviours: [
    {
      name: 'throws an InvalidStateError before the connection is open, and sends nothing of it',
      wpt: ['Send-before-open.any.js', 'interfaces/WebSocket/send/004.html'],
      expected: ['throws InvalidStateError', 'throws InvalidStateError', 0, 'text after'],
      async observe(env) {
        const socket = env.make('/describe');
        const early = [outcome(() => socket.send('a')), outcome(() => socket.send(new Blob(['a'])))];
        const { bufferedAmount } = socket;
        await next(socket, 'open');
        return [...early, bufferedAmount, await ask(socket, 'after')];
      },
    },
    {
      name: 'throws a TypeError without an argument, in any state',
      wpt: ['interfaces/WebSocket/send/001.html'],
      expected: ['throws TypeError', 'throws TypeError', 'throws TypeError'],
      async observe(env) {
        const socket = env.make('/echo');
        const send = (): unknown => outcome(() => (socket.send as () => void)());
        const connecting = send();
        await next(socket, 'open');
        const opened = send();
        socket.close();
        return [connecting, opened, send()];
      },
    },
    {
      name: 'sends text in UTF-8, and none at all as well',
      wpt: ['Send-data.any.js', 'Send-0byte-data.any.js', 'Send-unicode-data.any.js'],
      expected: ['text Hello', 'text', 'text ¥¥¥¥¥¥', 'text \u0000é€𐍈'],
      async observe(env) {
        const socket = await open(env, '/describe');
        const texts = ['Hello', '', '¥¥¥¥¥¥', '\u0000é€𐍈'];
        const answers = [];
        for (const text of texts) answers.push(await ask(socket, text));
        return answers;
      },
    },
    {
      name: 'keeps surrogates that belong together, and replaces those that stand alone',
      wpt: [
        'Send-paired-surrogates.any.js',
        'Send-Unpaired-Surrogates.any.js',
        'interfaces/WebSocket/send/006.html',
      ],
      expected: ['\u{10333}', '\ufffd', 'a\ufffdxb\ufffdxc\ufffd\ufffdx'],
      async observe(env) {
        const socket = await open(env, '/echo');
        return [
          await ask(socket, '\ud800\udf33'),
          await ask(socket, '\ud807'),
          await ask(socket, 'a\udc00xb\ud800xc\udc00\ud800x'),
        ];
      },
    },
    {
      name: 'turns what is neither text nor bytes into text',
      wpt: [
        'Send-null.any.js',
        'interfaces/WebSocket/send/010.html',
        'interfaces/WebSocket/send/012.html',
        'interfaces/WebSocket/send/003.html',
      ],
      expected: [
        'null',
        'undefined',
        '1',
        '-0.5',
        'true',
        '12',
        '[object Object]',
        'a,1',
        'its text',
        'Error: e',
        '[object WebSocket]',
      ],
      async observe(env) {
        const socket = await open(env, '/echo');
        const values = [null, undefined, 1, -0.5, true, 12n, {}, ['a', 1], { toString: () => 'its text' }];
        const answers = [];
        for (const value of [...values, new Error('e'), socket]) answers.push(await ask(socket, value));
        return answers;
      },
    },
    {
      name: 'throws for what has no text, and passes on what its conversion throws',
      wpt: ['interfaces/WebSocket/send/010.html'],
      expected: ['throws TypeError', 'throws TypeError', 'throws RangeError', 1],
      async observe(env) {
        const socket = await open(env, '/echo');
        const throwing = {
          toString() {
            throw new RangeError('no');
          },
        };
        return [
          outcome(() => socket.send(Symbol('a') as never)),
          outcome(() => socket.send(Object.create(null) as never)),
          outcome(() => socket.send(throwing as never)),
          socket.readyState,
        ];
      },
    },
    {
      name: 'sends an ArrayBuffer, and an empty one, as binary messages',
      wpt: ['Send-binary-arraybuffer.any.js', 'binary/005.html'],
      expected: ['binary 000102030405060708090a0b0c0d0e0f', 'binary'],
      async observe(env) {
        const socket = await open(env, '/describe');
        return [await ask(socket, numbered(16)), await ask(socket, new ArrayBuffer(0))];
      },
    },
    {
      name: 'sends every kind of view as the bytes that it shows',
      wpt: [
        'Send-binary-arraybufferview-int8.any.js',
        'Secure-Send-binary-arraybufferview-int32.any.js',
        'Secure-Send-binary-arraybufferview-float32.any.js',
        'Secure-Send-binary-arraybufferview-float64.any.js',
      ],
      expected: TYPED.map(() => 'binary 000102030405060708090a0b0c0d0e0f'),
      async observe(env) {
        const socket = await open(env, '/describe');
        const answers = [];
        for (const View of TYPED) answers.push(await ask(socket, new View(numbered(16))));
        return answers;
      },
    },
    {
      name: 'sends of a view with offset and length those bytes only',
      wpt: [
        'Send-binary-arraybufferview-int16-offset.any.js',
        'Secure-Send-binary-arraybufferview-uint8-offset.any.js',
        'Secure-Send-binary-arraybufferview-uint8-offset-length.any.js',
        'Secure-Send-binary-arraybufferview-uint16-offset-length.any.js',
        'Secure-Send-binary-arraybufferview-uint32-offset.any.js',
      ],
      expected: TYPED.map(() => ['binary 08090a0b0c0d0e0f', 'binary 0001020304050607', 'binary']),
      async observe(env) {
        const socket = await open(env, '/describe');
        const answers = [];
        for (const View of TYPED) {
          const { BYTES_PER_ELEMENT: size = 1 } = View;
          const ends = await ask(socket, new View(numbered(16), 8));
          const begins = await ask(socket, new View(numbered(16), 0, 8 / size));
          answers.push([ends, begins, await ask(socket, new View(numbered(16), 8, 0))]);
        }
        return answers;
      },
    },
    {
      name: 'sends a Blob, an empty one, and a slice of one',
      wpt: ['Send-binary-blob.any.js', 'binary/002.html'],
      expected: ['binary 610001', 'binary', 'binary 0001'],
      async observe(env) {
        const socket = await open(env, '/describe');
        const blob = new Blob(['a', numbered(2)], { type: 'text/plain' });
        return [
          await ask(socket, blob),
          await ask(socket, new Blob([])),
          await ask(socket, blob.slice(1, 3)),
        ];
      },
    },
    {
      name: 'takes bytes and Blobs as they are at the call',
      wpt: ['interfaces/WebSocket/send/005.html'],
      expected: ['binary 0707', 'binary 0707'],
      async observe(env) {
        const socket = await open(env, '/describe');
        const bytes = Uint8Array.of(7, 7);
        const first = next(socket, 'message');
        socket.send(bytes);
        bytes.fill(8);
        const one = (await first).data;
        bytes.fill(7);
        const blob = new Blob([bytes]);
        bytes.fill(9);
        return [one, await ask(socket, blob)];
      },
    },
    {
      name: 'keeps the order of messages, whatever their kind',
      wpt: ['interfaces/WebSocket/send/007.html', 'Send-binary-blob.any.js'],
      expected: ['text a', 'binary of 300000', 'text b', 'binary 63', 'binary 64', 'text e'],
      async observe(env) {
        const socket = await open(env, '/describe');
        const answers: unknown[] = [];
        const all = new Promise<void>((resolve) =>
          socket.addEventListener('message', ({ data }) => {
            if (answers.push(data) === 6) resolve();
          }),
        );
        const large = new Blob([new Uint8Array(300_000)]);
        for (const data of ['a', large, 'b', new Blob(['c']), Uint8Array.of(0x64), 'e']) socket.send(data);
        await all;
        return answers;
      },
    },
    {
      name: 'sends messages of every length at which frames look different',
      wpt: [
        'extended-payload-length.any.js',
        'Send-65K-data.any.js',
        'Send-binary-65K-arraybuffer.any.js',
        'binary/004.html',
      ],
      expected: SIZES.map((size) => [size, size]),
      async observe(env) {
        const socket = await open(env, '/echo');
        socket.binaryType = 'arraybuffer';
        const answers = [];
        for (const size of SIZES) {
          const text = (await ask(socket, 'a'.repeat(size))) as string;
          const bytes = (await ask(socket, new ArrayBuffer(size))) as ArrayBuffer;
          answers.push([text.length, bytes.byteLength]);
        }
        return answers;
      },
    },
    {
      name: 'gets all of many messages of 64 KiB through',
      wpt: ['send-many-64K-messages-with-backpressure.any.js'],
      expected: [100, 6_553_600],
      async observe(env) {
        const socket = await open(env, '/echo');
        socket.binaryType = 'arraybuffer';
        let count = 0;
        let bytes = 0;
        const all = new Promise<void>((resolve) =>
          socket.addEventListener('message', ({ data }) => {
            bytes += (data as ArrayBuffer).byteLength;
            if (++count === 100) resolve();
          }),
        );
        for (let index = 0; index < 100; index++) socket.send(new Uint8Array(65_536));
        await all;
        return [count, bytes];
      },
    },
    {
      name: 'works on 25 WebSockets at a time, each with its own messages',
      wpt: ['constructor/013.html'],
      expected: Array.from({ length: 25 }, (_, index) => String(index)),
      observe: async (env) =>
        Promise.all(Array.from({ length: 25 }, async (_, index) => ask(await open(env, '/echo'), index))),
    },
    {
      name: 'does nothing harmful when called in the listener of close',
      wpt: ['interfaces/WebSocket/send/008.html', 'interfaces/WebSocket/send/009.html'],
      expected: [undefined, 3],
      async observe(env) {
        const socket = env.make('/close');
        return new Promise((resolve) => {
          socket.onclose = () => resolve([outcome(() => socket.send('test')), socket.readyState]);
        });
      },
    },
  ],
};

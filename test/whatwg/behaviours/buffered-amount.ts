import type { Group } from '../behaviour.js';
import { ask, ending, later, next, open, seen, watchedPath } from '../watching.js';

export const BUFFERED_AMOUNT: Group = {
  subject: 'WebSocket',
  title: 'bufferedAmount',
  behaviours: [
    {
      name: 'counts what is sent in bytes of UTF-8, at once',
      wpt: [
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-unicode.html',
        'interfaces/WebSocket/send/011.html',
      ],
      expected: [0, 2, 6, 9],
      async observe(env) {
        const socket = await open(env, '/echo');
        const amounts = [socket.bufferedAmount];
        for (const text of ['é', '\u{10000}', '\ud800']) {
          socket.send(text);
          amounts.push(socket.bufferedAmount);
        }
        return amounts;
      },
    },
    {
      name: 'counts ArrayBuffers, views and Blobs by their bytes',
      wpt: [
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-arraybuffer.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-blob.html',
      ],
      expected: [10, 26, 30],
      async observe(env) {
        const socket = await open(env, '/echo');
        const amounts = [];
        for (const data of [new ArrayBuffer(10), new Float64Array(2), new Blob(['four'])]) {
          socket.send(data);
          amounts.push(socket.bufferedAmount);
        }
        return amounts;
      },
    },
    {
      name: 'counts no framing, and nothing for an empty message',
      wpt: ['interfaces/WebSocket/bufferedAmount/bufferedAmount-getting.html'],
      expected: [0, 0, 0, 70_000],
      async observe(env) {
        const socket = await open(env, '/echo');
        const amounts = [];
        for (const data of ['', new ArrayBuffer(0), new Blob([]), new Uint8Array(70_000)]) {
          socket.send(data);
          amounts.push(socket.bufferedAmount);
        }
        return amounts;
      },
    },
    {
      name: 'does not fall in the task in which a message was sent',
      wpt: ['interfaces/WebSocket/bufferedAmount/bufferedAmount-large.html'],
      expected: [65_000, 65_000],
      async observe(env) {
        const socket = await open(env, '/echo');
        socket.send('a'.repeat(65_000));
        const { bufferedAmount } = socket;
        await Promise.resolve();
        return [bufferedAmount, socket.bufferedAmount];
      },
    },
    {
      name: 'is 0 again when all has been sent',
      wpt: [
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-large.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-blob.html',
      ],
      expected: [0, 0, 0],
      async observe(env) {
        const socket = await open(env, '/echo');
        const amounts = [];
        for (const data of ['a'.repeat(65_000), new Blob(['blob']), new Uint8Array(100_000)]) {
          await ask(socket, data);
          await later();
          amounts.push(socket.bufferedAmount);
        }
        return amounts;
      },
    },
    {
      name: 'grows while the server does not read',
      wpt: [],
      expected: true,
      async observe(env) {
        const socket = await open(env, `${env.crooked}/?deaf`);
        for (let count = 0; count < 12; count++) socket.send(new Uint8Array(1 << 20));
        // More than the networks of this machine hold by themselves: at least some of it stays.
        for (let turn = 0; turn < 20; turn++) await later();
        return socket.bufferedAmount > 1 << 20;
      },
    },
    {
      name: 'stays 0 where send throws',
      wpt: ['interfaces/WebSocket/send/004.html'],
      expected: 0,
      observe(env) {
        const socket = env.make('/echo');
        try {
          socket.send('early');
        } catch {
          return socket.bufferedAmount;
        }
        return 'It did not throw';
      },
    },
    {
      name: 'counts what is sent while closing, which never leaves',
      wpt: [
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-large.html',
        'interfaces/WebSocket/send/011.html',
      ],
      expected: [3, 5, 12, ['text before']],
      async observe(env) {
        const path = watchedPath();
        const socket = await open(env, path);
        const before = next(socket, 'close');
        socket.send('before');
        await later();
        socket.close();
        const { bufferedAmount } = socket;
        const amounts = [];
        for (const data of ['abc', new Blob(['de']), new Uint8Array(7)]) {
          socket.send(data);
          amounts.push(socket.bufferedAmount - bufferedAmount);
        }
        await before;
        return [...amounts, (await seen(env, path)).messages];
      },
    },
    {
      name: 'is not reset when the connection is closed, and grows on',
      wpt: [
        'interfaces/WebSocket/send/009.html',
        'interfaces/WebSocket/bufferedAmount/bufferedAmount-large.html',
      ],
      expected: [4, 8],
      async observe(env) {
        const socket = await open(env, '/echo');
        const over = ending(socket);
        socket.close();
        socket.send('four');
        await over;
        await later();
        const { bufferedAmount } = socket;
        socket.send('more');
        return [bufferedAmount, socket.bufferedAmount];
      },
    },
    {
      name: 'counts what is sent after a close while connecting',
      wpt: ['interfaces/WebSocket/close/close-connecting.html'],
      expected: [3, 3],
      async observe(env) {
        const socket = env.make(`${env.crooked}/?silent`);
        const over = ending(socket);
        socket.close();
        socket.send('abc');
        const { bufferedAmount } = socket;
        await over;
        return [bufferedAmount, socket.bufferedAmount];
      },
    },
  ],
};

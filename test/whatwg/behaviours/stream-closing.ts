import type { Behaviour, Env, Group } from '../behaviour.js';
import { seen, watchedPath } from '../watching.js';
import { openStream, readAll, result, soon, thrownBy, type Opened } from './stream-watching.js';

/** Ends an open connection in some way, and tells how `closed`, both streams and the server saw it. */
function ending(
  name: string,
  end: (opened: Opened, env: Env) => unknown,
  closeCode: number,
  reason: string,
  wpt: readonly string[],
): Behaviour {
  return {
    name,
    wpt,
    expected: { closed: { closeCode, reason }, reader: 'done', server: [closeCode, reason, true] },
    async observe(env) {
      const path = watchedPath();
      const opened = await openStream(env, path);
      end(opened, env);
      const { code, reason: serverReason, wasClean } = await seen(env, path);
      return {
        closed: await result(opened.stream.closed),
        reader: await result(opened.reader.closed),
        server: [code, serverReason, wasClean],
      };
    },
  };
}

const CLOSE_TEST = ['stream/tentative/close.any.js'];
const REMOTE_TEST = ['stream/tentative/remote-close.any.js'];

const ignore = (promise: Promise<unknown>): void => void promise.catch(() => {});

export const STREAM_CLOSING: Group = {
  subject: 'WebSocketStream',
  title: 'WebSocketStream: how it is closed',
  behaviours: [
    ending('closes without a code where none is given', ({ stream }) => stream.close(), 1005, '', CLOSE_TEST),
    ending('closes without a code for null', ({ stream }) => stream.close(null), 1005, '', []),
    ending('closes with a code', ({ stream }) => stream.close({ closeCode: 3456 }), 3456, '', CLOSE_TEST),
    ending(
      'closes with a code and a reason',
      ({ stream }) => stream.close({ closeCode: 3456, reason: 'pizza é\udfff' }),
      3456,
      'pizza é\ufffd',
      CLOSE_TEST,
    ),
    ending(
      'closes with 1000 where there is only a reason',
      ({ stream }) => stream.close({ reason: 'x'.repeat(123) }),
      1000,
      'x'.repeat(123),
      CLOSE_TEST,
    ),
    ending(
      'closes once, as the first call says',
      ({ stream }) => {
        stream.close({ closeCode: 4000, reason: 'first' });
        stream.close({ closeCode: 4001, reason: 'second' });
      },
      4000,
      'first',
      CLOSE_TEST,
    ),
    ending(
      'closes without a code when the writer is closed',
      ({ writer }) => ignore(writer.close()),
      1005,
      '',
      CLOSE_TEST,
    ),
    ending(
      'closes without a code when the writer is aborted',
      ({ writer }) => ignore(writer.abort()),
      1005,
      '',
      CLOSE_TEST,
    ),
    ending(
      'closes without a code when the writer is aborted because of any error',
      ({ writer }) => ignore(writer.abort(new DOMException('Enough', 'AbortError'))),
      1005,
      '',
      CLOSE_TEST,
    ),
    ending(
      'closes as the WebSocketError says with which the writer is aborted',
      ({ writer }, { WebSocketError }) =>
        ignore(writer.abort(new WebSocketError('', { closeCode: 4005, reason: 'aborted' }))),
      4005,
      'aborted',
      CLOSE_TEST,
    ),
    ending(
      'closes without a code when the reader is canceled',
      ({ reader }) => ignore(reader.cancel()),
      1005,
      '',
      CLOSE_TEST,
    ),
    ending(
      'closes as the WebSocketError says with which the reader is canceled',
      ({ reader }, { WebSocketError }) =>
        ignore(reader.cancel(new WebSocketError('', { closeCode: 4006, reason: 'canceled' }))),
      4006,
      'canceled',
      CLOSE_TEST,
    ),
    ending(
      'closes with 1000 for a WebSocketError that has only a reason',
      ({ reader }, { WebSocketError }) => ignore(reader.cancel(new WebSocketError('', { reason: 'why' }))),
      1000,
      'why',
      CLOSE_TEST,
    ),
    ending(
      'closes without a code for a WebSocketError that says nothing',
      ({ reader }, { WebSocketError }) => ignore(reader.cancel(new WebSocketError('Enough'))),
      1005,
      '',
      CLOSE_TEST,
    ),
    {
      name: 'throws for a code or reason that cannot be, and stays open',
      wpt: CLOSE_TEST,
      expected: [
        Array.from({ length: 8 }, () => 'InvalidAccessError'),
        'SyntaxError',
        'TypeError',
        'pending',
      ],
      async observe(env) {
        const { stream } = await openStream(env, '/echo');
        const close = (info: unknown): unknown => thrownBy(() => stream.close(info as never));
        const codes = [0, 1001, 2999, 5000, -1, 66_536, NaN, 'code'];
        return [
          codes.map((closeCode) => close({ closeCode })),
          close({ closeCode: 1000, reason: 'x'.repeat(124) }),
          close('no object'),
          await soon(stream.closed),
        ];
      },
    },
    {
      name: 'gives up when it is closed before it is open',
      wpt: CLOSE_TEST,
      expected: [
        ['WebSocketError', null, ''],
        ['WebSocketError', 1006, ''],
      ],
      async observe(env) {
        const { opened, closed } = closeNow(env.makeStream(`${env.crooked}/?silent`));
        return Promise.all([result(opened), result(closed)]);
      },
    },
    {
      name: 'ends the readable stream, and the writable one with an InvalidStateError',
      wpt: CLOSE_TEST,
      expected: {
        read: ['done'],
        closed: ['InvalidStateError'],
        write: ['InvalidStateError'],
        ready: ['InvalidStateError'],
      },
      async observe(env) {
        const opened = await openStream(env, '/echo');
        const { stream, writer } = opened;
        stream.close();
        return {
          read: await readAll(opened),
          closed: await result(writer.closed),
          write: await result(writer.write('late')),
          ready: await result(writer.ready),
        };
      },
    },
    {
      name: 'sends what was written before, and drops what is written after',
      wpt: [],
      expected: ['done', ['text before']],
      async observe(env) {
        const path = watchedPath();
        const { stream, writer } = await openStream(env, path);
        await writer.write('before');
        stream.close();
        const late = await result(writer.write('after'));
        return [late, (await seen(env, path)).messages];
      },
    },
    {
      name: 'sends all that was written before the writer was closed',
      wpt: [],
      expected: ['done', 'done', ['text 0', 'text 1', 'text 2']],
      async observe(env) {
        const path = watchedPath();
        const { writer } = await openStream(env, path);
        for (let index = 0; index < 3; index++) ignore(writer.write(index));
        const closing = await result(writer.close());
        return [closing, await result(writer.closed), (await seen(env, path)).messages];
      },
    },
    {
      name: 'has closed the writer only when the server has closed as well',
      wpt: CLOSE_TEST,
      expected: ['pending', 'pending'],
      async observe(env) {
        const { stream, writer } = await openStream(env, `${env.crooked}/?deaf`);
        const closing = writer.close();
        ignore(closing);
        return [await soon(closing), await soon(stream.closed)];
      },
    },
    {
      name: 'is not closed cleanly when the server goes without a Close frame of its own',
      wpt: CLOSE_TEST,
      expected: [
        ['WebSocketError', 1006, ''],
        ['WebSocketError', 1006, ''],
        ['WebSocketError', 1006, ''],
      ],
      chromium: {
        observed: [
          ['WebSocketError', null, ''],
          ['WebSocketError', null, ''],
          ['WebSocketError', 1006, ''],
        ],
        why: 'the writer that was closed gets an error without the code',
      },
      async observe(env) {
        const { stream, writer } = await openStream(env, `${env.crooked}/?reply=&end`);
        const closing = writer.close();
        return Promise.all([closing, writer.closed, stream.closed].map(result));
      },
    },
    {
      name: 'gives nothing that comes after it was closed',
      wpt: [],
      expected: [['done'], { closeCode: 4000, reason: '' }],
      async observe(env) {
        const opened = await openStream(env, `${env.crooked}/?reply=81046c61746588020fa0&end`);
        opened.stream.close();
        return [await readAll(opened), await result(opened.stream.closed)];
      },
    },
    {
      name: 'can still be read when it was closed with a message unread',
      wpt: [],
      expected: ['unread', 'done'],
      async observe(env) {
        const opened = await openStream(env, '/?say=unread');
        opened.stream.close();
        await opened.stream.closed;
        return readAll(opened);
      },
    },
    {
      name: 'errors what still waits to be written when the reader is canceled',
      wpt: CLOSE_TEST,
      expected: { closed: ['InvalidStateError'] },
      async observe(env) {
        const { reader, writer } = await openStream(env, '/echo');
        await reader.cancel();
        return { closed: await result(writer.closed) };
      },
    },
  ],
};

export const STREAM_CLOSED: Group = {
  subject: 'WebSocketStream',
  title: 'WebSocketStream: how the server closes it',
  behaviours: [
    {
      name: 'is closed by the server, with a code and a reason',
      wpt: REMOTE_TEST,
      expected: { read: ['done'], closed: { closeCode: 4321, reason: 'bye' }, writer: ['InvalidStateError'] },
      observe: async (env) => ended(await openStream(env, '/close?code=4321&reason=bye')),
    },
    {
      name: 'is closed by a server that gives no code',
      wpt: REMOTE_TEST,
      expected: { read: ['done'], closed: { closeCode: 1005, reason: '' }, writer: ['InvalidStateError'] },
      observe: async (env) => ended(await openStream(env, `${env.crooked}/?first=8800&reply=&end`)),
    },
    {
      name: 'is closed by a server with a code that this end may not send',
      wpt: REMOTE_TEST,
      expected: { read: ['done'], closed: { closeCode: 1011, reason: '' }, writer: ['InvalidStateError'] },
      observe: async (env) => ended(await openStream(env, '/close?code=1011')),
    },
    {
      name: 'gives what came before the Close frame first',
      wpt: REMOTE_TEST,
      expected: {
        read: ['one', 2, 'three', 'done'],
        closed: { closeCode: 1000, reason: '' },
        writer: ['InvalidStateError'],
      },
      observe: async (env) =>
        ended(
          await openStream(
            env,
            `${env.crooked}/?first=81036f6e65820201028105746872656588020 3e8&reply=&end`.replace(' ', ''),
          ),
        ),
    },
    {
      name: 'errors both streams when the connection is lost',
      wpt: REMOTE_TEST,
      expected: {
        read: [['WebSocketError', 1006, '']],
        closed: ['WebSocketError', 1006, ''],
        writer: ['WebSocketError', 1006, ''],
      },
      async observe(env) {
        const opened = await openStream(env, '/terminate');
        await opened.writer.write('please');
        return ended(opened);
      },
    },
    {
      name: 'errors both streams when the server breaks the protocol',
      wpt: [],
      expected: {
        read: [['WebSocketError', 1006, '']],
        closed: ['WebSocketError', 1006, ''],
        writer: ['WebSocketError', 1006, ''],
      },
      observe: async (env) => ended(await openStream(env, `${env.crooked}/?first=8300&end`)),
    },
    {
      name: 'does nothing when it is closed and closed again',
      wpt: REMOTE_TEST,
      expected: ['nothing', { closeCode: 4000, reason: '' }],
      async observe(env) {
        const { stream } = await openStream(env, '/close?code=4000');
        await stream.closed;
        return [thrownBy(() => stream.close({ closeCode: 4001 })), await result(stream.closed)];
      },
    },
  ],
};

export const STREAM_ERROR: Group = {
  subject: 'WebSocketError',
  title: 'WebSocketError',
  behaviours: [
    {
      name: 'is a DOMException with a code and a reason',
      wpt: ['stream/tentative/websocket-error.any.js'],
      expected: {
        shape: [0, ['closeCode', 'reason'], '[object WebSocketError]', true, true],
        fields: ['WebSocketError', 'words', 0, null, ''],
      },
      observe({ WebSocketError }) {
        const error = new WebSocketError('words');
        const own = Object.keys(WebSocketError.prototype).toSorted();
        const { name, message, code, closeCode, reason } = error;
        return {
          shape: [
            WebSocketError.length,
            own,
            Object.prototype.toString.call(error),
            error instanceof DOMException,
            error instanceof Error,
          ],
          fields: [name, message, code, closeCode, reason],
        };
      },
    },
    {
      name: 'has no words, no code and no reason where none is given',
      wpt: ['stream/tentative/websocket-error.any.js'],
      expected: [
        ['', null, ''],
        ['', null, ''],
        ['null', null, ''],
      ],
      observe: ({ WebSocketError }) =>
        [[], [undefined, {}], [null, null]].map((args) => {
          const { message, closeCode, reason } = Reflect.construct(WebSocketError, args) as InstanceType<
            typeof WebSocketError
          >;
          return [message, closeCode, reason];
        }),
    },
    {
      name: 'takes the codes and reasons that close takes',
      wpt: ['stream/tentative/websocket-error.any.js'],
      expected: [
        [3333, ''],
        [4000, 'pizza'],
        [1000, 'only'],
        'InvalidAccessError',
        'InvalidAccessError',
        'InvalidAccessError',
        'InvalidAccessError',
        'SyntaxError',
      ],
      observe: ({ WebSocketError }) =>
        [
          { closeCode: 3333 },
          { closeCode: 4000, reason: 'pizza' },
          { reason: 'only' },
          { closeCode: 1001 },
          { closeCode: 999 },
          { closeCode: 66_536 },
          { closeCode: {} as never },
          { reason: 'x'.repeat(124) },
        ].map((init) => {
          let made: unknown[] = [];
          const thrown = thrownBy(() => {
            const { closeCode, reason } = new WebSocketError('', init);
            made = [closeCode, reason];
          });
          return thrown === 'nothing' ? made : thrown;
        }),
    },
    {
      name: 'has members that cannot be set',
      wpt: ['stream/tentative/websocket-error.any.js'],
      expected: ['TypeError', 'TypeError'],
      observe({ WebSocketError }) {
        const error = new WebSocketError() as { closeCode: unknown; reason: unknown };
        return [
          thrownBy(() => {
            'use strict';
            error.closeCode = 4000;
          }),
          thrownBy(() => {
            'use strict';
            error.reason = 'other';
          }),
        ];
      },
    },
    {
      name: 'says how one connection was lost, and cancels another',
      wpt: [],
      expected: ['done', { closeCode: 1005, reason: '' }],
      chromium: {
        observed: [['InvalidAccessError'], { closeCode: 1005, reason: '' }],
        why: 'it will not close because of an error with the code 1006, though that is what piping from a lost connection does',
      },
      async observe(env) {
        const lost = await openStream(env, '/terminate');
        await lost.writer.write('please');
        const error: unknown = await lost.stream.closed.catch((thrown: unknown) => thrown);
        const { reader, stream } = await openStream(env, '/echo');
        const canceled = await result(reader.cancel(error));
        stream.close();
        return [canceled, await result(stream.closed)];
      },
    },
  ],
};

/** How the three see the end. */
async function ended(opened: Opened): Promise<unknown> {
  return {
    read: await readAll(opened),
    closed: await result(opened.stream.closed),
    writer: await result(opened.writer.closed),
  };
}

function closeNow(stream: Opened['stream']): Opened['stream'] {
  stream.close();
  return stream;
}

import type { Env, Group } from '../behaviour.js';
import { later, outcome } from '../watching.js';
import { openStream, readAll, result, soon, thrownBy, type Opened } from './stream-watching.js';

/** Writes a message, and reads what comes back. */
async function ask({ reader, writer }: Opened, data: unknown): Promise<unknown> {
  const [, read] = await Promise.all([writer.write(data), reader.read()]);
  return read.value;
}

/** How many of the messages of `/flood` the server got rid of when nothing changes any more. */
async function flooded(env: Env, path: string): Promise<number> {
  const response = await fetch(env.server.replace('ws:', 'http:') + path);
  return (await response.json()) as number;
}

const floodPath = (): string => `/flood/${Math.random().toString(36).slice(2)}`;

export const STREAM_OPENING: Group = {
  subject: 'WebSocketStream',
  title: 'WebSocketStream: how it opens',
  behaviours: [
    {
      name: 'has the members of its interface, and is called by its name',
      wpt: [],
      expected: [1, ['close', 'closed', 'opened', 'url'], '[object WebSocketStream]'],
      observe(env) {
        const members = [];
        for (const member in env.WebSocketStream.prototype) members.push(member);
        const name = Object.prototype.toString.call(env.makeStream('/echo'));
        return [env.WebSocketStream.length, members.toSorted(), name];
      },
    },
    {
      name: 'needs a URL, and is not made without new',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: ['TypeError', 'TypeError'],
      observe: (env) => [
        thrownBy(() => Reflect.construct(env.WebSocketStream, [])),
        thrownBy(() => (env.WebSocketStream as unknown as (url: string) => unknown)(env.server)),
      ],
    },
    {
      name: 'throws a SyntaxError for a URL that cannot be',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: ['SyntaxError', 'SyntaxError', 'SyntaxError', 'SyntaxError'],
      observe: (env) =>
        ['ftp://localhost/', 'ws://localhost/#fragment', 'ws://', 'ws://a:b/'].map((url) =>
          thrownBy(() => env.makeStream(url)),
        ),
    },
    {
      name: 'takes a list of subprotocols, each once, and no single one',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: ['SyntaxError', 'SyntaxError', 'TypeError', 'TypeError', 'nothing', 'nothing'],
      observe: (env) =>
        [['a', 'a'], ['a b'], 'chat', 5, new Set(['chat']), undefined].map((protocols) =>
          thrownBy(() => env.makeStream('/echo', { protocols })),
        ),
    },
    {
      name: 'takes options that are an object, or none',
      wpt: [],
      expected: ['TypeError', 'TypeError', 'nothing', 'nothing'],
      observe: (env) =>
        ['chat', 5, null, undefined].map((options) => thrownBy(() => env.makeStream('/echo', options))),
    },
    {
      name: 'has the URL as it was understood',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: ['ws://localhost:9/a%20b', 'wss://localhost/?c'],
      observe: (env) => [
        env.makeStream('http://LOCALHOST:9/a b').url,
        env.makeStream(new URL('https://localhost/?c')).url,
      ],
    },
    {
      name: 'opens with two streams, the subprotocol and the extensions',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: [
        ['extensions', 'protocol', 'readable', 'writable'],
        ['[object ReadableStream]', '[object WritableStream]'],
        'superchat',
        true,
      ],
      async observe(env) {
        const stream = env.makeStream('/echo', { protocols: ['other', 'superchat'] });
        const info = await stream.opened;
        const { readable, writable } = info;
        return [
          Object.keys(info).toSorted(),
          [readable, writable].map((each) => Object.prototype.toString.call(each)),
          info.protocol,
          stream.opened === stream.opened && (await stream.opened) === info,
        ];
      },
    },
    {
      name: 'rejects both promises where the server refuses or cannot be reached',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: Array.from({ length: 3 }, () => [
        ['WebSocketError', null, ''],
        ['WebSocketError', 1006, ''],
      ]),
      observe: async (env) =>
        Promise.all(
          [
            `${env.crooked}/?answer=HTTP/1.1 403 Forbidden`,
            `${env.crooked}/?accept=wrong`,
            'ws://127.0.0.1:1/',
          ].map(async (url) => {
            const { opened, closed } = env.makeStream(url);
            return Promise.all([result(opened), result(closed)]);
          }),
        ),
    },
    {
      name: 'is given up by its signal, before or during the handshake',
      wpt: ['stream/tentative/abort.any.js'],
      expected: [
        [['AbortError'], ['AbortError']],
        [['AbortError'], ['AbortError']],
      ],
      async observe(env) {
        const controller = new AbortController();
        const during = env.makeStream(`${env.crooked}/?silent`, { signal: controller.signal });
        const before = env.makeStream('/echo', { signal: AbortSignal.abort() });
        controller.abort();
        return Promise.all(
          [before, during].map(async ({ opened, closed }) => Promise.all([result(opened), result(closed)])),
        );
      },
    },
    {
      name: 'is rejected with the reason that the signal has',
      wpt: [],
      expected: ['RangeError'],
      chromium: { observed: ['AbortError'], why: 'it always rejects with an AbortError of its own' },
      async observe(env) {
        return result(
          env.makeStream('/echo', { signal: AbortSignal.abort(new RangeError('Enough')) }).opened,
        );
      },
    },
    {
      name: 'is not closed by its signal once it is open',
      wpt: ['stream/tentative/abort.any.js'],
      expected: ['pending', 'still there'],
      async observe(env) {
        const controller = new AbortController();
        const opened = await openStream(env, '/echo', { signal: controller.signal });
        controller.abort();
        return [await soon(opened.stream.closed), await ask(opened, 'still there')];
      },
    },
    {
      name: 'takes a signal that is one',
      wpt: [],
      expected: ['TypeError', 'TypeError'],
      observe: (env) => [{}, 'signal'].map((signal) => thrownBy(() => env.makeStream('/echo', { signal }))),
    },
  ],
};

export const STREAM_MESSAGES: Group = {
  subject: 'WebSocketStream',
  title: 'WebSocketStream: messages',
  behaviours: [
    {
      name: 'sends a string as a text',
      wpt: ['stream/tentative/constructor.any.js'],
      expected: ['text', 'text abc', 'text é€𐍈', 'text a\ufffd'],
      async observe(env) {
        const opened = await openStream(env, '/describe');
        const seen = [];
        for (const text of ['', 'abc', 'é€𐍈', 'a\udfff']) seen.push(await ask(opened, text));
        return seen;
      },
    },
    {
      name: 'sends a buffer and what is a view of one as a binary message',
      wpt: [],
      expected: ['binary 090102', 'binary 0102', 'binary 01000200', 'binary 02', 'binary'],
      async observe(env) {
        const opened = await openStream(env, '/describe');
        const bytes = new Uint8Array([9, 1, 2]);
        const seen = [];
        const chunks = [
          bytes.buffer,
          bytes.subarray(1),
          new Uint16Array([1, 2]),
          new DataView(bytes.buffer, 2),
        ];
        for (const chunk of [...chunks, new ArrayBuffer(0)]) seen.push(await ask(opened, chunk));
        return seen;
      },
    },
    {
      name: 'sends the text of anything else',
      wpt: [],
      expected: ['text 1.5', 'text null', 'text undefined', 'text its text', 'text [object Blob]'],
      async observe(env) {
        const opened = await openStream(env, '/describe');
        const seen = [];
        const chunks = [1.5, null, undefined, { toString: () => 'its text' }, new Blob(['abc'])];
        for (const chunk of chunks) seen.push(await ask(opened, chunk));
        return seen;
      },
    },
    {
      name: 'rejects the write of what has no text, and the connection stays',
      wpt: [],
      expected: [['TypeError'], ['TypeError'], 'pending', 'sent before'],
      async observe(env) {
        const { writer, reader, stream } = await openStream(env, '/echo');
        await writer.write('sent before');
        const writing = await result(writer.write(Symbol('no text')));
        const { value } = await reader.read();
        return [writing, await result(writer.closed), await soon(stream.closed), value];
      },
    },
    {
      name: 'reads a text as a string and a binary message as an ArrayBuffer, empty ones as well',
      wpt: [],
      expected: ['first', '', 'ArrayBuffer', [1, 2, 255], 'ArrayBuffer', []],
      async observe(env) {
        const { reader } = await openStream(env, '/?say=first&say=&bytes=0102ff&bytes=');
        const seen: unknown[] = [];
        for (let count = 0; count < 4; count++) {
          const { value } = await reader.read();
          if (typeof value === 'string') seen.push(value);
          else seen.push(value!.constructor.name, [...new Uint8Array(value!)]);
        }
        return seen;
      },
    },
    {
      name: 'carries a message of 1 MiB both ways',
      wpt: [],
      expected: [1 << 20, 7, 7],
      async observe(env) {
        const opened = await openStream(env, '/echo');
        const data = new Uint8Array((await ask(opened, new Uint8Array(1 << 20).fill(7))) as ArrayBuffer);
        return [data.length, data[0], data.at(-1)];
      },
    },
    {
      name: 'keeps the order of what is written without waiting',
      wpt: [],
      expected: Array.from({ length: 100 }, (_, index) => String(index)),
      async observe(env) {
        const { reader, writer } = await openStream(env, '/echo');
        for (let index = 0; index < 100; index++) void writer.write(index);
        const seen = [];
        for (let index = 0; index < 100; index++) seen.push((await reader.read()).value);
        return seen;
      },
    },
    {
      name: 'is piped from and to',
      wpt: [],
      expected: ['ab', 'cd', 'done'],
      async observe(env) {
        const { info, stream } = { info: undefined, stream: env.makeStream('/describe') };
        const { readable, writable } = await stream.opened;
        const texts = new ReadableStream<string>({
          start(controller) {
            for (const text of ['ab', 'cd']) controller.enqueue(text);
            controller.close();
          },
        });
        const reader = readable
          .pipeThrough(
            new TransformStream<string | ArrayBuffer, string>({
              transform: (chunk, controller) => controller.enqueue((chunk as string).replace('text ', '')),
            }),
          )
          .getReader();
        const piping = texts.pipeTo(writable, { preventClose: true });
        const seen = [(await reader.read()).value, (await reader.read()).value];
        await piping;
        stream.close();
        const { done } = await reader.read();
        return [...seen, done ? 'done' : info];
      },
    },
    {
      name: 'has room for one message on each side',
      wpt: [],
      expected: [1, 0],
      async observe(env) {
        const { writer } = await openStream(env, `${env.crooked}/?deaf`);
        const before = writer.desiredSize;
        void writer.write('one').catch(() => {});
        return [before, writer.desiredSize];
      },
    },
    {
      name: 'is done with a write only when a server that does not read leaves room for it',
      wpt: ['stream/tentative/backpressure-send.any.js'],
      expected: ['stopped', 'pending', 0],
      async observe(env) {
        const { writer } = await openStream(env, `${env.crooked}/?deaf`);
        let written = 0;
        const write = async (): Promise<void> => {
          for (; written < 64; written++) await writer.write(new Uint8Array(1 << 20));
        };
        const writing = write();
        writing.catch(() => {});
        // It has come to a stop when nothing was written for a while.
        for (let before = -1; before !== written;) {
          before = written;
          await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 300))]);
        }
        return [written < 64 ? 'stopped' : 'went on', await soon(writing), writer.desiredSize];
      },
    },
    {
      name: 'slows the server while nobody reads, and loses nothing',
      wpt: ['stream/tentative/backpressure-receive.any.js'],
      expected: ['stopped', 200, 'done'],
      async observe(env) {
        const path = floodPath();
        const opened = await openStream(env, path);
        const count = await flooded(env, path);
        const all = await readAll(opened);
        return [
          count < 199 ? 'stopped' : 'went on',
          all.filter((each) => each === 200_000).length,
          all.at(-1),
        ];
      },
    },
    {
      name: 'has what it takes when the streams are locked',
      wpt: [],
      expected: ['throws TypeError', 'throws TypeError'],
      async observe(env) {
        const { info } = await openStream(env, '/echo');
        await later();
        return [outcome(() => info.readable.getReader()), outcome(() => info.writable.getWriter())];
      },
    },
  ],
};

import { createServer, request as httpRequest } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ClientHttp2Stream,
} from 'node:http2';
import { connect as connectTo, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import express from 'express';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MEDIA_TYPE } from '../session/records.js';
import { connect } from './connect.js';
import type { ServeOptions } from './options.js';
import { reject } from './rejection.js';
import { Arrivals, deferred, settled, until } from './test-arrivals.js';
import { echo, listening, start, startWatched } from './test-server.js';
import {
  ask,
  attend,
  attended,
  header,
  lines,
  openByRequest,
  openSocket,
  opening,
  read,
  reply,
  roundTrip,
  type Asking,
  type Reply,
} from './test-session.js';
import { Wire } from './test-wire.js';

const A = 'https://a.example';
const B = 'https://b.example';
const NUMBERS_THAT_ARE_NONE = [-1, 1.5, '1', null, true, 2 ** 53, [1]];

/** An echo, and a client of it who does nothing wrong: in the end it has to be as well as before. */
async function startWithInnocent(options: ServeOptions = {}) {
  const server = await start({ sessions: true, ...options }, echo);
  const innocent = await attended(server);
  expect(await roundTrip(innocent, 'before')).toBe('before');
  const expectInnocentIsWell = async (): Promise<void> => {
    expect(await roundTrip(innocent, 'after')).toBe('after');
    expect(innocent.resumes.items).toEqual([]);
    expect(innocent.session.state).toBe('open');
  };
  return { server, innocent, expectInnocentIsWell };
}

function expectError(answer: Reply, status: number, error: string): void {
  expect([answer.status, (answer.records[0] as { error?: string } | undefined)?.error]).toEqual([
    status,
    error,
  ]);
  expect(answer.headers['content-type']).toBe(MEDIA_TYPE);
}

/** All of an answer but the time. */
async function anonymous(server: { port: number }, asking: Asking): Promise<string> {
  const response = await ask(server, lines(header({ gen: 2 })), asking);
  const fields: string[] = [];
  for (const [index, name] of response.rawHeaders.entries()) {
    if (index % 2 === 0 && name !== 'Date') fields.push(`${name}: ${response.rawHeaders[index + 1]!}`);
  }
  const { body } = await read(response);
  return [response.statusCode, response.statusMessage, ...fields, body].join('\n');
}

/** Tokens of each kind that is good for nothing, for those who ask from B. */
async function badTokens(server: { port: number }): Promise<Record<string, string>> {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const fromB = { headers: { Origin: B } };
  const { token: expired } = await openByRequest(server, fromB);
  vi.setSystemTime(Date.now() + 61_000);
  const { token: stolen } = await openByRequest(server, { headers: { Origin: A } });
  const { token: ended } = await openByRequest(server, fromB);
  await reply(server, lines(header(), { close: 1000 }), { ...fromB, token: ended });
  const { token } = await openByRequest(server, fromB);
  expect((await reply(server, lines(header()), { ...fromB, token })).status).toBe(200);
  return {
    expired,
    stolen,
    ended,
    forged: `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    other: token.replace(/^[^.]*/, 'AAAAAAAAAAAAAAAAAAAAAA'),
    none: 'none',
  };
}

const FROM_BOTH: ServeOptions = { origins: [A, B], sessions: { tokenLifetime: 60_000 } };

describe('A token that is worth nothing', () => {
  it('gets the same answer, byte by byte, for whatever reason', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent(FROM_BOTH);
    const tokens = await badTokens(server);
    const answers = new Map<string, string[]>();
    for (const [kind, token] of Object.entries(tokens)) {
      const answer = await anonymous(server, { token, headers: { Origin: B } });
      answers.set(answer, [...(answers.get(answer) ?? []), kind]);
    }
    expect([...answers.values()]).toEqual([Object.keys(tokens)]);
    const [answer] = answers.keys();
    expect(answer).toMatch(/^404\n[^]*"error":"unknown-session"/);
    await expectInnocentIsWell();
  });

  it('gets it after the same time', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent(FROM_BOTH);
    const kinds = Object.entries(await badTokens(server)).map(([kind, token]) => ({
      kind,
      token,
      times: [] as number[],
    }));
    for (let round = 0; round < 200; round++) {
      for (const { token, times } of kinds) {
        const begun = performance.now();
        await reply(server, lines(header()), { token, headers: { Origin: B } });
        times.push(performance.now() - begun);
      }
    }
    const medians = kinds.map(({ times }) => times.toSorted((one, other) => one - other)[100]!);
    expect(Math.max(...medians) / Math.min(...medians)).toBeLessThan(3);
    await expectInnocentIsWell();
  });

  it('closes a WebSocket with 4404, and does no harm to whose it is', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent(FROM_BOTH);
    const tokens = await badTokens(server);
    for (const token of Object.values(tokens)) {
      const { put, closed } = await openSocket(server, { origin: B });
      put({ ...header({ gen: 9, window: 65_536 }), token }, '.not taken');
      expect(await closed).toEqual([4404, 'unknown-session']);
    }
    const fromA = { token: tokens['stolen']!, headers: { Origin: A } };
    expect((await reply(server, lines(header(), 'mine'), fromA)).records).toMatchObject([
      { gen: 1, ack: 1 },
      'mine',
    ]);
    await expectInnocentIsWell();
  });

  it.each(['Basic abc', 'Bearer', 'Bearer  ', 'Bearer a b', `Bearer ${'a'.repeat(513)}`, 'Bearer é'])(
    'may be no Bearer token at all: %s',
    async (authorization) => {
      const { server, expectInnocentIsWell } = await startWithInnocent();
      const headers = { Authorization: Buffer.from(authorization).toString('latin1') };
      expectError(await reply(server, lines(opening()), { headers }), 404, 'unknown-session');
      await expectInnocentIsWell();
    },
  );
});

describe('A second carrier of one generation', () => {
  it('is fenced, and the first one goes on: a WebSocket beside a WebSocket', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const hello = opening();
    const first = await openSocket(server);
    first.put(hello);
    const { token } = await first.next();
    for (const one of [hello, { ...header({ window: 65_536 }), token }]) {
      const second = await openSocket(server);
      second.put(one, '.lost');
      expect(await second.closed).toEqual([4409, 'fenced']);
    }
    first.put('.kept');
    expect(await first.messages.next()).toBe('.kept');
    await expectInnocentIsWell();
  });

  it('is fenced, and the first one goes on: a request beside a WebSocket', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const first = await openSocket(server);
    first.put(opening());
    const { token } = (await first.next()) as { token: string };
    expectError(await reply(server, lines(header(), 'lost'), { token }), 409, 'fenced');
    first.put('.kept');
    expect(await first.messages.next()).toBe('.kept');
    await expectInnocentIsWell();
  });

  it('is fenced, and the first one goes on: a WebSocket beside requests', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    const second = await openSocket(server);
    second.put({ ...header({ window: 65_536 }), token }, '.lost');
    expect(await second.closed).toEqual([4409, 'fenced']);
    const { records } = await reply(server, lines(header(), 'kept'), { token });
    expect(records).toMatchObject([{ ack: 1 }, 'kept']);
    await expectInnocentIsWell();
  });

  it('is fenced, and the first one goes on: a stream beside a stream', async () => {
    const { server } = await startWithInnocent();
    const stream = await ask(server, lines(opening({ stream: 'lines' })));
    const arrived = new Arrivals<string>();
    stream.setEncoding('utf8').on('data', arrived.push);
    const { token } = JSON.parse(await arrived.next()) as { token: string };
    expectError(await reply(server, lines(header({ stream: 'lines' })), { token }), 409, 'fenced');
    expect((await reply(server, lines(header(), 'kept'), { token })).status).toBe(200);
    expect(await arrived.next()).toBe('"kept"\n');
  });

  it('is fenced when it is older than what is there', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    const attach = header({ gen: 5, window: 65_536 });
    expect((await reply(server, lines(attach), { token })).status).toBe(200);
    expectError(await reply(server, lines(header({ gen: 4 }), 'lost'), { token }), 409, 'fenced');
    const old = await openSocket(server);
    old.put({ ...header({ gen: 4, window: 65_536 }), token });
    expect(await old.closed).toEqual([4409, 'fenced']);
    await expectInnocentIsWell();
  });

  it('fences a request that is held, a stream and a WebSocket, when it is newer', async () => {
    const server = await start({ sessions: true }, echo);
    const { token } = await openByRequest(server);
    const held = reply(server, lines(header({ wait: 20_000 })), { token });
    // The request that is held has reached the server before this one is answered, or it is too old for it.
    const stream = await ask(server, lines(header({ gen: 2, window: 65_536, stream: 'lines' })), { token });
    expectError(await held, 409, 'fenced');
    const streamed = read(stream);
    const socket = await openSocket(server);
    socket.put({ ...header({ gen: 3, window: 65_536 }), token });
    expect((await streamed).records).toMatchObject([{ gen: 2 }]);
    expect(await socket.next()).toMatchObject({ gen: 3, ack: 0, seq: 1 });
    expect((await reply(server, lines(header({ gen: 4, window: 65_536 })), { token })).status).toBe(200);
    expect(await socket.closed).toEqual([4409, 'fenced']);
  });
});

describe('Numbers that cannot be', () => {
  const IMPOSSIBLE: [string, object, unknown[]][] = [
    ['an acknowledgement of what was never sent', { ack: 1 }, ['not taken']],
    ['an acknowledgement as large as can be', { ack: 2 ** 53 - 1 }, ['not taken']],
    ['a gap beyond the window', { seq: 2_052 }, ['not taken']],
    ['a number as large as can be', { seq: 2 ** 53 - 1 }, ['not taken']],
    ['more than the window', {}, ['a'.repeat(40_000), 'b'.repeat(40_000), 'c']],
    ['more than the window behind a gap', { seq: 2 }, ['a'.repeat(40_000), 'b'.repeat(40_000), 'c']],
  ];

  it.each(IMPOSSIBLE)(
    'are answered 400 in a request, and nothing of it is taken: %s',
    async (_what, more, items) => {
      const { server, expectInnocentIsWell } = await startWithInnocent({ sessions: { window: 65_536 } });
      const { token } = await openByRequest(server);
      expectError(await reply(server, lines(header(more), ...items), { token }), 400, 'malformed');
      const attach = header({ gen: 2, window: 65_536, ...more });
      expectError(await reply(server, lines(attach, ...items), { token }), 400, 'malformed');
      // The generation was not taken either.
      const { records } = await reply(server, lines(header(), 'taken'), { token });
      expect(records).toMatchObject([{ gen: 1, ack: 1, seq: 1 }, 'taken']);
      await expectInnocentIsWell();
    },
  );

  it('close a WebSocket with 4400', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ sessions: { window: 65_536 } });
    for (const hello of [opening({ ack: 1 }), opening({ seq: 3_000 })]) {
      const { put, closed } = await openSocket(server);
      put(hello);
      expect(await closed).toEqual([4400, 'malformed']);
    }
    const { put, next, closed } = await openSocket(server);
    put(opening());
    await next();
    put(7);
    expect(await closed).toEqual([4400, 'malformed']);
    await expectInnocentIsWell();
  });

  it('may leave a gap within the window, which is closed later', async () => {
    const { server } = await startWithInnocent({ sessions: { window: 65_536 } });
    const { token } = await openByRequest(server);
    const early = await reply(server, lines(header({ seq: 2 }), 'second', 'third'), { token });
    expect(early.records).toMatchObject([{ ack: 0 }]);
    const { records } = await reply(server, lines(header(), 'first'), { token });
    expect(records).toMatchObject([{ ack: 3 }, 'first', 'second', 'third']);
  });
});

/** The beginning of a request whose body is not there yet. */
function head(fields: string): string {
  return `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${MEDIA_TYPE}\r\n${fields}\r\n`;
}

/** Sends a body without an end until there is an answer; the answer, and how many bytes went. */
async function pourInto(port: number, fields: string): Promise<[head: string, bytes: number]> {
  const wire = await Wire.connect(port);
  wire.write(head(`${fields}Transfer-Encoding: chunked\r\n`));
  const chunk = Buffer.concat([Buffer.from('4000\r\n'), Buffer.alloc(16_384, 'a'), Buffer.from('\r\n')]);
  let bytes = 0;
  const progress = { isAnswered: false };
  const answer = wire.head().finally(() => (progress.isAnswered = true));
  wire.stream.on('error', () => {});
  while (!progress.isAnswered && bytes < 1 << 30) {
    bytes += 16_384;
    if (!wire.stream.write(chunk)) await Promise.race([once(wire.stream, 'drain'), answer, wire.gone]);
  }
  return [await answer, bytes];
}

describe('A request that is too large', () => {
  it('is refused at once when it says so: a gigabyte', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ maxMessageSize: 65_536 });
    const { token } = await openByRequest(server);
    for (const authorization of ['', `Authorization: Bearer ${token}\r\n`]) {
      const wire = await Wire.connect(server.port);
      wire.write(head(`${authorization}Content-Length: 1073741824\r\n`));
      const answer = await wire.head();
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toMatch(/\r\nConnection: close\r\n/i);
      expect((await wire.rest()).toString()).toContain('"error":"too-large"');
    }
    await expectInnocentIsWell();
  });

  it('is refused when it goes on for ever, and not kept', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ maxMessageSize: 65_536 });
    const { token } = await openByRequest(server);
    for (const authorization of ['', `Authorization: Bearer ${token}\r\n`]) {
      const [answer, bytes] = await pourInto(server.port, authorization);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      // Beside what the server reads there is what the network takes.
      expect(bytes).toBeLessThan(64 << 20);
    }
    await expectInnocentIsWell();
  });

  it('may have 524,288 bytes without a token, and not one more', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const hello = lines(opening());
    const fill = 524_288 - hello.length - 3;
    const most = `${hello}"${'a'.repeat(fill)}"\n`;
    expect(Buffer.byteLength(most)).toBe(524_288);
    expect((await reply(server, most)).status).toBe(200);
    const more = `${lines(opening())}"${'a'.repeat(fill + 1)}"\n`;
    expectError(await reply(server, more), 413, 'too-large');
    await expectInnocentIsWell();
  });

  it('may have twice a message and 65,536 bytes with a token, and not one more', async () => {
    const { server } = await startWithInnocent({ maxMessageSize: 300_000 });
    const { token } = await openByRequest(server);
    const [one, other] = ['a'.repeat(300_000), 'b'.repeat(665_536 - 300_000 - lines(header()).length - 6)];
    const body = lines(header(), one, other);
    expect(Buffer.byteLength(body)).toBe(665_536);
    // Its second message is too large, the request is not: nothing of it is taken.
    expectError(await reply(server, body, { token }), 413, 'too-large');
    expectError(await reply(server, lines(header(), one, `${other}b`), { token }), 413, 'too-large');
    const { records } = await reply(server, lines(header(), one), { token });
    expect(records).toMatchObject([{ ack: 1 }, one]);
  });

  it('has a message above maxMessageSize: 413, and 1009 or 4413 on a WebSocket', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ maxMessageSize: 1_000 });
    const { token } = await openByRequest(server);
    expectError(await reply(server, lines(header(), 'a'.repeat(1_001)), { token }), 413, 'too-large');
    const { put, next, closed, messages } = await openSocket(server);
    put(opening());
    expect(await next()).toMatchObject({ maxMessage: 1_000 });
    put(`.${'a'.repeat(1_000)}`);
    expect(await messages.next()).toHaveLength(1_001);
    put(`.${'a'.repeat(1_001)}`);
    expect([1009, 4413]).toContain((await closed)[0]);
    await expectInnocentIsWell();
  });
});

/** A server of sessions beside one of HTTP/2, without TLS, and a client of it. */
async function startHttp2(options: ServeOptions = {}) {
  const http = createHttp2Server();
  const beside = { port: undefined, host: undefined, server: http, sessions: true };
  const watched = await startWatched({ ...beside, ...options }, echo);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void http.close());
  const client = connectHttp2(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  onTestFinished(() => client.destroy());
  const post = (body: string, token?: string): ClientHttp2Stream => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const stream = client.request({ ':method': 'POST', 'content-type': MEDIA_TYPE, ...authorization });
    stream.end(body);
    return stream;
  };
  const answer = async (body: string, token?: string): Promise<string> => {
    let text = '';
    for await (const piece of post(body, token).setEncoding('utf8')) text += piece as string;
    return text;
  };
  return { ...watched, http, client, post, answer };
}

describe('A session over HTTP/2', () => {
  it('is streamed, and lost when its client cancels the stream', async () => {
    const { opened, post, answer } = await startHttp2({ sessions: { resumeTimeout: 50 } });
    const stream = post(lines(opening({ stream: 'lines' })));
    const arrived = new Arrivals<string>();
    stream.setEncoding('utf8').on('data', arrived.push);
    const { token } = JSON.parse(await arrived.next()) as { token: string };
    const socket = await opened.next();
    expect(await answer(lines(header(), 'hello'), token)).toBe(lines({ gen: 1, ack: 1, seq: 1 }));
    expect(await arrived.next()).toBe(lines('hello'));
    expect(socket.carrier).toBe('streaming');
    stream.close();
    expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'network' });
  });

  it('is lost when its client leaves while it is decided about', async () => {
    const decision = deferred<undefined>();
    const { server, opened, post } = await startHttp2({
      sessions: { resumeTimeout: 50 },
      accept: () => decision.promise,
    });
    const stream = post(lines(opening({ stream: 'lines' })));
    await until(() => server.metrics().pendingHandshakes === 1);
    stream.close();
    await once(stream, 'close');
    // The server hears of it before it hears of this.
    const [headers] = (await once(post('', 'of nobody'), 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(404);
    decision.resolve(undefined);
    expect(await (await opened.next()).closed).toMatchObject({ code: 1006, initiator: 'network' });
  });

  it('leaves what is of no session to others, and answers 404 if there are none', async () => {
    const { http, client } = await startHttp2();
    const statusOf = async (): Promise<unknown> => {
      const stream = client.request({ ':path': '/page' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      return headers[':status'];
    };
    expect(await statusOf()).toBe(404);
    http.on('request', (_request, response) => void response.writeHead(203).end());
    expect(await statusOf()).toBe(203);
  });
});

describe('A client that wants the server to keep much', () => {
  it('is sent no more than a window of the server has room for, whatever its own is', async () => {
    const { server, opened } = await startWatched({
      sessions: { window: 65_536 },
      maxBufferedBytes: 200_000,
    });
    const { put, messages, closed } = await openSocket(server);
    put(opening({ window: Number.MAX_SAFE_INTEGER }));
    await messages.next();
    const socket = await opened.next();
    for (let count = 0; count < 20; count++) socket.send('x'.repeat(10_000));
    // Seven are 70,224 bytes of the window.
    await messages.take(7);
    expect(await settled(() => messages.items.length)).toBe(0);
    expect(socket.bufferedAmount).toBeGreaterThan(100_000);
    for (let count = 0; count < 20; count++) socket.send('x'.repeat(10_000));
    expect(await Promise.race([closed, socket.closed])).toMatchObject({ code: 1006 });
  });

  it('gets what is not acknowledged once, however many requests it sends before it reads', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    for (let seq = 1; seq <= 4; seq++) {
      await reply(server, lines(header({ seq }), 'x'.repeat(250_000)), { token });
    }
    const body = lines(header({ seq: 5 }));
    const request = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${MEDIA_TYPE}\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connectTo(server.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write(request.repeat(100));
    await expectInnocentIsWell();
    let bytes = 0;
    let answers = 0;
    let rest = '';
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        const parts = `${rest}${chunk.toString('latin1')}`.split('HTTP/1.1 200');
        answers += parts.length - 1;
        rest = parts.at(-1)!.slice(-20);
        if (answers === 100) resolve();
      });
      socket.resume();
    });
    // What the network takes beside that depends on the system.
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(30_000_000);
  });

  it('is cut when it begins a new generation instead of reading', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    for (let seq = 1; seq <= 4; seq++) {
      await reply(server, lines(header({ seq }), 'x'.repeat(250_000)), { token });
    }
    const requests = Array.from({ length: 100 }, (_, index) => {
      const body = lines(header({ seq: 5, gen: index + 2, window: 1_048_576 }));
      return `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${MEDIA_TYPE}\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    const socket = connectTo(server.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    socket.write(requests.join(''));
    await expectInnocentIsWell();
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => void (bytes += chunk.length));
    socket.resume();
    await once(socket, 'close');
    expect(bytes).toBeLessThan(30_000_000);
    await expectInnocentIsWell();
  });

  it('gets it once over HTTP/2 too, however many requests it sends before it reads', async () => {
    const { server, opened, post, answer } = await startHttp2();
    const { token } = JSON.parse(await answer(lines(opening()))) as { token: string };
    for (let seq = 1; seq <= 4; seq++) await answer(lines(header({ seq }), 'x'.repeat(250_000)), token);
    const streams = Array.from({ length: 20 }, () => post(lines(header({ seq: 5 })), token));
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    let bytes = 0;
    for (const stream of streams) for await (const piece of stream) bytes += (piece as Buffer).length;
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(3_000_000);
    const next = await answer(lines(header({ gen: 2, seq: 5, window: 65_536 }), 'still here'), token);
    expect(next).toContain('"gen":2');
    expect([opened.items.length, server.connections.size]).toEqual([1, 1]);
  });

  it('may send no more lines in a request than the window has room for', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    const begun = performance.now();
    expectError(
      await reply(server, lines(header()) + '{}\n'.repeat(10_000_000), { token }),
      400,
      'malformed',
    );
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect((await reply(server, lines(header(), 'fine'), { token })).records).toMatchObject([{}, 'fine']);
    await expectInnocentIsWell();
  });

  it('leaves while it is decided about: the session counts as left', async () => {
    const decision = deferred<undefined>();
    const { server, opened } = await startWatched({
      sessions: { resumeTimeout: 50 },
      accept: () => decision.promise,
    });
    const body = lines(opening({ stream: 'lines' }));
    const request = httpRequest({
      port: server.port,
      host: '127.0.0.1',
      method: 'POST',
      headers: { 'Content-Type': MEDIA_TYPE },
    });
    request.on('error', () => {});
    request.end(body);
    await until(() => server.metrics().pendingHandshakes === 1);
    request.destroy();
    // The server hears of it before it hears of this.
    expect((await reply(server, '', { method: 'GET' })).status).toBe(426);
    decision.resolve(undefined);
    const socket = await opened.next();
    expect(await socket.closed).toMatchObject({ code: 1006, initiator: 'network' });
  });
});

describe('A client that opens 10,000 long polls of one session', () => {
  it('has one of them held; the others are answered', { timeout: 30_000 }, async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    const answers = new Arrivals<Reply>();
    const COUNT = 10_000;
    for (let batch = 0; batch < COUNT; batch += 100) {
      for (let index = 0; index < 100; index++) {
        void reply(server, lines(header({ wait: 20_000 })), { token }).then(answers.push, () => {});
      }
      await answers.take(batch === 0 ? 99 : 100);
    }
    expect(await settled(() => answers.items.length)).toBe(0);
    expect((await reply(server, lines(header({ pending: true }), 'end'), { token })).status).toBe(200);
    const last = await answers.next();
    expect(last.status).toBe(200);
    await expectInnocentIsWell();
  });
});

describe('A body that is not of this protocol', () => {
  const BAD: [string, string | Uint8Array][] = [
    ['nothing', ''],
    ['an empty line', '\n'],
    ['not UTF-8', Buffer.from([...Buffer.from(lines(opening())), 0x22, 0xff, 0x22, 0x0a])],
    ['half a character', Buffer.from([...Buffer.from(lines(opening())), 0x22, 0xc3])],
    ['UTF-16', Buffer.from(lines(opening()), 'utf16le')],
    ['with a byte order mark', `\ufeff${lines(opening())}`],
    ['no JSON', 'hello\n'],
    ['HTML', '<html></html>\n'],
    ['a form', 'a=1&b=2'],
    ['JSON that is cut', JSON.stringify(opening()).slice(0, -1)],
    ['a header without a line feed', JSON.stringify(opening())],
    ['a message without a line feed', `${lines(opening())}"a"`],
    ['a message without a header', lines('a')],
    ['an acknowledgement for a header', lines(1)],
    ['an array for a header', lines([opening()])],
    ['null for a header', lines(null)],
    ['a close for a header', lines({ ...opening(), close: 1000 })],
    ['a header in the prototype', `{"__proto__":${JSON.stringify(opening())}}\n`],
    [
      'an opening key in the prototype',
      '{"gen":1,"ack":0,"seq":1,"__proto__":{"open":"AAAAAAAAAAAAAAAAAAAAAA"}}\n',
    ],
    ['a header on several lines', `${JSON.stringify(opening(), undefined, 1)}\n`],
    ['no window', lines({ gen: 1, ack: 0, seq: 1, open: 'A'.repeat(22) })],
    ['an acknowledgement behind the header', lines(opening(), 0)],
    ['null behind the header', lines(opening(), null)],
    ['bytes that are no Base64', lines(opening(), ['%%%%'])],
    ['Base64 without padding', lines(opening(), ['SGk'])],
    ['two of bytes in one array', lines(opening(), ['SGk=', 'SGk='])],
    ['neither token nor key', lines(header())],
    ['a key that is too short', lines(opening({ open: 'A'.repeat(21) }))],
    ['a key that is too long', lines(opening({ open: 'A'.repeat(129) }))],
    ['a key that is no base64url', lines(opening({ open: 'A'.repeat(30) + '+/==' }))],
    ['a window that is too small', lines(opening({ window: 65_535 }))],
    ['protocols that are no list', lines(opening({ protocols: 'a' }))],
    ['a stream that nobody knows', lines(opening({ stream: 'all' }))],
    ['pending as a number', lines(opening({ pending: 1 }))],
    ['a heartbeat of 0', lines(opening({ heartbeat: 0 }))],
    ['a close whose code is none', lines(opening(), { close: '1000' })],
  ];

  it.each(BAD)('is answered 400: %s', async (_what, body) => {
    const opened: unknown[] = [];
    const server = await start({ sessions: true }, { open: (socket) => void opened.push(socket) });
    expectError(await reply(server, body), 400, 'malformed');
    expect(opened).toEqual([]);
  });

  it.each(['gen', 'ack', 'seq', 'window', 'wait', 'heartbeat'])(
    'is answered 400 when %s is no number of the protocol',
    async (name) => {
      const { server, expectInnocentIsWell } = await startWithInnocent();
      const { token } = await openByRequest(server);
      for (const value of NUMBERS_THAT_ARE_NONE) {
        expectError(await reply(server, lines(opening({ [name]: value }), 'a')), 400, 'malformed');
        expectError(await reply(server, lines(header({ [name]: value }), 'a'), { token }), 400, 'malformed');
      }
      const { records } = await reply(server, lines(header(), 'taken'), { token });
      expect(records).toMatchObject([{ ack: 1 }, 'taken']);
      await expectInnocentIsWell();
    },
  );

  it('does no harm to its session when it has a token', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { token } = await openByRequest(server);
    for (const [what, body] of BAD) {
      // With a token, and in the same generation, these are good.
      if (['an opening key in the prototype', 'neither token nor key', 'no window'].includes(what)) continue;
      expectError(await reply(server, body, { token }), 400, 'malformed');
    }
    const { records } = await reply(server, lines(header(), 'taken'), { token });
    expect(records).toMatchObject([{ gen: 1, ack: 1 }, 'taken']);
    await expectInnocentIsWell();
  });

  it('may have control records behind its header, which nobody knows', async () => {
    const server = await start({ sessions: true }, echo);
    const { records } = await reply(server, lines(opening(), {}, 'a', { future: [1] }, opening(), 'b'));
    expect(records).toMatchObject([{ gen: 1, ack: 2 }, 'a', 'b']);
  });

  it('leaves no trace in any prototype', async () => {
    const server = await start({ sessions: true }, echo);
    const bad =
      '{"gen":1,"ack":0,"seq":1,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}\n';
    await reply(server, bad);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('The Content-Type', () => {
  it.each([
    undefined,
    '',
    'text/plain',
    'application/json',
    'application/x-www-form-urlencoded',
    `${MEDIA_TYPE}x`,
  ])('that is not the one of sessions is answered 415: %s', async (type) => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const headers = { 'Content-Type': type };
    expectError(await reply(server, lines(opening()), { headers }), 415, 'unsupported');
    await expectInnocentIsWell();
  });
});

function preflight(origin: string): Asking {
  return {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type',
    },
  };
}

/** The names of what says who may read an answer. */
function cors({ headers }: Reply): string[] {
  return Object.keys(headers).filter((name) => name.startsWith('access-control-'));
}

describe('Pages of other origins', () => {
  it('are refused with 403 and nothing that would let them read it', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ origins: [A] });
    const asked = await reply(server, '', preflight(B));
    const posted = await reply(server, lines(opening()), { headers: { Origin: B } });
    const got = await reply(server, '', { method: 'GET', path: '/?ticket=a', headers: { Origin: B } });
    for (const answer of [asked, posted, got]) {
      expectError(answer, 403, 'forbidden');
      expect(cors(answer)).toEqual([]);
    }
    expect(server.connections.size).toBe(1);
    await expectInnocentIsWell();
  });

  it('are all refused where no option says otherwise', async () => {
    const server = await start({ sessions: true }, echo);
    for (const origin of [A, 'null', 'http://127.0.0.1:1', 'file://', 'nonsense']) {
      expectError(await reply(server, lines(opening()), { headers: { Origin: origin } }), 403, 'forbidden');
    }
    const own = `http://127.0.0.1:${server.port}`;
    expect((await reply(server, lines(opening()), { headers: { Origin: own } })).status).toBe(200);
  });

  it('that are allowed learn it by a preflight, and may read the answers', async () => {
    const server = await start({ sessions: true, origins: [A] }, echo);
    const asked = await reply(server, '', preflight(A));
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': A,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization, content-type',
      vary: 'Origin',
    });
    const good = await reply(server, lines(opening()), { headers: { Origin: A } });
    const bad = await reply(server, 'bad', { headers: { Origin: A } });
    expect([good.status, bad.status]).toEqual([200, 400]);
    for (const { headers } of [good, bad]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': A,
        'access-control-allow-credentials': 'true',
        vary: 'Origin',
      });
    }
  });

  it('that are all allowed may read the answers, but not with credentials', async () => {
    const server = await start({ sessions: true, origins: '*' }, echo);
    const asked = await reply(server, '', preflight(B));
    const { headers } = await reply(server, lines(opening()), { headers: { Origin: B } });
    for (const each of [asked.headers, headers]) {
      expect(each['access-control-allow-origin']).toBe('*');
      expect(each['access-control-allow-credentials']).toBeUndefined();
    }
  });

  it('that name none get no such header', async () => {
    const server = await start({ sessions: true, origins: [A] }, echo);
    expect(cors(await reply(server, lines(opening())))).toEqual([]);
  });
});

function get(ticket: string, origin?: string): Asking {
  return { method: 'GET', path: `/?ticket=${ticket}`, headers: { Origin: origin } };
}

/** A session whose stream of events is promised. */
async function promiseEvents(server: { port: number }, origin?: string) {
  const asking = { headers: { Origin: origin } };
  const { token, answer } = await openByRequest(server, asking, { stream: 'events' });
  return { token, ticket: (answer.records[0] as { ticket: string }).ticket };
}

describe('A ticket', () => {
  it('opens one stream of events, and no second one', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { ticket, token } = await promiseEvents(server);
    const stream = await ask(server, '', get(ticket));
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const arrived = new Arrivals<string>();
    stream.setEncoding('utf8').on('data', arrived.push);
    expect(await arrived.next()).toMatch(/^data:\{"gen":1,"ack":0,"seq":1\}\n\n$/);
    const again = await reply(server, '', get(ticket));
    expect([again.status, again.body]).toEqual([204, '']);
    await reply(server, lines(header(), 'kept'), { token });
    expect(await arrived.next()).toBe('data:"kept"\n\n');
    await expectInnocentIsWell();
  });

  it('that nobody gave out is answered 204', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    for (const ticket of ['', 'a', 'A'.repeat(22), '__proto__', '%00', '%']) {
      const answer = await reply(server, '', get(ticket));
      expect([answer.status, answer.body]).toEqual([204, '']);
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
    }
    await expectInnocentIsWell();
  });

  it('of another origin is answered 204, and is good for its own all the same', async () => {
    const server = await start({ sessions: true, origins: [A, B] }, echo);
    const { ticket } = await promiseEvents(server, A);
    expect((await reply(server, '', get(ticket, B))).status).toBe(204);
    expect((await ask(server, '', get(ticket, A))).statusCode).toBe(200);
  });

  it('is good without an origin as well: a page sends none to its own', async () => {
    const server = await start({ sessions: true, origins: [A] }, echo);
    const { ticket } = await promiseEvents(server, A);
    expect((await ask(server, '', get(ticket))).statusCode).toBe(200);
  });

  it('is worth nothing once another carrier is there', async () => {
    const server = await start({ sessions: true }, echo);
    const { ticket, token } = await promiseEvents(server);
    expect((await reply(server, lines(header({ gen: 2, window: 65_536 })), { token })).status).toBe(200);
    expect((await reply(server, '', get(ticket))).status).toBe(204);
  });
});

describe('Requests that are of no session', () => {
  const OTHERS: Asking[] = [
    { method: 'GET' },
    { method: 'GET', path: '/live?tickets=1' },
    { method: 'HEAD', path: '/live?ticket=1' },
    { method: 'PUT', path: '/live' },
    { method: 'DELETE', path: '/live' },
    { method: 'OPTIONS', path: '/live' },
    { method: 'POST', path: '/elsewhere' },
    { method: 'GET', path: '/elsewhere?ticket=1' },
    { method: 'OPTIONS', path: '/elsewhere', headers: { 'Access-Control-Request-Method': 'POST' } },
  ];

  it.each([
    ['node:http', () => createServer((request, response) => response.end(`mine ${request.method}`))],
    [
      'Express',
      () => {
        const app = express();
        app.use((request, response) => void response.send(`mine ${request.method}`));
        return createServer(app);
      },
    ],
  ])('reach the listener of %s, and no others do', async (_what, create) => {
    const http = await listening(create());
    const server = await start(
      { port: undefined, host: undefined, server: http, path: '/live', sessions: true },
      echo,
    );
    for (const asking of OTHERS) {
      const { status, body } = await reply(http, '', asking);
      expect([status, body]).toEqual([200, asking.method === 'HEAD' ? '' : `mine ${asking.method!}`]);
    }
    const client = await attended(http, { path: '/live', carriers: ['long-polling'] });
    expect(await roundTrip(client, 'hello')).toBe('hello');
    expectError(await reply(http, 'bad', { path: '/live' }), 400, 'malformed');
    await server.close();
    expect((await reply(http, 'bad', { path: '/live' })).body).toBe('mine POST');
  });

  it('are told that this is a WebSocket endpoint, on a port of its own', async () => {
    const server = await start({ sessions: true }, echo);
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      expect((await reply(server, '', { method })).status).toBe(426);
    }
  });

  it('are all that is there where sessions are switched off', async () => {
    const server = await start({}, echo);
    expect((await reply(server, lines(opening()))).status).toBe(426);
    const { session, closed } = attend(server);
    expect(await closed).toMatchObject({ code: 1006, wasClean: false });
    expect(session.state).toBe('closed');
  });
});

describe('accept', () => {
  it.each([
    [401, 'unauthorized'],
    [402, 'forbidden'],
    [403, 'forbidden'],
    [418, 'forbidden'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('refuses an opening with %d', async (status, error) => {
    const server = await start({ sessions: true, accept: () => reject(status, 'Not you') }, echo);
    const answer = await reply(server, lines(opening(), 'hello'));
    expectError(answer, status, error);
    expect(answer.records).toEqual([{ error, message: 'Not you' }]);
    const { put, closed } = await openSocket(server);
    put(opening());
    expect(await closed).toEqual([4000 + status, error]);
    expect(server.metrics()).toMatchObject({ connections: 0, pendingHandshakes: 0, acceptedHandshakes: 0 });
  });

  it('may refuse later, and say after how long one may ask again', async () => {
    const server = await start(
      { sessions: true, accept: async () => reject(429, 'Slowly', { 'Retry-After': '7' }) },
      echo,
    );
    const answer = await reply(server, lines(opening()));
    expectError(answer, 429, 'too-many');
    expect(answer.headers['retry-after']).toBe('7');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('that %s refuses with 500, and is reported', async (_what, accept: () => never | Promise<never>) => {
    const errors = new Arrivals<Error>();
    const server = await start({ sessions: true, accept }, { ...echo, error: errors.push });
    expectError(await reply(server, lines(opening())), 500, 'unavailable');
    expect((await errors.next()).message).toBe('broken');
    const { put, closed } = await openSocket(server);
    put(opening());
    expect((await closed)[0]).toBe(4500);
  });

  it('ends the session of a client that is refused for good, which learns why', async () => {
    const server = await start({ sessions: true, accept: () => reject(401) }, echo);
    for (const carrier of ['websocket', 'streaming', 'eventsource', 'long-polling', 'polling'] as const) {
      const { closed, session } = attend(server, { carriers: [carrier] });
      const errors = new Arrivals<Error>();
      session.addEventListener('error', ({ error }) => errors.push(error));
      expect(await closed).toMatchObject({ code: 1006, wasClean: false });
      expect(await errors.next()).toMatchObject({ code: 'ERR_SESSION_REFUSED', status: 401 });
    }
  });

  it('may take its time: what is sent meanwhile comes behind its decision', async () => {
    const decision = deferred<string>();
    const asked = new Arrivals<string>();
    const states: unknown[] = [];
    const server = await start<string>(
      {
        sessions: true,
        accept: ({ url }) => {
          asked.push(url);
          return decision.promise;
        },
      },
      { ...echo, open: (socket) => void states.push(socket.state) },
    );
    const polled = reply(server, lines(opening(), 'a', 'b'), { path: '/one' });
    const { put, next, messages } = await openSocket(server, {}, '/two');
    put(opening(), '.c', '.d');
    expect((await asked.take(2)).toSorted((one, other) => (one < other ? -1 : 1))).toEqual(['/one', '/two']);
    expect(server.metrics()).toMatchObject({ pendingHandshakes: 2, connections: 0 });
    decision.resolve('state');
    expect((await polled).records).toMatchObject([{ gen: 1, ack: 2 }, 'a', 'b']);
    expect(await next()).toMatchObject({ gen: 1 });
    expect(await messages.take(2)).toEqual(['.c', '.d']);
    expect(states).toEqual(['state', 'state']);
  });

  it('is asked once, though the opening is repeated meanwhile: the newest attempt is answered', async () => {
    const decision = deferred<undefined>();
    const asked = new Arrivals<string>();
    const { server, opened } = await startWatched({
      sessions: true,
      accept: ({ url }) => {
        asked.push(url);
        return decision.promise;
      },
    });
    const hello = opening();
    const first = reply(server, lines(hello, 'a'));
    await asked.next();
    const second = reply(server, lines({ ...hello, gen: 2 }, 'a'));
    expectError(await first, 409, 'fenced');
    decision.resolve(undefined);
    expect((await second).records).toMatchObject([{ gen: 2, ack: 1 }]);
    expect([opened.items.length, asked.items.length]).toEqual([1, 0]);
  });
});

describe('Limits', () => {
  it('maxConnections counts plain WebSockets and sessions alike: 503', async () => {
    const server = await start({ sessions: true, maxConnections: 2 }, echo);
    const plain = await connect(server.url);
    onTestFinished(() => plain.terminate());
    const { token } = await openByRequest(server);
    const answer = await reply(server, lines(opening()));
    expectError(answer, 503, 'unavailable');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const { put, closed } = await openSocket(server);
    put(opening());
    expect(await closed).toEqual([4503, 'unavailable']);
    await expect(connect(server.url)).rejects.toMatchObject({ status: 503 });
    // Those that are there go on, and make room when they leave.
    expect((await reply(server, lines(header({ gen: 2, window: 65_536 })), { token })).status).toBe(200);
    await reply(server, lines(header({ gen: 2 }), { close: 1000 }), { token });
    expect((await reply(server, lines(opening()))).status).toBe(200);
  });

  it('maxConnectionsPerAddress: 429', async () => {
    const server = await start({ sessions: true, maxConnectionsPerAddress: 1 }, echo);
    await openByRequest(server);
    const answer = await reply(server, lines(opening()));
    expectError(answer, 429, 'too-many');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const { put, closed } = await openSocket(server);
    put(opening());
    expect(await closed).toEqual([4429, 'too-many']);
  });

  it('maxConnections counts the WebSockets of sessions that have not said which: 503', async () => {
    const server = await start({ sessions: true, maxConnections: 2 }, echo);
    const waiting = [await openSocket(server), await openSocket(server)];
    await expect(openSocket(server)).rejects.toThrow('503');
    waiting[0]!.put(opening());
    expect(await waiting[0]!.next()).toMatchObject({ gen: 1 });
    const { put, next } = await openSocket(server);
    put(opening());
    expect(await next()).toMatchObject({ gen: 1 });
  });

  it('maxSessions counts those that are not decided about', async () => {
    const decision = deferred<undefined>();
    const server = await start({ sessions: { maxSessions: 2 }, accept: () => decision.promise }, echo);
    const asked = [1, 2].map(() => reply(server, lines(opening())));
    await until(() => server.metrics().pendingHandshakes === 2);
    expectError(await reply(server, lines(opening())), 503, 'unavailable');
    decision.resolve(undefined);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('maxSessions: 503, and plain WebSockets do not count', async () => {
    const server = await start({ sessions: { maxSessions: 1 } }, echo);
    await openByRequest(server);
    const answer = await reply(server, lines(opening()));
    expectError(answer, 503, 'unavailable');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const plain = await connect(server.url);
    onTestFinished(() => plain.terminate());
    expect(plain.readyState).toBe(1);
  });
});

describe('A WebSocket for a session', () => {
  it('has 16,384 bytes for its first message, and as many as it wants for the others', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const most = { ...opening(), future: '' };
    most.future = 'x'.repeat(16_384 - JSON.stringify(most).length);
    const { put, next, messages } = await openSocket(server);
    put(most);
    await next();
    put(`.${'y'.repeat(100_000)}`);
    expect(await messages.next()).toHaveLength(100_001);
    const greedy = await openSocket(server);
    greedy.put({ ...most, future: `${most.future}x` });
    expect((await greedy.closed)[0]).toBe(1009);
    await expectInnocentIsWell();
  });

  it('that says nothing is closed after handshakeTimeout', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent({ handshakeTimeout: 200 });
    const { closed, messages } = await openSocket(server);
    expect((await closed)[0]).toBe(1008);
    expect(messages.items).toEqual([]);
    await expectInnocentIsWell();
  });

  it('counts as no connection before it has said which session it is for', async () => {
    const server = await start({ sessions: true, maxConnections: 1 }, echo);
    await openSocket(server);
    expect(server.connections.size).toBe(0);
    await openByRequest(server);
    expect(server.connections.size).toBe(1);
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing at all', ''],
    ['garbage', 'garbage'],
    ['a message', '.hello'],
    ['bytes', Buffer.from([1, 2, 3])],
    ['an acknowledgement', '0'],
    ['an array', '[]'],
    ['JSON that is cut', '{"gen":1'],
    ['an empty header', '{}'],
    ['a close', '{"close":1000}'],
    ['a line', lines(opening()).replace('{', ' {')],
    ['no token and no key', JSON.stringify(header())],
    ['a float', JSON.stringify(opening({ gen: 1.5 }))],
  ])('that begins with %s is closed with 4400', async (_what, first) => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { put, closed } = await openSocket(server);
    put(first);
    expect(await closed).toEqual([4400, 'malformed']);
    await expectInnocentIsWell();
  });

  it.each(['', 'garbage', '-1', '1.5', '"a"', '["SGk="]', '{', '{"close":1}x', '{"close":"1000"}'])(
    'that goes on with %j is closed with 4400, and its session lives',
    async (garbage) => {
      const { server, expectInnocentIsWell } = await startWithInnocent();
      const { put, next, closed } = await openSocket(server);
      put(opening());
      const { token } = (await next()) as { token: string };
      put(garbage);
      expect(await closed).toEqual([4400, 'malformed']);
      const { records } = await reply(server, lines(header({ gen: 2, window: 65_536 }), 'here'), { token });
      expect(records).toMatchObject([{ gen: 2, ack: 1 }, 'here']);
      await expectInnocentIsWell();
    },
  );

  it('that sends a second header goes on as it was', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const { put, next, messages } = await openSocket(server);
    put(opening());
    const { token } = await next();
    put({ ...header({ gen: 2, window: 65_536 }), token }, opening(), { future: true }, '.here');
    expect(await messages.next()).toBe('.here');
    const attach = header({ gen: 2, seq: 2, window: 65_536 });
    expect((await reply(server, lines(attach, 'x'), { token: String(token) })).status).toBe(200);
    await expectInnocentIsWell();
  });

  it('skips by seq what was acknowledged meanwhile, and is closed with 4400 when that goes back', async () => {
    const { server, expectInnocentIsWell } = await startWithInnocent();
    const before = await openSocket(server);
    before.put(opening());
    const { token } = await before.next();
    before.put('.1', '.2');
    expect(await before.messages.take(2)).toEqual(['.1', '.2']);
    const { put, next, messages, closed } = await openSocket(server);
    put({ ...header({ gen: 2, ack: 2, window: 65_536 }), token }, '.1', { seq: 3 }, '.3', '.4');
    expect(await next()).toMatchObject({ gen: 2, ack: 2 });
    expect(await messages.take(2)).toEqual(['.3', '.4']);
    put({ seq: 4 });
    expect(await closed).toEqual([4400, 'malformed']);
    await expectInnocentIsWell();
  });

  it('of a foreign origin is refused before it is one', async () => {
    const server = await start({ sessions: true, origins: [A] }, echo);
    await expect(openSocket(server, { origin: B })).rejects.toThrow('403');
    await openSocket(server, { origin: A });
  });
});

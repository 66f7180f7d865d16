import { expect, test } from 'vitest';
import { SessionServer, type SessionOpening } from './server.js';
import { SERVER_SETTINGS } from './test-model.js';
import { TestNetwork } from './test-network.js';
import type { ServerSession } from './server-session.js';
import { VirtualTime, randomOf } from './test-time.js';

const OPENING = `{"gen":1,"ack":0,"seq":1,"window":65536,"open":"${'k'.repeat(22)}"}\n`;

/** A server that accepts all, and closes what it has accepted. */
function startClosing() {
  const time = new VirtualTime();
  const ends: [time: number, code: number][] = [];
  let session: ServerSession | undefined;
  const settings = { ...SERVER_SETTINGS, closeTimeout: 5_000, resumeTimeout: 60_000 };
  const network = new TestNetwork(time, randomOf(1), settings, {
    decide: (_from, _protocols, opening) =>
      opening.accept('', (accepted) => {
        session = accepted;
        return {
          isWilling: true,
          onMessage: () => {},
          onSent: () => {},
          onEnd: ({ code }) => void ends.push([time.now(), code]),
        };
      }),
  });
  const { server } = network;
  const visitor = network.asker('');
  /** A request of the session, which asks and says nothing. */
  const ask = (body: string): void => {
    server.request(visitor, session, body, {
      answer: () => {},
      nothing: () => {},
      stream: () => ({ write: () => true, end: () => {} }),
      onGone: undefined,
      hasGoneOut: true,
      abandon: () => {},
    });
  };
  const close = (): void => session!.close(3000, '');
  return { time, ends, server, ask, close, send: (text: string) => session!.send(text) };
}

test('a session that closes is given up when its client does not answer within closeTimeout', () => {
  const { time, ends, ask, close } = startClosing();
  ask(OPENING.replace('"open"', '"stream":"lines","open"'));
  close();
  time.pass(4_999);
  expect(ends).toEqual([]);
  time.pass(1);
  expect(ends).toEqual([[5_000, 1006]]);
});

test('a session that closes gives its client time as long as that goes on taking what was sent before', () => {
  const { time, ends, ask, close, send } = startClosing();
  ask(OPENING.replace('"open"', '"stream":"lines","open"'));
  for (let number = 1; number <= 8; number++) send(`${number}`);
  close();
  for (let ack = 1; ack <= 8; ack++) {
    time.pass(4_000);
    ask(`{"gen":1,"ack":${ack},"seq":1}\n`);
  }
  expect(ends).toEqual([]);
  ask('{"gen":1,"ack":9,"seq":1}\n');
  expect(ends).toEqual([[32_000, 3000]]);
});

test('a session that closes is given up when its client asks on but does not answer', () => {
  const { time, ends, ask, close } = startClosing();
  ask(OPENING);
  close();
  for (let second = 1; second <= 5; second++) {
    expect(ends).toEqual([]);
    time.pass(1_000);
    ask('{"gen":1,"ack":0,"seq":1}\n');
  }
  expect(ends).toEqual([[5_000, 1006]]);
});

test('a session that closes waits for a client that nothing carries', () => {
  const { time, ends, ask, close } = startClosing();
  ask(OPENING);
  close();
  // Whoever polls is there until the next request is due, a heartbeat later.
  time.pass(79_999);
  expect(ends).toEqual([]);
  time.pass(1);
  expect(ends).toEqual([[80_000, 1006]]);
});

test('a session whose client left before it was accepted ends when nobody comes for it', () => {
  const time = new VirtualTime();
  let opening: SessionOpening | undefined;
  const network = new TestNetwork(
    time,
    randomOf(1),
    { ...SERVER_SETTINGS, resumeTimeout: 60_000 },
    {
      decide: (_from, _protocols, asked) => {
        opening = asked;
      },
    },
  );
  const { server } = network;
  expect(server).toBeInstanceOf(SessionServer);
  const link = { send: () => true, close: () => {}, pause: () => {}, resume: () => {} };
  const socket = server.socket(network.asker(''), link);
  socket.receive(OPENING.trimEnd());
  socket.close();
  let ended = 0;
  opening!.accept('', () => ({
    isWilling: true,
    onMessage: () => {},
    onSent: () => {},
    onEnd: () => void ended++,
  }));
  expect([server.size, ended]).toEqual([1, 0]);
  time.pass(60_001);
  expect([server.size, ended]).toEqual([0, 1]);
});

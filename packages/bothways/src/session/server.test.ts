import { expect, test } from 'vitest';
import { SessionServer, type SessionOpening } from './server.js';
import { SessionSocket } from './server-socket.js';
import { SERVER_SETTINGS } from './test-model.js';
import { TestNetwork } from './test-network.js';
import { VirtualTime, randomOf } from './test-time.js';

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
  const socket = new SessionSocket(server, { binding: '' }, link);
  socket.receive(`{"gen":1,"ack":0,"seq":1,"window":65536,"open":"${'k'.repeat(22)}"}`);
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

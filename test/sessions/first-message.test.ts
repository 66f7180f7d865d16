import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { Session } from 'bothways/session';
import { expect, onTestFinished, test } from 'vitest';
import { portOf } from '../peers/start.js';
import { messagesOf, numbered, startEndpoint } from './endpoint.js';

/** What becomes of a request for a WebSocket: it is passed on, never answered, or answered with 400. */
type Treatment = 'pass' | 'hang' | 'refuse';

/** What stands in front of a server, passes all requests on, and treats WebSockets as it is told. */
interface Front extends AsyncDisposable {
  readonly url: string;
  treatment: Treatment;
  /** How many requests for WebSockets came until now. */
  readonly upgrades: number;
  /** Cuts the WebSockets that were passed on, and returns how many. */
  cutWebSockets(): number;
}

async function startFront(targetPort: number, treatment: Treatment): Promise<Front> {
  const sockets = new Set<Socket>();
  const webSockets = new Set<Socket>();
  let upgrades = 0;
  const server = createServer({ noDelay: true }, (client) => {
    sockets.add(client);
    client.on('error', () => {}); // one that is left hanging is reset
    client.once('close', () => sockets.delete(client));
    // All connections of a client are for one or the other, and a head comes in one piece.
    client.once('data', (head) => {
      const isUpgrade = /^upgrade: *websocket/im.test(head.toString('latin1'));
      if (isUpgrade) upgrades++;
      const todo = isUpgrade ? front.treatment : 'pass';
      if (todo === 'refuse') client.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      if (todo !== 'pass') {
        client.resume();
        return;
      }
      if (isUpgrade) {
        webSockets.add(client);
        client.once('close', () => webSockets.delete(client));
      }
      const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      target.write(head);
      pipeline(client, target, () => {});
      pipeline(target, client, () => {});
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const front: Front = {
    url: `http://127.0.0.1:${portOf(server)}/live`,
    treatment,
    get upgrades() {
      return upgrades;
    },
    cutWebSockets() {
      const { size } = webSockets;
      for (const socket of webSockets) socket.resetAndDestroy();
      return size;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return front;
}

/** A session through a front that treats WebSockets so, to a server that sends back what it gets. */
async function open(treatment: Treatment) {
  const endpoint = await startEndpoint({ echo: true });
  onTestFinished(() => endpoint[Symbol.asyncDispose]());
  const front = await startFront(endpoint.port, treatment);
  onTestFinished(() => front[Symbol.asyncDispose]());
  const began = performance.now();
  const session = new Session(front.url);
  const messages = messagesOf(session);
  return { front, session, messages, began };
}

test.each([
  ['that is never answered', 'hang'],
  ['that is refused with 400', 'refuse'],
] as const)('behind a WebSocket %s the first message is back within a second', async (_, treatment) => {
  const { front, session, messages, began } = await open(treatment);
  session.send('first');
  expect(await messages.next()).toBe('first');
  const took = performance.now() - began;
  expect(took, `it took ${took.toFixed()} ms`).toBeLessThan(1_000);
  expect(front.upgrades).toBe(1);
  expect(session.carrier).toBe('streaming');
});

test.each([
  ['that passes WebSockets again', 'pass', 'websocket'],
  ['that lets WebSockets hang from then on', 'hang', 'streaming'],
  ['that refuses WebSockets from then on', 'refuse', 'streaming'],
] as const)(
  'a session whose WebSocket worked, and is cut by a network %s, loses and repeats nothing',
  async (_, treatment, carrier) => {
    const { front, session, messages } = await open('pass');
    session.send('first');
    expect(await messages.next()).toBe('first');
    expect(session.carrier).toBe('websocket');

    front.treatment = treatment;
    const sent = numbered('message', 100);
    for (const message of sent.slice(0, 50)) session.send(message);
    const began = performance.now();
    const resumed = new Promise((resolve) => session.addEventListener('resume', resolve, { once: true }));
    expect(front.cutWebSockets()).toBe(1);
    for (const message of sent.slice(50)) session.send(message);

    expect(await messages.take(100)).toEqual(sent);
    const took = performance.now() - began;
    // A random wait of up to half a second before it reconnects, and half a second until it tries the next carrier.
    expect(took, `it took ${took.toFixed()} ms`).toBeLessThan(2_000);
    expect(await resumed).toMatchObject({ resumed: true, unacknowledged: [] });
    expect(session.carrier).toBe(carrier);
    expect(front.upgrades).toBe(2);
    session.send('last');
    expect(await messages.next()).toBe('last');
  },
);

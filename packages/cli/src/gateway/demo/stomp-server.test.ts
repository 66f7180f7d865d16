import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MessageSplitter, stomp } from 'bothways/subprotocols';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startStompServer } from './stomp-server.js';
import type { TcpServer } from './tcp-server.js';

let server: TcpServer;
let clients: TestClient[] = [];

beforeAll(async () => {
  server = await startStompServer();
});

afterEach(() => {
  for (const client of clients) client.socket.destroy();
  clients = [];
});

afterAll(async () => server.close());

/** Writes frames as text, and reads them so; NUL is `^`. */
class TestClient {
  readonly socket: Socket;
  readonly #frames: string[] = [];
  readonly #splitter = new MessageSplitter(stomp.fromServer(), 2 ** 20);
  #seen: () => void = () => {};
  hasEnded = false;

  constructor() {
    this.socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    clients.push(this);
    this.socket.on('data', (bytes) => {
      this.#splitter.push(bytes, (frame) =>
        this.#frames.push(Buffer.from(frame).toString().replace('\0', '^')),
      );
      this.#seen();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.hasEnded = true;
      this.#seen();
    });
  }

  write(...lines: string[]): void {
    this.socket.write(lines.join('\n').replace('^', '\0'));
  }

  /** The next frame. */
  async next(): Promise<string> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.hasEnded) throw new Error('The server has ended the connection');
      await new Promise<void>((resolve) => (this.#seen = resolve));
    }
  }
}

async function connected(): Promise<TestClient> {
  const client = new TestClient();
  client.write('CONNECT', 'accept-version:1.1,1.2', 'host:demo', '', '^');
  expect(await client.next()).toBe(
    'CONNECTED\nversion:1.2\nserver:bothways-demo\nheart-beat:10000,10000\n\n^',
  );
  return client;
}

/** Waits until all that was written before has been done. */
async function settled(client: TestClient): Promise<string> {
  client.write('UNSUBSCRIBE', 'id:none', '', '^');
  return client.next();
}

describe('the STOMP server of the demonstration', () => {
  it('sends what is sent to a topic to all who have subscribed to it', async () => {
    const [ada, eve] = [await connected(), await connected()];
    for (const client of [ada, eve]) {
      client.write('SUBSCRIBE', 'id:7', 'destination:/topic/a', 'receipt:s', '', '^');
      expect(await client.next()).toBe('RECEIPT\nreceipt-id:s\n\n^');
    }
    ada.write('SEND', 'destination:/topic/a', 'content-type:text/plain', 'x\\c:y', '', 'Hello^');
    const [one, other] = [await ada.next(), await eve.next()];
    expect(one).toBe(other);
    expect(one).toMatch(
      /^MESSAGE\nsubscription:7\nmessage-id:\d+\ndestination:\/topic\/a\ncontent-type:text\/plain\nx\\c:y\ncontent-length:5\n\nHello\^$/,
    );
  });

  it('sends no more to who has unsubscribed', async () => {
    const [ada, eve] = [await connected(), await connected()];
    for (const id of ['1', '2']) ada.write('SUBSCRIBE', `id:${id}`, 'destination:/topic/b', '', '^');
    ada.write('UNSUBSCRIBE', 'id:1', 'receipt:u', '', '^');
    expect(await ada.next()).toBe('RECEIPT\nreceipt-id:u\n\n^');
    eve.write('SEND', 'destination:/topic/b', '', '^');
    expect(await ada.next()).toContain('subscription:2\n');
    eve.write('SEND', 'destination:/topic/b', '', 'Again^');
    expect(await ada.next()).toContain('subscription:2\n');
  });

  it('answers DISCONNECT with its receipt, and ends', async () => {
    const ada = await connected();
    const ended = once(ada.socket, 'close');
    ada.write('DISCONNECT', 'receipt:bye', '', '^');
    expect(await ada.next()).toBe('RECEIPT\nreceipt-id:bye\n\n^');
    await ended;
  });

  it('takes frames however they are cut', async () => {
    const ada = new TestClient();
    ada.socket.setNoDelay(true);
    for (const byte of 'STOMP\naccept-version:1.2\nhost:demo\n\n^') ada.write(byte);
    expect(await ada.next()).toContain('CONNECTED\n');
  });

  it.each([
    ['SEND before CONNECT', ['SEND', 'destination:/a', '', '^'], 'CONNECT has to come first', false],
    ['another version', ['CONNECT', 'accept-version:1.0,1.1', '', '^'], 'Only STOMP 1.2', false],
    [
      'a heart-beat that is none',
      ['CONNECT', 'accept-version:1.2', 'heart-beat:1', '', '^'],
      'two numbers',
      false,
    ],
    ['what is no STOMP', ['SEND', 'destination', '', '^'], 'no colon', false],
    ['a frame that is too large', ['SEND', `x:${'a'.repeat(70_000)}`], 'larger than maxMessageSize', false],
    ['a second CONNECT', ['CONNECT', 'accept-version:1.2', '', '^'], 'there already', true],
    [
      'a command that it does not speak',
      ['BEGIN', 'transaction:1', '', '^'],
      'BEGIN is not spoken here',
      true,
    ],
    ['SEND without a destination', ['SEND', '', '^'], 'The header destination is missing', true],
    ['a transaction', ['SEND', 'destination:/a', 'transaction:1', '', '^'], 'no transactions', true],
    ['ack', ['SUBSCRIBE', 'id:1', 'destination:/a', 'ack:client', '', '^'], 'Only ack\\cauto', true],
    ['a subscription that is not there', ['UNSUBSCRIBE', 'id:9', '', '^'], 'no subscription 9', true],
  ])('refuses %s by ERROR, and ends', async (_what, lines, why, isConnected) => {
    const client = isConnected ? await connected() : new TestClient();
    const ended = once(client.socket, 'close');
    client.write(...lines);
    const error = await client.next();
    expect(error).toMatch(/^ERROR\n/);
    expect(error).toContain(why);
    await ended;
  });

  it('says in ERROR which receipt will not come', async () => {
    const ada = await connected();
    ada.write('SEND', 'receipt:r1', '', '^');
    expect(await ada.next()).toContain('receipt-id:r1\n');
  });

  it('refuses the 65th subscription of a connection', async () => {
    const ada = await connected();
    for (let id = 0; id <= 64; id++) ada.write('SUBSCRIBE', `id:${id}`, `destination:/topic/${id}`, '', '^');
    expect(await ada.next()).toContain('at most 64 subscriptions');
  });

  it('forgets who is gone', async () => {
    const [ada, eve] = [await connected(), await connected()];
    eve.write('SUBSCRIBE', 'id:1', 'destination:/topic/c', 'receipt:s', '', '^');
    await eve.next();
    const gone = once(eve.socket, 'close');
    eve.socket.destroy();
    await gone;
    ada.write('SEND', 'destination:/topic/c', '', 'For nobody^');
    expect(await settled(ada)).toContain('There is no subscription none');
  });

  it('cuts who does not read', async () => {
    const [ada, eve] = [await connected(), await connected()];
    eve.write('SUBSCRIBE', 'id:1', 'destination:/topic/d', 'receipt:s', '', '^');
    await eve.next();
    const cut = once(eve.socket, 'close');
    eve.socket.pause();
    const frame = `SEND\ndestination:/topic/d\n\n${'a'.repeat(60_000)}\0`;
    // What the sockets of this machine take by themselves goes beside what the server keeps.
    for (let count = 0; count < 400; count++) {
      if (!ada.socket.write(frame)) await once(ada.socket, 'drain');
    }
    expect(await settled(ada)).toContain('There is no subscription none');
    eve.socket.resume();
    await cut;
  });
});

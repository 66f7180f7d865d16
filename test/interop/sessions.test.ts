import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CarrierName, type CloseInfo, type Connection, reject, serve, type Server } from 'bothways';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The session protocol with a client that was written in Python from PROTOCOL.md alone: ../peers/session_client.py,
// which tells what its commands and events are.

const carriers: readonly CarrierName[] = [
  'websocket',
  'streaming',
  'eventsource',
  'long-polling',
  'polling',
  'postback',
];

// Debian's own interpreter, which has Debian's packages; another may come first in PATH.
const python = '/usr/bin/python3';
const program = fileURLToPath(new URL('../peers/session_client.py', import.meta.url));
const install = 'apt-get install -y --no-install-recommends python3-websockets';

/** The smallest that there is, so that a sender often has to wait for acknowledgements. */
const window = 65_536;
const secondsToHappen = 15;

type Item = string | Buffer;

/** What the client tells. */
type ClientEvent =
  | { readonly event: 'open'; readonly session: string }
  | { readonly event: 'attached'; readonly gen: number; readonly carrier: CarrierName }
  | { readonly event: 'message'; readonly text?: string; readonly base64?: string }
  | { readonly event: 'closed'; readonly code: number; readonly reason: string }
  | { readonly event: 'failed'; readonly error: string; readonly status: number };

/** One session: the client's process, and what both ends see. */
class Talk implements AsyncDisposable {
  readonly path: string;
  /** What the client's application got. */
  readonly received: Item[] = [];
  /** What the server's application got, and what it sent: the same, unless a test has it send more. */
  readonly echoed: Item[] = [];
  readonly sent: Item[] = [];
  /** The ids of sessions that the client opened: one, unless it lost one. */
  readonly opened: string[] = [];
  readonly attached: { readonly gen: number; readonly carrier: CarrierName }[] = [];
  readonly sockets: Connection<Talk, Buffer>[] = [];
  /** How it ended for the client's application, and for the server's. */
  clientSaw: { readonly code: number; readonly reason: string } | undefined;
  serverSaw: CloseInfo | undefined;

  readonly #child: ChildProcessWithoutNullStreams;
  readonly #said: string[] = [];
  readonly #waiting = new Set<() => void>();
  #failure: string | undefined;
  #hasEnded = false;

  constructor(url: string, carrier: CarrierName) {
    if (!existsSync(python)) throw new Error(`${python} is missing. Install it: ${install}`);
    this.path = new URL(url).pathname;
    this.#child = spawn(python, [program, url, carrier], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#take(JSON.parse(line) as ClientEvent);
      this.happened();
    });
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#said.push(line));
    this.#child.stdin.on('error', () => {}); // that it has ended is seen below
    this.#child.on('close', (code, signal) => {
      this.#hasEnded = true;
      if (code !== 0) this.#failure ??= `ended with ${signal ?? code}`;
      this.happened();
    });
  }

  get socket(): Connection<Talk, Buffer> {
    return this.sockets[0]!;
  }

  get carrier(): CarrierName | undefined {
    return this.attached.at(-1)?.carrier;
  }

  #take(event: ClientEvent): void {
    switch (event.event) {
      case 'open':
        this.opened.push(event.session);
        break;
      case 'attached':
        this.attached.push({ gen: event.gen, carrier: event.carrier });
        break;
      case 'message':
        this.received.push(event.text ?? Buffer.from(event.base64!, 'base64'));
        break;
      case 'closed':
        this.clientSaw = { code: event.code, reason: event.reason };
        break;
      case 'failed':
        this.#failure = `gave up: ${event.error} (${event.status})`;
        break;
    }
  }

  do(...commands: readonly object[]): void {
    this.#child.stdin.write(commands.map((command) => `${JSON.stringify(command)}\n`).join(''));
  }

  send(...items: readonly Item[]): void {
    this.do(
      ...items.map((item) => ({
        do: 'send',
        ...(typeof item === 'string' ? { text: item } : { base64: item.toString('base64') }),
      })),
    );
  }

  /** Takes the server's end. */
  async watch(socket: Connection<Talk, Buffer>): Promise<void> {
    this.sockets.push(socket);
    this.happened();
    this.serverSaw = await socket.closed;
    this.happened();
  }

  echo(item: Item): void {
    this.echoed.push(item);
    this.say(item);
    this.fetch();
    this.happened();
  }

  /** Sends something from the server. */
  say(item: Item): void {
    this.sent.push(item);
    this.socket.send(item);
  }

  /** What the server says to a client that is carried by postback waits until it is asked for. */
  fetch(): void {
    if (this.carrier === 'postback') this.do({ do: 'poll' });
  }

  readonly happened = (): void => {
    for (const look of this.#waiting) look();
  };

  /** Waits until something is so; looks whenever either end has seen something. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let look: (() => void) | undefined;
    const why = await new Promise<string | undefined>((resolve) => {
      look = () => {
        if (this.#failure !== undefined) resolve(this.#failure);
        else if (isTrue()) resolve(undefined);
        else if (this.#hasEnded && this.serverSaw !== undefined) resolve('ended');
      };
      timer = setTimeout(() => resolve(`took longer than ${secondsToHappen} s`), secondsToHappen * 1000);
      this.#waiting.add(look);
      look();
    });
    clearTimeout(timer);
    this.#waiting.delete(look!);
    if (why === undefined) return;
    const said = this.#said.slice(-20).join('\n  ') || '(nothing)';
    const seen = `${this.echoed.length} echoed, ${this.received.length} received, ${JSON.stringify(this.attached.at(-1))}`;
    throw new Error(`${program}: waited until ${what}, but it ${why} (${seen}). It said:\n  ${said}`);
  }

  async isOpen(): Promise<void> {
    await this.until('it is open', () => this.attached.length > 0 && this.sockets.length > 0);
  }

  /** Does something that attaches another carrier, and waits until that is attached. */
  async attach(command: object): Promise<void> {
    const before = this.attached.length;
    this.do(command);
    await this.until(`${JSON.stringify(command)} is done`, () => this.attached.length > before);
    this.fetch();
  }

  async hasClosed(): Promise<void> {
    await this.until('both ends have closed and the client has ended', () => {
      return this.clientSaw !== undefined && this.serverSaw !== undefined && this.#hasEnded;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    const gone = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }
}

let server: Server<Talk>;
const talks = new Map<string, Talk>();

beforeAll(async () => {
  server = await serve<Talk>(
    {
      port: 0,
      host: '127.0.0.1',
      sessions: { window },
      accept: ({ url }) => talks.get(url) ?? reject(403),
    },
    {
      open(socket) {
        void socket.state.watch(socket);
      },
      message: (socket, data) => socket.state.echo(data),
    },
  );
});

afterAll(async () => {
  for (const talk of talks.values()) await talk[Symbol.asyncDispose]();
  await server?.close({ timeout: 0 });
});

/** Begins a session, at a path of its own. */
function begin(carrier: CarrierName): Talk {
  const talk = new Talk(`http://127.0.0.1:${server.port}/${talks.size}`, carrier);
  talks.set(talk.path, talk);
  return talk;
}

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${from + i} ${'.'.repeat(250)}`);

/**
 * The server closes; then it must have got these messages, and the client what the server has sent, once and in order,
 * in one session. As the close is the server's last message, the client has seen all that there are.
 */
async function expectEchoed(talk: Talk, items: readonly Item[]): Promise<void> {
  talk.socket.close(4000, 'the end');
  talk.fetch();
  await talk.hasClosed();
  expect(talk.clientSaw).toEqual({ code: 4000, reason: 'the end' });
  expect(talk.echoed).toEqual(items);
  expect(talk.received).toEqual(talk.sent);
  expect(talk.opened).toHaveLength(1);
  expect(talk.sockets).toHaveLength(1);
}

/**
 * The client sends numbered messages all the time, some of which are always on the way, until each of the commands has
 * attached another carrier. At each the server sends more than the client will have read when it obeys. Then the session
 * ends, and both ends must have got what was sent.
 */
async function expectTraffic(talk: Talk, commands: readonly object[]): Promise<void> {
  const underWay = 12;
  const burst = 100_000;
  const sent: string[] = [];
  let goesOn = true;
  const send = () => {
    const next = numbered(sent.length, talk.echoed.length + underWay - sent.length);
    sent.push(...next);
    talk.send(...next);
  };
  const traffic = talk.until('all is echoed', () => {
    if (goesOn) send();
    return !goesOn && talk.echoed.length === sent.length && talk.received.length >= talk.sent.length;
  });
  const controls = async () => {
    await talk.isOpen();
    for (const [i, command] of commands.entries()) {
      const before = talk.echoed.length;
      await talk.until('the server gets more', () => talk.echoed.length > before + underWay / 2);
      for (const letter of 'abcd') talk.say(letter.repeat(burst) + i);
      expect(talk.echoed.length).toBeLessThan(sent.length);
      await talk.attach(command);
    }
    goesOn = false;
    talk.happened();
  };
  await Promise.all([traffic, controls()]);
  await expectEchoed(talk, sent);
}

describe.each(carriers)('a Python client on %s', (carrier) => {
  test('gets back every kind of message', async () => {
    const messages: Item[] = [
      'Hello',
      '',
      '😀 👩‍👩‍👧‍👦 ünïcode ✓ \u2028\u2029\uFEFF\uFFFF',
      Array.from({ length: 0xa1 }, (_, code) => String.fromCodePoint(code)).join(''),
      'one\ntwo\r\nthree\rfour\n',
      '.a full stop',
      '{"close":1000}',
      '17',
      '"\\/',
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      Buffer.alloc(0),
      'x'.repeat(200_000),
      '\u0001'.repeat(200_000), // longer, over HTTP, than a request that opens may be
      '😀'.repeat(100_000),
      Buffer.alloc(200_000, 'bytes'),
    ];
    await using talk = begin(carrier);
    talk.send(...messages);
    await talk.until('all is echoed', () => talk.received.length >= messages.length);
    // A server cannot tell the two apart.
    expect(talk.socket.carrier).toBe(carrier === 'postback' ? 'polling' : carrier);
    await expectEchoed(talk, messages);
    expect(talk.attached).toEqual([{ gen: 1, carrier }]);
  });

  test('gets back 500 messages, once and in order', async () => {
    const messages = numbered(0, 500);
    await using talk = begin(carrier);
    await talk.isOpen();
    talk.send(...messages);
    await talk.until('all is echoed', () => talk.received.length >= messages.length);
    await expectEchoed(talk, messages);
    expect(talk.attached).toEqual([{ gen: 1, carrier }]);
  });

  test('closes, after what it has sent', async () => {
    const messages = numbered(0, 3);
    await using talk = begin(carrier);
    await talk.isOpen();
    talk.send(...messages);
    talk.do({ do: 'close', code: 4321, reason: 'enough ✓' });
    talk.send('too late');
    await talk.hasClosed();
    expect(talk.echoed).toEqual(messages);
    expect(talk.serverSaw).toMatchObject({
      code: 4321,
      reason: 'enough ✓',
      wasClean: true,
      initiator: 'remote',
    });
    expect(talk.clientSaw).toMatchObject({ code: 4321 });
  });

  test('is closed, after what the server has sent', async () => {
    const messages = numbered(0, 3);
    await using talk = begin(carrier);
    await talk.isOpen();
    for (const message of messages) talk.socket.send(message);
    talk.socket.close(3999, 'éteint 🌒');
    talk.fetch();
    await talk.hasClosed();
    expect(talk.received).toEqual(messages);
    expect(talk.clientSaw).toEqual({ code: 3999, reason: 'éteint 🌒' });
    expect(talk.serverSaw).toMatchObject({ wasClean: true, initiator: 'local' });
  });

  test('is cut 20 times, and loses and repeats nothing', async () => {
    await using talk = begin(carrier);
    await expectTraffic(
      talk,
      Array.from({ length: 20 }, () => ({ do: 'cut' })),
    );
    expect(talk.attached.length).toBeGreaterThan(20);
    expect(talk.attached.every((it) => it.carrier === carrier)).toBe(true);
  });

  test('moves to every other carrier and back, and loses and repeats nothing', async () => {
    const path = carriers.filter((other) => other !== carrier).flatMap((other) => [other, carrier]);
    await using talk = begin(carrier);
    await expectTraffic(
      talk,
      path.map((to) => ({ do: 'switch', carrier: to })),
    );
    expect(talk.attached.map((it) => it.carrier)).toEqual([carrier, ...path]);
  });
});

import type { CarrierName, CloseInfo } from '../protocol/contract.js';
import { ClientSession, type ClientSettings, type SessionEnd } from './client.js';
import type { Content } from './records.js';
import type { ServerSession, SessionOwner } from './server-session.js';
import { FINE, TestNetwork, type Weather } from './test-network.js';
import { VirtualTime, randomOf } from './test-time.js';

const CARRIERS: readonly CarrierName[] = [
  'websocket',
  'streaming',
  'eventsource',
  'long-polling',
  'polling',
  'postback',
];

export const CLIENT_SETTINGS: ClientSettings = {
  carriers: CARRIERS.slice(0, 5),
  remembers: true,
  protocols: [],
  backoff: { base: 500, cap: 5_000 },
  fallbackDelay: 500,
  connectTimeout: 10_000,
  closeTimeout: 60_000,
  pollInterval: 500,
  window: 65_536,
  renew: true,
};

export const SERVER_SETTINGS = {
  window: 65_536,
  maxMessage: 1_048_576,
  heartbeat: 20_000,
  resumeTimeout: 900_000,
  closeTimeout: 300_000,
  tokenLifetime: 86_400,
};

/** How long the network misbehaves, and how long it then may take until all has arrived, milliseconds. */
const STORM = 60_000;
const CALM = 1_200_000;

/** One side: what it sent, and what came to it. */
class Side {
  readonly sent: Content[] = [];
  readonly received: Content[] = [];
  isWilling = true;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** Another one that knows so much of what this one knew. */
  goOn(name: string, received: number, sent: number): Side {
    const next = new Side(name);
    next.received.push(...this.received.slice(0, received));
    next.sent.push(...this.sent.slice(0, sent));
    next.isWilling = this.isWilling;
    return next;
  }

  /** The next message: a text or bytes that say which one they are; once in a while a large one. */
  next(random: () => number): Content {
    const text = `${this.#name}${this.sent.length}`;
    const kind = random();
    const content = kind < 0.1 ? new Uint8Array(Buffer.from(text)) : kind < 0.13 ? text.padEnd(30_000) : text;
    this.sent.push(content);
    return content;
  }
}

/** What happens to the servers. */
export interface ModelServers {
  /** How many there are; any of them gets what the client sends. */
  readonly count: number;
  /** Whether they are killed, closed, or taken for dead: then sessions are saved, and go on at another one. */
  readonly areKilled?: boolean;
}

/**
 * Both ends of a session send at random while the network does its worst; then it calms down.
 *
 * @returns what is wrong; `undefined` when each side got exactly what the other had sent, in order, and both saw the
 * same end.
 */
export function runModel(
  seed: number,
  trace?: (line: string) => void,
  { count, areKilled = false }: ModelServers = { count: 1 },
): string | undefined {
  const random = randomOf(seed);
  const time = new VirtualTime();
  const client = new Side('c');
  /** What the servers know: as many as there were that had the session, one after the other. */
  const servers = [new Side('s')];
  let server = servers[0]!;
  const note = (line: string): void => trace?.(`${time.now().toFixed(0)} ${line}`);
  let session: ServerSession | undefined;
  let openings = 0;
  let serverEnd: CloseInfo | undefined;
  let clientEnd: SessionEnd | undefined;
  const heartbeat = 2_000 + Math.floor(random() * 18_000);
  /** The server's application. */
  const own = (opened: ServerSession): SessionOwner => {
    const side = server;
    session = opened;
    return {
      get isWilling() {
        return side.isWilling;
      },
      onMessage: (content) => {
        side.received.push(content);
        if (random() < 0.3) opened.send(side.next(random));
      },
      onSent: () => {},
      onEnd: (end) => {
        if (side === server) serverEnd = end;
      },
      save: () => ({ state: `${servers.indexOf(side)} ${side.received.length} ${side.sent.length}` }),
    };
  };
  /** It goes on as it was saved: what happened after that has not happened. */
  const restore = (opened: ServerSession, { state = '' }: Readonly<Record<string, string>>): SessionOwner => {
    const [index = 0, received = 0, sent = 0] = state.split(' ').map(Number);
    note(`server ${servers.length} goes on where ${state} was`);
    server = servers[index]!.goOn(`s${servers.length}.`, received, sent);
    servers.push(server);
    serverEnd = undefined;
    if (isServerClosing) opened.close(3002, 'server');
    return own(opened);
  };
  const network = new TestNetwork(
    time,
    random,
    { ...SERVER_SETTINGS, heartbeat },
    {
      restore: areKilled ? restore : undefined,
      decide: (_binding, _protocols, opening) => {
        const accept = (): void =>
          opening.accept('', (opened) => {
            openings++;
            return own(opened);
          });
        if (random() < 0.5) accept();
        else time.after(random() * 800, accept);
      },
    },
    count,
  );
  network.weather = stormOf(random);
  if (areKilled && random() < 0.5) network.store.loss = random() * 0.3;
  if (count > 1 && random() < 0.5) network.peers.loss = random() * 0.05;
  const platform = network.platform();
  let resumedAnew = 0;
  let hasOpened = false;
  let isServerClosing = false;
  const real = new ClientSession(
    trace === undefined ? platform : traced(platform, note),
    { ...CLIENT_SETTINGS, carriers: carriersOf(random), pollInterval: 100 + random() * 2_000 },
    {
      isWilling: () => client.isWilling,
      onOpen: () => {
        hasOpened = true;
        note('open');
      },
      onResume: (resumed) => {
        note(`resumed ${resumed}`);
        if (!resumed) resumedAnew++;
      },
      onMessage: (content) => {
        client.received.push(content);
        if (random() < 0.1) real.send(client.next(random));
      },
      onSent: () => {},
      onRetry: () => {},
      onState: () => note(`state ${real.state}`),
      onCarrier: () => note(`carrier ${real.carrier}`),
      onEnd: (end) => {
        note(`end ${JSON.stringify(end)}`);
        clientEnd = end;
      },
    },
  );
  real.start();

  const act = (): void => {
    if (time.now() > STORM) return;
    const choice = random();
    if (choice < 0.45) for (let left = random() * 8; left > 0; left--) real.send(client.next(random));
    else if (choice < 0.75)
      for (let left = random() * 8; left > 0; left--) session?.send(server.next(random));
    else if (choice < 0.85) real.switchTo(pick(CARRIERS, random));
    else if (choice < 0.9) real.loseCarrier();
    else if (choice < 0.93) network.tell(network.isOnline ? 'offline' : 'online');
    else if (choice < 0.95) network.tell('wake');
    else if (choice < 0.975) {
      client.isWilling = !client.isWilling;
      if (client.isWilling) real.resume();
    } else {
      server.isWilling = !server.isWilling;
      if (server.isWilling) session?.resume();
    }
    time.after(random() * 2_000, act);
  };
  act();
  const harm = (): void => {
    if (time.now() > STORM) return;
    // What is not saved is gone with its server, and what its client has no token for.
    if (hasOpened && network.store.size > 0) {
      const choice = random();
      if (choice < 0.4) network.kill();
      else if (choice < 0.7) network.leave();
      else network.suspect();
    }
    time.after(random() * 20_000, harm);
  };
  if (areKilled) time.after(random() * 10_000, harm);
  time.pass(STORM);
  network.weather = FINE;
  network.peers.loss = 0;
  network.store.loss = 0;
  client.isWilling = true;
  // Also those that another one may go on from.
  for (const side of servers) side.isWilling = true;
  // What is not stuck needs no help.
  if (!network.isOnline) network.tell('online');
  real.resume();
  session?.resume();

  const isAllThere = (): boolean =>
    client.received.length >= server.sent.length && server.received.length >= client.sent.length;
  time.passUntil(isAllThere, CALM);
  const wrong =
    compare('server', client.sent, server.received) ?? compare('client', server.sent, client.received);
  if (wrong !== undefined) return `${wrong}; state ${real.state}, carrier ${real.carrier}`;
  if (openings !== 1) return `the server has seen ${openings} sessions open`;
  if (resumedAnew > 0) return 'the client was told that it did not resume';
  if (random() < 0.5) real.close(3001, 'client');
  else {
    isServerClosing = true;
    session!.close(3002, 'server');
  }
  return closeBoth(time, () => [clientEnd, serverEnd]);
}

/** Either side closes, behind a last message; both have to see the same. */
function closeBoth(
  time: VirtualTime,
  ends: () => readonly [SessionEnd | undefined, CloseInfo | undefined],
): string | undefined {
  time.passUntil(() => ends().every((end) => end !== undefined), CALM);
  const [clientEnd, serverEnd] = ends();
  if (clientEnd === undefined || serverEnd === undefined) return 'the close did not arrive';
  // Whoever acknowledges a close does not learn whether that has arrived.
  const isUnheard = serverEnd.code === 1006 && clientEnd.wasClean && clientEnd.code === 3002;
  if (isUnheard) return undefined;
  if (!clientEnd.wasClean || !serverEnd.wasClean) return `the close was not clean: ${JSON.stringify(ends())}`;
  return clientEnd.code === serverEnd.code
    ? undefined
    : `closed with ${clientEnd.code} and ${serverEnd.code}`;
}

function compare(side: string, sent: readonly Content[], received: readonly Content[]): string | undefined {
  const wrong = sent.findIndex((content, index) => textOf(received[index]) !== textOf(content));
  if (wrong !== -1) {
    return `the ${side} got ${show(received[wrong])} as message ${wrong} of ${sent.length}, not ${show(sent[wrong])}`;
  }
  return received.length > sent.length
    ? `the ${side} got ${received.length} of ${sent.length} messages`
    : undefined;
}

function textOf(content: Content | undefined): string {
  if (content === undefined) return '';
  return typeof content === 'string' ? content : `binary ${Buffer.from(content).toString('latin1')}`;
}

function show(content: Content | undefined): string {
  return content === undefined ? 'nothing' : JSON.stringify(textOf(content).trimEnd());
}

/** Some networks have one fault, some have all, and some are only slow. */
function stormOf(random: () => number): Weather {
  const some = (most: number): number => (random() < 0.5 ? 0 : random() * most);
  return {
    latency: 5 + random() * random() * 3_000,
    refuse: some(0.5),
    cutAnswer: some(0.4),
    duplicate: some(0.5),
    cutPiece: some(0.2),
    stall: some(0.03),
    full: some(0.2),
  };
}

function carriersOf(random: () => number): CarrierName[] {
  const carriers = CARRIERS.filter(() => random() < 0.5);
  return carriers.length === 0 ? [pick(CARRIERS, random)] : carriers;
}

function pick<Item>(items: readonly Item[], random: () => number): Item {
  return items[Math.floor(random() * items.length)]!;
}

function short(text: Content): string {
  return textOf(text).slice(0, 300).replaceAll('\n', ' ');
}

/** Shows what goes over the network. */
function traced(
  platform: ReturnType<TestNetwork['platform']>,
  note: (line: string) => void,
): ReturnType<TestNetwork['platform']> {
  let count = 0;
  return Object.create(platform, {
    request: {
      value: (request, events) => {
        const id = count++;
        note(`> ${id} ${short(request.body)}`);
        return platform.request(request, {
          head: (status, isOurs, retryAfter) => {
            note(`< ${id} ${status}`);
            events.head(status, isOurs, retryAfter);
          },
          text: (text) => {
            note(`< ${id} ${short(text)}`);
            events.text(text);
          },
          end: () => {
            note(`< ${id} end`);
            events.end();
          },
          fail: (reason) => {
            note(`< ${id} fail`);
            events.fail(reason);
          },
        });
      },
    } satisfies TypedPropertyDescriptor<typeof platform.request>,
    openSocket: {
      value: (events) => {
        const id = count++;
        const socket = platform.openSocket({
          open: () => {
            note(`= ${id} open`);
            events.open();
          },
          message: (content) => {
            note(`< ${id} ${short(content)}`);
            events.message(content);
          },
          close: (code, reason, status) => {
            note(`< ${id} close ${code}`);
            events.close(code, reason, status);
          },
        });
        return {
          send: (content) => {
            note(`> ${id} ${short(content)}`);
            socket.send(content);
          },
          close: (code, reason) => {
            note(`> ${id} close`);
            socket.close(code, reason);
          },
        };
      },
    } satisfies TypedPropertyDescriptor<typeof platform.openSocket>,
  });
}

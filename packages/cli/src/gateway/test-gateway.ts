import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { connect, type CloseInfo, type Connection, type ConnectOptions } from 'bothways';
import { gatewayConfig } from './config/schema.js';
import { Gateway } from './gateway.js';

/** Values that are taken one by one, as they come. */
export class Queue<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  readonly push = (item: Item): void => {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  };

  get length(): number {
    return this.#items.length;
  }

  next(): Promise<Item> {
    const [item] = this.#items.splice(0, 1);
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }
}

/** One connection that a test's server behind the gateway has got. */
export class Peer {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  #seen: () => void = () => {};
  readonly ended: Promise<void>;
  hasEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#seen();
    });
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.hasEnded = true;
        resolve();
      });
    });
  }

  get text(): string {
    return Buffer.concat(this.#received).toString('latin1');
  }

  get length(): number {
    return this.#received.reduce((sum, { length }) => sum + length, 0);
  }

  /** Waits until this has come, in what came last. */
  async receives(expected: string): Promise<void> {
    while (!Buffer.concat(this.#received.slice(-8)).includes(expected, 0, 'latin1')) {
      if (this.hasEnded) throw new Error(`It ended, and had got ${JSON.stringify(this.text)}`);
      await Promise.race([new Promise<void>((resolve) => (this.#seen = resolve)), this.ended]);
    }
  }
}

/** A server for the gateway to speak to, whose connections come out of `peers`. */
export async function startUpstream(server: Server = createServer({ allowHalfOpen: false })) {
  const peers = new Queue<Peer>();
  // A server of TLS has another event for what can be read.
  const event = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.on(event, (socket: Socket) => peers.push(new Peer(socket)));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { peers, port, url: `tcp://127.0.0.1:${port}`, server };
}

/** A gateway with these parts of a configuration, on a free port, until the test ends. */
export async function startGateway(config: Record<string, unknown>) {
  const parsed = gatewayConfig.parse({
    log: { level: 'silent' },
    drain: { window: 0, timeout: '1s' },
    listen: [{ address: '127.0.0.1:0' }],
    ...config,
  });
  const gateway = await Gateway.start(parsed);
  onTestFinished(() => gateway.close(0, 0));
  const [url = ''] = gateway.urls;
  return { gateway, url, socketUrl: url.replace('http', 'ws') };
}

/** A client of the gateway, and what it gets. */
export async function join(url: string, options: ConnectOptions = {}) {
  const messages = new Queue<string | Buffer>();
  const socket: Connection<unknown, Buffer> = await connect(
    url,
    { maxMessageSize: 64 * 1024 * 1024, ...options },
    { message: (_socket, message) => messages.push(message) },
  );
  onTestFinished(() => socket.terminate());
  const closed: Promise<CloseInfo> = socket.closed;
  return { socket, messages, closed };
}

/** Resets a TCP connection. `resetAndDestroy` says first that it has said all, which is all that some would see. */
export function resetSocket(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle: { reset(done: () => void): void } };
  handle.reset(() => socket.destroy());
}

/** Waits until so many connections are open. */
export async function connectionsAre(gateway: Gateway, count: number): Promise<void> {
  while (gateway.connections !== count) await new Promise((resolve) => setImmediate(resolve));
}

/** The code and the reason of a close. */
export async function closing(closed: Promise<CloseInfo>): Promise<[code: number, reason: string]> {
  const { code, reason } = await closed;
  return [code, reason];
}

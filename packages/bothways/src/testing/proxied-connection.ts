import type { Socket } from 'node:net';
import type { Direction } from './fault-options.js';
import { Flow } from './flow.js';
import type { ProxyState } from './proxy-state.js';
import { RequestOutlet } from './request-outlet.js';
import type { RequestHead } from './request-reader.js';
import { ResponseOutlet } from './response-outlet.js';
import { cutSocket, ignoreError } from './sockets.js';

/** A client's connection, the one to the target that belongs to it, and the flow between them each way. */
export class ProxiedConnection {
  /** Resolves when both ends are closed. */
  readonly closed: Promise<void>;
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #state: ProxyState;
  readonly #requests: RequestOutlet;
  readonly #flows: Readonly<Record<Direction, Flow>>;
  readonly #open: Set<Socket>;
  #onClosed: () => void = () => {};

  constructor(client: Socket, target: Socket, state: ProxyState) {
    this.#client = client;
    this.#target = target;
    this.#state = state;
    this.#open = new Set([client, target]);
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    const response = new ResponseOutlet(client, state, (last, reset) => this.#cutBehind(last, reset));
    this.#requests = new RequestOutlet(target, response, state, {
      onRoom: () => this.#flows.up.flush(),
      onDropped: (head) => this.#abandonTarget(head),
    });
    const up = new Flow(client, this.#requests, state.faults, 'up');
    const down = new Flow(target, response, state.faults, 'down');
    this.#flows = { up, down };
    this.#attach(client, up, down);
    this.#attach(target, down, up);
  }

  /** Ends both connections at once. */
  cut(reset: boolean): void {
    this.#stop();
    cutSocket(this.#client, reset);
    // What has been left to itself is not part of this any more.
    if (this.#open.has(this.#target)) cutSocket(this.#target, reset);
  }

  /** Ends both connections now, even if the target's is not connected. */
  destroy(): void {
    this.cut(true);
    if (this.#open.has(this.#target)) this.#target.destroy();
  }

  halfClose(direction: Direction): void {
    this.#flows[direction].end();
  }

  /** Goes on with all that waits. */
  heal(): void {
    this.#requests.releaseKept();
    this.#flows.up.flush();
    this.#flows.down.flush();
  }

  /** @param from what this socket sends; @param to what it is sent. */
  #attach(socket: Socket, from: Flow, to: Flow): void {
    socket.on('data', (chunk: Buffer) => from.push(chunk));
    socket.on('end', () => from.end());
    socket.on('drain', () => to.flush());
    socket.on('error', ignoreError);
    socket.on('close', (hadError) => {
      to.destroy();
      if (hadError) from.reset();
      this.#left(socket);
    });
  }

  #stop(): void {
    this.#flows.up.destroy();
    this.#flows.down.destroy();
  }

  /** Ends both connections as soon as the client has been sent the last bytes. */
  #cutBehind(last: Buffer, reset: boolean): void {
    this.#stop();
    this.#client.write(last, () => this.cut(reset));
  }

  /** Ends the client's connection; the target goes on with a request that it has got, and with its response. */
  #abandonTarget(head: RequestHead): void {
    if (!this.#open.has(this.#target)) return;
    this.#state.unseen.take(this.#target, head);
    this.#left(this.#target);
    this.cut(true);
  }

  #left(socket: Socket): void {
    if (this.#open.delete(socket) && this.#open.size === 0) this.#onClosed();
  }
}

import { parseServerMessage, type ClientMessage, type ServerMessage } from '../../../../src/talk/messages.js';
import { Store } from '../../../store.js';
import { backoff } from './backoff.js';
import type { Meter } from './meter.js';

export interface Closing {
  readonly code: number;
  readonly reason: string;
  /** Whether the user asked for it. */
  readonly asked: boolean;
  /** Whether a connection had been open before: else it never came about. */
  readonly wasOpen: boolean;
}

export interface LinkState {
  readonly phase: 'connecting' | 'open' | 'closing' | 'closed';
  /**
   * How the last connection ended; `null` while one is open. Attempts that came to nothing do not change it,
   * except the very first ones.
   */
  readonly last: Closing | null;
  /** When the next attempt is made, by `performance.now()`; `null` when none is planned. */
  readonly retryAt: number | null;
  /** Attempts in a row that did not lead to a connection. */
  readonly failures: number;
  /** Milliseconds from a message to its answer. */
  readonly roundTrip: number | null;
}

/** After this long without an answer the connection is taken for dead. */
const answerTimeout = 10_000;
const pingInterval = 4000;
/** The first measurement is made while the page is still busy with itself; another soon puts it right. */
const secondPingAfter = 800;
/** A connection that lasted this long was a good one: the next delays start small again. */
const goodAfter = 5000;
/** Another connection of this very window took its place; two would chase each other. */
const replacedCode = 4001;

export interface LinkOptions {
  readonly url: string;
  readonly meter: Meter;
  opened(): void;
  received(message: ServerMessage): void;
}

/** One WebSocket after another to the same address, with the waiting in between. */
export class Link {
  readonly state = new Store<LinkState>({
    phase: 'connecting',
    last: null,
    retryAt: null,
    failures: 0,
    roundTrip: null,
  });
  readonly url: string;
  readonly #options: LinkOptions;
  #socket: WebSocket | undefined;
  #openedAt = 0;
  #asked = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #pinger: ReturnType<typeof setInterval> | undefined;
  #secondPing: ReturnType<typeof setTimeout> | undefined;
  #pinged: { readonly n: number; readonly at: number } | undefined;
  #pings = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.url = options.url;
  }

  /** Bytes that the browser has not sent yet. */
  get backlog(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Connects now, whatever the plan was. Does nothing while a connection is open or coming about. */
  connect(): void {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.#retry);
    this.#asked = false;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#change({ phase: 'connecting', retryAt: null, roundTrip: null });
    socket.addEventListener('open', () => this.#current(socket) && this.#opened());
    socket.addEventListener('message', ({ data }) => this.#current(socket) && this.#received(data));
    socket.addEventListener(
      'close',
      ({ code, reason }) => this.#current(socket) && this.#closed(code, reason),
    );
  }

  /** Closes with 1000 and stays closed until `connect`. */
  disconnect(): void {
    this.#asked = true;
    clearTimeout(this.#retry);
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) {
      this.#socket.close(1000, 'The user disconnected');
      this.#change({ phase: 'closing' });
    } else {
      this.#change({ retryAt: null });
    }
  }

  /** Sends, if the connection is open. */
  send(message: ClientMessage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    const text = JSON.stringify(message);
    this.#socket.send(text);
    this.#options.meter.count('toServer', byteLength(text));
    return true;
  }

  /** To be called once the other side takes pings. */
  startPings(): void {
    this.#stopPings();
    this.#pinger = setInterval(() => this.#ping(), pingInterval);
    this.#secondPing = setTimeout(() => this.#ping(), secondPingAfter);
    this.#ping();
  }

  /** Ends for good, for instance because the view is left. */
  dispose(): void {
    clearTimeout(this.#retry);
    this.#stopPings();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  #current(socket: WebSocket): boolean {
    return this.#socket === socket;
  }

  #change(change: Partial<LinkState>): void {
    this.state.set({ ...this.state.value, ...change });
  }

  #opened(): void {
    this.#openedAt = performance.now();
    this.#change({ phase: 'open', last: null });
    this.#options.opened();
  }

  #received(data: unknown): void {
    if (typeof data !== 'string') return;
    this.#options.meter.count('toClient', byteLength(data));
    const message = parseServerMessage(data);
    if (message.type !== 'pong') this.#options.received(message);
    else if (message.n === this.#pinged?.n) {
      this.#change({ roundTrip: performance.now() - this.#pinged.at });
      this.#pinged = undefined;
    }
  }

  #closed(code: number, reason: string): void {
    this.#stopPings();
    this.#socket = undefined;
    const { phase, failures } = this.state.value;
    const wasOpen = phase === 'open' || phase === 'closing';
    const good = wasOpen && performance.now() - this.#openedAt > goodAfter;
    const attempt = good ? 0 : failures + 1;
    const closing = { code, reason, asked: this.#asked, wasOpen };
    const last = wasOpen ? closing : (this.state.value.last ?? closing);
    const final = this.#asked || code === replacedCode;
    const delay = backoff(attempt);
    if (!final) this.#retry = setTimeout(() => this.connect(), delay);
    const retryAt = final ? null : performance.now() + delay;
    this.#change({ phase: 'closed', last, failures: attempt, retryAt, roundTrip: null });
  }

  #stopPings(): void {
    clearInterval(this.#pinger);
    clearTimeout(this.#secondPing);
    this.#pinged = undefined;
  }

  #ping(): void {
    const now = performance.now();
    if (this.#pinged && now - this.#pinged.at > answerTimeout) {
      // A dead connection may take minutes to say so: this one is left to itself.
      this.#socket?.close(4000, 'No answer');
      this.#closed(4000, '');
      return;
    }
    if (this.#pinged) return;
    const n = ++this.#pings;
    if (this.send({ type: 'ping', n })) this.#pinged = { n, at: now };
  }
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

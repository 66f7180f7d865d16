import type { Socket } from 'node:net';
import { MessageSplitter, stomp } from 'bothways/subprotocols';
import { encodeFrame, parseFrame, type StompFrame } from './stomp-frame.js';
import { listenTcp, type TcpServer } from './tcp-server.js';

/** The largest frame, bytes. */
const MAX_FRAME = 65_536;
/** Subscriptions of one connection. */
const MAX_SUBSCRIPTIONS = 64;
/** What may wait for a client that does not read, bytes. */
const MAX_WAITING = 1_048_576;
/** How long CONNECT may take, milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/** How often the server can send a heart-beat, and wants one, milliseconds. */
const HEART_BEAT = 10_000;
/** The longest a timer of Node's may wait, milliseconds. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * A server of STOMP 1.2 for the demonstration: every destination is a topic, whose messages go to all who have subscribed
 * to it. There are no queues, no transactions and no acknowledgements (`ack:auto`). Anybody may come in.
 */
export async function startStompServer(): Promise<TcpServer> {
  const topics = new Topics();
  return listenTcp((socket) => new StompConnection(socket, topics));
}

/** Who has subscribed to what. A topic is there as long as somebody has. */
class Topics {
  readonly #subscribers = new Map<string, Set<Subscription>>();
  #messages = 0;

  add(subscription: Subscription): void {
    const { destination } = subscription;
    const subscribers = this.#subscribers.get(destination);
    if (subscribers === undefined) this.#subscribers.set(destination, new Set([subscription]));
    else subscribers.add(subscription);
  }

  remove(subscription: Subscription): void {
    const subscribers = this.#subscribers.get(subscription.destination);
    subscribers?.delete(subscription);
    if (subscribers?.size === 0) this.#subscribers.delete(subscription.destination);
  }

  publish(destination: string, headers: readonly Header[], body: Uint8Array): void {
    const messageId = String(++this.#messages);
    for (const { id, connection } of this.#subscribers.get(destination) ?? []) {
      const own: Header[] = [
        ['subscription', id],
        ['message-id', messageId],
        ['destination', destination],
      ];
      connection.send('MESSAGE', [...own, ...headers], body);
    }
  }
}

type Header = readonly [name: string, value: string];

interface Subscription {
  readonly id: string;
  readonly destination: string;
  readonly connection: StompConnection;
}

/** What is wrong with a frame, in words for the client. */
class Refusal extends Error {}

/** Headers of SEND that are for the server, or that it says anew. */
const NOT_HANDED_ON = /^(content-length|destination|message-id|receipt|subscription|transaction)$/;

class StompConnection {
  readonly #socket: Socket;
  readonly #topics: Topics;
  readonly #splitter = new MessageSplitter(stomp.fromClient(), MAX_FRAME);
  readonly #subscriptions = new Map<string, Subscription>();
  #isConnected = false;
  #hasEnded = false;
  #heartBeats: ReturnType<typeof setInterval> | undefined;

  constructor(socket: Socket, topics: Topics) {
    this.#socket = socket;
    this.#topics = topics;
    socket.setTimeout(CONNECT_TIMEOUT, () => this.#fail('Nothing has come for too long'));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('close', () => this.#leave());
  }

  send(command: string, headers: Iterable<Header>, body?: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#socket.write(encodeFrame(command, headers, body));
    if (this.#socket.writableLength > MAX_WAITING) this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#hasEnded) return;
    try {
      this.#splitter.push(bytes, (message) => {
        const frame = this.#hasEnded ? undefined : parseFrame(message);
        if (frame !== undefined) this.#take(frame);
      });
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #take(frame: StompFrame): void {
    const receipt = frame.headers.get('receipt');
    try {
      this.#obey(frame);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#fail(error.message, receipt);
      return;
    }
    // STOMP 1.2, "CONNECT": there are no receipts before CONNECTED.
    const isAsked = receipt !== undefined && frame.command !== 'CONNECT' && frame.command !== 'STOMP';
    if (isAsked) this.send('RECEIPT', [['receipt-id', receipt]]);
    if (frame.command === 'DISCONNECT') this.#end();
  }

  /** @throws {Refusal} when it does not. */
  #obey({ command, headers, body }: StompFrame): void {
    if (command === 'CONNECT' || command === 'STOMP') return this.#connect(headers);
    if (!this.#isConnected) throw new Refusal('CONNECT has to come first');
    switch (command) {
      case 'SEND':
        return this.#publish(headers, body);
      case 'SUBSCRIBE':
        return this.#subscribe(headers);
      case 'UNSUBSCRIBE':
        return this.#unsubscribe(headers);
      case 'DISCONNECT':
        return undefined;
      default:
        throw new Refusal(`${command.slice(0, 20)} is not spoken here`);
    }
  }

  #connect(headers: ReadonlyMap<string, string>): void {
    if (this.#isConnected) throw new Refusal('The connection is there already');
    if (!(headers.get('accept-version') ?? '1.0').split(',').includes('1.2')) {
      throw new Refusal('Only STOMP 1.2 is spoken here');
    }
    const [theirs, wanted] = readHeartBeat(headers.get('heart-beat') ?? '0,0');
    this.#isConnected = true;
    this.send('CONNECTED', [
      ['version', '1.2'],
      ['server', 'bothways-demo'],
      ['heart-beat', `${HEART_BEAT},${HEART_BEAT}`],
    ]);
    // STOMP 1.2, "Heart-beating": each way as often as the slower of both sides says. 0 is never. What comes late
    // because of the network has as long again.
    const silence = theirs === 0 ? 0 : 2 * Math.max(theirs, HEART_BEAT);
    this.#socket.setTimeout(Math.min(silence, MAX_DELAY));
    if (wanted === 0) return;
    const delay = Math.min(Math.max(wanted, HEART_BEAT), MAX_DELAY);
    this.#heartBeats = setInterval(() => this.#socket.write('\n'), delay);
  }

  #publish(headers: ReadonlyMap<string, string>, body: Uint8Array): void {
    if (headers.has('transaction')) throw new Refusal('There are no transactions here');
    const handedOn = [...headers].filter(([name]) => !NOT_HANDED_ON.test(name));
    this.#topics.publish(need(headers, 'destination'), handedOn, body);
  }

  #subscribe(headers: ReadonlyMap<string, string>): void {
    const [id, destination] = [need(headers, 'id'), need(headers, 'destination')];
    if ((headers.get('ack') ?? 'auto') !== 'auto') throw new Refusal('Only ack:auto is known here');
    if (this.#subscriptions.has(id)) throw new Refusal(`The subscription ${id} is there already`);
    if (this.#subscriptions.size === MAX_SUBSCRIPTIONS) {
      throw new Refusal(`A connection has at most ${MAX_SUBSCRIPTIONS} subscriptions`);
    }
    const subscription = { id, destination, connection: this };
    this.#subscriptions.set(id, subscription);
    this.#topics.add(subscription);
  }

  #unsubscribe(headers: ReadonlyMap<string, string>): void {
    const id = need(headers, 'id');
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) throw new Refusal(`There is no subscription ${id}`);
    this.#subscriptions.delete(id);
    this.#topics.remove(subscription);
  }

  /** STOMP 1.2, "ERROR": the connection has to be closed behind it. */
  #fail(message: string, receipt?: string): void {
    const headers: Header[] = [['message', message]];
    if (receipt !== undefined) headers.push(['receipt-id', receipt]);
    this.send('ERROR', headers);
    this.#end();
  }

  /** Nothing that comes from now on is read; what is written already goes out, if the client takes it in time. */
  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#leave();
    this.#socket.end();
    this.#socket.setTimeout(CONNECT_TIMEOUT, () => this.#socket.destroy());
  }

  #leave(): void {
    this.#hasEnded = true;
    clearInterval(this.#heartBeats);
    for (const subscription of this.#subscriptions.values()) this.#topics.remove(subscription);
    this.#subscriptions.clear();
  }
}

function need(headers: ReadonlyMap<string, string>, name: string): string {
  const value = headers.get(name);
  if (value === undefined) throw new Refusal(`The header ${name} is missing`);
  return value;
}

/** @returns how often the client can send something and how often it wants something, milliseconds; 0 is never. */
function readHeartBeat(text: string): readonly [number, number] {
  const [, theirs, wanted] = /^(\d{1,9}),(\d{1,9})$/.exec(text) ?? [];
  if (theirs === undefined) throw new Refusal('The header heart-beat must be two numbers of milliseconds');
  return [Number(theirs), Number(wanted)];
}

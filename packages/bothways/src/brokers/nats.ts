import { BrokerError } from '../protocol/errors.js';
import { MILLISECONDS, SIZE, checkOptions, type Rule } from '../protocol/options.js';
import type { Broker, BrokerNode } from '../pubsub/broker.js';
import { matches } from '../pubsub/filter.js';
import { unseal, type Envelope } from './envelope.js';
import {
  isPermissionError,
  type NatsConnection,
  type NatsMessage,
  type NatsStatus,
  type NatsSubscription,
} from './nats-connection.js';
import { subjectOf, subjectsOf, topicOf } from './nats-subjects.js';
import { Origins } from './origins.js';
import { Outbox, type Unconfirmed } from './outbox.js';
import { PieceJoiner, cutIntoPieces, readPiece } from './pieces.js';

export type {
  NatsConnection,
  NatsMessage,
  NatsStatus,
  NatsSubscribeOptions,
  NatsSubscription,
} from './nats-connection.js';

/** How the topics of a server span several servers by way of NATS. */
export interface NatsBrokerOptions {
  /**
   * Below which subject all topics are: `bothways` makes the topic `a/b` the subject `bothways.a.b`. Servers that share
   * topics have the same. Tokens of letters, digits, `-` and `_` between dots, at most 200 characters. `bothways`
   */
  prefix?: string | undefined;
  /** How much of what is published may wait for NATS, bytes; a single message may be larger. 32 MiB. */
  maxWaiting?: number | undefined;
  /** How long NATS may take to answer when the server starts, milliseconds. 5 seconds. */
  openTimeout?: number | undefined;
  /** How long what was published may take to be sent when the server closes, milliseconds. 5 seconds. */
  closeTimeout?: number | undefined;
}

const PREFIX = /^[\w-]+(?:\.[\w-]+)*$/;

const RULES: Readonly<Record<keyof NatsBrokerOptions, Rule>> = {
  prefix: [
    (value: unknown) => typeof value === 'string' && value.length <= 200 && PREFIX.test(value),
    'a subject: letters, digits, - and _ between dots, at most 200 characters',
  ],
  maxWaiting: SIZE,
  openTimeout: MILLISECONDS,
  closeTimeout: MILLISECONDS,
};

const METHODS = [
  'publish',
  'subscribe',
  'flush',
  'status',
  'closed',
  'isClosed',
  'isDraining',
] satisfies (keyof NatsConnection)[];

/** The largest message: bytes, or UTF-16 code units of text. */
const MAX_MESSAGE = 64 * 1024 * 1024;

/** How much may have come of messages in pieces whose rest has not, bytes: of text, a code unit takes up to three. */
const MAX_INCOMPLETE = 4 * MAX_MESSAGE;

/** After how long a subscription that NATS refused is tried again, milliseconds. */
const RETRY_DELAY = 30_000;

class NatsBroker implements Broker {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #openTimeout: number;
  readonly #closeTimeout: number;
  readonly #outbox: Outbox;
  readonly #origins = new Origins();
  readonly #joiner = new PieceJoiner(MAX_INCOMPLETE, () => this.#node?.missed());
  readonly #subscriptions = new Map<string, readonly NatsSubscription[]>();
  /** Filters whose subscriptions NATS refused. */
  readonly #refused = new Set<string>();
  #retrying: NodeJS.Timeout | undefined;
  #node: BrokerNode | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  /** Counts the times the client connected or was disconnected: what belongs to another one is over. */
  #epoch = 0;
  /** Whether what is published can be written. */
  #isConnected = false;
  /** Whether the subscriptions hold. */
  #isSubscribed = false;
  /** What was written since the last flush, in this epoch. */
  #written: Unconfirmed[] = [];
  #isFlushing = false;
  #onOpened: ((isOpen: boolean) => void) | undefined;

  constructor(connection: NatsConnection, options: NatsBrokerOptions) {
    this.#connection = connection;
    this.#prefix = options.prefix ?? 'bothways';
    this.#openTimeout = options.openTimeout ?? 5_000;
    this.#closeTimeout = options.closeTimeout ?? 5_000;
    this.#outbox = new Outbox(options.maxWaiting ?? 32 * 1024 * 1024);
  }

  async open(node: BrokerNode): Promise<void> {
    void this.#watch();
    void this.#connection.closed().then((error) => this.#end(error));
    const opened = new Promise<boolean>((resolve) => (this.#onOpened = resolve));
    this.#askWhetherSubscribed();
    if (!this.#isUsable() || (await within(opened, this.#openTimeout)) !== true) {
      await this.close();
      throw new BrokerError(
        'ERR_BROKER_AWAY',
        `NATS did not answer within ${this.#openTimeout} milliseconds, or the connection is closed`,
      );
    }
    this.#node = node;
    this.#state = 'open';
  }

  subscribe(filter: string): void {
    this.#subscriptions.set(filter, this.#ask(filter));
  }

  unsubscribe(filter: string): void {
    this.#refused.delete(filter);
    for (const subscription of this.#subscriptions.get(filter) ?? []) subscription.unsubscribe();
    this.#subscriptions.delete(filter);
  }

  publish(topic: string, data: string | Uint8Array): void {
    if (!this.#isUsable()) {
      throw new BrokerError('ERR_BROKER_AWAY', 'The connection to NATS is closed: it will not come back');
    }
    if (data.length > MAX_MESSAGE) {
      throw new BrokerError(
        'ERR_BROKER_FULL',
        `The message is larger than ${MAX_MESSAGE}, which is the most`,
      );
    }
    const message = this.#outbox.put(topic, data);
    // Without `info` the client has been disconnected, and has not said so yet. What it is given then would overtake
    // what is sent again.
    if (!this.#isConnected || this.#connection.info === undefined) return;
    this.#write(message);
    this.#flushLater();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#retrying);
    for (const filter of this.#subscriptions.keys()) this.unsubscribe(filter);
    await within(this.#outbox.empty(), this.#closeTimeout);
    const waiting = this.#dropAll();
    if (waiting > 0) {
      this.#node?.failed(
        new BrokerError('ERR_BROKER_AWAY', `NATS has not taken ${waiting} messages within the closeTimeout`),
      );
    }
    this.#node = undefined;
  }

  #isUsable(): boolean {
    return !this.#connection.isClosed() && !this.#connection.isDraining();
  }

  // The connection comes and goes.

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (this.#state === 'closed' && this.#outbox.waiting === 0) return;
      this.#notice(status);
    }
  }

  #notice({ type, error }: NatsStatus): void {
    if (type === 'disconnect') this.#disconnect();
    // When it took several attempts, the client says so several times.
    else if (type === 'reconnect' && !this.#isConnected) this.#connect();
    else if (type === 'error' && isPermissionError(error) && error.subject.startsWith(`${this.#prefix}.`)) {
      this.#node?.failed(
        new BrokerError('ERR_BROKER_REFUSED', `NATS has refused it: ${error.message}`, { cause: error }),
      );
    }
  }

  #disconnect(): void {
    this.#epoch++;
    this.#isConnected = false;
    this.#isSubscribed = false;
    this.#isFlushing = false;
    this.#written = [];
    this.#joiner.clear();
  }

  /** The client has sent its subscriptions to NATS again. */
  #connect(): void {
    this.#epoch++;
    this.#isConnected = true;
    this.#askAgain();
    this.#askWhetherSubscribed();
    for (const message of this.#outbox) this.#write(message);
    this.#flushLater();
  }

  #askWhetherSubscribed(): void {
    const epoch = this.#epoch;
    const answered = (): void => {
      if (epoch === this.#epoch) this.#subscribed();
    };
    this.#connection.flush().then(answered, ignore);
  }

  /**
   * NATS has taken the subscriptions. What they brought before that is not handed on: the others may not have held yet,
   * and it has to be told first that something may be missing.
   */
  #subscribed(): void {
    this.#isConnected = true;
    this.#isSubscribed = true;
    this.#onOpened?.(true);
    if (this.#state === 'open') this.#node?.missed();
  }

  /** The client has closed the connection, or has given up to connect again. */
  #end(error: Error | void): void {
    this.#disconnect();
    this.#onOpened?.(false);
    const waiting = this.#dropAll();
    if (waiting === 0 && this.#state === 'closed') return;
    this.#node?.failed(
      new BrokerError(
        'ERR_BROKER_AWAY',
        `The connection to NATS is closed for good, and ${waiting} messages are not sent`,
        { cause: error },
      ),
    );
  }

  // What is published.

  #write(message: Unconfirmed): void {
    const subject = subjectOf(this.#prefix, message.topic);
    const limit = this.#connection.info?.max_payload ?? Infinity;
    try {
      const isSmall = message.bytes.length <= limit;
      for (const payload of isSmall ? [message.bytes] : cutIntoPieces(message.bytes, limit)) {
        this.#connection.publish(subject, payload);
      }
      this.#written.push(message);
    } catch (error) {
      // It is given up with all the rest when the connection is closed.
      if (!this.#isUsable()) return;
      this.#outbox.settle(message);
      this.#node?.failed(
        new BrokerError('ERR_BROKER_REFUSED', 'The NATS client does not take a message', { cause: error }),
      );
    }
  }

  /** NATS confirms nothing. That it answers says that it has what was written before: one question for each tick. */
  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const epoch = this.#epoch;
    setImmediate(() => {
      if (epoch === this.#epoch) void this.#flush(epoch);
    });
  }

  async #flush(epoch: number): Promise<void> {
    const written = this.#written;
    this.#written = [];
    try {
      await this.#connection.flush();
    } catch {
      // The client is disconnected, and says so next.
      return;
    }
    if (epoch !== this.#epoch) return;
    this.#isFlushing = false;
    for (const message of written) this.#outbox.settle(message);
    if (this.#written.length > 0) this.#flushLater();
  }

  /** @returns how many messages waited. */
  #dropAll(): number {
    const waiting = [...this.#outbox];
    for (const message of waiting) this.#outbox.settle(message);
    return waiting.length;
  }

  // What others publish.

  #ask(filter: string): readonly NatsSubscription[] {
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) this.#take(filter, message);
      else this.#refuse(filter);
    };
    try {
      return subjectsOf(this.#prefix, filter).map((subject) =>
        this.#connection.subscribe(subject, { callback }),
      );
    } catch {
      // The connection is closed, which is told once.
      return [];
    }
  }

  #take(filter: string, { subject, data }: NatsMessage): void {
    if (this.#node === undefined || this.#state !== 'open' || !this.#isSubscribed) return;
    const topic = topicOf(this.#prefix, subject);
    // `*` and `>` have topics that begin with $ as well.
    if (!matches(filter, topic)) return;
    const envelope = this.#envelopeOf(Buffer.from(data.buffer, data.byteOffset, data.length));
    if (envelope === undefined || envelope.node === this.#outbox.node) return;
    if (this.#origins.isNew(envelope.node, envelope.number)) this.#node.receive(topic, envelope.data);
  }

  #envelopeOf(bytes: Buffer): Envelope | undefined {
    const envelope = unseal(bytes);
    if (envelope !== undefined) return envelope;
    const piece = readPiece(bytes);
    if (piece === undefined || piece.node === this.#outbox.node) return undefined;
    const joined = this.#joiner.add(piece);
    return joined === undefined ? undefined : unseal(joined);
  }

  /** NATS has refused a subscription, and its client has dropped it. */
  #refuse(filter: string): void {
    if (!this.#subscriptions.has(filter)) return;
    this.unsubscribe(filter);
    this.#subscriptions.set(filter, []);
    this.#refused.add(filter);
    this.#retrying ??= setTimeout(() => this.#retry(), RETRY_DELAY).unref();
  }

  /** Permissions may have changed meanwhile. */
  #retry(): void {
    this.#retrying = undefined;
    const filters = this.#askAgain();
    const epoch = this.#epoch;
    const answered = (): void => {
      const hold = filters.some((filter) => this.#subscriptions.has(filter) && !this.#refused.has(filter));
      if (hold && epoch === this.#epoch) this.#node?.missed();
    };
    this.#connection.flush().then(answered, ignore);
  }

  #askAgain(): readonly string[] {
    const filters = [...this.#refused];
    this.#refused.clear();
    for (const filter of filters) this.subscribe(filter);
    return filters;
  }
}

/** @returns `undefined` when it takes longer. */
async function within<Value>(promise: Promise<Value>, timeout: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}

/**
 * For the option `broker` of `serve`: what one server publishes reaches the subscribers of all that are connected to
 * the same NATS, or to the same cluster of NATS servers. Over core NATS, which stores nothing.
 *
 * While NATS is away, messages wait, up to `maxWaiting`, and are sent in their order when it is back; whoever was
 * disconnected is told by the handler `missed`. A message may be at most 64 MiB (of text, Mi UTF-16 code units).
 *
 * The connection stays yours: close it after the server. It has to connect again by itself for ever, and must not take
 * long to notice that NATS is dead:
 *
 * ```ts
 * import { connect } from '@nats-io/transport-node';
 *
 * const nats = await connect({ servers, maxReconnectAttempts: -1, pingInterval: 10_000 });
 * const server = await serve({ port: 8080, broker: natsBroker(nats) }, handlers);
 * ```
 *
 * @param connection of `@nats-io/transport-node`, version 3. Without its option `noEcho`, several servers of one
 *   process may share it.
 * @throws {TypeError} when it is no such connection, or for an option that is none.
 */
export function natsBroker(connection: NatsConnection, options: NatsBrokerOptions = {}): Broker {
  checkOptions(options, RULES, 'natsBroker()');
  if (!METHODS.every((name) => typeof (connection as NatsConnection | undefined)?.[name] === 'function')) {
    throw new TypeError('natsBroker() takes a connection of @nats-io/transport-node: await its connect()');
  }
  return new NatsBroker(connection, options);
}

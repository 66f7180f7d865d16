import { BrokerError } from '../protocol/errors.js';
import { MILLISECONDS, SIZE, checkOptions, type Rule } from '../protocol/options.js';
import type { Broker, BrokerNode } from '../pubsub/broker.js';
import type { HistoryLimits } from '../pubsub/history.js';
import type { Envelope } from './envelope.js';
import { isPermissionError, type NatsConnection, type NatsStatus } from './nats-connection.js';
import { NatsClaims } from './nats-claims.js';
import { NatsHistory } from './nats-history.js';
import { isJetStream, type NatsJetStream } from './nats-jetstream.js';
import { NatsPublisher } from './nats-publisher.js';
import { NatsRecords } from './nats-records.js';
import { NatsStream } from './nats-stream.js';
import { NatsSubscriber } from './nats-subscriber.js';
import { within } from './within.js';

export type {
  NatsConnection,
  NatsMessage,
  NatsStatus,
  NatsSubscribeOptions,
  NatsSubscription,
} from './nats-connection.js';
export type {
  NatsConsumer,
  NatsJetStream,
  NatsJetStreamManager,
  NatsStoredMessage,
  NatsStreamConfig,
  NatsStreamInfo,
} from './nats-jetstream.js';

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
  /**
   * What keeps the history of topics that have one (the option `history` of `serve`): `jetstream(connection)` of
   * `@nats-io/jetstream`. Nothing by default, and no topic has a history.
   */
  jetstream?: NatsJetStream | undefined;
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
  jetstream: [isJetStream, 'an object of jetstream() of @nats-io/jetstream'],
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

/** How long claims are kept at most, and records that nobody saves, milliseconds. */
const CLAIM_AGE = 600_000;
const RECORD_AGE = 600_000;
/** What NATS takes by default, bytes, and how much of it headers take. */
const MAX_PAYLOAD = 1_048_576;
const HEADERS = 512;

class NatsBroker implements Broker {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #openTimeout: number;
  readonly #closeTimeout: number;
  readonly #publisher: NatsPublisher;
  readonly #subscriber: NatsSubscriber;
  readonly history: NatsHistory | undefined;
  readonly claims: NatsClaims | undefined;
  readonly records: NatsRecords | undefined;
  /** Of the last message that is kept. */
  #last: readonly [epoch: string, offset: number] = ['', 0];
  #node: BrokerNode | undefined;
  #isConnected = false;
  #isClosed = false;
  #onOpened: ((isOpen: boolean) => void) | undefined;

  constructor(connection: NatsConnection, options: NatsBrokerOptions) {
    this.#connection = connection;
    this.#prefix = options.prefix ?? 'bothways';
    this.#openTimeout = options.openTimeout ?? 5_000;
    this.#closeTimeout = options.closeTimeout ?? 5_000;
    const maxWaiting = options.maxWaiting ?? 32 * 1024 * 1024;
    this.#publisher = new NatsPublisher(connection, this.#prefix, maxWaiting, (error) => this.#fail(error));
    this.#subscriber = new NatsSubscriber(connection, this.#prefix, this.#publisher.node, {
      receive: (topic, data) => this.#node?.receive(topic, data),
      receiveKept: (topic, envelope, number, previous) =>
        this.#receiveKept(topic, envelope, number, previous),
      subscribed: () => this.#subscribed(),
      missed: () => this.#node?.missed(),
    });
    const { jetstream } = options;
    if (jetstream !== undefined) {
      this.history = new NatsHistory(connection, jetstream, this.#prefix, this.#publisher);
      this.#publisher.keeper = this.history;
      const streamOf = (kind: string, age: number): NatsStream =>
        new NatsStream(connection, jetstream, this.#prefix, kind, age);
      this.claims = new NatsClaims(streamOf('claims', CLAIM_AGE));
      this.records = new NatsRecords(
        streamOf('records', RECORD_AGE),
        this.history,
        () => (connection.info?.max_payload ?? MAX_PAYLOAD) - HEADERS,
        () => this.#publisher.nextNumber(),
        (error) => this.#fail(error),
      );
    }
  }

  async open(node: BrokerNode, kept?: HistoryLimits): Promise<void> {
    void this.#watch();
    void this.#connection.closed().then((error) => this.#end(error));
    const opened = new Promise<boolean>((resolve) => (this.#onOpened = resolve));
    this.#subscriber.connect();
    if (!this.#isUsable() || (await within(this.#openTimeout, opened)) !== true) {
      await this.close();
      throw new BrokerError(
        'ERR_BROKER_AWAY',
        `NATS did not answer within ${this.#openTimeout} milliseconds, or the connection is closed`,
      );
    }
    if (kept !== undefined) await this.#openHistory(kept);
    this.#node = node;
  }

  get isAway(): boolean {
    return !this.#isConnected || this.#publisher.isStuck;
  }

  subscribe(filter: string): void {
    this.#subscriber.subscribe(filter);
  }

  unsubscribe(filter: string): void {
    this.#subscriber.unsubscribe(filter);
  }

  publish(topic: string, data: string | Uint8Array): void {
    if (!this.#isUsable()) {
      throw new BrokerError('ERR_BROKER_AWAY', 'The connection to NATS is closed: it will not come back');
    }
    this.#publisher.publish(topic, data);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscriber.close();
    await within(this.#closeTimeout, this.#publisher.empty());
    const waiting = this.#publisher.drop();
    if (waiting > 0) {
      this.#fail(
        new BrokerError('ERR_BROKER_AWAY', `NATS has not taken ${waiting} messages within the closeTimeout`),
      );
    }
    this.#node = undefined;
  }

  async #openHistory(kept: HistoryLimits): Promise<void> {
    try {
      await this.history?.open(kept);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #receiveKept(topic: string, { node, number, data }: Envelope, offset: number, previous: number): void {
    const epoch = this.history?.epoch ?? '';
    const [lastEpoch, last] = this.#last;
    // By another subscription it has come already: one message by all of them, and then the next.
    if (epoch === lastEpoch && offset === last) return;
    this.#last = [epoch, offset];
    const own = node === this.#publisher.node ? number : undefined;
    this.#node?.receiveKept(topic, { data, position: { epoch, offset }, previous, own });
  }

  #isUsable(): boolean {
    return !this.#connection.isClosed() && !this.#connection.isDraining();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (this.#isClosed && this.#publisher.waiting === 0) return;
      this.#notice(status);
    }
  }

  #notice({ type, error }: NatsStatus): void {
    if (type === 'disconnect') this.#disconnect();
    // After several attempts the client says it several times.
    else if (type === 'reconnect' && !this.#isConnected) this.#reconnect();
    else if (type !== 'error' || !isPermissionError(error)) return;
    else if (error.subject.startsWith(`${this.#prefix}%`)) this.#publisher.refuse(error.subject, error);
    else if (error.subject.startsWith(`${this.#prefix}.`)) {
      this.#fail(
        new BrokerError('ERR_BROKER_REFUSED', `NATS has refused it: ${error.message}`, { cause: error }),
      );
    }
  }

  #disconnect(): void {
    this.#isConnected = false;
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }

  #reconnect(): void {
    this.#isConnected = true;
    // Its question first, so that the answer does not wait for what is published.
    if (!this.#isClosed) this.#subscriber.connect();
    this.#publisher.connect();
  }

  #subscribed(): void {
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#publisher.connect();
    }
    this.#onOpened?.(true);
    this.#node?.missed();
  }

  /** The client has closed the connection, or has given up to connect again. */
  #end(error: Error | void): void {
    this.#disconnect();
    this.#onOpened?.(false);
    const waiting = this.#publisher.drop();
    if (waiting === 0 && this.#isClosed) return;
    this.#fail(
      new BrokerError(
        'ERR_BROKER_AWAY',
        `The connection to NATS is closed for good, and ${waiting} messages are not sent`,
        { cause: error },
      ),
    );
  }

  #fail(error: BrokerError): void {
    this.#node?.failed(error);
  }
}

/**
 * For the option `broker` of `serve`: what one server publishes reaches the subscribers of all that are connected to
 * the same NATS, or to the same cluster of NATS servers. Core NATS stores nothing; with the option `jetstream`, topics
 * may have a history, from which a server gets what it missed.
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

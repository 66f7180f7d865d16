import { matches } from '../pubsub/filter.js';
import { unseal, type Envelope } from './envelope.js';
import type { NatsConnection, NatsMessage, NatsSubscription } from './nats-connection.js';
import { MAX_MESSAGE } from './nats-publisher.js';
import { subjectsOf, topicOf } from './nats-subjects.js';
import { Origins } from './origins.js';
import { PieceJoiner, readPiece } from './pieces.js';

/** How much may have come of messages in pieces whose rest has not, bytes. A code unit of text takes up to three. */
const MAX_INCOMPLETE = 4 * MAX_MESSAGE;

/** After how long a subscription that NATS refused is tried again, milliseconds. */
const RETRY_DELAY = 30_000;

export interface NatsSubscriberEvents {
  receive(topic: string, data: string | Uint8Array): void;
  /** A message that JetStream keeps under a number, and that of the one before it in its topic; perhaps not once only. */
  receiveKept(topic: string, envelope: Envelope, number: number, previous: number): void;
  /** All subscriptions hold, after `connect`. */
  subscribed(): void;
  /** Something may be missing, without a new connection. */
  missed(): void;
}

/**
 * Subscribes over core NATS: once for each filter, or twice where a filter is two subjects. What comes by several
 * subscriptions is handed on once. The client itself subscribes again when it has reconnected.
 */
export class NatsSubscriber {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #self: string;
  readonly #events: NatsSubscriberEvents;
  readonly #origins = new Origins();
  readonly #joiner: PieceJoiner;
  readonly #subscriptions = new Map<string, readonly NatsSubscription[]>();
  /** Filters whose subscriptions NATS refused. */
  readonly #refused = new Set<string>();
  #retrying: NodeJS.Timeout | undefined;
  /** Counts connections: an answer that belongs to an earlier one says nothing. */
  #epoch = 0;
  #isSubscribed = false;

  /** @param self this node: what it publishes comes back. */
  constructor(connection: NatsConnection, prefix: string, self: string, events: NatsSubscriberEvents) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#self = self;
    this.#events = events;
    this.#joiner = new PieceJoiner(MAX_INCOMPLETE, () => events.missed());
  }

  subscribe(filter: string): void {
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) this.#take(filter, message);
      else this.#refuse(filter);
    };
    const subscriptions: NatsSubscription[] = [];
    this.#subscriptions.set(filter, subscriptions);
    try {
      for (const subject of subjectsOf(this.#prefix, filter)) {
        subscriptions.push(this.#connection.subscribe(subject, { callback }));
      }
    } catch {
      // The connection is closed, which the broker tells once.
    }
  }

  unsubscribe(filter: string): void {
    this.#refused.delete(filter);
    for (const subscription of this.#subscriptions.get(filter) ?? []) subscription.unsubscribe();
    this.#subscriptions.delete(filter);
  }

  /**
   * The client is connected, perhaps, and has sent its subscriptions. What they bring before NATS has answered is not
   * handed on: others may not hold yet, and it has to be told first that something may be missing.
   */
  connect(): void {
    this.#epoch++;
    this.#subscribeRefused();
    this.#ask(() => {
      this.#isSubscribed = true;
      this.#events.subscribed();
    });
  }

  disconnect(): void {
    this.#epoch++;
    this.#isSubscribed = false;
    this.#joiner.clear();
  }

  close(): void {
    this.disconnect();
    clearTimeout(this.#retrying);
    for (const filter of this.#subscriptions.keys()) this.unsubscribe(filter);
  }

  #take(filter: string, { subject, data, headers }: NatsMessage): void {
    if (!this.#isSubscribed) return;
    const topic = topicOf(this.#prefix, subject);
    // `*` and `>` have topics that begin with $ as well.
    if (!matches(filter, topic)) return;
    const envelope = this.#envelopeOf(Buffer.from(data.buffer, data.byteOffset, data.length));
    const kept = headers?.get('Nats-Sequence') ?? '';
    if (envelope !== undefined && kept !== '') {
      this.#events.receiveKept(topic, envelope, Number(kept), Number(headers!.get('Nats-Last-Sequence')));
      return;
    }
    if (envelope === undefined || envelope.node === this.#self) return;
    if (this.#origins.isNew(envelope.node, envelope.number)) this.#events.receive(topic, envelope.data);
  }

  #envelopeOf(bytes: Buffer): Envelope | undefined {
    const envelope = unseal(bytes);
    if (envelope !== undefined) return envelope;
    const piece = readPiece(bytes);
    if (piece === undefined || piece.node === this.#self) return undefined;
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
    const filters = this.#subscribeRefused();
    this.#ask(() => {
      const isHeld = (filter: string): boolean =>
        this.#subscriptions.has(filter) && !this.#refused.has(filter);
      if (filters.some(isHeld)) this.#events.missed();
    });
  }

  #subscribeRefused(): readonly string[] {
    const filters = [...this.#refused];
    this.#refused.clear();
    for (const filter of filters) this.subscribe(filter);
    return filters;
  }

  /** Waits until NATS has what was asked of it. */
  #ask(onAnswer: () => void): void {
    const epoch = this.#epoch;
    const answered = (): void => {
      if (epoch === this.#epoch) onAnswer();
    };
    // Otherwise it is disconnected, which the status says next.
    this.#connection.flush().then(answered, () => {});
  }
}

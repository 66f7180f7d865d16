import { BrokerError } from '../protocol/errors.js';
import type { HistoryLimits } from '../pubsub/history.js';
import { isPermissionError, type NatsConnection } from './nats-connection.js';
import { isJetStreamAnswer } from './nats-jetstream.js';
import { subjectOf } from './nats-subjects.js';
import { Outbox, type Unconfirmed } from './outbox.js';
import { cutIntoPieces } from './pieces.js';

/** The largest message: bytes, or UTF-16 code units of text. */
export const MAX_MESSAGE = 64 * 1024 * 1024;

/** After how long a message is sent again that JetStream has not taken, milliseconds. */
const RETRY_DELAY = 500;

/** Who hands messages to JetStream. */
export interface NatsKeeper {
  /** Is fulfilled when it has the message. */
  send(message: Unconfirmed): Promise<void>;
  /** To which subject it hands what is published to a topic. */
  subjectOf(topic: string): string;
  /** Sees to it that it can take messages. */
  prepare(): Promise<unknown>;
}

/**
 * Publishes over core NATS, which confirms nothing: what was written may be lost with the connection. So all is kept
 * until NATS has answered a question that was asked after it, and is written again, in its order, after a reconnect.
 * Nothing is written in between, for the client would send it before that. What is to be kept goes to JetStream, which
 * confirms each message, and knows those that come again.
 */
export class NatsPublisher {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #outbox: Outbox;
  readonly #onFailed: (error: BrokerError) => void;
  #isConnected = false;
  /** Counts connections: an answer that belongs to an earlier one says nothing. */
  #epoch = 0;
  /** What was written to this connection since NATS was asked last. */
  #written: Unconfirmed[] = [];
  #isAsking = false;
  /** Set before anything is published that is to be kept. */
  keeper: NatsKeeper | undefined;
  #retry: NodeJS.Timeout | undefined;

  /** @param maxWaiting how much may be unconfirmed, bytes. */
  constructor(
    connection: NatsConnection,
    prefix: string,
    maxWaiting: number,
    onFailed: (error: BrokerError) => void,
  ) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#outbox = new Outbox(maxWaiting);
    this.#onFailed = onFailed;
  }

  /** This node, to the others. */
  get node(): string {
    return this.#outbox.node;
  }

  /** A number for something that is published in another way. */
  nextNumber(): number {
    return this.#outbox.nextNumber();
  }

  /** Whether something has waited for so long that NATS must be away. */
  get isStuck(): boolean {
    return this.#outbox.isStuck;
  }

  /** How much waits, bytes. */
  get waiting(): number {
    return this.#outbox.waiting;
  }

  /** @returns its number. @throws {BrokerError} `ERR_BROKER_FULL`. */
  publish(topic: string, data: string | Uint8Array, limits?: HistoryLimits): number {
    if (data.length > MAX_MESSAGE) {
      throw new BrokerError(
        'ERR_BROKER_FULL',
        `The message is larger than ${MAX_MESSAGE}, which is the most`,
      );
    }
    const message = this.#outbox.put(topic, data, limits);
    // Without `info` the client has been disconnected, and its status has not come yet.
    if (!this.#isConnected || this.#connection.info === undefined) return message.number;
    this.#write(message);
    if (limits === undefined) this.#askLater();
    return message.number;
  }

  connect(): void {
    this.#isConnected = true;
    for (const message of this.#outbox) this.#write(message);
    if (this.#written.length > 0) this.#askLater();
  }

  disconnect(): void {
    this.#epoch++;
    clearTimeout(this.#retry);
    this.#isConnected = false;
    this.#isAsking = false;
    this.#written = [];
  }

  /** NATS does not permit what JetStream would keep under a subject. */
  refuse(subject: string, error: Error): void {
    for (const message of this.#outbox) {
      const isConcerned = message.limits !== undefined && this.keeper?.subjectOf(message.topic) === subject;
      if (isConcerned && this.#outbox.settle(message)) this.#onFailed(refused(message, error));
    }
  }

  /** Waits until NATS has all. */
  empty(): Promise<void> {
    return this.#outbox.empty();
  }

  /** Gives up what waits. @returns how many messages that were. */
  drop(): number {
    const waiting = [...this.#outbox];
    for (const message of waiting) this.#outbox.settle(message);
    return waiting.length;
  }

  #write(message: Unconfirmed): void {
    if (message.limits !== undefined) {
      void this.#keep(message);
      return;
    }
    const { topic, bytes } = message;
    const subject = subjectOf(this.#prefix, topic);
    const limit = this.#connection.info?.max_payload ?? Infinity;
    try {
      for (const payload of bytes.length <= limit ? [bytes] : cutIntoPieces(bytes, limit)) {
        this.#connection.publish(subject, payload);
      }
      this.#written.push(message);
    } catch (error) {
      this.#outbox.settle(message);
      this.#onFailed(
        new BrokerError('ERR_BROKER_REFUSED', 'The NATS client does not take a message', { cause: error }),
      );
    }
  }

  async #keep(message: Unconfirmed): Promise<void> {
    const epoch = this.#epoch;
    try {
      await this.keeper!.send(message);
      this.#outbox.settle(message);
    } catch (error) {
      if (isJetStreamAnswer(error) || isPermissionError(error)) {
        if (this.#outbox.settle(message)) this.#onFailed(refused(message, error));
      } else if (epoch === this.#epoch && this.#outbox.has(message)) {
        // Nobody knows whether it is kept: all is sent again, in its order.
        this.disconnect();
        this.#connectLater();
      }
    }
  }

  #connectLater(): void {
    const epoch = this.#epoch;
    const again = async (): Promise<void> => {
      const isReady = await this.keeper!.prepare().then(
        () => true,
        () => false,
      );
      if (epoch !== this.#epoch) return;
      if (isReady) this.connect();
      else this.#connectLater();
    };
    this.#retry = setTimeout(() => void again(), RETRY_DELAY).unref();
  }

  /** One question at a time, and not before the end of the tick, so that it is for many messages. */
  #askLater(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const epoch = this.#epoch;
    setImmediate(() => {
      if (epoch === this.#epoch) void this.#ask(epoch);
    });
  }

  async #ask(epoch: number): Promise<void> {
    const written = this.#written;
    this.#written = [];
    try {
      await this.#connection.flush();
    } catch {
      // Disconnected, which the status says next.
      return;
    }
    if (epoch !== this.#epoch) return;
    this.#isAsking = false;
    for (const message of written) this.#outbox.settle(message);
    if (this.#written.length > 0) this.#askLater();
  }
}

function refused({ topic }: Unconfirmed, cause: Error): BrokerError {
  return new BrokerError(
    'ERR_BROKER_REFUSED',
    `JetStream has not taken a message to '${topic}': ${cause.message}`,
    { cause },
  );
}

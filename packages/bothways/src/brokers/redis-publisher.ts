import { BrokerError } from '../protocol/errors.js';
import type { Outbox, Unconfirmed } from './outbox.js';
import { channelOf } from './redis-channels.js';
import { isRedisReply, type RedisClient, type RedisConnection } from './redis-client.js';
import { RedisLink } from './redis-link.js';

/** How long is waited before Redis is asked again for what it could not do at that moment, milliseconds. */
const RETRY_DELAY = 500;

/** Answers that time, or another server behind the same name, may change. */
const TRANSIENT = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) /;

/** A message that Redis could not take at that moment, and its answer. */
type Refused = readonly [message: Unconfirmed, answer: Error];

/**
 * Hands what waits in an outbox to Redis, in its order. When a connection is lost, all that Redis has not confirmed is
 * handed to the next one: the receivers leave out what they have.
 */
export class RedisPublisher {
  readonly link: RedisLink;
  readonly #outbox: Outbox;
  readonly #prefix: string;
  readonly #onFailed: (error: BrokerError) => void;
  #connection: RedisConnection | undefined;
  /** How many were handed to the connection and are not answered. */
  #unanswered = 0;
  /** Redis could not take one: no other is handed to this connection, so that the order is kept. */
  #isBlocked = false;
  /** Those that may be handed over once more. */
  #refused: Refused[] = [];
  #retry: NodeJS.Timeout | undefined;

  /** @param onFailed is told of each message that Redis refuses for good. */
  constructor(client: RedisClient, outbox: Outbox, prefix: string, onFailed: (error: BrokerError) => void) {
    this.#outbox = outbox;
    this.#prefix = prefix;
    this.#onFailed = onFailed;
    this.link = new RedisLink(client, {
      ready: (connection) => this.#start(connection),
      lost: () => this.#stop(),
      receive: () => {},
    });
  }

  /** @throws {BrokerError} `ERR_BROKER_FULL` */
  publish(topic: string, data: string | Uint8Array): void {
    const message = this.#outbox.put(topic, data);
    if (this.#connection !== undefined && !this.#isBlocked) this.#send(this.#connection, message);
  }

  close(): void {
    this.#connection = undefined;
    clearTimeout(this.#retry);
    this.link.close();
  }

  #start(connection: RedisConnection): void {
    this.#connection = connection;
    this.#unanswered = 0;
    for (const message of this.#outbox) this.#send(connection, message);
  }

  #stop(): void {
    this.#connection = undefined;
    this.#isBlocked = false;
    clearTimeout(this.#retry);
    // Redis may have taken one that was published later, and then nobody would take these.
    if (this.#unanswered > 0) this.#giveUpRefused();
    this.#refused = [];
  }

  #send(connection: RedisConnection, message: Unconfirmed): void {
    this.#unanswered++;
    connection.publish(channelOf(this.#prefix, message.topic), message.bytes).then(
      () => this.#onTaken(connection, message),
      (error: unknown) => this.#onError(connection, message, error),
    );
  }

  #onTaken(connection: RedisConnection, message: Unconfirmed): void {
    this.#outbox.settle(message);
    if (this.#connection !== connection) return;
    // Those before it would come after it.
    this.#giveUpRefused();
    this.#onAnswer();
  }

  #onError(connection: RedisConnection, message: Unconfirmed, error: unknown): void {
    if (this.#connection !== connection) return;
    // Without an answer, nobody knows whether Redis has got it.
    if (!isRedisReply(error)) return this.link.reset();
    if (TRANSIENT.test(error.message)) {
      this.#isBlocked = true;
      this.#refused.push([message, error]);
    } else {
      this.#giveUp(message, error);
    }
    this.#onAnswer();
  }

  #onAnswer(): void {
    this.link.heard();
    this.#unanswered--;
    if (!this.#isBlocked || this.#unanswered > 0) return;
    // By a new connection: another server may be the primary one by now.
    this.#retry = setTimeout(() => this.link.reset(), RETRY_DELAY).unref();
  }

  #giveUpRefused(): void {
    if (this.#refused.length === 0) return;
    for (const [message, answer] of this.#refused.splice(0)) this.#giveUp(message, answer);
  }

  #giveUp(message: Unconfirmed, answer: Error): void {
    if (!this.#outbox.settle(message)) return;
    this.#onFailed(
      new BrokerError(
        'ERR_BROKER_REFUSED',
        `Redis has not taken a message to '${message.topic}': ${answer.message}`,
        { cause: answer },
      ),
    );
  }
}

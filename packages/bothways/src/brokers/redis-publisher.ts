import { BrokerError } from '../protocol/errors.js';
import type { HistoryLimits } from '../pubsub/history.js';
import type { Outbox, Unconfirmed } from './outbox.js';
import { channelOf } from './redis-channels.js';
import { isRedisReply, type RedisClient, type RedisConnection } from './redis-client.js';
import { RedisLink } from './redis-link.js';
import type { RedisCall, RedisLog } from './redis-log.js';
import { runScript } from './redis-scripts.js';

/** How long is waited before Redis is asked again for what it could not do at that moment, milliseconds. */
const RETRY_DELAY = 500;

/** Answers that time, another server behind the same name, or another connection, may change. */
const TRANSIENT = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOSCRIPT) /;

/** How many questions may wait for an answer. */
const MAX_ASKED = 10_000;

/** A message that Redis could not take at that moment, and its answer. */
type Refused = readonly [message: Unconfirmed, answer: Error];

/** A question to Redis. */
interface Asked {
  readonly call: RedisCall;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Hands what waits in an outbox to Redis, in its order. When a connection is lost, all that Redis has not confirmed is
 * handed to the next one: the receivers leave out what they have.
 */
export class RedisPublisher {
  readonly link: RedisLink;
  readonly #outbox: Outbox;
  readonly #prefix: string;
  readonly #log: RedisLog;
  readonly #onFailed: (error: BrokerError) => void;
  readonly #asked = new Set<Asked>();
  /** Messages that are not to be sent yet, nor what was published after them. */
  readonly #early = new Set<Unconfirmed>();
  /** The number of the last one that was handed to the connection. */
  #sent = 0;
  #connection: RedisConnection | undefined;
  /** How many were handed to the connection and are not answered. */
  #unanswered = 0;
  /** Redis could not take one: no other is handed to this connection, so that the order is kept. */
  #isBlocked = false;
  /** Those that may be handed over once more. */
  #refused: Refused[] = [];
  #retry: NodeJS.Timeout | undefined;

  /** @param onFailed is told of each message that Redis refuses for good. */
  constructor(
    client: RedisClient,
    outbox: Outbox,
    prefix: string,
    log: RedisLog,
    onFailed: (error: BrokerError) => void,
  ) {
    this.#outbox = outbox;
    this.#prefix = prefix;
    this.#log = log;
    this.#onFailed = onFailed;
    this.link = new RedisLink(client, {
      ready: (connection) => this.#start(connection),
      lost: () => this.#stop(),
      receive: () => {},
    });
  }

  /**
   * @param limits how long it is kept, if it is.
   * @param ready when it may be sent; at once by default.
   * @returns its number.
   * @throws {BrokerError} `ERR_BROKER_FULL`
   */
  publish(
    topic: string,
    data: string | Uint8Array,
    limits?: HistoryLimits,
    ready?: Promise<unknown>,
  ): number {
    const message = this.#outbox.put(topic, data, limits);
    if (ready !== undefined) {
      void this.#sendWhen(ready, message);
    } else if (this.#early.size === 0 && this.#connection !== undefined && !this.#isBlocked) {
      this.#send(this.#connection, message);
    }
    return message.number;
  }

  /**
   * Asks something, and once more on the next connection if one is lost.
   *
   * @param timeout milliseconds; without it, it is asked until it is answered, and whoever asks has a limit.
   * @throws {BrokerError} `ERR_BROKER_REFUSED`; `ERR_BROKER_AWAY` after so many milliseconds; `ERR_BROKER_FULL`
   */
  async ask(call: RedisCall, timeout?: number): Promise<unknown> {
    if (timeout !== undefined && this.#asked.size >= MAX_ASKED) {
      throw new BrokerError('ERR_BROKER_FULL', `${MAX_ASKED} questions to Redis wait for an answer`);
    }
    let asked!: Asked;
    const answer = new Promise((resolve, reject) => (asked = { call, resolve, reject }));
    this.#asked.add(asked);
    const late =
      timeout === undefined
        ? undefined
        : setTimeout(() => asked.reject(away(`within ${timeout} ms`)), timeout);
    if (this.#connection !== undefined) void this.#ask(this.#connection, asked);
    try {
      return await answer;
    } finally {
      clearTimeout(late);
      this.#asked.delete(asked);
    }
  }

  close(): void {
    this.#connection = undefined;
    clearTimeout(this.#retry);
    for (const { reject } of this.#asked) reject(away('before the end'));
    this.link.close();
  }

  #start(connection: RedisConnection): void {
    this.#connection = connection;
    this.#unanswered = 0;
    this.#sent = 0;
    this.#sendAll();
    for (const asked of this.#asked) void this.#ask(connection, asked);
  }

  async #sendWhen(ready: Promise<unknown>, message: Unconfirmed): Promise<void> {
    this.#early.add(message);
    await ready;
    this.#early.delete(message);
    this.#sendAll();
  }

  /** Hands over what is not yet, as far as it may be. */
  #sendAll(): void {
    for (const message of this.#outbox) {
      if (this.#connection === undefined || this.#isBlocked || this.#early.has(message)) return;
      if (message.number > this.#sent) this.#send(this.#connection, message);
    }
  }

  async #ask(connection: RedisConnection, asked: Asked): Promise<void> {
    const { script, keys, parameters } = asked.call;
    try {
      asked.resolve(await runScript(connection, script, keys, parameters));
    } catch (error) {
      if (this.#connection !== connection) return;
      if (!isRedisReply(error) || TRANSIENT.test(error.message)) {
        this.link.reset();
        return;
      }
      asked.reject(
        new BrokerError('ERR_BROKER_REFUSED', `Redis does not show what it keeps: ${error.message}`, {
          cause: error,
        }),
      );
    }
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
    this.#sent = message.number;
    this.#handOver(connection, message).then(
      () => this.#onTaken(connection, message),
      (error: unknown) => this.#onError(connection, message, error),
    );
  }

  #handOver(connection: RedisConnection, message: Unconfirmed): Promise<unknown> {
    const { topic, bytes, limits } = message;
    if (limits === undefined) return connection.publish(channelOf(this.#prefix, topic), bytes);
    const { script, keys, parameters } = this.#log.append(message, limits);
    return runScript(connection, script, keys, parameters);
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

function away(when: string): BrokerError {
  return new BrokerError('ERR_BROKER_AWAY', `Redis has not answered ${when}`);
}

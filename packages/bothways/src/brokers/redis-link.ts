import { BrokerError } from '../protocol/errors.js';
import { isRedisReply, openRedisConnection, type RedisClient, type RedisConnection } from './redis-client.js';

/** How often Redis is asked whether it is there, milliseconds. */
const PING_INTERVAL = 15_000;

/** How many of them in a row may stay without an answer, or how many intervals a connection may take to open. */
const MAX_UNANSWERED = 4;

/** How long is waited before a connection is opened again: the first time, and at most, milliseconds. */
const FIRST_DELAY = 50;
const MAX_DELAY = 2_000;

export interface RedisLinkEvents {
  /** A connection is there. Until `lost`, commands can be sent on it. */
  ready(connection: RedisConnection): void;
  /** It is gone. */
  lost(): void;
  receive(channel: Buffer, bytes: Buffer): void;
}

/** Keeps one connection to Redis open: opens another when it is lost, or when Redis does not answer any more. */
export class RedisLink {
  /** Why there is no connection, if that is known. */
  error: unknown;
  readonly #client: RedisClient;
  readonly #events: RedisLinkEvents;
  readonly #onFirst: (() => void)[] = [];
  #connection: RedisConnection | undefined;
  /** Whether a connection is there. */
  isReady = false;
  #failures = 0;
  #unanswered = 0;
  #ping: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(client: RedisClient, events: RedisLinkEvents) {
    this.#client = client;
    this.#events = events;
  }

  /** @returns when the first connection is ready. */
  async open(): Promise<void> {
    const ready = new Promise<void>((resolve) => this.#onFirst.push(resolve));
    this.#ping = setInterval(() => this.#check(), PING_INTERVAL).unref();
    this.#connect();
    await ready;
  }

  /** The connection, while it is there. */
  get connection(): RedisConnection | undefined {
    return this.isReady ? this.#connection : undefined;
  }

  /** Replaces the connection. */
  reset(): void {
    if (this.#connection !== undefined) this.#lose(this.#connection, undefined);
  }

  /** Redis is there: something has come from it. */
  readonly heard = (): void => {
    this.#unanswered = 0;
  };

  close(): void {
    clearInterval(this.#ping);
    clearTimeout(this.#retry);
    const connection = this.#connection;
    // It may say at once that it is lost.
    this.#connection = undefined;
    connection?.destroy();
  }

  #connect(): void {
    this.#unanswered = 0;
    let connection: RedisConnection;
    try {
      connection = openRedisConnection(this.#client, {
        receive: (channel, bytes) => {
          if (this.#connection !== connection) return;
          this.heard();
          this.#events.receive(channel, bytes);
        },
        lost: (error) => this.#lose(connection, error),
      });
    } catch (error) {
      this.#connectLater(error);
      return;
    }
    this.#connection = connection;
    connection.opened.then(
      () => this.#onOpened(connection),
      (error: unknown) => this.#lose(connection, error),
    );
  }

  #onOpened(connection: RedisConnection): void {
    if (this.#connection !== connection) return;
    this.isReady = true;
    this.#failures = 0;
    this.error = undefined;
    this.heard();
    this.#events.ready(connection);
    for (const resolve of this.#onFirst.splice(0)) resolve();
  }

  #lose(connection: RedisConnection, error: unknown): void {
    if (this.#connection !== connection) return;
    const wasReady = this.isReady;
    this.#connection = undefined;
    this.isReady = false;
    connection.destroy();
    if (wasReady) this.#events.lost();
    this.#connectLater(error);
  }

  #connectLater(error: unknown): void {
    this.error = error ?? this.error;
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures++, MAX_DELAY);
    // Not all nodes at the same moment.
    this.#retry = setTimeout(() => this.#connect(), delay * (0.5 + Math.random() / 2)).unref();
  }

  #check(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (++this.#unanswered > MAX_UNANSWERED) {
      const error = new BrokerError('ERR_BROKER_AWAY', 'Redis does not answer');
      this.#lose(connection, error);
    } else if (this.isReady) {
      connection.ping().then(
        () => this.#onAnswer(connection),
        (error: unknown) => isRedisReply(error) && this.#onAnswer(connection),
      );
    }
  }

  #onAnswer(connection: RedisConnection): void {
    if (this.#connection === connection) this.heard();
  }
}

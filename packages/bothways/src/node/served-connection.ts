import type { Connection, Data, Recovery } from '../protocol/contract.js';
import type { Role } from '../protocol/connection.js';
import type { Since } from '../pubsub/history.js';
import type { RecordPublish } from '../pubsub/broker-records.js';
import type { PublishThrough } from '../pubsub/feeds.js';
import type { Subscriptions } from '../pubsub/subscriptions.js';
import type { AgreedCompression } from './compression.js';
import type { Handlers } from './handlers.js';
import type { PublishedMessage } from './published-message.js';

/** The options that an open connection keeps to, the same at both ends. */
export interface ConnectionLimits {
  readonly maxMessageSize: number;
  readonly highWaterMark: number;
  readonly maxBufferedBytes: number;
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly idleTimeout: number;
  readonly closeTimeout: number;
}

/** What a server has beside what its users see of a connection: a plain WebSocket, or a session. */
export interface ServedConnection<State> extends Connection<State, Buffer> {
  /** What was agreed on, for the owner. */
  readonly compression: AgreedCompression | undefined;
  /** What it has to do with topics, for its owner. */
  subscriptions: Subscriptions | undefined;
  /** Sends a message that others get as well. */
  sendPublished(message: PublishedMessage): void;
  /** Runs a piece of the application; what it throws ends this connection and nothing else. */
  run(call: () => unknown): void;
  /** Whoever read the messages will not go on: what still comes is discarded. */
  stopIterating(): void;
}

/** What connections do with topics. */
export interface ConnectionTopics<State> {
  subscribe(socket: ServedConnection<State>, filter: string): void;
  recover(socket: ServedConnection<State>, topic: string, since: Since): Promise<Recovery>;
  unsubscribe(socket: ServedConnection<State>, filter: string): void;
  publish(socket: ServedConnection<State>, topic: string, data: Data): void;
  join(socket: ServedConnection<State>, topic: string, id: string, info: unknown): void;
  leave(socket: ServedConnection<State>, topic: string): void;
  /** What another server has to know to go on with it, by name; `undefined` while that cannot be said. */
  save(socket: ServedConnection<State>): Readonly<Record<string, string>> | undefined;
  /**
   * In whose name a handler runs: what is published until it returns, and kept by the broker, is published when that is
   * saved.
   */
  publisher: PublishThrough | undefined;
  /** @param publish takes what is to be published with something else. */
  through(publish: (message: RecordPublish) => void): PublishThrough;
}

/** Who made the connection and keeps it: a server, or the client's `connect`. */
export interface ConnectionOwner<State> {
  readonly role: Role;
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<State>;
  /** The topics; a client has none. @throws {TypeError} at a client. */
  readonly topics: ConnectionTopics<State>;
  /** Called once when the connection is gone, before the `close` handler. */
  remove(socket: ServedConnection<State>): void;
}

import type { Connection } from '../protocol/contract.js';
import type { Role } from '../protocol/connection.js';
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
  /** The topics it subscribed to, for its owner. */
  topics: Set<string> | undefined;
  /** Sends a message that others get as well. */
  sendPublished(message: PublishedMessage): void;
  /** Runs a piece of the application; what it throws ends this connection and nothing else. */
  run(call: () => unknown): void;
  /** Whoever read the messages will not go on: what still comes is discarded. */
  stopIterating(): void;
}

/** Who made the connection and keeps it: a server, or the client's `connect`. */
export interface ConnectionOwner<State> {
  readonly role: Role;
  readonly limits: ConnectionLimits;
  readonly handlers: Handlers<State>;
  subscribe(socket: ServedConnection<State>, topic: string): void;
  unsubscribe(socket: ServedConnection<State>, topic: string): void;
  /** Called once when the connection is gone, before the `close` handler. */
  remove(socket: ServedConnection<State>): void;
}

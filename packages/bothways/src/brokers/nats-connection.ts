// What we need of a connection of `@nats-io/transport-node` or `@nats-io/nats-core`, by its shape.

export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { get(name: string): string } | undefined;
}

export interface NatsSubscription {
  unsubscribe(): void;
}

export interface NatsSubscribeOptions {
  readonly callback: (error: Error | null, message: NatsMessage) => void;
}

/** Such as `disconnect`, `reconnect`, and `error` with its `error`. */
export interface NatsStatus {
  readonly type: string;
  readonly error?: unknown;
}

/** A connection to NATS, such as the one that `connect()` of `@nats-io/transport-node` gives. */
export interface NatsConnection {
  /** What the server has said of itself; `undefined` while there is no connection. */
  readonly info?: { readonly max_payload: number } | undefined;
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, options: NatsSubscribeOptions): NatsSubscription;
  /** Is fulfilled when the server has taken all that was asked of it before; rejects when the connection is lost. */
  flush(): Promise<void>;
  status(): AsyncIterable<NatsStatus>;
  /** Is fulfilled when the client has given up. */
  closed(): Promise<void | Error>;
  isClosed(): boolean;
  isDraining(): boolean;
}

/** Refused by the permissions of this user of NATS. */
export interface NatsPermissionError extends Error {
  readonly operation: 'publish' | 'subscription';
  readonly subject: string;
}

export function isPermissionError(error: unknown): error is NatsPermissionError {
  return error instanceof Error && 'operation' in error && 'subject' in error;
}

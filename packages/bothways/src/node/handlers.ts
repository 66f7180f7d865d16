import type { Connection } from '../protocol/contract.js';
import type { Member } from '../pubsub/presence.js';

/** What a handler may return: a promise's rejection counts as if the handler had thrown. */
type Outcome = void | Promise<void>;

/**
 * What an application does as connections come, talk and go: one object for all connections, with nothing made
 * for each. A handler that throws, or whose promise rejects, closes that connection with 1011 and is reported
 * to `error`; it never takes the process down.
 */
export interface Handlers<State = unknown> {
  /** The connection is open. What it sends here goes out with the handshake's response, in one write. */
  open?(socket: Connection<State, Buffer>): Outcome;
  /** A message arrived: a string for text, a Buffer for binary. It is yours to keep. */
  message?(socket: Connection<State, Buffer>, data: string | Buffer): Outcome;
  /** After `send` returned false: `bufferedAmount` is at or below the high-water mark again. */
  drain?(socket: Connection<State, Buffer>): Outcome;
  /** A Ping arrived; it has been answered. */
  ping?(socket: Connection<State, Buffer>, payload: Buffer): Outcome;
  /** A Pong arrived, asked for or not. */
  pong?(socket: Connection<State, Buffer>, payload: Buffer): Outcome;
  /**
   * The broker was away: messages of these filters, to which the connection subscribed, may be lost. What is published
   * from now on comes.
   */
  missed?(socket: Connection<State, Buffer>, filters: readonly string[]): Outcome;
  /**
   * A session that another server had is here now, because that one is dead (`durable`): with its `state`, `request`
   * and subscriptions. `open` is not called for it.
   */
  takeover?(socket: Connection<State, Buffer>): Outcome;
  /** Somebody is shown in a topic who was not there at any server; called at each of them. */
  join?(topic: string, member: Member): void;
  /** Somebody is gone from a topic, at all servers; called at each of them. */
  leave?(topic: string, member: Member): void;
  /** The connection is gone; see `CloseInfo` for the code, and `socket.closed` for the rest. Called once. */
  close?(socket: Connection<State, Buffer>, code: number, reason: string): Outcome;
  /**
   * Another handler, or `accept`, threw or rejected, or the broker did not send what it had taken (a `BrokerError`):
   * nobody else can catch it. Without this handler it becomes a
   * process warning. Why a connection failed is no error of the application: `closed` says it.
   */
  error?(error: Error, socket: Connection<State, Buffer> | undefined): void;
}

/** One function for each connection: it runs until it returns, and the connection is closed with 1000 then. */
export type ConnectionFunction<State = unknown> = (socket: Connection<State, Buffer>) => Promise<void> | void;

/** Tells the application of an error that no caller can catch. */
export function report<State>(
  handlers: Handlers<State>,
  error: Error,
  socket: Connection<State, Buffer> | undefined,
): void {
  if (handlers.error === undefined) {
    process.emitWarning(error);
    return;
  }
  try {
    handlers.error(error, socket);
  } catch (thrown) {
    process.emitWarning(toError(thrown));
  }
}

/** Whether a value is a promise, of whatever library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Whatever was thrown, as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(`A value that is no Error was thrown: ${String(thrown)}`);
}

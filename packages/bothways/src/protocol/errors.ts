/**
 * Every error that Bothways makes itself:
 *
 *     BothwaysError            code: a stable string, listed in docs/guide/errors.md
 *     ├── HandshakeError       status, headers: the opening handshake was refused or is no handshake
 *     ├── ProtocolError        closeCode: the peer broke RFC 6455, or its subprotocol
 *     ├── LimitError           limit, value: something grew beyond an option
 *     ├── ConnectionClosedError received, sent, initiator: the connection is gone
 *     ├── TimeoutError         phase, milliseconds: the peer or the network took too long
 *     └── BrokerError          the broker behind the topics failed
 *
 * A caller's mistake is none of these: it throws `TypeError` or `RangeError` at once.
 */
export class BothwaysError extends Error {
  /** Stable and documented; compare this and not the message. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** The opening handshake failed (RFC 6455 section 4). */
export class HandshakeError extends BothwaysError {
  /** The HTTP status that was sent or received; 0 when it did not come to one. */
  readonly status: number;
  /** The response's header fields with lower-case names, as far as there was a response. */
  readonly headers: Readonly<Record<string, string>>;
  /** The beginning of the response's body, as text. */
  readonly body: string;

  constructor(
    code: string,
    message: string,
    details: {
      status?: number;
      headers?: Readonly<Record<string, string>>;
      body?: string;
      cause?: unknown;
    } = {},
  ) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = details.status ?? 0;
    this.headers = details.headers ?? {};
    this.body = details.body ?? '';
  }
}

/**
 * The peer sent what RFC 6455 forbids; the connection was failed with `closeCode` (section 7.1.7). Or it sent what its
 * subprotocol forbids, and `closeCode` is what to close it with.
 */
export class ProtocolError extends BothwaysError {
  readonly closeCode: number;

  constructor(code: string, message: string, closeCode: number) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/** Something grew beyond the option `limit`, whose value is `value`. */
export class LimitError extends BothwaysError {
  /** The option's name, such as `maxMessageSize`. */
  readonly limit: string;
  /** The option's value, in its own unit. */
  readonly value: number;

  constructor(code: string, message: string, limit: string, value: number) {
    super(code, message);
    this.limit = limit;
    this.value = value;
  }
}

/** Who ended the connection first: this end, the peer, or (nobody said goodbye) the network. */
export type Initiator = 'local' | 'remote' | 'network';

/** The connection is closed or closing, so nothing more can be sent or received. */
export class ConnectionClosedError extends BothwaysError {
  /** The close code received, 1005 when the Close frame had none, 1006 when no Close frame came. */
  readonly received: number;
  /** The close code sent, 1005 when the Close frame had none, 1006 when none was sent. */
  readonly sent: number;
  readonly initiator: Initiator;

  constructor(message: string, received: number, sent: number, initiator: Initiator) {
    super('ERR_CONNECTION_CLOSED', message);
    this.received = received;
    this.sent = sent;
    this.initiator = initiator;
  }
}

/** The peer or the network took longer than an option allows. */
export class TimeoutError extends BothwaysError {
  /** What took too long, such as `connect`, `handshake`, `ping` or `close`. */
  readonly phase: string;
  readonly milliseconds: number;

  constructor(phase: string, milliseconds: number, message: string) {
    super('ERR_TIMEOUT', message);
    this.phase = phase;
    this.milliseconds = milliseconds;
  }
}

/** The broker that carries topics between processes failed. */
export class BrokerError extends BothwaysError {}

import type { Initiator } from './errors.js';

/** What `send` takes: a string becomes a text message, bytes become a binary message. */
export type Data = string | Uint8Array | ArrayBuffer | ArrayBufferView;

/** What arrives: a string for a text message, bytes for a binary one. Yours to keep. */
export type Message<Bytes extends Uint8Array = Uint8Array> = string | Bytes;

/** The states of the WHATWG `WebSocket`, by number (`readyState`). */
export const ReadyState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState];

/** Where in the history of a topic a message is. Offsets grow within an epoch; by one where no broker keeps it. */
export interface Position {
  /** Another one when the history was begun anew: then nobody knows what was published before. */
  readonly epoch: string;
  readonly offset: number;
}

/** What became of a subscription from a position on. */
export interface Recovery extends Position {
  /** Whether all that was published since then has been sent. If not, nothing has that was asked for by a position. */
  readonly recovered: boolean;
}

/**
 * What carries messages: a WebSocket; a response that goes on, read as lines or by an `EventSource`, with requests the
 * other way; or a series of requests. All but the first carry sessions only.
 */
export type CarrierName = 'websocket' | 'streaming' | 'eventsource' | 'long-polling' | 'polling' | 'postback';

/** How a connection ended. */
export interface CloseInfo {
  /**
   * The close code received from the peer; 1005 when its Close frame had none; 1006 when the connection was
   * lost without one. When this end failed the connection (a protocol error, a limit), the code it gave.
   */
  readonly code: number;
  /** The close reason that came with the code, possibly empty. */
  readonly reason: string;
  /** Whether both Close frames were exchanged (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean;
  /** Who closed first. */
  readonly initiator: Initiator;
  /** Why the connection was failed, if it was. */
  readonly error?: Error;
}

/** The opening handshake's request, as it came. */
export interface RequestInfo {
  readonly method: string;
  /** The request-target: path and query, such as `/live?room=1`. */
  readonly url: string;
  /** Header fields by lower-case name, without prototype; repeated ones are joined with `, ` (Cookie: `; `). */
  readonly headers: Readonly<Record<string, string>>;
  /** The `Origin` header field: who wrote the page that opened this, where a browser did. */
  readonly origin: string | undefined;
  /** The subprotocols that were offered, in the client's order of preference. */
  readonly protocols: readonly string[];
  /** The peer's IP address. */
  readonly remoteAddress: string;
}

/**
 * A message that is read while it arrives: of a text its pieces are strings, otherwise bytes. Iterating throws
 * `ConnectionClosedError` when the connection ends before the message is complete.
 */
export interface MessageStream<Bytes extends Uint8Array = Uint8Array> extends AsyncIterable<string | Bytes> {
  /** Whether its pieces are strings; otherwise they are bytes. */
  readonly isText: boolean;
}

/** What a message can be sent from, piece by piece: a stream, an async or an ordinary iterable. */
export type MessageSource<Piece extends Data = Data> = AsyncIterable<Piece> | Iterable<Piece>;

/**
 * Two-way communication with one peer, whatever carries it. A plain WebSocket implements it at both ends; so
 * does everything else that carries messages. `State` is what the application keeps with a connection: on the
 * server, whatever `accept` returned.
 */
export interface Connection<State = unknown, Bytes extends Uint8Array = Uint8Array> extends AsyncIterable<
  Message<Bytes>
> {
  /** The application's own value for this connection; on the server, what `accept` returned. */
  state: State;
  /** The opening handshake's request, as it came (server) or went (client). */
  readonly request: RequestInfo;
  /** What carries it; of a session what carries it now, or did last. */
  readonly carrier: CarrierName;
  /** The subprotocol that was agreed on, or `''`. */
  readonly protocol: string;
  /** The extensions that were agreed on, in the header field's form, or `''`. */
  readonly extensions: string;
  readonly readyState: ReadyState;
  /** Bytes that `send` took and the operating system has not taken yet. */
  readonly bufferedAmount: number;
  /** Resolves when `bufferedAmount` is at or below `highWaterMark` (at once if it is); also on close. */
  readonly ready: Promise<void>;
  /** Resolves when the connection is gone, however that came about; it never rejects. */
  readonly closed: Promise<CloseInfo>;

  /**
   * Sends one message.
   *
   * MUST take the message whole or not at all, and MUST keep the order. Bytes up to 16 KiB are copied at once;
   * larger ones may be read until they are sent, so do not change them before `bufferedAmount` is 0.
   *
   * @returns `true` below the high-water mark; `false` above it (the message was taken: wait for `ready` or
   * `drain` before sending more) and after the connection began to close (the message was not taken).
   * @throws {TypeError} when `data` is neither a string nor bytes.
   */
  send(data: Data): boolean;

  /**
   * Sends one message from a stream or another iterable, whose length need not be known: a text if its first piece
   * is a string, and each piece as a fragment (RFC 6455 section 5.4). The next piece is asked for when no more than
   * `highWaterMark` bytes wait; messages that are sent meanwhile come after it. Where compression was agreed on, it is
   * compressed whatever its size. Pieces above 16 KiB are sent from where they are: yield memory of its own for each.
   *
   *     await socket.sendStream(createReadStream('large.bin'));
   *
   * @returns when the last piece has been handed to the operating system's buffer or is about to be.
   * @throws {ConnectionClosedError} when the connection ends before that; what the source throws, and then the
   * connection is failed with 1011 if the message has begun, because it can no longer be completed; {TypeError}
   * when a piece is not of the kind of the first one.
   */
  sendStream(source: MessageSource): Promise<void>;

  /**
   * The messages from now on, each of which can be read while it still arrives; at most `highWaterMark` bytes of
   * them wait here, and then the peer is slowed. `maxMessageSize` does not apply to them. Asking for the next
   * message discards what was not read of the last one. The `message` handler is not called any more, and
   * messages cannot be iterated whole.
   */
  streams(): AsyncIterableIterator<MessageStream<Bytes>>;

  /**
   * Sends a Ping frame with up to 125 bytes (RFC 6455 section 5.5.2); the `pong` handler sees the answer.
   *
   * @throws {RangeError} when the payload is longer than 125 bytes.
   */
  ping(payload?: string | Uint8Array): void;

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2). What was sent before is still delivered. Calling
   * it again does nothing.
   *
   * @param code 1000 (the default), 1001 to 1003, 1007 to 1014 or 3000 to 4999.
   * @param reason up to 123 bytes of UTF-8.
   * @throws {RangeError} for any other code or a longer reason.
   */
  close(code?: number, reason?: string): void;

  /** Cuts the connection at once, without a closing handshake. */
  terminate(): void;

  /**
   * Stops reading: no handler is called until `resume`, and the peer is slowed by the transport. After `close`
   * nothing is held back: what a paused connection has not read is discarded, so that the peer's Close can be.
   */
  pause(): void;
  /** Goes on reading, after this call has returned. */
  resume(): void;

  /**
   * Receives what the server publishes to the topics of a filter from now on; twice is once. A filter is one topic, or
   * more of them by `+` and `#` (MQTT 5.0, 4.7). Topics live on the server: a client's connection throws.
   *
   * @throws {RightsError} when `accept` has not granted it. {TypeError} for what is no filter.
   */
  subscribe(filter: string): void;
  /**
   * Sends what was published to a topic since then, and subscribes to it: nothing comes twice, and nothing is left out.
   * Its history is what the server's option `history` says.
   *
   * @param since a position that was told before, or how many messages at the end.
   * @returns the position from which on messages come now, and whether all since then were sent. It rejects with a
   * `RightsError` when `accept` has not granted it, with a `TypeError` for a topic without a history, and with a
   * `BrokerError` when the broker that keeps it does not show it; then it is not subscribed to by this call.
   */
  recover(topic: string, since: Position | number): Promise<Recovery>;
  unsubscribe(filter: string): void;
  /**
   * Publishes to a topic, for all subscribers but this connection, at whatever server.
   *
   * @throws {RightsError} when `accept` has not granted it. {TypeError} for what is no topic. {BrokerError} when the
   * broker does not take it.
   */
  publish(topic: string, data: Data): void;
  /**
   * Shows somebody as a member of a topic, until `leave` or for a while after the connection is gone. By several
   * connections, at whatever servers, one member is there once. A connection is shown as one member of a topic.
   *
   * @param id who it is, at most 256 UTF-16 code units.
   * @param info what there is to say of it: a value that JSON can carry, at most 4,096 UTF-16 code units of it.
   * @throws {RightsError} when `accept` has not granted to subscribe to the topic. {TypeError} for other values.
   * {LimitError} `ERR_TOO_MANY_MEMBERS` when the server shows 100,000 already.
   */
  join(topic: string, id: string, info?: unknown): void;
  leave(topic: string): void;
}

/**
 * Finds where the messages of one direction of a protocol end in its bytes.
 *
 * It MUST find the same ends however the bytes are cut into pieces, and MUST keep no more than a few bytes of them.
 */
export interface MessageFinder {
  /**
   * Goes on from `start` to the end of the message that is there or begins there. Every byte MUST be shown once, in
   * order: the next call begins where this one has ended.
   *
   * @returns the index behind the last byte of the message, or -1 when it goes on beyond `bytes`.
   * @throws {ProtocolError} (1002) when the bytes are not of the protocol. It is of no use then.
   */
  findEnd(bytes: Uint8Array, start: number): number;
  /** Whether a message has begun that has not ended. */
  readonly isWithin: boolean;
}

/** What messages may be on the WebSocket: `text-if-utf8` is text where the bytes are UTF-8, and binary otherwise. */
export type MessageKind = 'binary' | 'text-if-utf8';

/**
 * A protocol made for a stream of bytes that is carried over WebSocket: each of its messages is one of the WebSocket
 * towards the client, and the bytes of what the client sends go to the server as they come.
 */
export interface Subprotocol {
  /** What it is called, such as `stomp`. */
  readonly name: string;
  /** The tokens of `Sec-WebSocket-Protocol` that mean it (RFC 6455 section 11.5), best first. */
  readonly protocols: readonly string[];
  /** Whether a client that offers no token may have it too. */
  readonly isTokenOptional: boolean;
  /** What its messages are towards the client. */
  readonly sends: MessageKind;
  /** Whether a client may send text as well. */
  readonly acceptsText: boolean;
  /** What a client sends. */
  fromClient(): MessageFinder;
  /** What a server sends. */
  fromServer(): MessageFinder;
}

import { BothwaysError } from 'bothways';
import { CloseCode } from 'bothways/protocol';
import { MessageFollower, MessageSplitter, type Subprotocol } from 'bothways/subprotocols';
import { isUtf8 } from 'node:buffer';
import type { Codec, CodecEnds, CodecOptions, Ending } from './codec.js';

const LF = 0x0a;

/**
 * Carries a protocol whose messages are found in its bytes: what a client sends goes on as it comes, once it is known to
 * be well-formed; what the server sends becomes one message of the WebSocket for each of the protocol.
 */
export class FinderCodec implements Codec {
  messagesFromClient = 0;
  messagesFromServer = 0;
  readonly #ends: CodecEnds;
  readonly #subprotocol: Subprotocol;
  readonly #follower: MessageFollower;
  readonly #splitter: MessageSplitter;
  readonly #send: (message: Uint8Array) => void;
  readonly #onMessage: (message: Uint8Array) => void;
  /** The last message of one piece, until it is known whether an end of line follows that goes with it. */
  #held: Uint8Array | undefined;

  constructor(subprotocol: Subprotocol, { maxMessageSize }: CodecOptions, ends: CodecEnds) {
    this.#subprotocol = subprotocol;
    this.#ends = ends;
    this.#follower = new MessageFollower(subprotocol.fromClient(), maxMessageSize);
    this.#splitter = new MessageSplitter(subprotocol.fromServer(), maxMessageSize);
    this.#send = subprotocol.sends === 'binary' ? this.#sendBytes : this.#sendTextIfUtf8;
    this.#onMessage = subprotocol.name === 'stomp' ? this.#holdBack : this.#send;
  }

  fromClient(message: string | Buffer): void {
    const isText = typeof message === 'string';
    if (isText && !this.#subprotocol.acceptsText) {
      this.#ends.end({ code: CloseCode.UNSUPPORTED_DATA, reason: `${this.#subprotocol.name} is binary` });
      return;
    }
    const bytes = isText ? Buffer.from(message) : message;
    this.messagesFromClient += this.#follower.follow(bytes);
    this.#ends.toServer(bytes);
  }

  fromServer(bytes: Buffer): void {
    try {
      this.#split(bytes);
    } catch (error) {
      if (!(error instanceof BothwaysError)) throw error;
      // It is the server's, and no fault of the client.
      this.#ends.end({ code: CloseCode.BAD_GATEWAY, reason: `The server: ${error.message}` });
    }
  }

  onServerEnd(): Ending {
    return this.#splitter.isWithin
      ? { code: CloseCode.BAD_GATEWAY, reason: 'The server left in the middle of a message' }
      : { code: CloseCode.NORMAL, reason: 'The server closed the connection' };
  }

  #split(bytes: Buffer): void {
    try {
      this.#splitter.push(bytes, this.#onMessage);
    } finally {
      // What is whole goes out also before what is not STOMP.
      if (this.#held !== undefined) this.#send(this.#held);
      this.#held = undefined;
    }
  }

  /**
   * RabbitMQ ends each frame of STOMP with an end of line. It belongs to the frame (STOMP 1.2, "Augmented BNF"), and need
   * not be a message of its own.
   */
  readonly #holdBack = (message: Uint8Array): void => {
    const held = this.#held;
    if (held !== undefined && isEndOfLineBehind(held, message)) {
      this.#held = Buffer.from(held.buffer, held.byteOffset, held.length + 1);
      return;
    }
    if (held !== undefined) this.#send(held);
    this.#held = message;
  };

  readonly #sendBytes = (message: Uint8Array): void => {
    this.messagesFromServer++;
    this.#ends.toClient(message);
  };

  readonly #sendTextIfUtf8 = (message: Uint8Array): void => {
    this.messagesFromServer++;
    if (!isUtf8(message)) this.#ends.toClient(message);
    else this.#ends.toClient(Buffer.from(message.buffer, message.byteOffset, message.length).toString());
  };
}

/** Whether it is there by itself, and in the same memory. */
function isEndOfLineBehind(held: Uint8Array, message: Uint8Array): boolean {
  const isNext = message.buffer === held.buffer && message.byteOffset === held.byteOffset + held.length;
  return isNext && message.length === 1 && message[0] === LF;
}

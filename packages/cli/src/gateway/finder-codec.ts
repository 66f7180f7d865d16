import { BothwaysError } from 'bothways';
import { CloseCode } from 'bothways/protocol';
import { MessageFollower, MessageSplitter, type Subprotocol } from 'bothways/subprotocols';
import { isUtf8 } from 'node:buffer';
import type { Codec, CodecEnds, CodecOptions, Ending } from './codec.js';

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
  readonly #onMessage: (message: Uint8Array) => void;

  constructor(subprotocol: Subprotocol, { maxMessageSize }: CodecOptions, ends: CodecEnds) {
    this.#subprotocol = subprotocol;
    this.#ends = ends;
    this.#follower = new MessageFollower(subprotocol.fromClient(), maxMessageSize);
    this.#splitter = new MessageSplitter(subprotocol.fromServer(), maxMessageSize);
    this.#onMessage = subprotocol.sends === 'binary' ? this.#sendBytes : this.#sendTextIfUtf8;
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
      this.#splitter.push(bytes, this.#onMessage);
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

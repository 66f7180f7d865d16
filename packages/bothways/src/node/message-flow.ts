import { CloseCode, isCloseCodeOnWire } from '../protocol/close.js';
import { ReadyState } from '../protocol/contract.js';
import type { NodeConnection } from './connection.js';
import { toArrayBuffer, toMessage } from './web-message.js';
import { WebSocketError, toWebSocketError, type WebSocketCloseInfo } from './websocket-error.js';

/** What a WebSocketStream has when it is open. */
export interface WebSocketOpenInfo {
  /** The messages: a string for a text, otherwise an `ArrayBuffer`. While they are not read, the server is slowed. */
  readonly readable: ReadableStream<string | ArrayBuffer>;
  /** Each chunk is a message; a write is done when no more than `highWaterMark` bytes wait to be sent. */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  /** The subprotocol that was agreed on, or `''`. */
  readonly protocol: string;
  /** The extensions that were agreed on, in the header field's form, or `''`. */
  readonly extensions: string;
}

/** The two streams of an open WebSocketStream, and the connection behind them. */
export class MessageFlow {
  readonly info: WebSocketOpenInfo;
  /** How it was closed; rejects when it was not closed cleanly. */
  readonly closed: Promise<Required<WebSocketCloseInfo>>;
  readonly #connection: NodeConnection<undefined>;
  #incoming!: ReadableStreamDefaultController<string | ArrayBuffer>;
  #outgoing!: WritableStreamDefaultController;
  #isCanceled = false;

  constructor(connection: NodeConnection<undefined>) {
    this.#connection = connection;
    const { protocol, extensions } = connection;
    const readable = new ReadableStream<string | ArrayBuffer>({
      start: (controller) => void (this.#incoming = controller),
      pull: () => connection.resume(),
      cancel: (reason) => {
        this.#isCanceled = true;
        this.#closeBecause(reason);
      },
    });
    const writable = new WritableStream<string | ArrayBuffer | ArrayBufferView>({
      start: (controller) => void (this.#outgoing = controller),
      write: async (chunk) => {
        connection.sendTaken(toMessage(chunk));
        await connection.ready;
      },
      close: async () => {
        this.close(undefined, '');
        await this.closed;
      },
      abort: (reason) => this.#closeBecause(reason),
    });
    this.info = { readable, writable, protocol, extensions };
    this.closed = this.#end();
  }

  receive(message: string | Buffer): void {
    if (this.#connection.readyState !== ReadyState.OPEN) return;
    this.#incoming.enqueue(typeof message === 'string' ? message : toArrayBuffer(message));
    if (this.#incoming.desiredSize! <= 0) this.#connection.pause();
  }

  close(code: number | undefined, reason: string): void {
    this.#connection.closeWith(code, reason);
  }

  /** One of the streams was broken off, perhaps with an error that says what the server is to be told. */
  #closeBecause(why: unknown): void {
    const { closeCode, reason } = why instanceof WebSocketError ? why : NOTHING_SAID;
    if (closeCode === null || !isCloseCodeOnWire(closeCode)) this.close(undefined, '');
    else this.close(closeCode, reason);
  }

  /** Ends both streams as the connection ended. */
  async #end(): Promise<Required<WebSocketCloseInfo>> {
    const { wasClean, code, reason, error } = await this.#connection.closed;
    if (wasClean) {
      if (!this.#isCanceled) this.#incoming.close();
      this.#outgoing.error(
        new DOMException('The WebSocketStream is closed: nothing can be written', 'InvalidStateError'),
      );
      return { closeCode: code, reason };
    }
    const failure = toWebSocketError('The connection was not closed cleanly', CloseCode.ABNORMAL, error);
    this.#incoming.error(failure);
    this.#outgoing.error(failure);
    throw failure;
  }
}

const NOTHING_SAID = { closeCode: null, reason: '' };

import { CloseCode } from '../protocol/close.js';
import type { WebSocketUrl } from '../protocol/url.js';
import { openConnection } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import type { NodeConnection } from './connection.js';
import { MessageFlow, type WebSocketOpenInfo } from './message-flow.js';
import { checkTarget, toAttempt } from './web-handshake.js';
import { defineInterface, toDictionary, toText } from './web-idl.js';
import { checkCloseInfo, toWebSocketError, type WebSocketCloseInfo } from './websocket-error.js';

export interface WebSocketStreamOptions extends Omit<ConnectOptions, 'protocols'> {
  /** The subprotocols this client speaks, the one it likes best first. */
  protocols?: Iterable<string> | undefined;
}

/**
 * A WebSocket as two streams of messages, with backpressure both ways: Chromium's class, whole, for Node. Beside
 * `protocols` and `signal` it takes all the options of `connect`; redirects are not followed unless `maxRedirects` says
 * so, and `signal` ends the attempt to connect, but not the connection.
 *
 * @throws {DOMException} `SyntaxError` for a URL or subprotocol that cannot be.
 */
export class WebSocketStream {
  readonly #url: WebSocketUrl;
  readonly #abort = new AbortController();
  readonly #opened: Promise<WebSocketOpenInfo>;
  readonly #closed: Promise<Required<WebSocketCloseInfo>>;
  #flow: MessageFlow | undefined;

  // In this form the `length` of the class is 1, as Web IDL wants it.
  constructor(url: string | URL, ...[given]: [options?: WebSocketStreamOptions | null]) {
    if (arguments.length === 0) throw new TypeError('new WebSocketStream() needs the URL as its argument');
    const options = toOptions(given);
    this.#url = checkTarget(url, options);
    const attempt = toAttempt(options, this.#abort.signal);
    const opening = this.#open(attempt);
    const fail = (text: string, code: number | null, thrown: unknown): never => {
      // Whoever gave up gets the reason that they gave.
      if (options.signal?.aborted === true && thrown === options.signal.reason) throw thrown;
      throw toWebSocketError(text, code, thrown);
    };
    this.#opened = opening.then(
      ({ info }) => info,
      (thrown: unknown) => fail('The connection was not opened', null, thrown),
    );
    this.#closed = opening.then(
      async ({ closed }) => closed,
      (thrown: unknown) => fail('The connection was not closed cleanly', CloseCode.ABNORMAL, thrown),
    );
    // Not to look at how it went is no mistake.
    this.#opened.catch(() => {});
    this.#closed.catch(() => {});
  }

  get url(): string {
    return this.#url.href;
  }

  /** @throws (rejects) {WebSocketError} without a code when the connection cannot be made; the `signal`'s reason. */
  get opened(): Promise<WebSocketOpenInfo> {
    return this.#opened;
  }

  /** @throws (rejects) {WebSocketError} 1006 when it was not closed cleanly; its `cause` says why. */
  get closed(): Promise<Required<WebSocketCloseInfo>> {
    return this.#closed;
  }

  /**
   * Starts the closing handshake, after what was written; before the connection is open, gives up on it. What was not
   * read yet and has not arrived in the stream is discarded.
   *
   * @throws {DOMException} `InvalidAccessError` for a code other than 1000 and 3000 to 4999; `SyntaxError` for
   * a reason above 123 bytes.
   */
  close(...[info]: [info?: WebSocketCloseInfo | null]): void {
    const [code, reason] = checkCloseInfo(info);
    this.#abort.abort(new DOMException('It was closed before', 'AbortError'));
    this.#flow?.close(code, reason);
  }

  async #open(attempt: ConnectOptions): Promise<MessageFlow> {
    await openConnection(this.#url, attempt, {
      open: (opened) => {
        this.#flow = new MessageFlow(opened as NodeConnection<undefined>);
      },
      message: (_connection, message) => this.#flow!.receive(message),
    });
    return this.#flow!;
  }
}

defineInterface(WebSocketStream, 'WebSocketStream');

function toOptions(given: WebSocketStreamOptions | null | undefined): ConnectOptions {
  const { protocols, ...options } = toDictionary(given);
  if (protocols === undefined) return options;
  if (typeof protocols !== 'object' || !(Symbol.iterator in protocols)) {
    throw new TypeError(`'protocols' must be a list of subprotocols, not ${toText(protocols)}`);
  }
  return { ...options, protocols: Array.from(protocols, toText) };
}

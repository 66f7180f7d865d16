import { checkClose } from './close-arguments.js';
import { defineInterface, toDictionary, toText } from './web-idl.js';

/** How a WebSocketStream is closed, or was. */
export interface WebSocketCloseInfo {
  /** 1000 or 3000 to 4999 to send; received, any code there is. */
  closeCode?: number | undefined;
  /** Up to 123 bytes of UTF-8. */
  reason?: string | undefined;
}

/** Makes an error of what happened, with a code that `new WebSocketError` would not take. */
export let toWebSocketError: (text: string, closeCode: number | null, cause: unknown) => WebSocketError;

/**
 * Why the streams of a WebSocketStream ended; or, given to `cancel` or `abort` of one of them, how the connection is
 * to be closed. As Chromium has it; `cause`, where there is one, says more than a page would be told.
 *
 * @throws {DOMException} `InvalidAccessError` for a code that cannot be sent, `SyntaxError` for a longer reason.
 */
export class WebSocketError extends DOMException {
  #closeCode: number | null;
  readonly #reason: string;

  static {
    toWebSocketError = (text, closeCode, cause) => {
      const error = new WebSocketError(cause instanceof Error ? `${text}: ${cause.message}` : text);
      error.#closeCode = closeCode;
      Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
      return error;
    };
  }

  // In this form the `length` of the class is 0, as Web IDL wants it.
  constructor(...[message = '', init]: [message?: string, init?: WebSocketCloseInfo | null]) {
    super(toText(message), 'WebSocketError');
    const [closeCode, reason] = checkCloseInfo(init);
    this.#closeCode = closeCode ?? null;
    this.#reason = reason;
  }

  /** The close code, 1006 where the connection was lost, or `null` where there never was one. */
  get closeCode(): number | null {
    return this.#closeCode;
  }

  get reason(): string {
    return this.#reason;
  }
}

defineInterface(WebSocketError, 'WebSocketError');

/** A dictionary with a code and a reason, as WHATWG wants both. */
export function checkCloseInfo(info: WebSocketCloseInfo | null | undefined): [number | undefined, string] {
  const { closeCode, reason } = toDictionary(info);
  return checkClose(closeCode, reason);
}

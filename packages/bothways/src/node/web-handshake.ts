import { buildHandshakeRequest } from '../protocol/handshake-client-request.js';
import { parseWebSocketUrl, type WebSocketUrl } from '../protocol/url.js';
import { checkConnectOptions, protocolsOf, type ConnectOptions } from './connect-options.js';
import { randomHandshakeKey } from './platform.js';
import { toText } from './web-idl.js';

/**
 * What the constructors of the web's classes check, so that it is thrown there and not when the connection is made.
 *
 * @throws {DOMException} `SyntaxError` for a URL or subprotocol that cannot be; {TypeError} for an option.
 */
export function checkTarget(given: unknown, options: ConnectOptions): WebSocketUrl {
  checkConnectOptions(options);
  const { headers, origin } = options;
  const text = toText(given);
  try {
    const url = parseWebSocketUrl(text);
    buildHandshakeRequest({
      url,
      key: randomHandshakeKey(),
      protocols: protocolsOf(options),
      headers,
      origin,
    });
    return url;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new DOMException(thrown.message, 'SyntaxError');
    throw thrown;
  }
}

/** The options with which such a class connects: `abort` gives up as the user's own signal does. */
export function toAttempt(options: ConnectOptions, abort: AbortSignal): ConnectOptions {
  const signal = options.signal ? AbortSignal.any([options.signal, abort]) : abort;
  return { ...options, maxRedirects: options.maxRedirects ?? 0, signal };
}

import { checkHandshakeHeaders } from '../protocol/handshake.js';
import { parseWebSocketUrl } from '../protocol/url.js';
import type { SessionOptions } from '../session/options.js';
import { AnySession } from '../session/session.js';
import { checkConnectOptions, type ConnectOptions } from './connect-options.js';
import { guardListener } from './listeners.js';
import { SessionClientPlatform } from './session-platform.js';

/** How the endpoint is reached, as for `connect`. */
type Reaching = Pick<
  ConnectOptions,
  'headers' | 'origin' | 'tls' | 'socketPath' | 'proxy' | 'maxMessageSize'
>;

export interface NodeSessionOptions extends SessionOptions, Reaching {}

const REACHING = ['headers', 'origin', 'tls', 'socketPath', 'proxy', 'maxMessageSize'] as const;

/** A session of a program in Node. See `AnySession`. */
export class Session extends AnySession {
  readonly url: string;

  /**
   * @param url the endpoint: `http:`, `https:`, `ws:` or `wss:`.
   * @throws {SyntaxError} for what is no such URL; {TypeError} for an option.
   */
  constructor(url: string | URL, options: NodeSessionOptions = {}) {
    const reaching = Object.fromEntries(REACHING.map((name) => [name, options[name]])) as Reaching;
    checkConnectOptions(reaching);
    checkHandshakeHeaders({
      ...reaching.headers,
      ...(reaching.origin !== undefined && { Origin: reaching.origin }),
    });
    const target = parseWebSocketUrl(String(url));
    super(new SessionClientPlatform(target, reaching), options, REACHING);
    this.url = target.href.replace(/^ws/, 'http');
  }

  /** What a listener throws becomes a warning of the process, and does not end it. */
  protected override guard(listener: unknown): unknown {
    return guardListener(listener);
  }
}

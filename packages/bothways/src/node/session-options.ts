import type { RequestInfo } from '../protocol/contract.js';
import { SMALLEST_WINDOW } from '../session/headers.js';
import type { SessionServerSettings } from '../session/server.js';
import { COUNT, FUNCTION, MILLISECONDS, checkOptions, type Rule } from './options.js';
import { BOOLEAN } from '../protocol/options.js';
import type { ConnectionLimits } from './served-connection.js';

/** How a server keeps sessions. Times are milliseconds, sizes bytes. */
export interface ServerSessionOptions {
  /** How long a session that nothing carries is kept, milliseconds. 60 seconds. */
  resumeTimeout?: number | undefined;
  /** How often a client hears from the server, and how long a request is held, milliseconds. 20 seconds. */
  heartbeat?: number | undefined;
  /** How much may be on the way and not acknowledged, each way, bytes, 65,536 or more. 1 MiB. */
  window?: number | undefined;
  /** How many sessions there may be; more are refused with 503. 100,000. */
  maxSessions?: number | undefined;
  /** How long a client's token is good, milliseconds; it is renewed in good time. 24 hours. */
  tokenLifetime?: number | undefined;
  /**
   * What tokens are signed with, 32 characters or bytes or more, the same at all servers that share a `broker`: then
   * any of them takes any request of a session and passes it on to the one that has it. Random by default, and then
   * only the server that opened a session takes its requests.
   */
  secret?: string | Uint8Array | undefined;
  /**
   * Whether sessions go on at another server when this one is dead, with nothing lost or repeated: what happens is
   * saved in the broker before it is sent or acknowledged. It needs a `broker` that keeps records (Redis, or NATS with
   * JetStream), `secret`, handlers as an object, and a `state` that JSON can hold. `false`.
   */
  durable?: boolean | undefined;
  /**
   * Whose a request is, such as the name in a cookie that was checked: a session can only be resumed by requests of
   * the same user. Must be quick, and the same for all requests of a client. `''` by default.
   */
  user?: ((request: RequestInfo) => string) | undefined;
}

const SHORTEST_SECRET = 32;

const SESSION_RULES: Readonly<Record<Exclude<keyof ServerSessionOptions, 'secret'>, Rule>> = {
  resumeTimeout: MILLISECONDS,
  heartbeat: [
    (value: unknown) => Number.isInteger(value) && (value as number) >= 1_000,
    'a whole number of milliseconds from 1000 up',
  ],
  window: [
    (value: unknown) => Number.isSafeInteger(value) && (value as number) >= SMALLEST_WINDOW,
    `a whole number of bytes from ${SMALLEST_WINDOW} up`,
  ],
  maxSessions: COUNT,
  tokenLifetime: [
    (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 60_000,
    'a whole number of milliseconds from 60000 up',
  ],
  durable: BOOLEAN,
  user: FUNCTION,
};

/** @throws {TypeError} naming the member of the option `sessions` that is wrong. */
export function checkSessions(sessions: boolean | ServerSessionOptions | undefined): void {
  if (typeof sessions !== 'object') return;
  const { secret, ...others } = sessions;
  checkOptions(others, SESSION_RULES, "The option 'sessions'");
  const isSecret = typeof secret === 'string' || secret instanceof Uint8Array;
  // What it is, is not said.
  if (secret !== undefined && !(isSecret && secret.length >= SHORTEST_SECRET)) {
    throw new TypeError(
      `The option 'secret' must be a string or bytes, at least ${SHORTEST_SECRET} characters or bytes`,
    );
  }
}

export function sessionSettingsOf(
  options: ServerSessionOptions,
  { maxMessageSize, closeTimeout }: ConnectionLimits,
): SessionServerSettings {
  return {
    window: options.window ?? 1_048_576,
    maxMessage: maxMessageSize,
    heartbeat: options.heartbeat ?? 20_000,
    resumeTimeout: options.resumeTimeout ?? 60_000,
    closeTimeout,
    tokenLifetime: (options.tokenLifetime ?? 86_400_000) / 1000,
  };
}

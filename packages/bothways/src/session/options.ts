import type { ClientSettings } from './client.js';
import type { CarrierName } from '../protocol/contract.js';
import { isToken } from '../protocol/headers.js';

/** How a client keeps its session. Times are milliseconds, sizes bytes. */
export interface SessionOptions {
  /**
   * The carriers that may be used, the best first; each further one is tried when those before it have failed or are
   * slow. `['websocket', 'streaming', 'eventsource', 'long-polling', 'polling']`.
   */
  carriers?: readonly CarrierName[] | undefined;
  /** The subprotocols this client speaks, the one it likes best first. None. */
  protocols?: string | readonly string[] | undefined;
  /** `send` returns false while more than this waits to be sent, bytes. 64 KiB. */
  highWaterMark?: number | undefined;
  /** Sending more while this much waits throws, bytes. 16 MiB. */
  maxBufferedBytes?: number | undefined;
  /** After how long without an answer the next carrier is tried as well, milliseconds. 500. */
  fallbackDelay?: number | undefined;
  /** How long a carrier may take to be connected, milliseconds. 10 seconds. */
  connectTimeout?: number | undefined;
  /** The bound of the random wait before the first attempt to reconnect, milliseconds; it doubles each time. 500. */
  reconnectDelay?: number | undefined;
  /** The largest bound of that wait, milliseconds. 30 seconds. */
  maxReconnectDelay?: number | undefined;
  /** How often the carrier `polling` asks, milliseconds. 1 second. */
  pollInterval?: number | undefined;
  /** How long the server has to answer to `close`, milliseconds. 5 seconds. */
  closeTimeout?: number | undefined;
  /** Whether a session that the server knows no more, or left with 1001 or 1012, is begun anew; else it ends. `true`. */
  renew?: boolean | undefined;
}

const CARRIERS: readonly CarrierName[] = [
  'websocket',
  'streaming',
  'eventsource',
  'long-polling',
  'polling',
  'postback',
];

const isTime = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const TIME = [isTime, 'a whole number of milliseconds'] as const;
const SIZE = [isSize, 'a positive whole number of bytes'] as const;

/** What each option must be. */
const SESSION_RULES: Readonly<
  Record<keyof SessionOptions, readonly [isAllowed: (value: unknown) => boolean, allowed: string]>
> = {
  carriers: [
    (value) => Array.isArray(value) && value.length > 0 && value.every((each) => CARRIERS.includes(each)),
    `a list of ${CARRIERS.join(', ')}`,
  ],
  protocols: [
    (value) => [value].flat().every((each) => typeof each === 'string' && isToken(each)),
    'a subprotocol or a list of them',
  ],
  highWaterMark: SIZE,
  maxBufferedBytes: SIZE,
  fallbackDelay: TIME,
  connectTimeout: TIME,
  reconnectDelay: TIME,
  maxReconnectDelay: TIME,
  pollInterval: TIME,
  closeTimeout: TIME,
  renew: [(value) => typeof value === 'boolean', 'a boolean'],
};

/**
 * @param others options of the platform's own, which are not looked at.
 * @throws {TypeError} naming the option, and what is allowed.
 */
export function settingsOf(options: SessionOptions, others: readonly string[] = []): ClientSettings {
  for (const [name, value] of Object.entries(options) as [keyof SessionOptions, unknown][]) {
    if (value === undefined || others.includes(name)) continue;
    if (!Object.hasOwn(SESSION_RULES, name)) {
      const names = [...Object.keys(SESSION_RULES), ...others].join(', ');
      throw new TypeError(`A session has no option '${name}'; its options are ${names}`);
    }
    const [isAllowed, allowed] = SESSION_RULES[name];
    if (!isAllowed(value)) throw new TypeError(`The option '${name}' must be ${allowed}`);
  }
  const { protocols = [] } = options;
  return {
    carriers: options.carriers ?? CARRIERS.slice(0, -1),
    remembers: options.carriers === undefined,
    protocols: typeof protocols === 'string' ? [protocols] : protocols,
    backoff: { base: options.reconnectDelay ?? 500, cap: options.maxReconnectDelay ?? 30_000 },
    fallbackDelay: options.fallbackDelay ?? 500,
    connectTimeout: options.connectTimeout ?? 10_000,
    closeTimeout: options.closeTimeout ?? 5_000,
    pollInterval: options.pollInterval ?? 1_000,
    window: 1_048_576,
    renew: options.renew ?? true,
  };
}

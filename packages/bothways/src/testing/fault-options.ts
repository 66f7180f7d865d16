/** `up` is from the client to the target, `down` from the target to the client. */
export type Direction = 'up' | 'down';

/** How to start a fault proxy. */
export interface FaultProxyOptions {
  /** Where connections are passed on to: a TCP port of this machine (127.0.0.1), or of the `host`. */
  target: number | { readonly port: number; readonly host?: string | undefined };
  /** The TCP port to listen on; 0 for any that is free. 0 */
  port?: number | undefined;
  /** The address to listen on. 127.0.0.1 */
  host?: string | undefined;
}

export interface CutOptions {
  /** Whether both ends get a RST, as from a machine that has crashed; `false`: a FIN, as from one that closes. `true` */
  reset?: boolean | undefined;
}

export interface StallOptions {
  /** Which direction passes nothing on any more. `both` */
  direction?: Direction | 'both' | undefined;
}

/** Which requests a fault is for. */
export interface RequestFaultOptions {
  /** How many requests, a positive whole number or `Infinity`. 1 */
  times?: number | undefined;
  /**
   * Picks requests by their heads: request line, fields and empty line as they were sent, in ISO 8859-1. It
   * must not throw. By default it is any request.
   */
  match?: ((head: string) => boolean) | undefined;
}

export interface ReorderOptions extends RequestFaultOptions {
  /** How long a request is held at most, milliseconds. 500 */
  timeout?: number | undefined;
}

export interface CutResponseOptions extends RequestFaultOptions {
  /** How many bytes of a response reach the client. 0 */
  after?: number | undefined;
  /**
   * Whether the client gets a RST, which on its way may make it lose some of the bytes before, rather than a FIN, for
   * which exactly that many arrive. `false`
   */
  reset?: boolean | undefined;
}

/** The longest time a timer of the platform can be set to, milliseconds. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** @throws {TypeError} if it is no whole number of that range. */
export function checkWhole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TypeError(`'${name}' must be a whole number from ${least} to ${most}, not ${value}`);
}

/** @throws {TypeError} if it is no time that a timer can be set to. */
export function checkTime(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= MAX_TIMEOUT) return value;
  throw new TypeError(`'${name}' must be milliseconds from 0 to ${MAX_TIMEOUT}, not ${String(value)}`);
}

/** A delay as a function. @throws {TypeError} at once for a number, and later for what a function returns. */
export function checkDelay(delay: number | (() => number)): () => number {
  if (typeof delay === 'function') return () => checkTime('delay', delay());
  checkTime('delay', delay);
  return () => delay;
}

/** @throws {TypeError} if it is neither a positive whole number nor Infinity. */
export function checkTimes(value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value > 0)) return value;
  throw new TypeError(`'times' must be a positive whole number or Infinity, not ${value}`);
}

/** @throws {TypeError} if it is none of `allowed`. */
export function checkDirection(value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value))
    throw new TypeError(`'direction' must be one of ${allowed.join(', ')}, not ${value}`);
}

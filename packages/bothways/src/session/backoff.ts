/** How long a client waits before the next attempt: capped exponential backoff with full jitter. */
export interface BackoffOptions {
  /** The bound of the first wait, milliseconds; each further one is twice as large. */
  readonly base: number;
  /** The largest bound, milliseconds. */
  readonly cap: number;
}

/**
 * A time from 0 to min(cap, base * 2^attempts), every one as likely as the others: clients that were cut off together
 * do not come back together.
 *
 * @param attempts how many failed before, 0 for the first.
 * @param random a number from 0 to 1, without 1.
 */
export function backoff(attempts: number, random: number, { base, cap }: BackoffOptions): number {
  return Math.floor(random * Math.min(cap, base * 2 ** Math.min(attempts, 30)));
}

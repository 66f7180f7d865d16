const base = 500;
const cap = 15_000;

/**
 * How long to wait before the next attempt, in milliseconds: anything from nothing to a bound that doubles with
 * each attempt ("full jitter"), so that a server that comes back is not met by everyone at once.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(cap, base * 2 ** attempt));
}

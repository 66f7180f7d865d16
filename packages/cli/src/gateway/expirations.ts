import type { Identity } from './auth/contract.js';
import type { Ending } from './codec.js';

/** How a connection ends whose token has expired: a code of its own, so that a client knows that it needs another one. */
export const EXPIRED: Ending = { code: 4401, reason: 'The token has expired' };

/** How often is looked who has expired, milliseconds; nobody is closed early. */
const TICK = 1_000;

interface Expiring {
  readonly owner: string;
  /** Milliseconds since 1970; `undefined` for never, since it was renewed for good. */
  at: number | undefined;
  readonly expire: (ending: Ending) => void;
}

/**
 * The connections that last as long as a token does, of all routes, and the timer that ends them: one for all, which runs
 * while there are any.
 */
export class Expirations {
  /** By the tick at which they are due. */
  readonly #due = new Map<number, Set<Expiring>>();
  /** By route and user. */
  readonly #owned = new Map<string, Set<Expiring>>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * Ends a connection when its token expires.
   *
   * @param route what the route is called, also after the file was loaded again.
   * @param expire is called once.
   * @returns what to call when the connection is gone.
   */
  add(route: string, identity: Identity, expire: (ending: Ending) => void): () => void {
    const { expiresAt } = identity;
    if (expiresAt === undefined) return () => {};
    const owner = ownerOf(route, identity);
    const expiring: Expiring = { owner, at: undefined, expire };
    addTo(this.#owned, owner, expiring);
    this.#schedule(expiring, expiresAt);
    return () => {
      this.#schedule(expiring, undefined);
      removeFrom(this.#owned, owner, expiring);
    };
  }

  /**
   * Lets the connections of a user at a route last as long as another token does; none is made shorter.
   *
   * @returns how many there are.
   */
  renew(route: string, identity: Identity): number {
    const owned = this.#owned.get(ownerOf(route, identity)) ?? [];
    let count = 0;
    for (const expiring of owned) {
      count++;
      const { expiresAt } = identity;
      const isLater = expiring.at !== undefined && (expiresAt === undefined || expiresAt > expiring.at);
      if (isLater) this.#schedule(expiring, expiresAt);
    }
    return count;
  }

  /** Forgets all of them. */
  close(): void {
    this.#due.clear();
    this.#owned.clear();
    this.#run();
  }

  #schedule(expiring: Expiring, at: number | undefined): void {
    if (expiring.at !== undefined) removeFrom(this.#due, tickOf(expiring.at), expiring);
    expiring.at = at;
    if (at !== undefined) addTo(this.#due, tickOf(at), expiring);
    this.#run();
  }

  /** An interval, and no timer for the first one: that can be further away than a timer of Node reaches. */
  #run(): void {
    if (this.#due.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#expire(), TICK);
      this.#timer.unref();
    }
  }

  /** Looks at all ticks, so that a clock that was set is no trouble. */
  #expire(): void {
    const now = Math.floor(Date.now() / TICK);
    for (const [tick, expired] of this.#due) {
      if (tick > now) continue;
      this.#due.delete(tick);
      for (const expiring of expired) {
        // The end of one may have been the end of another.
        if (expiring.at === undefined) continue;
        expiring.at = undefined;
        removeFrom(this.#owned, expiring.owner, expiring);
        expiring.expire(EXPIRED);
      }
    }
    this.#run();
  }
}

function ownerOf(route: string, { key }: Identity): string {
  return `${route}\n${key}`;
}

function tickOf(milliseconds: number): number {
  return Math.ceil(milliseconds / TICK);
}

function addTo<Key>(sets: Map<Key, Set<Expiring>>, key: Key, expiring: Expiring): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([expiring]));
  else set.add(expiring);
}

function removeFrom<Key>(sets: Map<Key, Set<Expiring>>, key: Key, expiring: Expiring): void {
  const set = sets.get(key);
  if (set?.delete(expiring) === true && set.size === 0) sets.delete(key);
}

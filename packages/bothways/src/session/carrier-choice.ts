import type { CarrierName } from '../protocol/contract.js';

/** A carrier that was lost this soon is of little use, milliseconds. */
const SHORT_LIFE = 15_000;
/** After this many of them in a row it is not tried first any more. */
const SHORT_LIVES = 3;
/** How long that lasts, milliseconds. */
const DEMOTION = 300_000;
/** How long after the first failure a better carrier is tried again, and at most, milliseconds. */
const UPGRADE_AFTER = 30_000;
const UPGRADE_AT_MOST = 600_000;

/** Which carrier is tried when: the order that was asked for, and what was learned about it. */
export class CarrierChoice {
  readonly #names: readonly CarrierName[];
  readonly #shortLives = new Map<CarrierName, number>();
  readonly #demotedUntil = new Map<CarrierName, number>();
  #upgradeFailures = 0;
  #known: CarrierName | undefined;

  /** @param known which one worked before. */
  constructor(names: readonly CarrierName[], known: string | undefined) {
    this.#names = names;
    this.#known = names.find((name) => name === known);
  }

  /** The order of the next attempts. */
  order(now: number): CarrierName[] {
    const isDemoted = (name: CarrierName): boolean => (this.#demotedUntil.get(name) ?? 0) > now;
    const names = [...this.#names.filter((name) => !isDemoted(name)), ...this.#names.filter(isDemoted)];
    const known = names.indexOf(this.#known!);
    if (known > 0) names.unshift(...names.splice(known, 1));
    return names;
  }

  /** The best of those that are better than this one, as far as they are tried now. */
  better(name: CarrierName, now: number): CarrierName | undefined {
    return this.#above(name).find((each) => (this.#demotedUntil.get(each) ?? 0) <= now);
  }

  isBetter(name: CarrierName, other: CarrierName): boolean {
    return this.#names.indexOf(name) < this.#names.indexOf(other);
  }

  attached(name: CarrierName): void {
    this.#known = name;
    if (name === this.#names[0]) this.#upgradeFailures = 0;
  }

  /** @param lifetime for how long it carried, milliseconds. */
  lost(name: CarrierName, lifetime: number, now: number): void {
    const lives = lifetime < SHORT_LIFE ? (this.#shortLives.get(name) ?? 0) + 1 : 0;
    this.#shortLives.set(name, lives);
    if (lives < SHORT_LIVES || this.#names.length === 1) return;
    this.#shortLives.set(name, 0);
    this.#demotedUntil.set(name, now + DEMOTION);
    if (this.#known === name) this.#known = undefined;
  }

  upgradeFailed(): void {
    this.#upgradeFailures++;
  }

  /** In how long a better one than this is tried, milliseconds; `undefined` when there is none. */
  upgradeDelay(name: CarrierName, now: number, random: number): number | undefined {
    const waits = this.#above(name).map((each) => (this.#demotedUntil.get(each) ?? 0) - now);
    if (waits.length === 0) return undefined;
    const bound = Math.min(UPGRADE_AT_MOST, UPGRADE_AFTER * 2 ** Math.min(this.#upgradeFailures, 10));
    return Math.ceil(Math.max(Math.min(...waits), bound * (0.5 + random / 2)));
  }

  #above(name: CarrierName): readonly CarrierName[] {
    return this.#names.slice(0, this.#names.indexOf(name));
  }
}

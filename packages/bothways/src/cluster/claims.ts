interface Claim {
  readonly holder: string;
  readonly until: number;
}

/** How many are kept: above that, the oldest are forgotten. */
const MAX_CLAIMS = 200_000;

/** Who was the first to claim what, in the memory of the primary process. */
export class Claims {
  /** The oldest first. */
  readonly #claims = new Map<string, Claim>();

  /** @returns who has it. */
  claim(key: string, holder: string, milliseconds: number): string {
    const now = performance.now();
    const first = this.#claims.get(key);
    if (first !== undefined && first.until > now) return first.holder;
    this.#forgetOld(now);
    this.#claims.delete(key);
    this.#claims.set(key, { holder, until: now + milliseconds });
    return holder;
  }

  release(key: string, holder: string): void {
    if (this.#claims.get(key)?.holder === holder) this.#claims.delete(key);
  }

  #forgetOld(now: number): void {
    for (const [key, { until }] of this.#claims) {
      if (until > now && this.#claims.size < MAX_CLAIMS) return;
      this.#claims.delete(key);
    }
  }
}

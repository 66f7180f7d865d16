/** How many nodes are known; the one that was silent for longest is forgotten. */
const MAX_NODES = 10_000;

/** What came of each node last: what comes again, by another subscription or because it was sent again, is known. */
export class Origins {
  readonly #last = new Map<string, number>();

  /** @returns whether it is new; then it is known from now on. */
  isNew(node: string, number: number): boolean {
    const last = this.#last.get(node);
    if (last !== undefined && number <= last) return false;
    // A map keeps the order in which its keys were set.
    if (last !== undefined) this.#last.delete(node);
    else if (this.#last.size >= MAX_NODES) this.#forgetOldest();
    this.#last.set(node, number);
    return true;
  }

  #forgetOldest(): void {
    for (const node of this.#last.keys()) {
      this.#last.delete(node);
      return;
    }
  }
}

/** A request that is kept back so that another one overtakes it. */
export interface HeldRequest {
  readonly release: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Which request of all connections of a proxy is kept back: one at a time. */
export class RequestOrder {
  #held: HeldRequest | undefined;

  get held(): HeldRequest | undefined {
    return this.#held;
  }

  /** @param timeout after how long it goes on even if none has overtaken it, milliseconds. */
  hold(release: () => void, timeout: number): HeldRequest {
    const timer = setTimeout(() => this.release(held), timeout);
    const held: HeldRequest = { release, timer };
    this.#held = held;
    return held;
  }

  /** Lets a request go on, if it is the one that is held. */
  release(held: HeldRequest | undefined): void {
    if (this.forget(held)) held!.release();
  }

  /** Holds a request no longer, because its connection is gone, and says whether that was so. */
  forget(held: HeldRequest | undefined): boolean {
    if (held === undefined || held !== this.#held) return false;
    clearTimeout(held.timer);
    this.#held = undefined;
    return true;
  }
}

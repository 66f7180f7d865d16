/** Where a small message is inflated to, bytes of nobody in particular. */
export const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);

/** A message as it is inflated: in `SCRATCH` as long as it fits, and then in blocks that grow with it. */
export class InflateOutput {
  /** Where to write: `block[at, end)`. */
  block = SCRATCH;
  at = 0;
  end = 0;
  #limit = 0;
  #full: Buffer[] = NONE;
  #fullLength = 0;

  begin(limit: number): void {
    this.block = SCRATCH;
    this.at = 0;
    this.#limit = limit;
    this.#full = NONE;
    this.#fullLength = 0;
    this.end = Math.min(SCRATCH.length, limit + 1);
  }

  /** The block was written up to here; `false` when that is more than the limit. */
  advance(at: number): boolean {
    this.at = at;
    const left = this.#limit - this.#fullLength - at;
    if (left < 0) return false;
    if (at < this.end) return true;
    this.#keep(this.block === SCRATCH ? Buffer.from(this.block.subarray(0, at)) : this.block.subarray(0, at));
    // One byte beyond the limit shows that there is more.
    this.block = Buffer.allocUnsafeSlow(Math.min(2 * this.#fullLength, left + 1));
    this.at = 0;
    this.end = this.block.length;
    return true;
  }

  /** Adds bytes that somebody else wrote; `false` when that is more than the limit. */
  add(bytes: Buffer): boolean {
    if (this.#fullLength + bytes.length > this.#limit) return false;
    this.#keep(bytes);
    return true;
  }

  /** All there is. */
  join(): Buffer {
    const last = this.block.subarray(0, this.at);
    return this.#full.length === 0 ? Buffer.from(last) : Buffer.concat([...this.#full, last]);
  }

  /** The end of it, at most `size` bytes. */
  tail(size: number): Buffer {
    const pieces: Buffer[] = [this.block.subarray(0, this.at)];
    let length = this.at;
    for (let index = this.#full.length - 1; index >= 0 && length < size; index--) {
      pieces.unshift(this.#full[index]!);
      length += this.#full[index]!.length;
    }
    return Buffer.concat(pieces).subarray(-size);
  }

  /** All there is, in memory that is used again. */
  lend(): Buffer {
    return this.#full.length === 0 ? this.block.subarray(0, this.at) : this.join();
  }

  #keep(bytes: Buffer): void {
    if (this.#full === NONE) this.#full = [];
    this.#full.push(bytes);
    this.#fullLength += bytes.length;
  }
}

const NONE: Buffer[] = [];

/** Numbers that look random and are the same for the same seed, and what a generator makes of them. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #count = 1;

  /**
   * @param {number} seed of the whole session
   * @param {string} target
   * @param {number} run which of the target's runs: each has numbers of its own, so that any can be had alone
   */
  constructor(seed, target, run) {
    this.#a = seed | 0;
    this.#b = run | 0;
    for (const character of target) this.#c = (Math.imul(this.#c, 31) + character.charCodeAt(0)) | 0;
    for (let warmUp = 0; warmUp < 12; warmUp++) this.next();
  }

  /** 32 bits: the generator "sfc32" of Chris Doty-Humphrey's PractRand. */
  next() {
    const sum = (this.#a + this.#b + this.#count++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count) {
    return Math.floor((this.next() / 0x1_0000_0000) * count);
  }

  /** A whole number from `low` to `high`. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  /** Once in `count` times. */
  oneIn(count) {
    return this.below(count) === 0;
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  pick(list) {
    return list[this.below(list.length)];
  }

  /** @template T @param {number} count @param {(index: number) => T} make @returns {T[]} */
  list(count, make) {
    return Array.from({ length: count }, (_, index) => make(index));
  }

  bytes(length) {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.next();
      for (let index = at; index < Math.min(at + 4, length); index++)
        bytes[index] = word >>> (8 * (index & 3));
    }
    return bytes;
  }
}

/** The longest line that is taken, characters: no server sends a longer one. */
const MAX_LINE = 1 << 28;

/** Text in pieces, as lines. */
export class Lines {
  #rest = '';
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Whether the last line had its end. */
  get isWhole(): boolean {
    return this.#rest === '';
  }

  /** @returns false when a line is too long. */
  add(text: string): boolean {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = this.#rest + text.slice(start, end);
      this.#rest = '';
      start = end + 1;
      this.#onLine(line);
    }
    this.#rest += text.slice(start);
    return this.#rest.length <= MAX_LINE;
  }
}

/**
 * As many messages are in Node's thread pool at a time: two for each of its threads, for each of them comes back to
 * this thread for every piece. What it takes to compress one is large, so the others wait.
 */
const MAX_AT_WORK = 2 * (Number(process.env['UV_THREADPOOL_SIZE']) || 4);

let atWork = 0;
const waiting: (() => void)[] = [];

/** Does something in the thread pool when there is room for it, first come, first served. */
export async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (atWork < MAX_AT_WORK) atWork++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) atWork--;
    else next();
  }
}

interface Closable {
  readonly isClosed: boolean;
  close(): void;
}

/** Things that take long to make and keep nothing between uses. A few are kept for whoever needs one next. */
export class Spares<Item extends Closable> {
  /** The one that has waited longest first. */
  readonly #spares: { readonly kind: number; readonly item: Item }[] = [];

  /** @param kind which of them can be exchanged for each other. */
  take(kind: number, create: () => Item): Item {
    const at = this.#spares.findLastIndex((spare) => spare.kind === kind);
    return at < 0 ? create() : this.#spares.splice(at, 1)[0]!.item;
  }

  give(kind: number, item: Item): void {
    if (item.isClosed) return;
    this.#spares.push({ kind, item });
    if (this.#spares.length > MAX_AT_WORK) this.#spares.shift()!.item.close();
  }
}

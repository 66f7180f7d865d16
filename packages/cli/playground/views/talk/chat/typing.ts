import { Store } from '../../../store.js';

/** Somebody who vanished while typing stops typing after this long. */
const fadeAfter = 6000;

/** Who is typing right now, by the id of the person. */
export class TypingPeople {
  readonly ids = new Store<readonly string[]>([]);
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  set(id: string, on: boolean): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (on) {
      this.#timers.set(
        id,
        setTimeout(() => this.set(id, false), fadeAfter),
      );
    }
    this.ids.set([...this.#timers.keys()]);
  }

  clear(): void {
    for (const id of this.#timers.keys()) this.set(id, false);
  }
}

/** Tells the server that one is typing: at the first key, again now and then, and when it is over. */
export class OwnTyping {
  readonly #tell: (on: boolean) => void;
  #toldAt = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (on: boolean) => void) {
    this.#tell = tell;
  }

  key(now = performance.now()): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), 4000);
    if (this.#toldAt !== 0 && now - this.#toldAt < 3000) return;
    this.#toldAt = now;
    this.#tell(true);
  }

  stop(): void {
    clearTimeout(this.#idle);
    if (this.#toldAt === 0) return;
    this.#toldAt = 0;
    this.#tell(false);
  }
}

import type { SavedSession, SessionChange, SessionStore } from './store.js';
import type { Numbered } from './records.js';
import type { TestLife } from './test-life.js';
import type { VirtualTime } from './test-time.js';

interface Kept {
  holder: string;
  number: number;
  fields: Record<string, string>;
  readonly messages: Map<number, Numbered>;
}

const NOBODY = '';

/** Keeps sessions beside all servers. What is asked of it takes some time, and may be asked once more. */
export class TestStore {
  /** How likely it is that an answer is lost, so that the same is asked again. */
  loss = 0;
  readonly #time: VirtualTime;
  readonly #delay: () => number;
  readonly #random: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(time: VirtualTime, delay: () => number, random: () => number) {
    this.#time = time;
    this.#delay = delay;
    this.#random = random;
  }

  /** How many sessions are kept. */
  get size(): number {
    return [...this.#kept.values()].filter(({ holder }) => holder !== NOBODY).length;
  }

  /** All that was kept is lost. */
  wipe(): void {
    this.#kept.clear();
  }

  /** What a server sees of it. */
  of(node: string, life: TestLife): SessionStore {
    let last = 0;
    /** In the order in which it is asked. */
    const ask = <Answer>(call: () => Answer, onAnswer: (answer: Answer) => void): void => {
      last = Math.max(last, this.#time.now() + this.#delay());
      this.#time.after(last - this.#time.now(), () => {
        if (life.isOver) return;
        const answer = call();
        if (this.loss > 0 && this.#random() < this.loss) ask(call, onAnswer);
        else this.#time.after(this.#delay(), () => life.isOver || onAnswer(answer));
      });
    };
    return {
      save: (id, number, change, onSaved) => ask(() => this.#save(node, id, number, change), onSaved),
      take: (id, isGone, onTaken) =>
        ask(
          () => {
            const kept = this.#kept.get(id);
            if (kept === undefined || kept.holder === NOBODY) return undefined;
            if (kept.holder !== node && !isGone(kept.holder)) return kept.holder;
            kept.holder = node;
            return savedOf(kept);
          },
          (found) => onTaken(found, true),
        ),
      remove: (id) =>
        ask(
          () => {
            const kept = this.#kept.get(id);
            if (kept?.holder === node) kept.holder = NOBODY;
          },
          () => {},
        ),
    };
  }

  #save(node: string, id: string, number: number, change: SessionChange): 'saved' | 'lost' | 'missing' {
    let kept = this.#kept.get(id);
    if (kept === undefined && !change.isWhole) return 'missing';
    kept ??= { holder: node, number: 0, fields: {}, messages: new Map() };
    this.#kept.set(id, kept);
    if (kept.holder !== node) return 'lost';
    if (kept.number >= number) return 'saved';
    kept.number = number;
    Object.assign(kept.fields, change.fields);
    for (const [at, item] of change.messages) kept.messages.set(at, item);
    for (const at of kept.messages.keys()) if (at <= change.acknowledged) kept.messages.delete(at);
    return 'saved';
  }
}

function savedOf({ number, fields, messages }: Kept): SavedSession {
  return { number, fields: { ...fields }, messages: [...messages] };
}

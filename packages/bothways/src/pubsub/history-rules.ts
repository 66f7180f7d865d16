import { covers, matches, meets } from './filter.js';
import type { HistoryLimits, HistoryOptions } from './history.js';

/** Which topics have a history: by filter, of which the first that has a topic counts. */
export class HistoryRules {
  readonly #rules: readonly (readonly [filter: string, options: HistoryOptions])[];

  constructor(rules: Readonly<Record<string, HistoryOptions>>) {
    this.#rules = Object.entries(rules);
  }

  /** The most that is kept of any topic; `undefined` when nothing is kept of any. */
  get most(): HistoryLimits | undefined {
    if (this.#rules.length === 0) return undefined;
    const all = this.#rules.map(([, options]) => options);
    return {
      messages: Math.max(...all.map(({ messages }) => messages)),
      age: Math.max(...all.map(({ age }) => age)),
    };
  }

  of(topic: string): HistoryOptions | undefined {
    for (const [filter, options] of this.#rules) if (matches(filter, topic)) return options;
    return undefined;
  }

  /** Whether all topics of a filter have a history. */
  haveAll(filter: string): boolean {
    return this.#rules.some(([rule]) => covers(rule, filter));
  }

  /** Whether some topics of a filter may have a history. */
  haveSome(filter: string): boolean {
    return this.#rules.some(([rule]) => meets(rule, filter));
  }
}

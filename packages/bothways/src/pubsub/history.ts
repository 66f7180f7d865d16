import type { Alarm, Clock } from '../protocol/clock.js';
import type { Position } from '../protocol/contract.js';

/** What is kept of a topic. */
export interface HistoryLimits {
  /** The last so many messages, at most 10,000. */
  readonly messages: number;
  /** For so long, milliseconds, at most a day. */
  readonly age: number;
}

/** A message of a topic that has a history. */
export interface KeptMessage extends Position {
  readonly topic: string;
  readonly data: string | Uint8Array;
}

/** What is kept of the topics of a filter, and how it is told. */
export interface HistoryOptions extends HistoryLimits {
  /**
   * Makes what subscribers get of a message, so that they know its position; called once for all of them. By default
   * they get what was published.
   */
  readonly encode?: ((message: KeptMessage) => string | Uint8Array) | undefined;
}

/** From where on somebody wants what was published: behind a position, or the last so many messages. */
export type Since = Position | number;

export interface HistoryPage {
  /** Whether nothing is missing between where it was asked from and the first message. */
  readonly recovered: boolean;
  /** Behind all that was published. */
  readonly position: Position;
  /** Oldest first; none that was asked for by a position if something is missing. */
  readonly messages: readonly PageMessage[];
}

export interface PageMessage {
  readonly offset: number;
  readonly data: string | Uint8Array;
  /** If a broker has kept it, and this node published it: by what number the broker knows it. */
  readonly own?: number | undefined;
  /** If a broker has kept it: `origin` of the history of the node that published it, a space, and that number. */
  readonly origin?: string | undefined;
}

interface Kept {
  readonly offset: number;
  readonly data: string | Uint8Array;
  readonly until: number;
}

interface TopicHistory {
  readonly epoch: string;
  offset: number;
  messages: Kept[];
  /** When nothing of it is needed any more. */
  until: number;
}

/** How many topics have a history; that of the one for which nothing was published for longest is forgotten. */
const MAX_TOPICS = 100_000;
/** How often it is looked what is too old, milliseconds. */
const SWEEP = 10_000;

/** The history of topics in the memory of one server. */
export class MemoryHistory {
  readonly #clock: Clock;
  readonly #randomId: () => string;
  /** The one that was used last is the last. */
  readonly #topics = new Map<string, TopicHistory>();
  readonly #sweep: Alarm;
  #isClosed = false;

  constructor(clock: Clock, randomId: () => string) {
    this.#clock = clock;
    this.#randomId = randomId;
    this.#sweep = clock.alarm(() => this.#dropOld());
  }

  /** @param data which nobody changes any more. */
  append(topic: string, data: string | Uint8Array, limits: HistoryLimits): Position {
    const history = this.#use(topic, limits);
    const { messages, epoch } = history;
    messages.push({ offset: ++history.offset, data, until: history.until });
    if (messages.length > limits.messages) messages.shift();
    return { epoch, offset: history.offset };
  }

  read(topic: string, since: Since, limits: HistoryLimits): HistoryPage {
    const history = this.#use(topic, limits);
    const { epoch, offset } = history;
    const now = this.#clock.now();
    const messages = history.messages.filter(({ until }) => until > now);
    const position = { epoch, offset };
    if (typeof since === 'number') {
      const last = since === 0 ? [] : messages.slice(-since);
      return { recovered: last.length >= Math.min(since, offset), position, messages: last };
    }
    const oldest = messages[0]?.offset ?? offset + 1;
    const recovered = since.epoch === epoch && since.offset <= offset && since.offset >= oldest - 1;
    return {
      recovered,
      position,
      messages: recovered ? messages.filter((each) => each.offset > since.offset) : [],
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#sweep.clear();
    this.#topics.clear();
  }

  #use(topic: string, { age }: HistoryLimits): TopicHistory {
    const until = this.#clock.now() + age;
    let history = this.#topics.get(topic);
    if (history === undefined) {
      history = { epoch: this.#randomId(), offset: 0, messages: [], until };
      if (this.#topics.size === 0 && !this.#isClosed) this.#sweep.set(SWEEP);
      if (this.#topics.size >= MAX_TOPICS) this.#forgetOldest();
    } else {
      this.#topics.delete(topic);
      history.until = until;
    }
    this.#topics.set(topic, history);
    return history;
  }

  #forgetOldest(): void {
    for (const topic of this.#topics.keys()) {
      this.#topics.delete(topic);
      return;
    }
  }

  #dropOld(): void {
    const now = this.#clock.now();
    for (const [topic, history] of this.#topics) {
      if (history.until <= now) this.#topics.delete(topic);
      else if ((history.messages[0]?.until ?? Infinity) <= now) {
        history.messages = history.messages.filter(({ until }) => until > now);
      }
    }
    if (this.#topics.size > 0) this.#sweep.set(SWEEP);
  }
}

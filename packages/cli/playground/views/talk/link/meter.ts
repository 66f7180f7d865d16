import { Store } from '../../../store.js';

export type Direction = 'toServer' | 'toClient';

export interface Flow {
  /** Per second, over the last two seconds. */
  readonly messages: number;
  readonly bytes: number;
  /** Bytes in each of the last intervals, the newest last. */
  readonly history: readonly number[];
}

export type Flows = Readonly<Record<Direction, Flow>>;

const interval = 500;
const historyLength = 64;
const averaged = 2000 / interval;

interface Count {
  messages: number;
  bytes: number;
}

/**
 * The bytes of the frame that carries a payload: the header of RFC 6455 section 5.2, which is longer by the
 * masking key towards the server.
 */
export function frameSize(payload: number, direction: Direction): number {
  let header = 2;
  if (payload > 65_535) header = 10;
  else if (payload > 125) header = 4;
  return header + (direction === 'toServer' ? 4 : 0) + payload;
}

/** Counts what really goes over one connection, in both directions. */
export class Meter {
  readonly flows = new Store<Flows>({ toServer: quiet, toClient: quiet });
  #now: Record<Direction, Count> = { toServer: none(), toClient: none() };
  readonly #past: Record<Direction, Count[]> = { toServer: [], toClient: [] };
  #timer: ReturnType<typeof setInterval> | undefined;

  start(): void {
    this.#timer ??= setInterval(() => this.#turn(), interval);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  count(direction: Direction, payload: number): void {
    const count = this.#now[direction];
    count.messages += 1;
    count.bytes += frameSize(payload, direction);
  }

  #turn(): void {
    this.flows.set({ toServer: this.#shift('toServer'), toClient: this.#shift('toClient') });
    this.#now = { toServer: none(), toClient: none() };
  }

  #shift(direction: Direction): Flow {
    const past = this.#past[direction];
    past.push(this.#now[direction]);
    if (past.length > historyLength) past.shift();
    const recent = past.slice(-averaged);
    const seconds = (averaged * interval) / 1000;
    return {
      messages: recent.reduce((sum, count) => sum + count.messages, 0) / seconds,
      bytes: recent.reduce((sum, count) => sum + count.bytes, 0) / seconds,
      history: past.map((count) => count.bytes),
    };
  }
}

const quiet: Flow = { messages: 0, bytes: 0, history: [] };

function none(): Count {
  return { messages: 0, bytes: 0 };
}

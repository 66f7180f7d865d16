import type { CarrierName } from 'bothways';
import { Session } from 'bothways/session';

export const CARRIERS: readonly CarrierName[] = [
  'websocket',
  'streaming',
  'eventsource',
  'long-polling',
  'polling',
  'postback',
];

/** What one client has heard of another one, or of itself. */
interface Heard {
  readonly first: number;
  last: number;
  /** Numbers that are missing in between. */
  readonly missing: number[];
}

/** A client that says numbers in its room, and hears what all in it say. */
export class SoakClient {
  readonly name: string;
  readonly room: string;
  readonly session: Session;
  /** How many numbers it has said. */
  said = 0;
  /** How many of them were confirmed, in this session. */
  confirmed = 0;
  /** Numbers that it said in a session that is gone, and that may have arrived or not. */
  readonly uncertain = new Set<number>();
  /** How often it was told that it has another session. */
  epochs = 0;
  retries = 0;
  readonly #heard = new Map<string, Heard>();
  readonly wrong: string[] = [];
  /** How large what came back was that it had asked for by `ask`, one after the other, characters. */
  readonly echoes: number[] = [];
  end: string | undefined;
  isOpen = false;

  constructor(url: string, name: string, room: string, carrier: CarrierName) {
    this.name = name;
    this.room = room;
    this.session = new Session(`${url}?room=${room}`, {
      carriers: [carrier],
      pollInterval: 200,
      maxReconnectDelay: 2_000,
    });
    this.session.addEventListener('message', ({ data }) => this.#take(String(data)));
    this.session.addEventListener('retry', () => void this.retries++);
    this.session.addEventListener('resume', ({ resumed, unacknowledged }) => {
      if (resumed) return;
      this.epochs++;
      this.confirmed = 0;
      for (const each of unacknowledged) this.uncertain.add(Number(String(each).split(' ')[1]));
      this.#heard.clear();
    });
    this.session.addEventListener('close', ({ code, reason }) => {
      this.end = `${code} ${reason}`;
    });
  }

  say(): void {
    this.session.send(`${this.name} ${++this.said}`);
  }

  /** Sends something that comes back to it alone. */
  ask(size: number): void {
    this.session.send('echo'.padEnd(size, '.'));
  }

  /** The last number that it has heard of another client. */
  lastOf(name: string): number {
    return this.#heard.get(name)?.last ?? 0;
  }

  #take(text: string): void {
    if (text === 'open') {
      this.isOpen = true;
      return;
    }
    if (text.startsWith('echo')) {
      this.echoes.push(text.length);
      return;
    }
    const [name = '', number = ''] = text.split(' ');
    if (name === 'said') {
      if (Number(number) !== ++this.confirmed) this.wrong.push(`${text}, not ${this.confirmed}`);
      return;
    }
    const heard = this.#heard.get(name);
    const at = Number(number);
    if (heard === undefined) this.#heard.set(name, { first: at, last: at, missing: [] });
    else if (at <= heard.last) this.wrong.push(`${text} behind ${heard.last}`);
    else {
      for (let each = heard.last + 1; each < at; each++) heard.missing.push(each);
      heard.last = at;
    }
  }

  /** What it should have heard of another one and has not; `undefined` when nothing is missing. */
  missesOf({ name, said, uncertain, epochs }: SoakClient): string | undefined {
    const heard = this.#heard.get(name);
    const isMissing = (number: number): boolean => !uncertain.has(number);
    const missing = heard?.missing.filter((number) => isMissing(number)) ?? [];
    if (missing.length > 0) return `${this.name} misses ${missing.join(', ')} of ${name}`;
    const from = this.epochs > 0 ? (heard?.first ?? said) : 1;
    const isWhole = (heard?.first ?? said + 1) <= from || epochs > 0;
    if (!isWhole) return `${this.name} has heard ${name} from ${heard?.first} on`;
    let last = said;
    while (last > 0 && !isMissing(last)) last--;
    return this.lastOf(name) >= last
      ? undefined
      : `${this.name} has heard ${name} up to ${this.lastOf(name)} of ${said}`;
  }
}

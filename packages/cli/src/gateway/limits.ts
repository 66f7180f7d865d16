import { countedAddress } from './client-address.js';
import type { RouteLimits } from './config/schema.js';
import { Refused } from './refusal.js';

/** How long who is refused should wait, seconds. */
const RETRY_AFTER = { 'Retry-After': '10' } as const;

/** What may come at once after a silence: what would have come in this time, milliseconds. */
const BURST = 1_000;

/** The longest time that a timer of Node takes, milliseconds. */
const LONGEST_PAUSE = 2 ** 31 - 1;

/** The connections of one address or one user, and what they send together. */
interface Group {
  connections: number;
  readonly messages: Flow;
  readonly bytes: Flow;
}

/**
 * The limits of a route: how many connections it has, and how fast what they send may come. It lives as long as the route
 * does, also when the file is loaded again.
 */
export class RouteLimiter {
  #limits: RouteLimits;
  #isMetered = false;
  readonly #now: () => number;
  #connections = 0;
  readonly #addresses = new Map<string, Group>();
  readonly #users = new Map<string, Group>();

  /** @param now milliseconds of a clock that never goes back. */
  constructor(limits: RouteLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.configure(limits);
  }

  /** Takes other limits, for those who are there as well; none of them is closed. */
  configure(limits: RouteLimits): void {
    this.#limits = limits;
    this.#isMetered = RATES.some((rate) => limits[rate] !== undefined);
  }

  /** How many connections there are, undecided ones too. */
  get connections(): number {
    return this.#connections;
  }

  /** How many addresses and users are kept. */
  get groups(): number {
    return this.#addresses.size + this.#users.size;
  }

  /** Counts a client that knocks, before anything is done for it. */
  enter(address: string): Place | Refused {
    const { connections, connections_per_address: perAddress } = this.#limits;
    if (connections !== undefined && this.#connections >= connections) {
      return new Refused(
        503,
        'The gateway has as many connections as it may: try again later.',
        'limit: connections',
        RETRY_AFTER,
      );
    }
    const key = countedAddress(address);
    const group = joinGroup(this.#addresses, key, perAddress);
    if (group === undefined) {
      return new Refused(
        429,
        'Your address has as many connections as it may.',
        'limit: connections_per_address',
        RETRY_AFTER,
      );
    }
    this.#connections++;
    return new Place(this, group, () => {
      this.#connections--;
      leaveGroup(this.#addresses, key);
    });
  }

  /** @internal */
  joinUser(key: string): Group | undefined {
    return joinGroup(this.#users, key, this.#limits.connections_per_user);
  }

  /** @internal */
  leaveUser(key: string): void {
    leaveGroup(this.#users, key);
  }

  /** @internal How long to wait, milliseconds. */
  delay(own: Flows, address: Group, user: Group | undefined, messages: number, bytes: number): number {
    if (!this.#isMetered) return 0;
    const limits = this.#limits;
    const now = this.#now();
    const pause = Math.max(
      own.messages.take(messages, limits.messages_per_second, now),
      own.bytes.take(bytes, limits.bytes_per_second, now),
      address.messages.take(messages, limits.messages_per_second_per_address, now),
      address.bytes.take(bytes, limits.bytes_per_second_per_address, now),
      user?.messages.take(messages, limits.messages_per_second_per_user, now) ?? 0,
      user?.bytes.take(bytes, limits.bytes_per_second_per_user, now) ?? 0,
    );
    return Math.min(Math.ceil(pause), LONGEST_PAUSE);
  }
}

/** What one connection, or several together, send. */
interface Flows {
  readonly messages: Flow;
  readonly bytes: Flow;
}

/** One client of a route, from its knocking on. */
export class Place {
  readonly #limiter: RouteLimiter;
  readonly #address: Group;
  readonly #leave: () => void;
  readonly #own: Flows = { messages: new Flow(), bytes: new Flow() };
  #user: Group | undefined;
  #userKey = '';
  #hasLeft = false;

  /** @internal */
  constructor(limiter: RouteLimiter, address: Group, leave: () => void) {
    this.#limiter = limiter;
    this.#address = address;
    this.#leave = leave;
  }

  /**
   * Counts it for its user as well, once.
   *
   * @param key of its `Identity`; nobody counts who has none.
   * @returns why it may not be there, if that is so; it has left then.
   */
  assignUser(key: string): Refused | undefined {
    if (key === '') return undefined;
    this.#user = this.#limiter.joinUser(key);
    if (this.#user !== undefined) {
      this.#userKey = key;
      return undefined;
    }
    this.leave();
    return new Refused(
      429,
      'You have as many connections as you may.',
      'limit: connections_per_user',
      RETRY_AFTER,
    );
  }

  /**
   * Takes what has come.
   *
   * @returns for how long nothing more should be read, milliseconds; 0 to go on at once.
   */
  take(messages: number, bytes: number): number {
    return this.#limiter.delay(this.#own, this.#address, this.#user, messages, bytes);
  }

  /** It is gone, or was not let in. Once is enough. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#leave();
    if (this.#user !== undefined) this.#limiter.leaveUser(this.#userKey);
  }
}

const RATES = [
  'messages_per_second',
  'bytes_per_second',
  'messages_per_second_per_address',
  'bytes_per_second_per_address',
  'messages_per_second_per_user',
  'bytes_per_second_per_user',
] as const;

/** A rate: knows when all that was taken would have come if it had come evenly. What is above it waits, nothing is lost. */
class Flow {
  #paidUntil = -Infinity;

  /** @returns how long to wait, milliseconds. */
  take(count: number, perSecond: number | undefined, now: number): number {
    if (perSecond === undefined) return 0;
    this.#paidUntil = Math.max(this.#paidUntil, now - BURST) + (count * 1_000) / perSecond;
    return Math.max(0, this.#paidUntil - now);
  }
}

/** @returns `undefined` when as many are there as may be. */
function joinGroup(groups: Map<string, Group>, key: string, most = Infinity): Group | undefined {
  const group = groups.get(key) ?? { connections: 0, messages: new Flow(), bytes: new Flow() };
  if (group.connections >= most) return undefined;
  group.connections++;
  groups.set(key, group);
  return group;
}

function leaveGroup(groups: Map<string, Group>, key: string): void {
  const group = groups.get(key);
  if (group !== undefined && --group.connections === 0) groups.delete(key);
}

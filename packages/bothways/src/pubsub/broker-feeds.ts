import type { Alarm, Clock } from '../protocol/clock.js';
import type { Position, Recovery } from '../protocol/contract.js';
import { BrokerError } from '../protocol/errors.js';
import type { BrokerHistory, BrokerMessage } from './broker-history.js';
import { toSent, type Feeds, type FeedsOwner, type PublishThrough } from './feeds.js';
import { isWild, matches } from './filter.js';
import type { HistoryRules } from './history-rules.js';
import type { HistoryOptions, HistoryPage, PageMessage, Since } from './history.js';
import { Joiners, type Kept } from './joiners.js';
import { Room } from './room.js';

/** Where this node is in a topic. */
interface Feed {
  /** All up to here has been delivered. */
  offset: number;
  /** What has come while something before it is missing, by its offsets. */
  held: BrokerMessage[] | undefined;
  /** Whether it is only held until what is missing comes, or is read. */
  isGap: boolean;
}

/** A filter that this node holds. */
interface HeldFilter {
  /** From which offset on it has all; `undefined` until that is known. */
  since: number | undefined;
}

/** A subscriber that another node had, until it has had all that came since. */
interface Returning {
  /** Its filters from before, as long as it has them. */
  readonly filters: Set<string>;
  readonly held: [topic: string, message: BrokerMessage][];
  /** Too much has come meanwhile. */
  isOver: boolean;
}

/** What another node knew of a subscriber. */
export interface Returns {
  /** All up to here it has had. */
  readonly since: Position;
  /** What it has published itself since then, and must not get: by its origins. */
  readonly own: ReadonlySet<string>;
}

/** When it is looked again whether something is missing, milliseconds. */
const SETTLED_AGAIN = 20;
/** When a broker that is away is asked again, milliseconds. */
const ASKED_AGAIN = 1_000;
/** How many topics are known; of others it is not noticed when a message is missing without `missed`. */
const MAX_FEEDS = 100_000;
/** How many messages may wait for what is read, and how large they may be together: bytes, or UTF-16 code units. */
const MAX_HELD = 10_000;
const MAX_HELD_SIZE = 16 * 1024 * 1024;
/** How many topics are read at the same time. */
const MAX_READING = 16;
/** Of how many messages that are on their way it is known who does not get them. */
const MAX_EXCEPTS = 100_000;
/** How long is waited for what is missing, before it is read, milliseconds. */
const PATIENCE = 50;
/** How often the broker is asked where it is, milliseconds: what is missed later is looked for from there on. */
const LOOK_INTERVAL = 10_000;

/**
 * Topics whose history the broker keeps. A message is delivered when it comes back from the broker, so that all nodes
 * deliver in one order. What is missing in between is read, before anything later is delivered.
 */
export class BrokerFeeds<Some extends object> implements Feeds<Some> {
  readonly #history: BrokerHistory;
  readonly #owner: FeedsOwner<Some>;
  readonly #rules: HistoryRules;
  readonly #clock: Clock;
  readonly #look: Alarm;
  readonly #gapEnd: Alarm;
  readonly #room = new Room(MAX_HELD, MAX_HELD_SIZE);
  readonly #feeds = new Map<string, Feed>();
  /** The highest offset of a feed that was forgotten. */
  #forgotten = 0;
  readonly #filters = new Map<string, HeldFilter>();
  /** Those of them that have a wildcard. */
  readonly #wild = new Map<string, HeldFilter>();
  readonly #joiners = new Joiners<Some>(this.#room);
  readonly #returning = new Map<Some, Returning>();
  readonly #excepts = new Map<number, WeakRef<Some>>();
  /** The numbers of those, by who does not get them. */
  readonly #own = new WeakMap<Some, Set<number>>();
  /** Where the pages end that subscribers have got. */
  readonly #pages = new WeakMap<Some, Position>();
  /** What the broker has said last of where it is. */
  #known: Position | undefined;
  /** All up to here that this node had subscribed to has come, and when it is asked again, up to there. */
  #reached: Position | undefined;
  #next: Position | undefined;
  /** Of the newest message that has come. */
  #newest: Position | undefined;
  /** What has come while it is asked what was missed. */
  #waiting: [topic: string, message: BrokerMessage][] | undefined;
  /** Counts how often something may have been missed: an answer from before that says nothing. */
  #generation = 0;
  /** Topics of which something is missing that may come at once. */
  readonly #gaps = new Set<string>();
  /** Topics that are to be read. */
  readonly #queue = new Set<string>();
  #reading = 0;
  #isLooking = false;

  constructor(owner: FeedsOwner<Some>, history: BrokerHistory, rules: HistoryRules, clock: Clock) {
    this.#owner = owner;
    this.#history = history;
    this.#rules = rules;
    this.#clock = clock;
    this.#look = clock.alarm(() => void this.#lookWhereItIs());
    this.#gapEnd = clock.alarm(() => this.#fillGaps());
  }

  publish(
    topic: string,
    data: string | Uint8Array,
    options: HistoryOptions,
    except: Some | undefined,
    through?: PublishThrough,
  ): void {
    const number = through?.publish(topic, data, options) ?? this.#history.publish(topic, data, options);
    if (except === undefined) return;
    for (const subscriber of this.#owner.subscribersOf(topic)) {
      if (subscriber !== except) continue;
      this.#leaveOut(number, except);
      return;
    }
  }

  async recover(
    subscriber: Some | undefined,
    topic: string,
    since: Since,
    options: HistoryOptions,
  ): Promise<Recovery> {
    if (subscriber === undefined) {
      const { position, recovered } = await this.#history.read(topic, since, options);
      return { ...position, recovered };
    }
    const joiner = this.#joiners.add(topic, subscriber);
    let page: HistoryPage;
    try {
      page = await this.#history.read(topic, since, options);
    } catch (error) {
      // It may be a subscriber from before.
      for (const kept of this.#joiners.remove(joiner)) this.#send(topic, kept, [subscriber]);
      throw error;
    }
    const { position, messages } = page;
    const recovered = page.recovered && !joiner.isOver;
    if (joiner.isThere) {
      this.#pages.set(subscriber, position);
      const isWanted = recovered || typeof since === 'number';
      for (const kept of isWanted ? messages : []) this.#send(topic, inPage(page, kept), [subscriber]);
      const feed = this.#feeds.get(topic);
      const isLive = feed !== undefined && feed.held === undefined && feed.offset >= position.offset;
      for (const kept of this.#joiners.join(joiner, position, isLive)) this.#send(topic, kept, [subscriber]);
    }
    return { ...position, recovered };
  }

  /** Up to where a subscriber has all of its filters; `undefined` while that cannot be said. */
  positionOf(subscriber: Some, filters: Iterable<string>): Position | undefined {
    if (!this.#isSettled || this.#joiners.has(subscriber) || this.#returning.has(subscriber))
      return undefined;
    // What was published before it subscribed is none of its own.
    for (const filter of filters) {
      const held = this.#filters.get(filter);
      if (held !== undefined && held.since === undefined) return undefined;
    }
    const position = latest(latest(this.#reached, this.#newest), this.#known);
    const page = this.#pages.get(subscriber);
    if (page === undefined || position === undefined) return position;
    if (page.epoch === position.epoch && page.offset > position.offset) {
      this.#lookSoon();
      return undefined;
    }
    this.#pages.delete(subscriber);
    return position;
  }

  /** What a subscriber has published, must not get itself, and has not come back yet: by its origins. */
  ownOf(subscriber: Some): readonly string[] {
    const { origin } = this.#history;
    const numbers = origin === undefined ? undefined : this.#own.get(subscriber);
    return numbers === undefined ? [] : [...numbers].map((number) => `${origin} ${number}`);
  }

  /**
   * Goes on with a subscriber that another node had, and that has had all up to a position: sends what came since, in
   * its order, and then what comes.
   *
   * @returns its filters of which something is missing.
   */
  async resume(
    subscriber: Some,
    filters: readonly string[],
    { since, own }: Returns,
  ): Promise<readonly string[]> {
    const returning: Returning = { filters: new Set(filters), held: [], isOver: false };
    this.#returning.set(subscriber, returning);
    const { kept, missed, ends } = await this.#readAll(returning, filters, since, own);
    await this.#settled();
    if (!this.#returning.delete(subscriber)) return [];
    for (const [, message] of returning.held) this.#room.give([message]);
    // What came meanwhile, unless it was read, or had come to the other node.
    const isBehind = ([topic, { position }]: readonly [string, Kept]): boolean =>
      position.epoch !== since.epoch ||
      position.offset > (ends.get(topic) ?? (isOfAny(filters, topic) ? since.offset : 0));
    // What it has given up meanwhile is not its own any more.
    const wanted = kept.filter(([topic]) => isOfAny(returning.filters, topic));
    const all = [...wanted, ...returning.held.filter((each) => isBehind(each))].toSorted(
      ([, one], [, other]) => one.position.offset - other.position.offset,
    );
    for (const [topic, each] of all) this.#send(topic, each, [subscriber]);
    return filters.filter(
      (filter) => returning.filters.has(filter) && (returning.isOver || missed.has(filter)),
    );
  }

  /** What was published since, and up to where that is, by topic; of which filters something is missing. */
  async #readAll(
    returning: Returning,
    filters: readonly string[],
    since: Position,
    own: ReadonlySet<string>,
  ): Promise<{
    readonly kept: (readonly [topic: string, kept: Kept])[];
    readonly missed: ReadonlySet<string>;
    readonly ends: ReadonlyMap<string, number>;
  }> {
    const kept: (readonly [topic: string, kept: Kept])[] = [];
    const missed = new Set<string>();
    const ends = new Map<string, number>();
    try {
      const { position, topics } = await this.#patiently(returning, () => this.#history.changes(since));
      if (topics === undefined) for (const filter of filters) missed.add(filter);
      for (const topic of topics ?? []) {
        const options = this.#rules.of(topic);
        if (options === undefined || !isOfAny(filters, topic)) continue;
        const page = await this.#patiently(returning, () => this.#history.read(topic, since, options));
        if (!page.recovered) {
          for (const filter of filters) if (matches(filter, topic)) missed.add(filter);
          continue;
        }
        ends.set(topic, position.offset);
        for (const each of page.messages) {
          const isOwn = each.origin !== undefined && own.has(each.origin);
          if (each.offset <= position.offset && !isOwn) kept.push([topic, inPage(page, each)]);
        }
      }
    } catch {
      for (const filter of filters) missed.add(filter);
    }
    return { kept, missed, ends };
  }

  /** Asks again while the broker is away, and somebody waits for the answer. */
  async #patiently<Answer>(returning: Returning, ask: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isAway = error instanceof BrokerError && error.code === 'ERR_BROKER_AWAY';
        if (!isAway || returning.filters.size === 0) throw error;
      }
      await this.#pause(ASKED_AGAIN);
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#clock.alarm(resolve).set(milliseconds));
  }

  get #isSettled(): boolean {
    return (
      this.#waiting === undefined && this.#gaps.size === 0 && this.#queue.size === 0 && this.#reading === 0
    );
  }

  async #settled(): Promise<void> {
    while (!this.#isSettled) await this.#pause(SETTLED_AGAIN);
  }

  subscribed(filter: string): void {
    if (!this.#rules.haveSome(filter)) return;
    const held: HeldFilter = { since: undefined };
    this.#filters.set(filter, held);
    if (isWild(filter)) this.#wild.set(filter, held);
    this.#lookSoon();
  }

  /** For all that want it in this tick. */
  #lookSoon(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#clock.soon(() => void this.#lookWhereItIs());
  }

  unsubscribed(filter: string): void {
    this.#filters.delete(filter);
    this.#wild.delete(filter);
    if (!isWild(filter) && isEmpty(this.#owner.subscribersOf(filter))) this.#forget(filter);
  }

  left(subscriber: Some, filter: string): void {
    this.#joiners.left(filter, subscriber);
    this.#returning.get(subscriber)?.filters.delete(filter);
  }

  /** The broker has brought a message. */
  take(topic: string, message: BrokerMessage): void {
    if (this.#waiting !== undefined) {
      if (this.#room.take(message)) this.#waiting.push([topic, message]);
      else this.#goOn(undefined, undefined, [[topic, message]]);
      return;
    }
    const { epoch, offset } = message.position;
    if (this.#reached !== undefined && epoch !== this.#reached.epoch) this.#beginAnew(message.position);
    if (this.#newest?.epoch !== epoch || offset > this.#newest.offset) this.#newest = message.position;
    let feed = this.#feeds.get(topic);
    if (feed === undefined) {
      // Before it subscribed, nothing is missing.
      const from = this.#heldSince(topic) ?? Infinity;
      const known = Math.max(from, this.#reached?.offset ?? 0, this.#forgotten);
      feed = { offset: Math.min(known, offset - 1), held: undefined, isGap: false };
      this.#follow(topic, feed);
    }
    if (offset > feed.offset) this.#takeNext(topic, feed, message);
  }

  /** The broker was away. What was missed is asked for, and until then what comes is held. */
  missed(): void {
    this.#generation++;
    for (const [, message] of this.#waiting ?? []) this.#room.give([message]);
    this.#waiting = [];
    this.#queue.clear();
    this.#gaps.clear();
    for (const feed of this.#feeds.values())
      if (feed.held !== undefined) this.#room.give(feed.held.splice(0));
    void this.#catchUp(this.#generation);
  }

  close(): void {
    this.#generation++;
    this.#look.clear();
    this.#gapEnd.clear();
    for (const each of [
      this.#feeds,
      this.#filters,
      this.#wild,
      this.#gaps,
      this.#joiners,
      this.#excepts,
      this.#queue,
    ])
      each.clear();
    for (const { filters } of this.#returning.values()) filters.clear();
    this.#returning.clear();
    this.#waiting = undefined;
  }

  // Where the broker is, and what was missed.

  async #lookWhereItIs(): Promise<void> {
    this.#isLooking = false;
    this.#look.clear();
    if (this.#filters.size === 0) return;
    this.#look.set(LOOK_INTERVAL);
    const generation = this.#generation;
    const unknown = [...this.#filters.values()].filter(({ since }) => since === undefined);
    let position: Position;
    try {
      ({ position } = await this.#history.changes(undefined));
    } catch {
      // It is asked again, and what is missed before is told.
      return;
    }
    if (generation !== this.#generation || this.#waiting !== undefined) return;
    this.#reached ??= position;
    if (position.epoch !== this.#reached.epoch) {
      this.missed();
      return;
    }
    for (const filter of unknown) filter.since ??= position.offset;
    this.#known = position;
    // A message may come a little behind those of other topics.
    if (this.#next !== undefined) this.#reached = this.#next;
    this.#next = position;
  }

  /** The history has begun anew, and nothing was missed. */
  #beginAnew(position: Position): void {
    for (const { held } of this.#feeds.values()) if (held !== undefined) this.#room.give(held);
    this.#feeds.clear();
    this.#queue.clear();
    this.#gaps.clear();
    this.#forgotten = 0;
    this.#reached = position;
    this.#next = undefined;
    for (const filter of this.#filters.values()) filter.since = position.offset - 1;
  }

  async #catchUp(generation: number): Promise<void> {
    const since = this.#reached;
    const changes = await this.#history.changes(since).catch(() => undefined);
    if (generation === this.#generation && this.#waiting !== undefined) {
      this.#goOn(changes?.position, since === undefined ? undefined : changes?.topics, []);
    }
  }

  /**
   * @param topics that have changed; `undefined` when nobody knows.
   * @param more what came and is not held.
   */
  #goOn(
    position: Position | undefined,
    topics: readonly string[] | undefined,
    more: readonly (readonly [topic: string, message: BrokerMessage])[],
  ): void {
    const since = this.#reached?.offset;
    const lost = new Set<string>();
    for (const [name, filter] of this.#filters) {
      if (topics === undefined || filter.since === undefined) lost.add(name);
    }
    if (topics === undefined) this.#feeds.clear();
    else this.#fillAll(topics, since!);
    for (const filter of this.#filters.values()) {
      if (topics === undefined) filter.since = position?.offset;
      else filter.since ??= position?.offset;
    }
    this.#reached = position;
    this.#next = undefined;
    const waiting = this.#waiting!;
    this.#waiting = undefined;
    for (const [, message] of waiting) this.#room.give([message]);
    if (lost.size > 0) this.#owner.tellMissed((filter) => lost.has(filter));
    for (const [topic, message] of [...waiting, ...more]) this.take(topic, message);
    this.#fillNext();
  }

  #fillAll(topics: readonly string[], since: number): void {
    for (const [topic, feed] of this.#feeds) {
      if (feed.held === undefined) continue;
      feed.isGap = false;
      this.#queue.add(topic);
    }
    for (const topic of topics) {
      if (this.#rules.of(topic) === undefined || this.#queue.has(topic)) continue;
      const { offset } = this.#feeds.get(topic) ?? { offset: 0 };
      this.#feeds.delete(topic);
      const heldSince = this.#heldSince(topic);
      if (heldSince === undefined) continue;
      this.#follow(topic, { offset: Math.max(offset, since, heldSince), held: [], isGap: false });
      this.#queue.add(topic);
    }
  }

  /** From which offset on this node has all of a topic, as far as it is known. */
  #heldSince(topic: string): number | undefined {
    let least = this.#filters.get(topic)?.since;
    for (const [filter, { since }] of this.#wild) {
      if (since !== undefined && since < (least ?? Infinity) && matches(filter, topic)) least = since;
    }
    return least;
  }

  // Gaps.

  #takeNext(topic: string, feed: Feed, message: BrokerMessage): void {
    const isNext = message.previous <= feed.offset;
    if (feed.held === undefined) {
      const heldSince = isNext ? Infinity : (this.#heldSince(topic) ?? Infinity);
      if (message.previous > heldSince) {
        feed.offset = Math.max(feed.offset, heldSince);
        if (this.#room.take(message)) return this.#waitFor(topic, feed, message);
        this.#tellMissed(topic);
      }
      feed.offset = message.position.offset;
      this.#deliver(topic, message);
      return;
    }
    if (feed.isGap && isNext) {
      feed.offset = message.position.offset;
      this.#deliver(topic, message);
      this.#closeGap(topic, feed, feed.held);
    } else if (this.#room.take(message)) {
      hold(feed.held, message);
    } else {
      this.#endFill(topic, feed, undefined, [message]);
    }
  }

  /** Something is missing before a message: it comes at once, or is read. */
  #waitFor(topic: string, feed: Feed, message: BrokerMessage): void {
    feed.held = [message];
    feed.isGap = true;
    if (this.#gaps.size === 0) this.#gapEnd.set(PATIENCE);
    this.#gaps.add(topic);
  }

  /** Delivers what is held, as far as nothing is missing before it. */
  #closeGap(topic: string, feed: Feed, held: BrokerMessage[]): void {
    for (let next = held[0]; next !== undefined && next.previous <= feed.offset; next = held[0]) {
      this.#room.give([next]);
      held.shift();
      if (next.position.offset <= feed.offset) continue;
      feed.offset = next.position.offset;
      this.#deliver(topic, next);
    }
    if (held.length > 0) return;
    feed.held = undefined;
    this.#gaps.delete(topic);
    if (this.#gaps.size === 0) this.#gapEnd.clear();
  }

  #fillGaps(): void {
    for (const topic of this.#gaps) this.#queue.add(topic);
    this.#gaps.clear();
    this.#fillNext();
  }

  #fillNext(): void {
    for (const topic of this.#queue) {
      if (this.#reading >= MAX_READING) return;
      this.#queue.delete(topic);
      const feed = this.#feeds.get(topic);
      if (feed?.held === undefined) continue;
      feed.isGap = false;
      void this.#fill(topic, feed);
    }
  }

  async #fill(topic: string, feed: Feed): Promise<void> {
    const generation = this.#generation;
    const since = { epoch: this.#reached!.epoch, offset: feed.offset };
    const options = this.#rules.of(topic);
    this.#reading++;
    const page =
      options === undefined
        ? undefined
        : await this.#history.read(topic, since, options).catch(() => undefined);
    this.#reading--;
    if (generation === this.#generation && this.#feeds.get(topic) === feed)
      this.#endFill(topic, feed, page, []);
    this.#fillNext();
  }

  /** @param more what came and is not held. */
  #endFill(topic: string, feed: Feed, page: HistoryPage | undefined, more: readonly BrokerMessage[]): void {
    const { held } = feed;
    if (held === undefined) return;
    feed.held = undefined;
    this.#room.give(held);
    const isWhole = page?.recovered === true;
    if (isWhole) {
      for (const kept of page.messages) {
        if (kept.offset > feed.offset) this.#deliver(topic, inPage(page, kept));
      }
      feed.offset = Math.max(feed.offset, page.position.offset);
    } else {
      this.#tellMissed(topic);
    }
    for (const message of [...held, ...more]) {
      if (message.position.offset <= feed.offset) continue;
      feed.offset = message.position.offset;
      this.#deliver(topic, message);
    }
    // What was lost is no gap once more when the next one comes.
    if (page !== undefined) feed.offset = Math.max(feed.offset, page.position.offset);
  }

  #tellMissed(topic: string): void {
    this.#owner.tellMissed((filter) => matches(filter, topic));
  }

  #follow(topic: string, feed: Feed): void {
    if (this.#feeds.size >= MAX_FEEDS) {
      for (const [other, { offset, held }] of this.#feeds) {
        if (held !== undefined) continue;
        this.#forgotten = Math.max(this.#forgotten, offset);
        this.#feeds.delete(other);
        break;
      }
    }
    this.#feeds.set(topic, feed);
  }

  #forget(topic: string): void {
    const feed = this.#feeds.get(topic);
    if (feed?.held !== undefined) this.#room.give(feed.held);
    this.#feeds.delete(topic);
    this.#queue.delete(topic);
    this.#gaps.delete(topic);
  }

  // To subscribers.

  #deliver(topic: string, kept: Kept): void {
    const except = this.#takeExcept(kept.own);
    const leftOut = this.#joiners.leaveOut(topic, kept, except);
    const subscribers = this.#owner.subscribersOf(topic);
    if (leftOut.size === 0 && this.#returning.size === 0) this.#send(topic, kept, subscribers, except);
    else {
      const now = [...subscribers].filter(
        (each) => !leftOut.has(each) && !this.#holdForReturning(topic, kept, each, except),
      );
      this.#send(topic, kept, now, except);
    }
  }

  /** @returns whether it is one that does not get it yet. */
  #holdForReturning(topic: string, kept: Kept, subscriber: Some, except: Some | undefined): boolean {
    const returning = this.#returning.get(subscriber);
    if (returning === undefined) return false;
    if (returning.isOver || subscriber === except) return true;
    const message = { ...kept, previous: 0 };
    if (this.#room.take(message)) returning.held.push([topic, message]);
    else returning.isOver = true;
    return true;
  }

  #send(topic: string, { data, position }: Kept, subscribers: Iterable<Some>, except?: Some): void {
    const options = this.#rules.of(topic);
    try {
      const sent = options === undefined ? data : toSent(options, { topic, data, ...position });
      this.#owner.deliver(subscribers, sent, except);
    } catch (thrown) {
      this.#owner.onThrown(thrown);
    }
  }

  #takeExcept(own: number | undefined): Some | undefined {
    if (own === undefined) return undefined;
    const except = this.#excepts.get(own)?.deref();
    this.#excepts.delete(own);
    if (except !== undefined) this.#own.get(except)?.delete(own);
    return except;
  }

  /** Somebody does not get a message of this node. */
  #leaveOut(number: number, except: Some): void {
    for (const oldest of this.#excepts.keys()) {
      if (this.#excepts.size < MAX_EXCEPTS) break;
      this.#takeExcept(oldest);
    }
    this.#excepts.set(number, new WeakRef(except));
    const numbers = this.#own.get(except) ?? new Set();
    this.#own.set(except, numbers.add(number));
  }
}

/** Puts a message where it belongs. */
function hold(held: BrokerMessage[], message: BrokerMessage): void {
  const { offset } = message.position;
  const index = held.findLastIndex(({ position }) => position.offset < offset);
  held.splice(index + 1, 0, message);
}

function inPage({ position: { epoch } }: HistoryPage, { offset, data, own }: PageMessage): Kept {
  return { data, position: { epoch, offset }, own };
}

function isEmpty(items: Iterable<unknown>): boolean {
  for (const _ of items) return false;
  return true;
}

function isOfAny(filters: Iterable<string>, topic: string): boolean {
  for (const filter of filters) if (matches(filter, topic)) return true;
  return false;
}

/** The one that is further, in the epoch of the first. */
function latest(one: Position | undefined, other: Position | undefined): Position | undefined {
  const isFurther = other !== undefined && other.epoch === one?.epoch && other.offset > one.offset;
  return isFurther ? other : one;
}

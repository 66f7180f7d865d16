import type { Alarm, Clock } from '../protocol/clock.js';
import type { Position, Recovery } from '../protocol/contract.js';
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
  readonly held: [topic: string, message: BrokerMessage][];
  /** Too much has come meanwhile. */
  isOver: boolean;
}

/** When it is looked again whether something is missing, milliseconds. */
const SETTLED_AGAIN = 20;
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
      if (this.#excepts.size >= MAX_EXCEPTS) forgetFirst(this.#excepts);
      this.#excepts.set(number, new WeakRef(except));
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
      const isWanted = recovered || typeof since === 'number';
      for (const kept of isWanted ? messages : []) this.#send(topic, inPage(page, kept), [subscriber]);
      const feed = this.#feeds.get(topic);
      const isLive = feed !== undefined && feed.held === undefined && feed.offset >= position.offset;
      for (const kept of this.#joiners.join(joiner, position, isLive)) this.#send(topic, kept, [subscriber]);
    }
    return { ...position, recovered };
  }

  /** Up to where a subscriber has all; `undefined` while that cannot be said. */
  positionOf(subscriber: Some): Position | undefined {
    if (!this.#isSettled || this.#joiners.has(subscriber) || this.#returning.has(subscriber))
      return undefined;
    const [reached, newest] = [this.#reached, this.#newest];
    return newest !== undefined && newest.epoch === reached?.epoch && newest.offset > reached.offset ? newest : reached;
  }

  /**
   * Goes on with a subscriber that another node had, and that has had all up to a position: sends what came since, in
   * its order, and then what comes.
   *
   * @returns its filters of which something is missing.
   */
  async resume(subscriber: Some, filters: readonly string[], since: Position): Promise<readonly string[]> {
    const returning: Returning = { held: [], isOver: false };
    this.#returning.set(subscriber, returning);
    const missed = new Set<string>();
    const kept: [topic: string, kept: Kept][] = [];
    let reached = since.offset;
    try {
      const { position, topics } = await this.#history.changes(since);
      reached = position.offset;
      if (topics === undefined) for (const filter of filters) missed.add(filter);
      for (const topic of topics ?? []) {
        const concerned = filters.filter((filter) => matches(filter, topic));
        const options = this.#rules.of(topic);
        if (concerned.length === 0 || options === undefined) continue;
        const page = await this.#history.read(topic, since, options);
        if (!page.recovered) for (const filter of concerned) missed.add(filter);
        for (const each of page.messages) if (each.offset <= reached) kept.push([topic, inPage(page, each)]);
      }
      await this.#settled();
    } catch {
      for (const filter of filters) missed.add(filter);
    }
    if (!this.#returning.delete(subscriber)) return [];
    if (returning.isOver) for (const filter of filters) missed.add(filter);
    // What came meanwhile and is not behind that was read.
    const later = returning.held.filter(([, { position }]) => position.offset > reached);
    for (const [, message] of returning.held) this.#room.give([message]);
    const all = [...kept, ...later].toSorted(
      ([, one], [, other]) => one.position.offset - other.position.offset,
    );
    for (const [topic, each] of all) this.#send(topic, each, [subscriber]);
    return [...missed];
  }

  get #isSettled(): boolean {
    return (
      this.#waiting === undefined && this.#gaps.size === 0 && this.#queue.size === 0 && this.#reading === 0
    );
  }

  async #settled(): Promise<void> {
    while (!this.#isSettled) {
      await new Promise<void>((resolve) => this.#clock.alarm(resolve).set(SETTLED_AGAIN));
    }
  }

  subscribed(filter: string): void {
    if (!this.#rules.haveSome(filter)) return;
    const held: HeldFilter = { since: undefined };
    this.#filters.set(filter, held);
    if (isWild(filter)) this.#wild.set(filter, held);
    if (this.#isLooking) return;
    this.#isLooking = true;
    // For all filters of this tick.
    this.#clock.soon(() => void this.#lookWhereItIs());
  }

  unsubscribed(filter: string): void {
    this.#filters.delete(filter);
    this.#wild.delete(filter);
    if (!isWild(filter) && isEmpty(this.#owner.subscribersOf(filter))) this.#forget(filter);
  }

  left(subscriber: Some, filter: string): void {
    this.#joiners.left(filter, subscriber);
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
    const except = this.#excepts.get(own);
    this.#excepts.delete(own);
    return except?.deref();
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

function forgetFirst(map: Map<number, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

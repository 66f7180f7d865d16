import type { Alarm, Clock } from '../protocol/clock.js';
import type { Position, Recovery } from '../protocol/contract.js';
import type { BrokerHistory, BrokerMessage } from './broker-history.js';
import { toSent, type Feeds, type FeedsOwner } from './feeds.js';
import { isWild, matches } from './filter.js';
import type { HistoryRules } from './history-rules.js';
import type { HistoryOptions, HistoryPage, PageMessage, Since } from './history.js';

/** What comes of a topic, or what a page has of it. */
type Kept = Omit<BrokerMessage, 'previous'>;

/** Where this node is in a topic. */
interface Feed {
  /** All up to here has been delivered. */
  offset: number;
  /** What has come while a gap before it is filled. */
  held: BrokerMessage[] | undefined;
}

/** A filter that this node holds. */
interface HeldFilter {
  /** From which offset on it has all; `undefined` until that is known. */
  since: number | undefined;
}

/** A subscriber that has asked for what was published before. */
interface Joiner<Some> {
  readonly subscriber: Some;
  /** What has come meanwhile. */
  held: BrokerMessage[];
  /** What is behind this position comes to it as to all others; `undefined` until it has its page. */
  position: Position | undefined;
  /** Too much has come meanwhile. */
  isOver: boolean;
}

/** How many topics are known; of others it is not noticed when a message is missing without `missed`. */
const MAX_FEEDS = 100_000;
/** How many messages may wait for what is read, and how large they may be together: bytes, or UTF-16 code units. */
const MAX_HELD = 10_000;
const MAX_HELD_SIZE = 16 * 1024 * 1024;
/** How many topics are read at the same time. */
const MAX_READING = 16;
/** Of how many messages that are on their way it is known who does not get them. */
const MAX_EXCEPTS = 100_000;
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
  readonly #room = new Room(MAX_HELD, MAX_HELD_SIZE);
  readonly #feeds = new Map<string, Feed>();
  readonly #filters = new Map<string, HeldFilter>();
  /** Those of them that have a wildcard. */
  readonly #wild = new Map<string, HeldFilter>();
  readonly #joiners = new Map<string, Set<Joiner<Some>>>();
  readonly #excepts = new Map<number, WeakRef<Some>>();
  /** All up to here that this node has subscribed to has come. */
  #reached: Position | undefined;
  /** What has come while it is asked what was missed. */
  #waiting: [topic: string, message: BrokerMessage][] | undefined;
  /** Counts how often something may have been missed: an answer from before that says nothing. */
  #generation = 0;
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
  }

  publish(topic: string, data: string | Uint8Array, options: HistoryOptions, except: Some | undefined): void {
    const number = this.#history.publish(topic, data, options);
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
    const joiner: Joiner<Some> = { subscriber, held: [], position: undefined, isOver: false };
    const joiners = this.#joiners.get(topic) ?? new Set();
    this.#joiners.set(topic, joiners.add(joiner));
    let page: HistoryPage;
    try {
      page = await this.#history.read(topic, since, options);
    } catch (error) {
      // It may be a subscriber from before.
      if (this.#removeJoiner(topic, joiner))
        for (const kept of joiner.held) this.#send(topic, kept, [subscriber]);
      throw error;
    }
    const { position, messages } = page;
    const recovered = page.recovered && !joiner.isOver;
    if (joiners.has(joiner)) {
      const isNeeded = recovered || typeof since === 'number';
      for (const kept of isNeeded ? messages : []) this.#send(topic, inPage(page, kept), [subscriber]);
      for (const kept of joiner.held) if (isBehind(kept, position)) this.#send(topic, kept, [subscriber]);
      this.#room.give(joiner.held.splice(0));
      joiner.position = position;
      const feed = this.#feeds.get(topic);
      // What comes next is behind the page, and the joiner like all others.
      const isLive = feed !== undefined && feed.held === undefined && feed.offset >= position.offset;
      if (isLive || joiner.isOver) this.#removeJoiner(topic, joiner);
    }
    return { ...position, recovered };
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
    for (const joiner of this.#joiners.get(filter) ?? []) {
      if (joiner.subscriber === subscriber) this.#removeJoiner(filter, joiner);
    }
  }

  /** The broker has brought a message. */
  take(topic: string, message: BrokerMessage): void {
    if (this.#waiting !== undefined) {
      if (this.#room.take(message)) this.#waiting.push([topic, message]);
      else this.#goOn(undefined, undefined, [[topic, message]]);
      return;
    }
    const { epoch, offset } = message.position;
    this.#reach(message.position);
    const feed = this.#feeds.get(topic);
    if (feed === undefined) {
      this.#follow(topic, { offset, held: undefined });
    } else if (feed.held !== undefined) {
      if (this.#room.take(message)) feed.held.push(message);
      else this.#endFill(topic, feed, undefined, [message]);
      return;
    } else {
      if (offset <= feed.offset) return;
      if (message.previous > feed.offset && this.#hasHeld(topic, feed.offset) && this.#room.take(message)) {
        feed.held = [message];
        this.#fillLater(topic);
        return;
      }
      feed.offset = offset;
    }
    this.#deliver(topic, { data: message.data, position: { epoch, offset }, own: message.own });
  }

  /** The broker was away. What was missed is asked for, and until then what comes is held. */
  missed(): void {
    this.#generation++;
    for (const [, message] of this.#waiting ?? []) this.#room.give([message]);
    this.#waiting = [];
    this.#queue.clear();
    for (const feed of this.#feeds.values())
      if (feed.held !== undefined) this.#room.give(feed.held.splice(0));
    void this.#catchUp(this.#generation);
  }

  close(): void {
    this.#generation++;
    this.#look.clear();
    for (const each of [this.#feeds, this.#filters, this.#wild, this.#joiners, this.#excepts, this.#queue])
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
    try {
      const { position } = await this.#history.changes(undefined);
      if (generation !== this.#generation || this.#waiting !== undefined) return;
      this.#reach(position);
      for (const filter of unknown) filter.since ??= position.offset;
    } catch {
      // It is asked again, and what is missed before is told.
    }
  }

  /** All up to a position has come. */
  #reach(position: Position): void {
    if (this.#reached?.epoch !== position.epoch) {
      const isFirst = this.#reached === undefined;
      this.#reached = position;
      if (isFirst) return;
      // It has begun anew, while nothing was missed.
      this.#feeds.clear();
      this.#queue.clear();
      for (const filter of this.#filters.values()) filter.since = position.offset;
    } else if (position.offset > this.#reached.offset) {
      this.#reached = position;
    }
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
    const waiting = this.#waiting!;
    this.#waiting = undefined;
    for (const [, message] of waiting) this.#room.give([message]);
    if (lost.size > 0) this.#owner.tellMissed((filter) => lost.has(filter));
    for (const [topic, message] of [...waiting, ...more]) this.take(topic, message);
    this.#fillNext();
  }

  #fillAll(topics: readonly string[], since: number): void {
    for (const [topic, feed] of this.#feeds) if (feed.held !== undefined) this.#queue.add(topic);
    for (const topic of topics) {
      if (this.#rules.of(topic) === undefined || this.#queue.has(topic)) continue;
      if (this.#hasHeld(topic, since)) {
        this.#feeds.delete(topic);
        this.#follow(topic, { offset: since, held: [] });
        this.#queue.add(topic);
      } else {
        this.#feeds.delete(topic);
      }
    }
  }

  /** Whether a filter of this node has had all of a topic since an offset. */
  #hasHeld(topic: string, offset: number): boolean {
    const held = this.#filters.get(topic)?.since;
    if (held !== undefined && held <= offset) return true;
    for (const [filter, { since }] of this.#wild) {
      if (since !== undefined && since <= offset && matches(filter, topic)) return true;
    }
    return false;
  }

  // Gaps.

  #fillLater(topic: string): void {
    this.#queue.add(topic);
    this.#fillNext();
  }

  #fillNext(): void {
    for (const topic of this.#queue) {
      if (this.#reading >= MAX_READING) return;
      this.#queue.delete(topic);
      const feed = this.#feeds.get(topic);
      if (feed?.held !== undefined) void this.#fill(topic, feed);
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
    if (page?.recovered === true) {
      for (const kept of page.messages)
        if (kept.offset > feed.offset) this.#deliver(topic, inPage(page, kept));
      feed.offset = Math.max(feed.offset, page.position.offset);
    } else {
      this.#owner.tellMissed((filter) => matches(filter, topic));
    }
    for (const message of [...held, ...more]) {
      if (message.position.offset <= feed.offset) continue;
      feed.offset = message.position.offset;
      this.#deliver(topic, message);
    }
  }

  #follow(topic: string, feed: Feed): void {
    if (this.#feeds.size >= MAX_FEEDS) {
      for (const [other, { held }] of this.#feeds) {
        if (held !== undefined) continue;
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
  }

  // To subscribers.

  #deliver(topic: string, kept: Kept): void {
    const except = this.#takeExcept(kept.own);
    const leftOut = this.#hold(topic, kept, except);
    const subscribers = this.#owner.subscribersOf(topic);
    if (leftOut.size === 0) this.#send(topic, kept, subscribers, except);
    else
      this.#send(
        topic,
        kept,
        [...subscribers].filter((each) => !leftOut.has(each)),
        except,
      );
  }

  /** @returns who does not get a message as all others do. */
  #hold(topic: string, kept: Kept, except: Some | undefined): ReadonlySet<Some> {
    const leftOut = new Set<Some>();
    for (const joiner of this.#joiners.get(topic) ?? []) {
      const { subscriber, position } = joiner;
      if (position === undefined) {
        leftOut.add(subscriber);
        if (subscriber !== except && !joiner.isOver) this.#holdFor(joiner, { ...kept, previous: 0 });
      } else if (isBehind(kept, position)) {
        this.#removeJoiner(topic, joiner);
      } else {
        leftOut.add(subscriber);
      }
    }
    return leftOut;
  }

  #holdFor(joiner: Joiner<Some>, message: BrokerMessage): void {
    if (this.#room.take(message)) {
      joiner.held.push(message);
    } else {
      joiner.isOver = true;
      this.#room.give(joiner.held.splice(0));
    }
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

  /** @returns whether it was there. */
  #removeJoiner(topic: string, joiner: Joiner<Some>): boolean {
    const joiners = this.#joiners.get(topic);
    if (joiners?.delete(joiner) !== true) return false;
    if (joiners.size === 0) this.#joiners.delete(topic);
    this.#room.give(joiner.held);
    return true;
  }
}

/** What may be held, by all together. */
class Room {
  #count: number;
  #size: number;

  constructor(count: number, size: number) {
    this.#count = count;
    this.#size = size;
  }

  /** @returns false when there is no room. */
  take({ data }: BrokerMessage): boolean {
    if (this.#count === 0 || this.#size < data.length) return false;
    this.#count--;
    this.#size -= data.length;
    return true;
  }

  give(messages: readonly BrokerMessage[]): void {
    for (const { data } of messages) {
      this.#count++;
      this.#size += data.length;
    }
  }
}

function inPage({ position: { epoch } }: HistoryPage, { offset, data, own }: PageMessage): Kept {
  return { data, position: { epoch, offset }, own };
}

function isBehind({ position: { epoch, offset } }: Kept, position: Position): boolean {
  return epoch !== position.epoch || offset > position.offset;
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

import type { Clock } from '../protocol/clock.js';
import type { Recovery } from '../protocol/contract.js';
import type { BrokerError } from '../protocol/errors.js';
import { Attendance } from './attendance.js';
import type { Broker, BrokerNode } from './broker.js';
import { BrokerFeeds, type Returns } from './broker-feeds.js';
import type { BrokerMessage } from './broker-history.js';
import { MemoryFeeds, type Feeds, type FeedsOwner, type PublishThrough } from './feeds.js';
import { checkFilter, checkTopic } from './filter.js';
import { HistoryRules } from './history-rules.js';
import type { HistoryOptions, Since } from './history.js';
import { Nodes, type NodeInfo } from './nodes.js';
import { Presence, type Member, type PresenceWatcher } from './presence.js';
import { Subscriptions, type TopicRights } from './subscriptions.js';
import { Topics } from './topics.js';

/** Who can subscribe: a connection. */
export interface Subscriber {
  /** What it has to do with topics, if it has. */
  subscriptions: Subscriptions | undefined;
}

/** Whom the hub tells what happens to topics. */
export interface TopicHubOwner<Some extends Subscriber> extends PresenceWatcher {
  readonly connectionCount: number;
  deliver(subscribers: Iterable<Some>, data: string | Uint8Array, except?: Some): void;
  /** Messages of these filters may be lost. */
  onMissed(subscriber: Some, filters: readonly string[]): void;
  /** The broker failed, or something of the application threw for which no connection can be blamed. */
  onFailed(thrown: unknown): void;
}

/** What a hub needs of the platform. */
export interface HubPlatform {
  readonly clock: Clock;
  /** The first one is that of this server. */
  randomId(): string;
  /** Bytes that nobody changes, as the platform's own kind. */
  copy(bytes: Uint8Array): Uint8Array;
}

/** How topics are kept. */
export interface TopicHubOptions {
  readonly broker: Broker | undefined;
  /** How long a member is shown whose last connection is lost, milliseconds. */
  readonly grace: number;
  /** What is kept of topics, by filter. */
  readonly history?: Readonly<Record<string, HistoryOptions>> | undefined;
  readonly platform: HubPlatform;
}

interface SavedTopics {
  readonly rights?: TopicRights;
  readonly filters: readonly string[];
  readonly members: readonly (readonly [topic: string, member: Member])[];
}

/** How large what is said of a member may be, UTF-16 code units of JSON; and its id. */
const MAX_INFO = 4_096;
const MAX_ID = 256;

/** The topics of a server: who subscribes to them, who is shown in them, and the broker that carries them to others. */
export class TopicHub<Some extends Subscriber> implements BrokerNode {
  readonly id: string;
  readonly #platform: HubPlatform;
  readonly #owner: TopicHubOwner<Some>;
  readonly #topics = new Topics<Some>();
  readonly #subscribers = new Set<Some>();
  readonly #presence: Presence;
  readonly #attendance: Attendance;
  #broker: Broker | undefined;
  readonly #nodes: Nodes | undefined;
  readonly #rules: HistoryRules;
  /** Of topics that have a history, if any has. */
  readonly #feeds: Feeds<Some> | undefined;
  /** Those of a broker that keeps them. */
  readonly #brokerFeeds: BrokerFeeds<Some> | undefined;

  constructor({ broker, grace, history = {}, platform }: TopicHubOptions, owner: TopicHubOwner<Some>) {
    const { clock } = platform;
    const id = platform.randomId();
    this.id = id;
    this.#platform = platform;
    this.#rules = new HistoryRules(history);
    this.#owner = owner;
    this.#broker = broker;
    if (this.#rules.most !== undefined) {
      const feedsOwner = this.#feedsOwner();
      if (broker?.history !== undefined) {
        this.#brokerFeeds = new BrokerFeeds(feedsOwner, broker.history, this.#rules, clock);
      }
      this.#feeds = this.#brokerFeeds ?? new MemoryFeeds(feedsOwner, clock, () => platform.randomId());
    }
    this.#presence = new Presence(owner);
    this.#attendance = new Attendance(clock, grace, {
      onHere: (topic, member) => {
        this.#presence.add(id, topic, member);
        this.#nodes?.here(topic, member);
      },
      onGone: (topic, member) => {
        this.#presence.remove(id, topic, member);
        this.#nodes?.gone(topic, member);
      },
    });
    if (broker === undefined) return;
    this.#nodes = new Nodes(broker, clock, grace, this.#presence, {
      id,
      members: this.#attendance,
      get connections() {
        return owner.connectionCount;
      },
    });
  }

  /** The other servers, if there is a broker. */
  get peers(): Nodes | undefined {
    return this.#nodes;
  }

  get nodes(): NodeInfo[] {
    const { connectionCount } = this.#owner;
    return this.#nodes?.list ?? [{ id: this.id, connections: connectionCount, isOwn: true }];
  }

  async open(): Promise<void> {
    await this.#broker?.open(this, this.#rules.most);
    this.#nodes?.open();
  }

  /** To others, this server is gone from now on; its connections go on. */
  depart(): void {
    this.#nodes?.depart();
  }

  async close(): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    this.#attendance.close();
    this.#feeds?.close();
    if (broker === undefined) return;
    this.#nodes!.close();
    await broker.close();
  }

  /** What a connection may do; asked for once, before anything else. */
  grant(subscriber: Some, rights: TopicRights): void {
    subscriber.subscriptions = new Subscriptions(rights);
  }

  /**
   * @param isThere whether there is anything to be done: who is gone asks in vain.
   * @throws {RightsError} {TypeError}
   */
  subscribe(subscriber: Some, filter: string, isThere: boolean): void {
    checkFilter(filter);
    if (!isThere) return;
    const subscriptions = this.#subscriptionsOf(subscriber);
    subscriptions.demand('subscribe', filter);
    subscriptions.filters.add(filter);
    subscriptions.text = undefined;
    if (!this.#topics.subscribe(filter, subscriber)) return;
    this.#broker?.subscribe(filter);
    this.#feeds?.subscribed(filter);
  }

  unsubscribe(subscriber: Some, filter: string): void {
    if (subscriber.subscriptions?.filters.delete(filter) !== true) return;
    subscriber.subscriptions.text = undefined;
    this.#unsubscribe(subscriber, filter);
  }

  /** @throws {RightsError} {TypeError} {LimitError} */
  join(subscriber: Some, topic: string, id: string, info: unknown, isThere: boolean): void {
    checkTopic(topic);
    if (typeof id !== 'string' || id === '' || id.length > MAX_ID) {
      throw new TypeError(`The id of a member is a string of 1 to ${MAX_ID} UTF-16 code units`);
    }
    // A copy, as the other nodes get it.
    const text = JSON.stringify(info) ?? 'null';
    if (text.length > MAX_INFO) {
      throw new TypeError(`What is said of a member has at most ${MAX_INFO} UTF-16 code units as JSON`);
    }
    if (!isThere) return;
    const subscriptions = this.#subscriptionsOf(subscriber);
    subscriptions.demand('subscribe', topic);
    const before = subscriptions.members?.get(topic);
    const member = { id, info: JSON.parse(text) as unknown };
    this.#attendance.enter(topic, member);
    (subscriptions.members ??= new Map()).set(topic, member);
    subscriptions.text = undefined;
    // What it was shown as until now, or another of its own connections to the same.
    if (before !== undefined) this.#attendance.leave(topic, before.id, false);
  }

  leave(subscriber: Some, topic: string): void {
    const member = subscriber.subscriptions?.members?.get(topic);
    if (member === undefined) return;
    subscriber.subscriptions!.members!.delete(topic);
    subscriber.subscriptions!.text = undefined;
    this.#attendance.leave(topic, member.id, false);
  }

  members(topic: string): Member[] {
    return this.#presence.members(topic);
  }

  /** A connection is gone: its subscriptions end, and whom it was shown as may come back. */
  remove(subscriber: Some): void {
    const { subscriptions } = subscriber;
    if (subscriptions === undefined) return;
    for (const filter of subscriptions.filters) this.#unsubscribe(subscriber, filter);
    for (const [topic, { id }] of subscriptions.members ?? []) this.#attendance.leave(topic, id, true);
    // Its rights stay: a handler may still be at work in its name.
    subscriptions.filters.clear();
    subscriptions.members = undefined;
    this.#subscribers.delete(subscriber);
  }

  /**
   * @param data which may be changed when it returns.
   * @param isLocal whether only the subscribers of this node get it; then it is not kept.
   * @param through what publishes it if it is kept by the broker, where that is not the broker by itself.
   * @throws {TypeError} {BrokerError} when nobody gets it.
   */
  publish(
    topic: string,
    data: string | Uint8Array,
    except: Some | undefined,
    isLocal: boolean,
    through?: PublishThrough,
  ): void {
    checkTopic(topic);
    const history = isLocal ? undefined : this.#rules.of(topic);
    if (history !== undefined) {
      const kept = typeof data === 'string' ? data : this.#platform.copy(data);
      this.#feeds!.publish(topic, kept, history, except, through);
      return;
    }
    if (!isLocal) this.#broker?.publish(topic, data);
    this.#owner.deliver(this.#topics.of(topic), data, except);
  }

  /**
   * Sends what was published since, and subscribes.
   *
   * @throws {RightsError} {TypeError} for a topic that has no history. {BrokerError}
   */
  async recover(subscriber: Some, topic: string, since: Since, isThere: boolean): Promise<Recovery> {
    checkTopic(topic);
    checkSince(since);
    const history = this.#rules.of(topic);
    if (history === undefined) throw new TypeError(`The option 'history' says nothing of '${topic}'`);
    const isNew = subscriber.subscriptions?.filters.has(topic) !== true;
    this.subscribe(subscriber, topic, isThere);
    try {
      return await this.#feeds!.recover(isThere ? subscriber : undefined, topic, since, history);
    } catch (error) {
      if (isNew) this.unsubscribe(subscriber, topic);
      throw error;
    }
  }

  /** What another server has to know to go on with a subscriber, by name; `undefined` while it cannot be said. */
  save(subscriber: Some): Readonly<Record<string, string>> | undefined {
    const { subscriptions } = subscriber;
    if (subscriptions === undefined) return {};
    const { rights, filters, members = [] } = subscriptions;
    subscriptions.text ??= JSON.stringify({ rights, filters: [...filters], members: [...members] });
    if (filters.size === 0 || this.#brokerFeeds === undefined)
      return { topics: subscriptions.text, position: '', own: '' };
    const position = this.#brokerFeeds.positionOf(subscriber, filters);
    return (
      position && {
        topics: subscriptions.text,
        position: `${position.offset} ${position.epoch}`,
        own: this.#brokerFeeds.ownOf(subscriber).join('\n'),
      }
    );
  }

  /** Goes on with a subscriber that another server had. @param saved what that had to say of it. */
  restore(subscriber: Some, { topics, position = '', own = '' }: Readonly<Record<string, string>>): void {
    if (topics === undefined) return;
    const { rights, filters, members } = JSON.parse(topics) as SavedTopics;
    subscriber.subscriptions = new Subscriptions(rights);
    this.#subscribers.add(subscriber);
    for (const filter of filters) this.subscribe(subscriber, filter, true);
    for (const [topic, { id, info }] of members) this.join(subscriber, topic, id, info, true);
    const feeds = position === '' ? undefined : this.#brokerFeeds;
    const kept = feeds === undefined ? [] : filters.filter((filter) => this.#rules.haveAll(filter));
    const others = filters.filter((filter) => !kept.includes(filter));
    if (others.length > 0) this.#owner.onMissed(subscriber, others);
    if (kept.length === 0) return;
    const [offset = '', epoch = ''] = position.split(' ');
    void this.#resume(feeds!, subscriber, kept, {
      since: { epoch, offset: Number(offset) },
      own: new Set(own.split('\n')),
    });
  }

  async #resume(
    feeds: BrokerFeeds<Some>,
    subscriber: Some,
    filters: readonly string[],
    returns: Returns,
  ): Promise<void> {
    const missed = await feeds.resume(subscriber, filters, returns);
    if (missed.length > 0) this.#owner.onMissed(subscriber, missed);
  }

  // What the broker tells (BrokerNode).

  receive(topic: string, data: string | Uint8Array): void {
    if (this.#nodes!.take(topic, data)) return;
    this.#owner.deliver(this.#topics.of(topic), data);
  }

  receiveKept(topic: string, message: BrokerMessage): void {
    if (this.#brokerFeeds === undefined) this.receive(topic, message.data);
    else this.#brokerFeeds.take(topic, message);
  }

  missed(): void {
    this.#nodes!.missed();
    // What else there is, the broker has kept.
    const isKept = (filter: string): boolean =>
      this.#brokerFeeds !== undefined && this.#rules.haveAll(filter);
    this.#tellMissed((filter) => !isKept(filter));
    this.#brokerFeeds?.missed();
  }

  failed(error: BrokerError): void {
    this.#owner.onFailed(error);
  }

  #subscriptionsOf(subscriber: Some): Subscriptions {
    subscriber.subscriptions ??= new Subscriptions(undefined);
    this.#subscribers.add(subscriber);
    return subscriber.subscriptions;
  }

  #unsubscribe(subscriber: Some, filter: string): void {
    this.#feeds?.left(subscriber, filter);
    if (!this.#topics.unsubscribe(filter, subscriber)) return;
    this.#broker?.unsubscribe(filter);
    this.#feeds?.unsubscribed(filter);
  }

  #tellMissed(isConcerned: (filter: string) => boolean): void {
    for (const subscriber of this.#subscribers) {
      const filters = [...subscriber.subscriptions!.filters].filter((filter) => isConcerned(filter));
      if (filters.length > 0) this.#owner.onMissed(subscriber, filters);
    }
  }

  #feedsOwner(): FeedsOwner<Some> {
    return {
      subscribersOf: (topic) => this.#topics.of(topic),
      deliver: (subscribers, data, except) => this.#owner.deliver(subscribers, data, except),
      tellMissed: (isConcerned) => this.#tellMissed(isConcerned),
      onThrown: (thrown) => this.#owner.onFailed(thrown),
    };
  }
}

function checkSince(since: Since): void {
  const isPosition =
    typeof since === 'object' && since !== null && typeof since.epoch === 'string' && isCount(since.offset);
  if (!isPosition && !isCount(since)) {
    throw new TypeError("'since' is a position { epoch, offset }, or how many messages at the end");
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

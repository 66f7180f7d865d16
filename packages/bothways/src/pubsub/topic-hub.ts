import type { Clock } from '../protocol/clock.js';
import type { BrokerError } from '../protocol/errors.js';
import { Attendance } from './attendance.js';
import type { Broker, BrokerNode } from './broker.js';
import { checkFilter, checkTopic } from './filter.js';
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
  deliver(subscribers: Iterable<Some>, data: string | Uint8Array): void;
  /** Messages of these filters may be lost. */
  onMissed(subscriber: Some, filters: readonly string[]): void;
  onFailed(error: BrokerError): void;
}

/** How large what is said of a member may be, UTF-16 code units of JSON; and its id. */
const MAX_INFO = 4_096;
const MAX_ID = 256;

/** The topics of a server: who subscribes to them, who is shown in them, and the broker that carries them to others. */
export class TopicHub<Some extends Subscriber> implements BrokerNode {
  readonly id: string;
  readonly #owner: TopicHubOwner<Some>;
  readonly #topics = new Topics<Some>();
  readonly #subscribers = new Set<Some>();
  readonly #presence: Presence;
  readonly #attendance: Attendance;
  #broker: Broker | undefined;
  readonly #nodes: Nodes | undefined;

  /**
   * @param id random, for this server.
   * @param grace how long a member is shown whose last connection is lost, milliseconds.
   */
  constructor(
    id: string,
    broker: Broker | undefined,
    clock: Clock,
    grace: number,
    owner: TopicHubOwner<Some>,
  ) {
    this.id = id;
    this.#owner = owner;
    this.#broker = broker;
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

  get nodes(): NodeInfo[] {
    const { connectionCount } = this.#owner;
    return this.#nodes?.list ?? [{ id: this.id, connections: connectionCount, isOwn: true }];
  }

  async open(): Promise<void> {
    await this.#broker?.open(this);
    this.#nodes?.open();
  }

  async close(): Promise<void> {
    const broker = this.#broker;
    this.#broker = undefined;
    this.#attendance.close();
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
    if (this.#topics.subscribe(filter, subscriber)) this.#broker?.subscribe(filter);
  }

  unsubscribe(subscriber: Some, filter: string): void {
    if (subscriber.subscriptions?.filters.delete(filter) === true) this.#unsubscribe(subscriber, filter);
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
    const before = subscriptions.members.get(topic);
    this.#attendance.enter(topic, { id, info: JSON.parse(text) as unknown });
    subscriptions.members.set(topic, id);
    // What it was shown as until now, or another of its own connections to the same.
    if (before !== undefined) this.#attendance.leave(topic, before, false);
  }

  leave(subscriber: Some, topic: string): void {
    const id = subscriber.subscriptions?.members.get(topic);
    if (id === undefined) return;
    subscriber.subscriptions!.members.delete(topic);
    this.#attendance.leave(topic, id, false);
  }

  members(topic: string): Member[] {
    return this.#presence.members(topic);
  }

  /** A connection is gone: its subscriptions end, and whom it was shown as may come back. */
  remove(subscriber: Some): void {
    const { subscriptions } = subscriber;
    if (subscriptions === undefined) return;
    for (const filter of subscriptions.filters) this.#unsubscribe(subscriber, filter);
    for (const [topic, id] of subscriptions.members) this.#attendance.leave(topic, id, true);
    subscriber.subscriptions = undefined;
    this.#subscribers.delete(subscriber);
  }

  /**
   * Sends to the other nodes.
   *
   * @returns the subscribers at this node.
   * @throws {TypeError} {BrokerError} when nobody gets it.
   */
  publish(topic: string, bytes: () => string | Uint8Array, isLocal: boolean): Iterable<Some> {
    checkTopic(topic);
    if (!isLocal) this.#broker?.publish(topic, bytes());
    return this.#topics.of(topic);
  }

  // What the broker tells (BrokerNode).

  receive(topic: string, data: string | Uint8Array): void {
    if (this.#nodes!.take(topic, data)) return;
    this.#owner.deliver(this.#topics.of(topic), data);
  }

  missed(): void {
    for (const subscriber of this.#subscribers) {
      const filters = subscriber.subscriptions!.filters;
      if (filters.size > 0) this.#owner.onMissed(subscriber, [...filters]);
    }
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
    if (this.#topics.unsubscribe(filter, subscriber)) this.#broker?.unsubscribe(filter);
  }
}

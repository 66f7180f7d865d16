import type { Connection, Data, Recovery } from '../protocol/contract.js';
import type { Broker } from '../pubsub/broker.js';
import type { RecordPublish } from '../pubsub/broker-records.js';
import type { PublishThrough } from '../pubsub/feeds.js';
import type { Since } from '../pubsub/history.js';
import type { NodeInfo } from '../pubsub/nodes.js';
import type { Member } from '../pubsub/presence.js';
import type { TopicRights } from '../pubsub/subscriptions.js';
import { TopicHub, type HubPlatform, type TopicHubOwner } from '../pubsub/topic-hub.js';
import { report, toError, type Handlers } from './handlers.js';
import { nodeClock } from './node-clock.js';
import type { ServeOptions } from './options.js';
import { PublishedMessage } from './published-message.js';
import type { ConnectionTopics, ServedConnection } from './served-connection.js';
import { SessionPeers } from './session-peers.js';
import { randomId } from './session-platform.js';
import { toBytes } from './to-bytes.js';

/** How `publish` of a server sends. */
export interface PublishOptions<State> {
  /** A connection that is left out: usually the one the message came from. */
  except?: Connection<State, Buffer> | undefined;
  /** Whether only the subscribers of this server get it, and not those of others that share its broker. `false`. */
  local?: boolean | undefined;
}

const PLATFORM: HubPlatform = { clock: nodeClock, randomId, copy: (bytes) => Buffer.from(bytes) };

/** The topics of a server. */
export class ServerTopics<State> implements ConnectionTopics<State>, TopicHubOwner<ServedConnection<State>> {
  publisher: PublishThrough | undefined;
  readonly #hub: TopicHub<ServedConnection<State>>;
  readonly #handlers: Handlers<State>;
  readonly #connections: ReadonlySet<unknown>;
  readonly #isCompressing: boolean;
  readonly #broker: Broker | undefined;

  constructor(
    options: Pick<ServeOptions<State>, 'broker' | 'presenceGrace' | 'history'>,
    handlers: Handlers<State>,
    connections: ReadonlySet<unknown>,
    isCompressing: boolean,
  ) {
    this.#handlers = handlers;
    this.#connections = connections;
    this.#isCompressing = isCompressing;
    const { broker, presenceGrace: grace = 10_000, history } = options;
    this.#broker = broker;
    this.#hub = new TopicHub({ broker, grace, history, platform: PLATFORM }, this);
  }

  /** The servers that share the broker, as sessions know them. */
  get peers(): SessionPeers | undefined {
    const { peers } = this.#hub;
    return peers === undefined ? undefined : new SessionPeers(peers, this.#broker?.claims);
  }

  get nodes(): NodeInfo[] {
    return this.#hub.nodes;
  }

  open(): Promise<void> {
    return this.#hub.open();
  }

  /** To the others, this server is gone from now on. */
  depart(): void {
    this.#hub.depart();
  }

  close(): Promise<void> {
    return this.#hub.close();
  }

  members(topic: string): Member[] {
    return this.#hub.members(topic);
  }

  grant(socket: ServedConnection<State>, rights: TopicRights): void {
    this.#hub.grant(socket, rights);
  }

  remove(socket: ServedConnection<State>): void {
    this.#hub.remove(socket);
  }

  send(topic: string, data: Data, { except, local = false }: PublishOptions<State>): void {
    const bytes = typeof data === 'string' ? data : toBytes(data);
    this.#hub.publish(topic, bytes, except as ServedConnection<State> | undefined, local, this.publisher);
  }

  /** Goes on with a connection that another server had. */
  restore(socket: ServedConnection<State>, saved: Readonly<Record<string, string>>): void {
    this.#hub.restore(socket, saved);
  }

  // What a connection asks (ConnectionTopics). One that is gone asks for nothing.

  subscribe(socket: ServedConnection<State>, filter: string): void {
    this.#hub.subscribe(socket, filter, this.#connections.has(socket));
  }

  recover(socket: ServedConnection<State>, topic: string, since: Since): Promise<Recovery> {
    return this.#hub.recover(socket, topic, since, this.#connections.has(socket));
  }

  unsubscribe(socket: ServedConnection<State>, filter: string): void {
    this.#hub.unsubscribe(socket, filter);
  }

  publish(socket: ServedConnection<State>, topic: string, data: Data): void {
    socket.subscriptions?.demand('publish', topic);
    this.send(topic, data, { except: socket });
  }

  join(socket: ServedConnection<State>, topic: string, id: string, info: unknown): void {
    this.#hub.join(socket, topic, id, info, this.#connections.has(socket));
  }

  leave(socket: ServedConnection<State>, topic: string): void {
    this.#hub.leave(socket, topic);
  }

  save(socket: ServedConnection<State>): Readonly<Record<string, string>> | undefined {
    return this.#hub.save(socket);
  }

  through(publish: (message: RecordPublish) => void): PublishThrough {
    return {
      publish: (topic, data, limits) => {
        const { records, history } = this.#broker!;
        const number = records!.nextNumber();
        publish({ topic, data, limits, number, origin: history?.origin });
        return number;
      },
    };
  }

  // What the hub tells (TopicHubOwner).

  get connectionCount(): number {
    return this.#connections.size;
  }

  deliver(
    subscribers: Iterable<ServedConnection<State>>,
    data: string | Uint8Array,
    except?: ServedConnection<State>,
  ): void {
    const message = new PublishedMessage(data, this.#isCompressing);
    for (const subscriber of subscribers) if (subscriber !== except) subscriber.sendPublished(message);
  }

  onMissed(socket: ServedConnection<State>, filters: readonly string[]): void {
    const handlers = this.#handlers;
    if (handlers.missed !== undefined) socket.run(() => handlers.missed!(socket, filters));
  }

  onFailed(thrown: unknown): void {
    report(this.#handlers, toError(thrown), undefined);
  }

  onJoin(topic: string, member: Member): void {
    this.#tell('join', topic, member);
  }

  onLeave(topic: string, member: Member): void {
    this.#tell('leave', topic, member);
  }

  /** What is thrown here is nobody's but the application's. */
  #tell(kind: 'join' | 'leave', topic: string, member: Member): void {
    try {
      this.#handlers[kind]?.(topic, member);
    } catch (thrown) {
      report(this.#handlers, toError(thrown), undefined);
    }
  }
}

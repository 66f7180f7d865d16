import type { Connection, Data } from '../protocol/contract.js';
import type { BrokerError } from '../protocol/errors.js';
import type { Broker } from '../pubsub/broker.js';
import type { NodeInfo } from '../pubsub/nodes.js';
import type { Member } from '../pubsub/presence.js';
import type { TopicRights } from '../pubsub/subscriptions.js';
import { TopicHub, type TopicHubOwner } from '../pubsub/topic-hub.js';
import { report, toError, type Handlers } from './handlers.js';
import { nodeClock } from './node-clock.js';
import { PublishedMessage } from './published-message.js';
import type { ConnectionTopics, ServedConnection } from './served-connection.js';
import { randomId } from './session-platform.js';
import { toBytes } from './to-bytes.js';

/** How `publish` of a server sends. */
export interface PublishOptions<State> {
  /** A connection that is left out: usually the one the message came from. */
  except?: Connection<State, Buffer> | undefined;
  /** Whether only the subscribers of this server get it, and not those of others that share its broker. `false`. */
  local?: boolean | undefined;
}

/** The topics of a server. */
export class ServerTopics<State> implements ConnectionTopics<State>, TopicHubOwner<ServedConnection<State>> {
  readonly #hub: TopicHub<ServedConnection<State>>;
  readonly #handlers: Handlers<State>;
  readonly #connections: ReadonlySet<unknown>;
  readonly #isCompressing: boolean;

  /** @param grace how long a member is shown whose last connection is lost, milliseconds. */
  constructor(
    broker: Broker | undefined,
    grace: number,
    handlers: Handlers<State>,
    connections: ReadonlySet<unknown>,
    isCompressing: boolean,
  ) {
    this.#handlers = handlers;
    this.#connections = connections;
    this.#isCompressing = isCompressing;
    this.#hub = new TopicHub(randomId(), broker, nodeClock, grace, this);
  }

  get nodes(): NodeInfo[] {
    return this.#hub.nodes;
  }

  open(): Promise<void> {
    return this.#hub.open();
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
    const toSend = (): string | Uint8Array => (typeof data === 'string' ? data : toBytes(data));
    this.#deliver(this.#hub.publish(topic, toSend, local), data, except);
  }

  // What a connection asks (ConnectionTopics). One that is gone asks for nothing.

  subscribe(socket: ServedConnection<State>, filter: string): void {
    this.#hub.subscribe(socket, filter, this.#connections.has(socket));
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

  // What the hub tells (TopicHubOwner).

  get connectionCount(): number {
    return this.#connections.size;
  }

  deliver(subscribers: Iterable<ServedConnection<State>>, data: string | Uint8Array): void {
    this.#deliver(subscribers, data, undefined);
  }

  onMissed(socket: ServedConnection<State>, filters: readonly string[]): void {
    const handlers = this.#handlers;
    if (handlers.missed !== undefined) socket.run(() => handlers.missed!(socket, filters));
  }

  onFailed(error: BrokerError): void {
    report(this.#handlers, error, undefined);
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

  #deliver(
    subscribers: Iterable<ServedConnection<State>>,
    data: Data,
    except: Connection<State, Buffer> | undefined,
  ): void {
    const message = new PublishedMessage(data, this.#isCompressing);
    for (const subscriber of subscribers) if (subscriber !== except) subscriber.sendPublished(message);
  }
}

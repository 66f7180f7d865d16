import type { BrokerError } from '../protocol/errors.js';
import type { BrokerHistory, BrokerMessage } from './broker-history.js';
import type { BrokerRecords } from './broker-records.js';
import type { HistoryLimits } from './history.js';

/** The node that has opened a broker: one server with its connections. */
export interface BrokerNode {
  /**
   * Takes a message that another node published. It MUST be called for each message to a topic that one of this node's
   * filters has, as soon as the subscription has taken effect, once, however many of its filters have that topic: text
   * as a string, binary as bytes that nobody changes any more. It MUST NOT be called for what this node published
   * itself, nor before `open` is fulfilled, nor after `close`. Messages of one node to one topic MUST come in the order
   * in which they were published.
   */
  receive(topic: string, data: string | Uint8Array): void;

  /** Takes a message that the broker keeps (`BrokerHistory`), under the same conditions, but also if it is its own. */
  receiveKept(topic: string, message: BrokerMessage): void;

  /**
   * The broker was away, is back, and the subscriptions that this node had hold again. It MUST be called when what
   * others published meanwhile may not come any more, and before anything that they publish afterwards does.
   */
  missed(): void;

  /** Something that `publish` took will not be sent. It MUST be called then. */
  failed(error: BrokerError): void;
}

/** Says which node was the first to claim something. All nodes that share topics MUST share claims. */
export interface BrokerClaims {
  /**
   * @param key 1 to 100 characters of base64url.
   * @param milliseconds how long the claim MUST be kept if it is the first one.
   * @returns who has the key: of those that claim it, the same one to all.
   * @throws {BrokerError} `ERR_BROKER_AWAY` when the broker does not answer within a few seconds.
   */
  claim(key: string, holder: string, milliseconds: number): Promise<string>;

  /** Gives up a claim, if this holder has it. It MUST NOT throw. */
  release(key: string, holder: string): void;
}

/**
 * Carries what is published from node to node. A server opens the broker that it was given, and closes it: a broker
 * serves one server.
 *
 * A topic is a path of levels between slashes. A filter is one topic, or more of them by `+` and `#`, as in MQTT
 * (MQTT 5.0, 4.7): `matches` of `bothways/pubsub` says which. Both are at most 1,024 UTF-16 code units, and are
 * compared code unit by code unit.
 */
export interface Broker {
  /**
   * Called once, before anything else. When the promise is fulfilled, the broker MUST take all other calls.
   *
   * @param kept the most that is going to be kept of any topic, if anything is.
   * @throws {BrokerError} `ERR_BROKER_AWAY` when the broker does not answer within a time that its documentation states.
   */
  open(node: BrokerNode, kept?: HistoryLimits): Promise<void>;

  /**
   * Whether it is known that the broker does not answer at present: a connection to it is lost, or what was published
   * has waited for two seconds. Then it says nothing about other nodes that they are silent.
   */
  readonly isAway: boolean;

  /**
   * Called when the first connection of this node subscribes to a filter, and not again before `unsubscribe`. It MUST
   * NOT throw: what fails is tried again. It MUST hold until then, through whatever happens to the broker.
   */
  subscribe(filter: string): void;

  /** Called when the last connection of this node has unsubscribed from a filter. It MUST NOT throw. */
  unsubscribe(filter: string): void;

  /**
   * Sends a message to the other nodes. The bytes may be changed when it has returned. While the broker is away it MUST
   * keep messages, up to a limit that its documentation states, and send them when it is back, in their order and once.
   *
   * @throws {BrokerError} when the message is not taken: `ERR_BROKER_FULL` above that limit. What it has taken it MUST
   * NOT drop without calling `failed`.
   */
  publish(topic: string, data: string | Uint8Array): void;

  /** Left out by a broker that keeps nothing. */
  readonly history?: BrokerHistory | undefined;

  /** Left out by a broker that keeps nothing. What records publish is kept as `history` does. */
  readonly records?: BrokerRecords | undefined;

  /** Left out by a broker that cannot tell who was first. */
  readonly claims?: BrokerClaims | undefined;

  /**
   * Lets go of everything. What was published before MUST still be sent, if the broker is there; otherwise it is given
   * up after a time that the documentation states. Subscriptions end with it.
   */
  close(): Promise<void>;
}

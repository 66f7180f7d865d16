import type { Position } from '../protocol/contract.js';
import type { HistoryLimits, HistoryPage, Since } from './history.js';

/** A message that the broker keeps, as it comes to a node. */
export interface BrokerMessage {
  readonly data: string | Uint8Array;
  readonly position: Position;
  /** The offset of the message before it in its topic; 0 when there is none, or none that is known any more. */
  readonly previous: number;
  /** If this node has published it: the number that `publish` returned. */
  readonly own: number | undefined;
}

/** What happened since a position. */
export interface BrokerChanges {
  /** Behind all that was published before it was asked. */
  readonly position: Position;
  /** The topics to which something was published since; `undefined` when that is not known. */
  readonly topics: readonly string[] | undefined;
}

/**
 * The part of a broker that keeps what is published. All nodes that share topics MUST share it. Positions are in one
 * order for all topics together: a later message has a higher offset, whatever its topic. An epoch ends when what was
 * kept is lost, or when positions might be given a second time.
 */
export interface BrokerHistory {
  /** What it puts before the numbers of messages of this node, in pages: no other node has the same. */
  readonly origin?: string | undefined;

  /**
   * Sends a message as `publish` of the broker does, and keeps it. It MUST be kept once, those of one node in the order
   * in which they were published, and come once, by `receiveKept`, to all nodes that have a filter with the topic: to
   * this one too, by all filters that it had subscribed to before. They come in the order of positions, or so soon behind
   * their successors that nobody needs to read them.
   *
   * @param limits how much of the topic is kept.
   * @returns a number that only grows, by which the message is known when it comes.
   * @throws {BrokerError} as `publish` of the broker.
   */
  publish(topic: string, data: string | Uint8Array, limits: HistoryLimits): number;

  /**
   * Reads what is kept of a topic, within these limits. The position of the page MUST be behind all that was published
   * to the topic before it was read. What is published afterwards MUST come by all filters that this node had subscribed
   * to before it asked.
   *
   * @throws {BrokerError} `ERR_BROKER_AWAY` when the broker does not answer within a time that its documentation states;
   * `ERR_BROKER_REFUSED`.
   */
  read(topic: string, since: Since, limits: HistoryLimits): Promise<HistoryPage>;

  /**
   * Where it is, and what topics have changed. Before it is fulfilled, all up to that position that the filters of this
   * node have MUST have been handed over, unless `missed` is called for it; what is published afterwards MUST come by
   * all filters that it had subscribed to before it asked.
   *
   * @param since from where on; `undefined` asks for the position alone.
   * @throws {BrokerError} as `read`.
   */
  changes(since: Position | undefined): Promise<BrokerChanges>;
}

/** What a broker hands to the node that opened it: a message that another node published. */
export type BrokerReceiver = (topic: string, data: string | Uint8Array) => void;

/**
 * Carries what is published from node to node; a *node* is one server with its connections. A server opens the broker
 * that it was given, and closes it: a broker serves one server. A topic is a string that is not empty, and compared
 * code unit by code unit.
 */
export interface Broker {
  /**
   * Called once, before anything else. When the promise is fulfilled, the broker MUST take all other calls.
   *
   * @param receive takes what the others publish. It MUST be called for each message that another node published to a
   * topic while this node subscribed to it, as soon as the subscription has taken effect: text as a string, binary as
   * bytes that nobody changes any more. It MUST NOT be called for what this node published itself, nor before `open`
   * is fulfilled, nor after `close`. Messages of one node to one topic MUST come in the order in which they were
   * published, and once.
   */
  open(receive: BrokerReceiver): Promise<void>;

  /**
   * Called when the first connection of this node subscribes to a topic, and not again before `unsubscribe`. It MUST
   * NOT throw: what fails is tried again, or told by `publish`.
   */
  subscribe(topic: string): void;

  /** Called when the last connection of this node has unsubscribed from a topic. It MUST NOT throw. */
  unsubscribe(topic: string): void;

  /**
   * Sends a message to the other nodes. The bytes may be changed when it has returned.
   *
   * @throws {BrokerError} when the message is not taken. It MUST throw rather than let more wait than a limit that
   * its documentation states, and MUST NOT drop what it has taken without telling anybody.
   */
  publish(topic: string, data: string | Uint8Array): void;

  /** Lets go of everything; what was published before MUST still be sent. Subscriptions end with it. */
  close(): Promise<void>;
}

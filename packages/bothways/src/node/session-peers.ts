import type { BrokerClaims } from '../pubsub/broker.js';
import type { Nodes } from '../pubsub/nodes.js';
import type { Claims, Peers, PeersListener } from '../session/peers.js';

/** The servers that share a broker, as sessions know them. */
export class SessionPeers implements Peers {
  readonly id: string;
  readonly claims: Claims | undefined;
  readonly #nodes: Nodes;

  constructor(nodes: Nodes, claims: BrokerClaims | undefined) {
    this.id = nodes.id;
    this.#nodes = nodes;
    if (claims !== undefined) this.claims = new NodeClaims(nodes.id, claims);
  }

  set listener(listener: PeersListener) {
    this.#nodes.listener = listener;
  }

  stateOf(node: string): 'here' | 'gone' | 'unsure' {
    return this.#nodes.stateOf(node);
  }

  send(node: string, number: number, content: readonly unknown[]): boolean {
    return this.#nodes.send(node, number, content);
  }
}

class NodeClaims implements Claims {
  readonly #id: string;
  readonly #claims: BrokerClaims;

  constructor(id: string, claims: BrokerClaims) {
    this.#id = id;
    this.#claims = claims;
  }

  claim(key: string, milliseconds: number, onClaimed: (holder: string | undefined) => void): void {
    this.#claims.claim(key, this.#id, milliseconds).then(onClaimed, () => onClaimed(undefined));
  }

  release(key: string): void {
    this.#claims.release(key, this.#id);
  }
}

import type { Peers, PeersListener } from './peers.js';
import type { RelayedSocket } from './relay-links.js';
import { RelayPeer } from './relay-peer.js';
import type { HttpExchange, SocketLink } from './server-carriers.js';
import type { Asker, SessionServer } from './server.js';

/**
 * Carries requests and WebSockets that have come to one server to another one, which has the session. When something
 * may have been lost on the way, or the other server is gone, they break as if the network had cut them.
 */
export class Relay implements PeersListener {
  readonly #peers: Peers;
  readonly #server: SessionServer;
  readonly #known = new Map<string, RelayPeer>();
  #eras = 0;
  #isClosed = false;

  constructor(peers: Peers, server: SessionServer) {
    this.#peers = peers;
    this.#server = server;
    peers.listener = this;
  }

  /** @param token of the session; `undefined` when the body opens one. */
  request(node: string, from: Asker, token: string | undefined, body: string, exchange: HttpExchange): void {
    this.#peer(node).relayExchange(exchange, ['request', from.binding, token ?? null, body]);
  }

  events(node: string, from: Asker, ticket: string, exchange: HttpExchange): void {
    this.#peer(node).relayExchange(exchange, ['events', from.binding, ticket]);
  }

  socket(node: string, from: Asker, link: SocketLink): RelayedSocket {
    return this.#peer(node).relaySocket(link, ['socket', from.binding]);
  }

  /** How many requests and WebSockets are relayed, to others and from them. */
  get size(): number {
    let size = 0;
    for (const peer of this.#known.values()) size += peer.size;
    return size;
  }

  /** How many servers something is known of. */
  get peers(): number {
    return this.#known.size;
  }

  /** All that is relayed breaks, and nothing more is heard. */
  close(): void {
    this.#isClosed = true;
    for (const peer of this.#known.values()) peer.close();
    this.#known.clear();
  }

  // What is heard of the others (PeersListener).

  receive(from: string, number: number, content: readonly unknown[]): void {
    if (!this.#isClosed) this.#peer(from).take(number, content);
  }

  onGone(node: string): void {
    // Perhaps it is there, and only was not heard.
    this.#known.get(node)?.close();
    this.#known.delete(node);
  }

  onMissed(): void {
    for (const peer of this.#known.values()) peer.reset();
  }

  #peer(node: string): RelayPeer {
    let peer = this.#known.get(node);
    if (peer === undefined) {
      peer = new RelayPeer(this.#server, this.#eras++, (number, content) =>
        this.#peers.send(node, number, content),
      );
      this.#known.set(node, peer);
    }
    return peer;
  }
}

import { readClientHeader, type ClientHeader } from './headers.js';
import {
  CLOSE_CODE_BASE,
  ERRORS,
  isCount,
  isNumbered,
  parseSocketMessage,
  type AnyRecord,
  type Content,
} from './records.js';
import { SocketCarrier, type SocketLink } from './server-carriers.js';
import type { RelayedSocket } from './relay-links.js';
import type { Asker, SessionServer } from './server.js';
import { errorOf, type ServerSession } from './server-session.js';

/** A WebSocket of a session, from its first record on. */
export class SessionSocket {
  readonly #server: SessionServer;
  readonly #from: Asker;
  readonly #link: SocketLink;
  #session: ServerSession | undefined;
  /** Another server has the session. */
  #relayed: RelayedSocket | undefined;
  #carrier: SocketCarrier | undefined;
  #next = 1;
  #hasBegun = false;
  #isGone = false;

  constructor(server: SessionServer, from: Asker, link: SocketLink) {
    this.#server = server;
    this.#from = from;
    this.#link = link;
  }

  receive(message: Content): void {
    if (this.#relayed !== undefined) {
      this.#relayed.receive(message);
      return;
    }
    const record = parseSocketMessage(message);
    if (record === undefined) this.#refuse('malformed');
    else if (!this.#hasBegun) this.#begin(record, message);
    else if (this.#session !== undefined) this.#take(this.#session, record);
  }

  /** It takes more again. */
  drain(): void {
    this.#relayed?.drain();
    if (this.#carrier === undefined) return;
    this.#carrier.isWritable = true;
    this.#session!.flush();
  }

  /** It is gone. */
  close(): void {
    this.#isGone = true;
    this.#relayed?.close();
    if (this.#carrier !== undefined) this.#session!.detach(this.#carrier);
  }

  #begin(record: AnyRecord, message: Content): void {
    this.#hasBegun = true;
    const header = readClientHeader(record);
    if (header === undefined) {
      this.#refuse('malformed');
      return;
    }
    // What comes behind it waits until it is decided about.
    this.#link.pause();
    this.#server.open(this.#from, header, {
      header,
      carrier: 'websocket',
      attach: (session) => this.#attach(session, header),
      relay: (node) => this.#relay(node, message),
      refuse: (error, _message, status) => this.#refuse(error, status),
    });
  }

  #attach(session: ServerSession, header: ClientHeader): void {
    if (this.#isGone) return;
    const [error] = errorOf(session, header, []) ?? [];
    // A request may be another one of its generation, but not a WebSocket.
    const isSecond = header.gen === session.generation;
    if (error !== undefined || isSecond) {
      this.#refuse(error ?? 'fenced');
      return;
    }
    this.#session = session;
    this.#next = header.seq;
    this.#carrier = new SocketCarrier(this.#link);
    session.attach(header, this.#carrier);
    this.#link.resume();
  }

  #relay(node: string, message: Content): void {
    if (this.#isGone) return;
    this.#relayed = this.#server.relay!.socket(node, this.#from, this.#link);
    this.#relayed.receive(message);
  }

  #take(session: ServerSession, record: AnyRecord): void {
    // What a fenced carrier still brings does not count.
    if (!session.isCarriedBy(this.#carrier!)) return;
    if (isNumbered(record) && this.#server.isTooLarge(record)) {
      this.#refuse('too-large');
      return;
    }
    const isPossible = isNumbered(record)
      ? session.receive(this.#next++, record)
      : typeof record === 'number'
        ? session.acknowledge(record)
        : this.#skipTo(record['seq']);
    if (!isPossible) this.#refuse('malformed');
  }

  /** What is between was acknowledged meanwhile. @returns false when it goes back. */
  #skipTo(seq: unknown): boolean {
    if (!isCount(seq)) return true;
    if (seq < this.#next) return false;
    this.#next = seq;
    return true;
  }

  #refuse(error: keyof typeof ERRORS, status: number = ERRORS[error]): void {
    this.#link.close(CLOSE_CODE_BASE + status, error);
  }
}

import type { Socket } from 'node:net';
import type { Outlet } from './flow.js';
import type { ProxyState } from './proxy-state.js';
import type { HeldRequest } from './request-order.js';
import { RequestReader, type RequestHead, type RequestPart } from './request-reader.js';
import type { ResponseOutlet } from './response-outlet.js';
import { cutSocket } from './sockets.js';
import { lastHead, type UnseenResponse } from './unseen-responses.js';

/** What a connection does for the side of it that the requests pass. */
export interface RequestEvents {
  /** More may be passed on. */
  readonly onRoom: () => void;
  /** The target has got a request whose response the client must not get. */
  readonly onDropped: (head: RequestHead) => void;
}

/** Where what a client sends leaves for the target. Here requests are held, sent twice, and robbed of their responses. */
export class RequestOutlet implements Outlet {
  readonly #target: Socket;
  readonly #response: ResponseOutlet;
  readonly #state: ProxyState;
  readonly #events: RequestEvents;
  readonly #reader = new RequestReader();
  /** The beginning of a head, kept until it is known whether a fault is for its request. */
  #kept: Buffer[] = [];
  #isKeeping = false;
  #held: HeldRequest | undefined;
  /** Where the request that is being passed on goes as well. */
  #copy: UnseenResponse | undefined;
  /** The request that is being passed on, if its response is to be dropped. */
  #dropped: RequestHead | undefined;

  constructor(target: Socket, response: ResponseOutlet, state: ProxyState, events: RequestEvents) {
    this.#target = target;
    this.#response = response;
    this.#state = state;
    this.#events = events;
  }

  get isFull(): boolean {
    return this.#held !== undefined || this.#target.writableNeedDrain || this.#copy?.isFull === true;
  }

  write(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#held === undefined) {
      if (this.#reader.isAtBeginning) this.#isKeeping = this.#state.faults.awaitsRequest;
      const part = this.#reader.read(chunk, at);
      this.#take(part, chunk.subarray(at, at + part.length));
      at += part.length;
    }
    return at;
  }

  end(): void {
    this.releaseKept();
    this.#target.end();
  }

  reset(): void {
    cutSocket(this.#target, true);
  }

  /** Passes on what is kept of a head, for no fault is for its request any more. */
  releaseKept(): void {
    this.#isKeeping = false;
    for (const bytes of this.#kept.splice(0)) this.#send(bytes);
  }

  destroy(): void {
    this.#state.order.forget(this.#held);
    this.#held = undefined;
    this.#kept = [];
  }

  #take(part: RequestPart, bytes: Buffer): void {
    switch (part.kind) {
      case 'beginning':
        if (this.#isKeeping) this.#kept.push(bytes);
        else this.#send(bytes);
        break;
      case 'head':
        if (this.#isKeeping && part.head.bodyLength !== undefined) this.#hold(part.head);
        else this.#passUnpicked(part.head, bytes);
        break;
      case 'body':
        this.#copy?.write(bytes);
        this.#send(bytes, part.isLast);
        break;
      case 'opaque':
        this.releaseKept();
        this.#send(bytes);
        break;
    }
  }

  #passUnpicked(head: RequestHead, bytes: Buffer): void {
    this.releaseKept();
    this.#response.expect(head.text);
    this.#send(bytes);
  }

  /** Passes a request on, at once or when another one has overtaken it. */
  #hold(head: RequestHead): void {
    this.#kept = [];
    const { faults, order } = this.#state;
    if (order.held !== undefined || faults.reorders?.take(head.text) !== true) {
      this.#pass(head);
      return;
    }
    const release = (): void => {
      this.#held = undefined;
      this.#pass(head);
      this.#events.onRoom();
    };
    this.#held = order.hold(release, faults.holdTimeout);
  }

  #pass(head: RequestHead): void {
    const { faults, unseen } = this.#state;
    if (faults.duplicates?.take(head.text) === true) {
      this.#copy = unseen.send(head);
      this.#copy.onRoom(this.#events.onRoom);
    }
    this.#response.expect(head.text);
    if (faults.drops?.take(head.text) === true) {
      this.#dropped = head;
      this.#response.isDropped = true;
    }
    const bytes = this.#dropped === undefined ? Buffer.from(head.text, 'latin1') : lastHead(head);
    this.#send(bytes, head.bodyLength === 0);
  }

  /** @param isLast whether a request ends with these bytes. */
  #send(bytes: Buffer, isLast = false): void {
    const dropped = this.#dropped;
    this.#state.traffic.up += bytes.length;
    if (isLast) this.#copy = undefined;
    if (isLast && dropped !== undefined) this.#target.write(bytes, () => this.#events.onDropped(dropped));
    else this.#target.write(bytes);
  }
}

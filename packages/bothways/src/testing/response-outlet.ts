import type { Socket } from 'node:net';
import type { ResponseCut } from './faults.js';
import type { Outlet } from './flow.js';
import type { ProxyState } from './proxy-state.js';
import type { HeldRequest } from './request-order.js';
import { cutSocket } from './sockets.js';

/** Where what the target sends leaves for the client. Of HTTP it only knows what the requests' side tells it. */
export class ResponseOutlet implements Outlet {
  /** Whether nothing is to reach the client any more. */
  isDropped = false;
  readonly #client: Socket;
  readonly #state: ProxyState;
  readonly #onCut: (last: Buffer, reset: boolean) => void;
  /** The request's head, if that is known. */
  #head: string | undefined;
  /** The request that is held until this response begins. */
  #overtakes: HeldRequest | undefined;
  /** What the count is for. */
  #cut: ResponseCut | undefined;
  /** Whether it means this response, once that has been asked. */
  #isMeant: boolean | undefined;
  /** How much has been passed on of a response that is to be cut, bytes. */
  #count = 0;

  /** @param onCut is to end the connection after these last bytes. */
  constructor(client: Socket, state: ProxyState, onCut: (last: Buffer, reset: boolean) => void) {
    this.#client = client;
    this.#state = state;
    this.#onCut = onCut;
  }

  get isFull(): boolean {
    return this.#client.writableNeedDrain;
  }

  /** A request has been passed on, so a response to it comes next. */
  expect(head: string): void {
    this.#head = head;
    this.#overtakes = this.#state.order.held;
    this.#cut = undefined;
  }

  write(chunk: Buffer): number {
    this.#state.order.release(this.#overtakes);
    if (this.isDropped) return chunk.length;
    const cut = this.#findCut();
    const room = cut === undefined ? Infinity : cut.after - this.#count;
    if (chunk.length < room) {
      this.#count += chunk.length;
      this.#state.traffic.down += chunk.length;
      this.#client.write(chunk);
    } else {
      cut!.use();
      this.#state.traffic.down += room;
      this.#onCut(chunk.subarray(0, room), cut!.reset);
    }
    return chunk.length;
  }

  end(): void {
    this.#client.end();
  }

  reset(): void {
    cutSocket(this.#client, true);
  }

  destroy(): void {}

  /** What this response is to be cut by. The count begins with it, or with the request if that came later. */
  #findCut(): ResponseCut | undefined {
    const cut = this.#state.faults.responseCut;
    if (cut === undefined || !cut.isArmed) return undefined;
    if (cut !== this.#cut) {
      this.#cut = cut;
      this.#count = 0;
      this.#isMeant = cut.isForAny || (this.#head !== undefined && cut.matches(this.#head));
    }
    return this.#isMeant === true ? cut : undefined;
  }
}

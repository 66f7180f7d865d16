import type { Socket } from 'node:net';
import { closingHead, type RequestHead } from './request-reader.js';
import { cutSocket, ignoreError } from './sockets.js';

/** The requests that the target answers to nobody. */
export class UnseenResponses {
  readonly #connect: () => Socket;
  readonly #open = new Set<UnseenResponse>();

  constructor(connect: () => Socket) {
    this.#connect = connect;
  }

  /** Begins to send a request over a connection of its own. */
  send(head: RequestHead): UnseenResponse {
    const response = this.take(this.#connect(), head);
    response.write(lastHead(head));
    return response;
  }

  /** Takes over the connection on which a request has been sent. */
  take(target: Socket, head: RequestHead): UnseenResponse {
    const response = new UnseenResponse(target, head.isUpgrade);
    this.#open.add(response);
    void response.closed.then(() => this.#open.delete(response));
    return response;
  }

  /** Cuts what is still under way. */
  async close(): Promise<void> {
    const open = [...this.#open];
    for (const response of open) response.cut();
    await Promise.all(open.map((response) => response.closed));
  }
}

/**
 * A connection on which the target gets a request, and from which nobody gets the response. The target closes it after
 * the response; if it has upgraded it, it is closed then.
 */
export class UnseenResponse {
  readonly closed: Promise<void>;
  readonly #target: Socket;

  constructor(target: Socket, isUpgrade: boolean) {
    this.#target = target;
    this.closed = new Promise((resolve) => target.once('close', resolve));
    target.on('error', ignoreError);
    target.on('data', () => {
      if (isUpgrade) target.destroy();
    });
    target.on('end', () => target.destroy());
    target.resume();
  }

  get isFull(): boolean {
    return !this.#target.destroyed && this.#target.writableNeedDrain;
  }

  write(content: Buffer): void {
    this.#target.write(content);
  }

  /** Calls back whenever it may no longer be full. */
  onRoom(callback: () => void): void {
    this.#target.on('drain', callback).on('close', callback);
  }

  cut(): void {
    cutSocket(this.#target, true);
    // It may not be connected, and is not waited for.
    this.#target.destroy();
  }
}

/** A head that makes the target close the connection behind the response. */
export function lastHead({ text, isUpgrade }: RequestHead): Buffer {
  return Buffer.from(isUpgrade ? text : closingHead(text), 'latin1');
}

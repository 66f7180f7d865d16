import type { Clock } from '../protocol/clock.js';
import type { Base64, Content } from './records.js';

/** What a WebSocket of the platform tells. After `close` it tells nothing more. */
export interface SocketEvents {
  open(): void;
  message(content: Content): void;
  /**
   * @param status of the HTTP response that refused the handshake, if it is known; else 0.
   * @param retryAfter what `Retry-After` of that response says, seconds.
   */
  close(code: number, reason: string, status: number, retryAfter?: number): void;
}

export interface ClientSocket {
  send(content: Content): void;
  /** Closes it, or gives up on opening it; nothing is told after that. */
  close(code: number, reason: string): void;
}

export interface ClientRequest {
  /** What `Authorization: Bearer` has. */
  readonly token: string | undefined;
  readonly body: string;
}

/** What becomes of a request: `head`, any number of `text`, and `end`; or `fail` at any time. Then nothing more. */
export interface RequestEvents {
  /**
   * @param isOurs whether the response has the session's media type.
   * @param retryAfter what `Retry-After` says, seconds.
   */
  head(status: number, isOurs: boolean, retryAfter: number | undefined): void;
  text(text: string): void;
  end(): void;
  fail(reason: string): void;
}

/** Something under way that can be given up; nothing is told after that. */
export interface Abortable {
  abort(): void;
}

/** What the network and the page tell. */
export interface NetworkEvents {
  online(): void;
  offline(): void;
  /** The page or the machine may have slept. */
  wake(): void;
}

/** What the client of a session needs of its platform. */
export interface ClientPlatform {
  readonly clock: Clock;
  readonly base64: Base64;
  /** The largest message that is taken, bytes. */
  readonly maxMessage: number;
  /** A number from 0 to 1, without 1. */
  random(): number;
  /** 128 random bits in base64url. */
  randomKey(): string;
  openSocket(events: SocketEvents): ClientSocket;
  /** POST to the endpoint. */
  request(request: ClientRequest, events: RequestEvents): Abortable;
  /**
   * GET by an `EventSource`, of the endpoint with this ticket.
   *
   * @param onEvent takes the data of each event.
   * @param onEnd is called once, when it has ended or could not be opened.
   */
  openEvents(ticket: string, onEvent: (data: string) => void, onEnd: () => void): Abortable;
  isOnline(): boolean;
  /** @returns a function that stops it. */
  watchNetwork(events: NetworkEvents): () => void;
  /** Which carrier worked for this endpoint before, across page loads. */
  recall(): string | undefined;
  remember(carrier: string): void;
}

import type { Server as NetServer, Socket } from 'node:net';
import { readHandshakeRequest, HandshakeRequest } from '../protocol/handshake-server-request.js';
import { RequestText } from '../protocol/request-head.js';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** Takes a handshake, its socket, which is paused, and what came behind it. */
export type OnHandshake = (request: HandshakeRequest, socket: Socket, head: Buffer) => void;

/** A handshake that is longer is not in one piece for long, bytes. */
const LONGEST = 8 * 1024;

/**
 * Where the connections of an HTTP server wait for their first bytes. If those are the whole of an opening handshake in
 * its strict form, as they nearly always are, it is read here: that takes less time than Node's HTTP server does, and
 * leaves less behind on the socket. Anything else that comes goes there, from its first byte.
 */
export class Lobby {
  readonly #http: NetServer;
  /** Node's own listener, which makes a connection of HTTP of a socket. */
  readonly #enter: (socket: Socket) => void;
  readonly #timeout: number;
  readonly #onHandshake: OnHandshake;
  readonly #onLate: (socket: Socket) => void;
  readonly #guests = new Set<Guest>();

  /**
   * @param timeout how long a client may be silent, milliseconds; 0 for no limit.
   * @param onLate answers a client that was silent for longer.
   */
  constructor(http: NetServer, timeout: number, onHandshake: OnHandshake, onLate: (socket: Socket) => void) {
    const event = 'setSecureContext' in http ? 'secureConnection' : 'connection';
    this.#http = http;
    this.#enter = http.listeners(event)[0] as (socket: Socket) => void;
    this.#timeout = timeout;
    this.#onHandshake = onHandshake;
    this.#onLate = onLate;
    http.off(event, this.#enter);
    http.on(event, (socket: Socket) => this.#take(socket));
  }

  /** Drops all who have not said anything. */
  close(): void {
    for (const { socket } of this.#guests) socket.destroy();
  }

  /** @internal */
  left(guest: Guest): void {
    this.#guests.delete(guest);
  }

  /** @internal The first bytes of a connection. */
  first(chunk: Buffer, socket: Socket): void {
    const end = chunk.length > LONGEST ? -1 : chunk.indexOf('\r\n\r\n');
    const request = end === -1 ? undefined : readHandshake(chunk.toString('latin1', 0, end + 4), socket);
    if (request === undefined) {
      this.#enter.call(this.#http, socket);
      socket.emit('data', chunk);
      return;
    }
    // Until it is decided about, nothing more is read.
    socket.pause();
    this.#onHandshake(request, socket, chunk.subarray(end + 4));
  }

  /** @internal Nothing came in time. */
  late(socket: Socket): void {
    socket.on('error', ignoreError);
    this.#onLate(socket);
  }

  #take(socket: Socket): void {
    const guest = new Guest(this, socket);
    this.#guests.add(guest);
    if (this.#timeout > 0) setDeadline(guest, this.#timeout);
  }
}

/** @returns `undefined` if it is none, or one that is to be refused: whoever gets it instead says why. */
function readHandshake(text: string, socket: Socket): HandshakeRequest | undefined {
  const head = RequestText.parse(text, socket.remoteAddress ?? '');
  if (head === undefined) return undefined;
  const request = readHandshakeRequest(head);
  return request instanceof HandshakeRequest ? request : undefined;
}

const kGuest = Symbol('guest');
type Waiting = Socket & { [kGuest]: Guest | undefined };

/** A connection that has not said anything. */
class Guest extends Timed {
  readonly socket: Socket;
  readonly #lobby: Lobby;

  constructor(lobby: Lobby, socket: Socket) {
    super();
    this.#lobby = lobby;
    this.socket = socket;
    (socket as Waiting)[kGuest] = this;
    socket.on('data', onData).on('end', onEnd).on('error', ignoreError).on('close', onClose);
  }

  onData(chunk: Buffer): void {
    this.leave();
    this.#lobby.first(chunk, this.socket);
  }

  onDeadline(): void {
    this.leave();
    this.#lobby.late(this.socket);
  }

  leave(): void {
    const { socket } = this;
    socket.off('data', onData).off('end', onEnd).off('error', ignoreError).off('close', onClose);
    (socket as Waiting)[kGuest] = undefined;
    clearDeadline(this);
    this.#lobby.left(this);
  }
}

function onData(this: Waiting, chunk: Buffer): void {
  this[kGuest]!.onData(chunk);
}

/** The client has nothing to say. */
function onEnd(this: Waiting): void {
  this.end();
}

function onClose(this: Waiting): void {
  this[kGuest]!.leave();
}

/** A client that vanishes before it has said anything is no news. */
function ignoreError(): void {}

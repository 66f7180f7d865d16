import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { readHandshakeRequest, type HandshakeRequest } from '../protocol/handshake-server-request.js';
import {
  formatHandshakeResponse,
  formatRefusal,
  type HandshakeAcceptance,
  type Refusal,
} from '../protocol/handshake-server-response.js';
import type { Acceptor, OpenTransport, OpeningHandshake } from './acceptor.js';
import { cutLater } from './linger.js';
import { sha1Base64 } from './platform.js';

/** The handshake in an HTTP/1.1 upgrade request that Node has parsed. */
export function readUpgrade(message: IncomingMessage, socket: Duplex): HandshakeRequest | Refusal {
  return readHandshakeRequest({
    method: message.method ?? '',
    httpVersion: message.httpVersion,
    url: message.url ?? '',
    rawHeaders: message.rawHeaders,
    remoteAddress: (socket as Socket).remoteAddress ?? '',
  });
}

/**
 * Takes over the socket of an HTTP/1.1 upgrade request (RFC 6455 section 4.2), to which nobody else listens any more:
 * it is opened or refused.
 */
export function acceptUpgrade<State>(
  acceptor: Acceptor<State>,
  request: HandshakeRequest | Refusal,
  socket: Duplex,
  head: Buffer,
): void {
  // An error that nobody listens to would end the process.
  socket.on('error', ignoreError);
  acceptor.decide(request, new Upgrade(socket, head));
}

class Upgrade implements OpeningHandshake {
  readonly socket: Duplex;
  readonly #head: Buffer;

  constructor(socket: Duplex, head: Buffer) {
    this.socket = socket;
    this.#head = head;
  }

  get isGone(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  /** Answers with an ordinary HTTP response and closes. */
  refuse(refusal: Refusal): void {
    const { socket } = this;
    socket.end(formatRefusal(refusal));
    // What the client still sends is discarded: closing on it would reset the connection under the response.
    socket.resume();
    cutLater(socket);
  }

  accept(answer: HandshakeAcceptance): OpenTransport {
    this.socket.off('error', ignoreError);
    return {
      socket: this.socket,
      greeting: formatHandshakeResponse(answer, sha1Base64),
      head: this.#head,
    };
  }

  drop(): void {
    this.socket.destroy();
  }
}

/** A client that vanishes during its handshake is no news: its socket closes, and that is all. */
function ignoreError(): void {}

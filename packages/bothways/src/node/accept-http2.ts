import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { formatExtensions } from '../protocol/extension.js';
import { readConnectRequest } from '../protocol/handshake-server-request.js';
import {
  listRefusalFields,
  type HandshakeAcceptance,
  type Refusal,
} from '../protocol/handshake-server-response.js';
import type { Acceptor, OpenTransport, OpeningHandshake } from './acceptor.js';
import { cutTransport } from './cut-transport.js';
import { cutLater } from './linger.js';

/** Whether a request asks for a WebSocket over HTTP/2 (RFC 8441 section 4). */
export function isWebSocketConnect(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'CONNECT' && headers[':protocol'] === 'websocket';
}

/** Takes over the stream of an extended CONNECT request (RFC 8441 section 5): it is opened or refused. */
export function acceptConnect<State>(
  acceptor: Acceptor<State>,
  stream: ServerHttp2Stream,
  rawHeaders: readonly string[],
): void {
  stream.on('error', ignoreError);
  const request = readConnectRequest({
    method: 'CONNECT',
    httpVersion: '2.0',
    url: '',
    rawHeaders,
    remoteAddress: stream.session?.socket.remoteAddress ?? '',
  });
  acceptor.decide(request, new Connect(stream));
}

class Connect implements OpeningHandshake {
  readonly socket: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.socket = stream;
  }

  get isGone(): boolean {
    const { destroyed, closed, readableEnded, headersSent } = this.socket;
    return destroyed || closed || readableEnded || headersSent;
  }

  refuse(refusal: Refusal): void {
    const { socket: stream } = this;
    if (this.isGone) {
      this.drop();
      return;
    }
    stream.respond({ ':status': refusal.status, ...toHttp2Fields(refusal) });
    stream.end(refusal.reason);
    stream.resume();
    cutLater(stream);
  }

  accept({ protocol = '', extensions = [] }: HandshakeAcceptance): OpenTransport {
    this.socket.respond({
      ':status': 200,
      ...(protocol !== '' && { 'sec-websocket-protocol': protocol }),
      ...(extensions.length > 0 && { 'sec-websocket-extensions': formatExtensions(extensions) }),
    });
    this.socket.off('error', ignoreError);
    return { socket: this.socket, greeting: '', head: NOTHING };
  }

  drop(): void {
    // What somebody else answers is theirs.
    if (!this.socket.headersSent) cutTransport(this.socket);
  }
}

const NOTHING = Buffer.alloc(0);

/** What is about one TCP connection, and must not be in HTTP/2 (RFC 9113 section 8.2.2). */
const OF_HTTP1: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
]);

function toHttp2Fields(refusal: Refusal): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of listRefusalFields(refusal)) {
    const lowerCase = name.toLowerCase();
    const before = fields[lowerCase];
    if (OF_HTTP1.has(lowerCase)) continue;
    if (lowerCase === 'set-cookie') fields[lowerCase] = [before ?? [], value].flat();
    // Of many fields Node takes no list; this means the same (RFC 9110 section 5.3).
    else fields[lowerCase] = before === undefined ? value : `${before as string}, ${value}`;
  }
  return fields;
}

/** A client that resets its stream during the handshake is no news: the stream closes, and that is all. */
function ignoreError(): void {}

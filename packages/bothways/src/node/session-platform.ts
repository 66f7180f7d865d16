import { randomBytes } from 'node:crypto';
import {
  Agent,
  request as httpRequest,
  type ClientRequest as HttpRequest,
  type IncomingMessage,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { HandshakeError } from '../protocol/errors.js';
import type { WebSocketUrl } from '../protocol/url.js';
import type {
  Abortable,
  ClientPlatform,
  ClientRequest,
  ClientSocket,
  RequestEvents,
  SocketEvents,
} from '../session/client-platform.js';
import { Lines } from '../session/carriers/lines.js';
import { MEDIA_TYPE, SUBPROTOCOL, type Base64 } from '../session/records.js';
import { platformClock } from '../session/timers.js';
import { openConnection } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import type { NodeConnection } from './connection.js';
import { toError } from './handlers.js';
import { openSocket } from './open-socket.js';

export const nodeBase64: Base64 = {
  encode: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
  decode: (text) => (BASE64.test(text) && text.length % 4 === 0 ? Buffer.from(text, 'base64') : undefined),
};

const BASE64 = /^[\d+/A-Za-z]*={0,2}$/;

export function randomId(): string {
  return randomBytes(16).toString('base64url');
}

/** Which carrier worked for an endpoint, in this process. */
const remembered = new Map<string, string>();
/** How many endpoints are remembered. */
const MEMORY = 1_000;

/** What a program in Node has for the client of a session. */
export class SessionClientPlatform implements ClientPlatform {
  readonly clock = platformClock;
  readonly base64 = nodeBase64;
  readonly random = Math.random;
  readonly randomKey = randomId;
  readonly maxMessage: number;
  readonly #url: WebSocketUrl;
  readonly #options: ConnectOptions;
  readonly #agent: ReachingAgent;

  constructor(url: WebSocketUrl, options: ConnectOptions) {
    this.#url = url;
    this.#options = options;
    this.maxMessage = options.maxMessageSize ?? 16_777_216;
    this.#agent = new ReachingAgent(url, options);
  }

  /** Nobody tells a program whether there is a network. */
  isOnline(): boolean {
    return true;
  }

  openSocket(events: SocketEvents): ClientSocket {
    const abort = new AbortController();
    let connection: NodeConnection<undefined> | undefined;
    let isOver = false;
    // A text has one character before it (PROTOCOL.md section 3).
    const maxMessageSize = this.maxMessage + 1;
    const options = { ...this.#options, maxMessageSize, protocols: [SUBPROTOCOL], signal: abort.signal };
    openConnection<undefined>(this.#url, options, {
      open: (socket) => {
        connection = socket as NodeConnection<undefined>;
        if (!isOver) events.open();
      },
      message: (_socket, data) => {
        if (!isOver) events.message(data);
      },
      close: (_socket, code, reason) => {
        if (!isOver) events.close(code, reason, 0);
      },
    }).catch((thrown: unknown) => {
      if (isOver) return;
      const error = toError(thrown);
      const { status, headers } = error instanceof HandshakeError ? error : { status: 0, headers: {} };
      events.close(1006, error.message, status, retryAfterOf(headers));
    });
    return {
      send: (content) => void connection?.send(content),
      close: (code, reason) => {
        isOver = true;
        if (connection === undefined) abort.abort();
        else connection.close(code, reason);
      },
    };
  }

  request({ token, body }: ClientRequest, events: RequestEvents): Abortable {
    const length = Buffer.byteLength(body);
    const request = this.#send('POST', this.#url.resource, {
      'Content-Type': MEDIA_TYPE,
      'Content-Length': String(length),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    });
    const response = readResponse(request, events);
    request.end(body);
    return response;
  }

  /** By the part of HTML's server-sent events that a session uses: `data` alone, in one line. */
  openEvents(ticket: string, onEvent: (data: string) => void, onEnd: () => void): Abortable {
    const { resource } = this.#url;
    const target = `${resource}${resource.includes('?') ? '&' : '?'}ticket=${ticket}`;
    const request = this.#send('GET', target, { Accept: 'text/event-stream' });
    const lines = new Lines((line) => {
      if (line.startsWith('data:')) onEvent(line.slice(5));
    });
    const response = readResponse(request, {
      head: (status) => {
        if (status === 200) return;
        response.abort();
        onEnd();
      },
      text: (text) => {
        if (lines.add(text)) return;
        response.abort();
        onEnd();
      },
      end: onEnd,
      fail: onEnd,
    });
    request.end();
    return response;
  }

  watchNetwork(): () => void {
    return () => this.#agent.retire();
  }

  recall(): string | undefined {
    return remembered.get(this.#url.href);
  }

  remember(carrier: string): void {
    remembered.delete(this.#url.href);
    remembered.set(this.#url.href, carrier);
    if (remembered.size > MEMORY) remembered.delete(remembered.keys().next().value!);
  }

  #send(method: string, path: string, headers: Record<string, string>): HttpRequest {
    const { origin } = this.#options;
    const request = httpRequest({
      agent: this.#agent,
      method,
      path,
      host: this.#url.hostname,
      port: this.#url.port,
      setHost: false,
      headers: {
        Host: this.#url.host,
        ...(origin !== undefined && { Origin: origin }),
        ...(this.#options.headers as Record<string, string>),
        ...headers,
      },
    });
    // Nothing is said about the connection: HTTP/1.1 keeps it (RFC 9112 section 9.3).
    request.removeHeader('Connection');
    return request;
  }
}

/** How long the last requests of a session may take, milliseconds. */
const FAREWELL = 5_000;

/** Makes the connections of requests in the same way as those of WebSockets: by TLS, a proxy or a Unix socket. */
class ReachingAgent extends Agent {
  readonly #url: WebSocketUrl;
  readonly #options: ConnectOptions;

  constructor(url: WebSocketUrl, options: ConnectOptions) {
    super({ keepAlive: true });
    this.#url = url;
    this.#options = options;
  }

  /** No more requests come: what is under way, such as the last acknowledgement, still gets its answer. */
  retire(): void {
    this.keepSocketAlive = () => false;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
    setTimeout(() => this.destroy(), FAREWELL).unref();
  }

  override createConnection(
    _options: unknown,
    onCreate?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const { tls, socketPath, proxy } = this.#options;
    const route = { tls, socketPath, proxy: proxy === undefined ? undefined : new URL(proxy) };
    openSocket(this.#url, route, new AbortController().signal).then(
      (socket) => onCreate!(null, socket),
      (error: unknown) => onCreate!(toError(error), undefined as never),
    );
    return undefined;
  }
}

/** Seconds; what is no number of them, such as a date, is as if it was not there. */
function retryAfterOf(headers: Readonly<Record<string, unknown>>): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isNaN(seconds) ? undefined : seconds;
}

function readResponse(request: HttpRequest, events: RequestEvents): Abortable {
  let isOver = false;
  const fail = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    events.fail(error.message);
  };
  request.on('error', fail);
  request.on('response', (response: IncomingMessage) => {
    if (isOver) return;
    const isOurs = response.headers['content-type'] === MEDIA_TYPE;
    response.setEncoding('utf8');
    response.on('error', fail);
    response.on('data', (text: string) => {
      if (!isOver) events.text(text);
    });
    response.on('end', () => {
      if (isOver) return;
      isOver = true;
      events.end();
    });
    response.on('close', () => fail(new Error('The response was cut')));
    events.head(response.statusCode!, isOurs, retryAfterOf(response.headers));
  });
  return {
    abort() {
      isOver = true;
      request.destroy();
    },
  };
}

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { HandshakeRequest } from '../protocol/handshake-server-request.js';
import { createOriginCheck, type OriginCheck, type Origins } from '../protocol/origin.js';
import { BODY_SLACK, ERRORS, MEDIA_TYPE, OPENING_BODY } from '../session/records.js';
import type { HttpExchange, TextStream } from '../session/server-carriers.js';
import { TOO_LARGE } from '../session/server.js';
import { UNKNOWN, errorLine } from '../session/server-session.js';
import { RequestBody } from './request-body.js';
import type { AnyRequest, AnyResponse } from './request-router.js';
import type { SessionHub, Visitor } from './session-hub.js';

/** How long a browser may remember what a preflight said, seconds: the most that any browser does. */
const PREFLIGHT_AGE = '7200';
const BEARER = /^Bearer ([\w.-]{1,512})$/i;

/** The requests of sessions: who may ask, their bodies, and the form of their answers (PROTOCOL.md sections 2 and 9). */
export class SessionHttp {
  readonly #hub: SessionHub;
  readonly #isWelcome: OriginCheck;
  readonly #isForAll: boolean;
  readonly #bodyTimeout: number;
  readonly #onError: (thrown: unknown) => void;

  /**
   * @param bodyTimeout how long a request may take to arrive, milliseconds; 0 for no limit.
   * @param onError takes what the option `user` throws.
   */
  constructor(
    hub: SessionHub,
    origins: Origins | undefined,
    bodyTimeout: number,
    onError: (thrown: unknown) => void,
  ) {
    this.#hub = hub;
    this.#isWelcome = createOriginCheck(origins);
    this.#isForAll = origins === '*';
    this.#bodyTimeout = bodyTimeout;
    this.#onError = onError;
  }

  /** @returns whether the request is one of a session; others are left alone. */
  handle(request: AnyRequest, response: AnyResponse): boolean {
    const { method, headers } = request;
    const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
    const ticket = method === 'GET' ? ticketOf(request.url ?? '') : undefined;
    if (method !== 'POST' && !isPreflight && ticket === undefined) return false;
    response.on('error', ignoreError);
    const asked = toHandshake(request);
    const { origin } = asked;
    const answer = new Answer(response, this.#corsFields(origin));
    if (origin !== undefined && !this.#isWelcome(origin, asked.host)) {
      new Answer(response, {}).error('forbidden', FOREIGN_ORIGIN);
    } else if (isPreflight) {
      answer.preflight();
    } else {
      const visitor = this.#visitor(asked, socketOf(request));
      if (visitor === undefined)
        answer.error('unavailable', 'The server failed to tell whose request this is.', 500);
      else if (ticket === undefined) this.#post(request, visitor, answer);
      else this.#hub.sessions.events(visitor, ticket, answer);
    }
    return true;
  }

  #post(request: AnyRequest, visitor: Visitor, answer: Answer): void {
    const { sessions } = this.#hub;
    if (request.headers['content-type'] !== MEDIA_TYPE) {
      answer.error('unsupported', `The Content-Type of a session's requests is ${MEDIA_TYPE}.`);
      return;
    }
    const { authorization } = request.headers;
    const token = authorization === undefined ? undefined : (BEARER.exec(authorization)?.[1] ?? '');
    const place = token === undefined ? undefined : sessions.find(visitor, token);
    if (token !== undefined && place === undefined) {
      answer.error('unknown-session', UNKNOWN);
      return;
    }
    // Whoever has shown no token may not make the server keep much.
    const limit =
      place === undefined
        ? OPENING_BODY
        : Math.max(OPENING_BODY, 2 * sessions.settings.maxMessage + BODY_SLACK);
    const body = new RequestBody(request, limit, this.#bodyTimeout, (text, error) => {
      if (error !== undefined)
        answer.error(error, error === 'too-large' ? TOO_LARGE : 'The body is not UTF-8.');
      else sessions.request(visitor, place, text, answer);
    });
    body.read();
  }

  #visitor(request: HandshakeRequest, socket: Duplex): Visitor | undefined {
    try {
      return this.#hub.visitor(request, socket);
    } catch (thrown) {
      this.#onError(thrown);
      return undefined;
    }
  }

  /** What lets a page of another origin read the answer (Fetch, "CORS protocol"). */
  #corsFields(origin: string | undefined): OutgoingHttpHeaders {
    if (origin === undefined) return {};
    if (this.#isForAll) return { 'Access-Control-Allow-Origin': '*' };
    return {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      Vary: 'Origin',
    };
  }
}

const FOREIGN_ORIGIN = "Pages of this origin may not connect: the server's option 'origins' says which may.";

/** What the request came on, as `accept` gets it. */
function socketOf(request: AnyRequest): Duplex {
  return 'stream' in request ? request.stream : request.socket;
}

/** A request as what `accept` is asked about. */
function toHandshake(request: AnyRequest): HandshakeRequest {
  const { headers, method = '', httpVersion, url = '', rawHeaders } = request;
  const authority = headers[':authority'];
  const host = typeof authority === 'string' ? authority : (headers.host ?? '');
  const { remoteAddress = '' } = request.socket;
  const { origin } = headers;
  const head = { method, httpVersion, url, rawHeaders: withoutPseudoFields(rawHeaders), remoteAddress };
  return new HandshakeRequest(head, { url, host, origin, protocols: [] });
}

function withoutPseudoFields(rawHeaders: readonly string[]): readonly string[] {
  if (rawHeaders[0]?.startsWith(':') !== true) return rawHeaders;
  return rawHeaders.filter((_, index) => !rawHeaders[index - (index % 2)]!.startsWith(':'));
}

function ticketOf(url: string): string | undefined {
  const query = url.indexOf('?');
  return query === -1 ? undefined : (new URLSearchParams(url.slice(query)).get('ticket') ?? undefined);
}

const FIELDS_OF_GET: OutgoingHttpHeaders = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/** The answer to a request of a session. */
class Answer implements HttpExchange {
  readonly #response: AnyResponse;
  readonly #fields: OutgoingHttpHeaders;
  #onGone: (() => void) | undefined;

  constructor(response: AnyResponse, fields: OutgoingHttpHeaders) {
    this.#response = response;
    this.#fields = fields;
    response.on('close', () => this.#onGone?.());
  }

  /** Whoever waited for it may have left before it is known who wants to know. */
  set onGone(onGone: (() => void) | undefined) {
    this.#onGone = onGone;
    if (isClosed(this.#response) && onGone !== undefined) process.nextTick(() => this.#onGone?.());
  }

  get hasGoneOut(): boolean {
    return this.#response.writableFinished || isClosed(this.#response);
  }

  abandon(): void {
    if (this.hasGoneOut) return;
    if ('stream' in this.#response) this.#response.stream.close(constants.NGHTTP2_CANCEL);
    else this.#response.destroy();
  }

  answer(status: number, body: string, retryAfter?: number): void {
    const bytes = Buffer.from(body);
    this.#begin(status, {
      'Content-Type': MEDIA_TYPE,
      'Content-Length': bytes.length,
      ...(retryAfter !== undefined && { 'Retry-After': retryAfter }),
      // What the client still sends of a request that is refused would have to be read.
      ...(status === ERRORS['too-large'] && this.#isHttp1 && { Connection: 'close' }),
    });
    this.#response.end(bytes);
  }

  error(error: keyof typeof ERRORS, message: string, status: number = ERRORS[error]): void {
    this.answer(status, errorLine(error, message));
  }

  /** Ends an `EventSource` (HTML section 9.2.3). */
  nothing(): void {
    this.#begin(204, {});
    this.#response.end();
  }

  preflight(): void {
    this.#begin(204, {
      'Access-Control-Allow-Methods': 'POST',
      'Access-Control-Allow-Headers': 'authorization, content-type',
      'Access-Control-Max-Age': PREFLIGHT_AGE,
    });
    this.#response.end();
  }

  stream(onDrain: () => void, type: 'lines' | 'events'): TextStream {
    const response = this.#response as ServerResponse;
    this.#begin(200, {
      'Content-Type': type === 'lines' ? MEDIA_TYPE : 'text/event-stream',
      // nginx: pass on what comes as it comes.
      'X-Accel-Buffering': 'no',
    });
    response.on('drain', onDrain);
    return {
      write: (text) => response.write(text),
      end: () => void response.end(),
    };
  }

  get #isHttp1(): boolean {
    return this.#response.req.httpVersionMajor === 1;
  }

  #begin(status: number, fields: OutgoingHttpHeaders): void {
    const response = this.#response as ServerResponse;
    // Without a word for the status, as HTTP/2 has none.
    response.writeHead(status, {
      // Nobody keeps or embeds the answer to a POST (RFC 9110 section 9.3.3), so that says less.
      ...(response.req.method === 'GET' && FIELDS_OF_GET),
      ...this.#fields,
      ...fields,
    });
  }
}

/** The response of HTTP/2 has no such property of its own. */
function isClosed(response: AnyResponse): boolean {
  return 'stream' in response ? response.stream.closed : response.closed || response.destroyed;
}

/** A client that leaves is no news. */
function ignoreError(): void {}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { HandshakeRequest, type OriginCheck } from 'bothways/protocol';
import { authenticateRenewal, type Authenticator } from './authenticate.js';
import type { Expirations } from './expirations.js';
import { Refused } from './refusal.js';

/** The media type of requests that belong to sessions: those are no renewals. */
const SESSION_MEDIA_TYPE = 'application/vnd.bothways';

/** How long a browser may remember what a preflight said, seconds: the most that any browser does. */
const PREFLIGHT_AGE = '7200';

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

/** A route, as far as renewals ask for it. */
export interface RenewingRoute {
  /** What its connections are added by to `Expirations`. */
  readonly name: string;
  readonly ways: readonly Authenticator[];
  /** Whether pages of an origin may use it. */
  readonly isWelcome: OriginCheck;
}

/** Whether a request to the path of a route is a renewal, or asks whether one may be made from another origin. */
export function isRenewal({ method, headers }: AnyRequest): boolean {
  if (method === 'OPTIONS') return headers['access-control-request-method'] === 'POST';
  return method === 'POST' && headers['content-type'] !== SESSION_MEDIA_TYPE;
}

/**
 * Answers a renewal: the connections of whom the token is for, at this route and in this process, last as long as it
 * does. It does not reject.
 *
 * @returns why it was refused, for the log, if it was.
 */
export async function answerRenewal(
  request: AnyRequest,
  response: AnyResponse,
  route: RenewingRoute,
  expirations: Expirations,
): Promise<string | undefined> {
  // The client may leave before it is answered.
  response.on('error', () => {});
  // It needs no body; if it has one, nobody keeps it.
  request.resume();
  const asked = toRequestInfo(request);
  const { origin, host } = asked;
  // A page of any origin can send this request, with cookies: that it cannot read the answer is not enough.
  if (origin !== undefined && !route.isWelcome(origin, host)) {
    return refuse(
      response,
      new Refused(403, 'Pages of this origin may not do this.', 'the origin is not welcome'),
    );
  }
  if (origin !== undefined) allowOrigin(response, origin);
  if (request.method === 'OPTIONS') {
    answerPreflight(response);
    return undefined;
  }
  if (!route.ways.some(({ renew }) => renew !== undefined)) {
    const refused = new Refused(405, 'Nothing can be renewed here.', 'no tokens are taken here', {
      Allow: 'GET',
    });
    return refuse(response, refused);
  }
  const identity = await authenticateRenewal(route.ways, asked);
  if (identity instanceof Refused) return refuse(response, identity);
  const renewed = expirations.renew(route.name, identity);
  if (renewed === 0) {
    return refuse(
      response,
      new Refused(404, 'You have no connection here that expires.', 'there is no connection'),
    );
  }
  const { expiresAt } = identity;
  const expires = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  answer(response, 200, 'application/json', JSON.stringify({ renewed, expires }));
  return undefined;
}

function toRequestInfo(request: AnyRequest): HandshakeRequest {
  const { method = '', httpVersion, url = '', rawHeaders, headers } = request;
  const host = headers.host ?? (headers[':authority'] as string | undefined) ?? '';
  const remoteAddress = request.socket.remoteAddress ?? '';
  const head = { method, httpVersion, url, rawHeaders, remoteAddress };
  return new HandshakeRequest(head, { url, host, origin: headers.origin, protocols: [] });
}

/** Lets a page of another origin read the answer, and send cookies (Fetch, "CORS protocol"). */
function allowOrigin(response: AnyResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Vary', 'Origin');
}

function answerPreflight(response: AnyResponse): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
  response.setHeader('Access-Control-Max-Age', PREFLIGHT_AGE);
  response.statusCode = 204;
  response.end();
}

function refuse(response: AnyResponse, { status, body, headers, why }: Refused): string {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  answer(response, status, 'text/plain; charset=utf-8', body);
  return why;
}

function answer(response: AnyResponse, status: number, type: string, body: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(body);
}

import {
  Agent,
  request as askHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as SecureAgent, request as askHttps } from 'node:https';
import type { RequestInfo } from 'bothways';
import { Failure, reasonOf } from '../../failure.js';
import type { AuthConfig } from '../config/schema.js';
import { Refused, RETRY_AFTER } from '../refusal.js';
import { isUser, keyOf, type Authenticator, type Client, type Identity } from './contract.js';

type CallbackConfig = Extract<AuthConfig, { type: 'callback' }>;

/** How many questions are asked at a time, and how many may wait for their turn. */
const MAX_ASKED = 64;
const MAX_WAITING = 4_096;

/** How much of an answer's body is read so that the connection can be used again, bytes; it says nothing to us. */
const LONGEST_BODY = 65_536;

/** The longest challenge that is handed on, characters. */
const LONGEST_CHALLENGE = 1_024;

/** What is between the client and us alone (RFC 9110 section 7.6.1), or says how this request is written. */
const NOT_HANDED_ON: readonly string[] = [
  'connection keep-alive proxy-connection te trailer transfer-encoding upgrade',
  'content-length expect host x-original-uri x-original-method x-forwarded-for',
].flatMap((names) => names.split(' '));

/**
 * Asks somebody else by GET, who sees the header fields that are handed on. It decides about every request, so it is the
 * last of a route's ways.
 *
 * @throws {Failure} when it should hand on what it cannot.
 */
export function createCallbackAuthenticator(name: string, config: CallbackConfig): Authenticator {
  const url = new URL(config.url);
  const forward = config.forward.map((field) => field.toLowerCase());
  const userHeader = config.user_header.toLowerCase();
  const wrong = forward.find((field) => NOT_HANDED_ON.includes(field));
  if (wrong !== undefined)
    throw new Failure(`auth.${name}: the header field "${wrong}" cannot be handed on.`);
  const agent = new (url.protocol === 'https:' ? SecureAgent : Agent)({
    keepAlive: true,
    maxSockets: MAX_ASKED,
  });
  let asking = 0;
  let isClosed = false;

  async function authenticate(request: RequestInfo, client: Client): Promise<Identity | Refused> {
    if (asking >= MAX_ASKED + MAX_WAITING) return unavailable(503, name, 'too many questions wait');
    asking++;
    // It is there for those who wait for their turn as well.
    const signal = config.timeout > 0 ? AbortSignal.timeout(config.timeout) : undefined;
    try {
      const options = { agent, headers: writeHeaders(forward, request, client), ...(signal && { signal }) };
      return judge(name, userHeader, await ask(url, options));
    } catch (error) {
      if (signal?.aborted === true)
        return unavailable(504, name, `no answer came within ${config.timeout} ms`);
      return unavailable(502, name, reasonOf(error));
    } finally {
      asking--;
      if (isClosed) leave();
    }
  }

  /** Closes the connections that are kept, when all questions are answered. */
  function leave(): void {
    isClosed = true;
    if (asking === 0) agent.destroy();
  }

  return { challenge: undefined, authenticate, close: leave };
}

function writeHeaders(
  forward: readonly string[],
  request: RequestInfo,
  client: Client,
): Record<string, string> {
  const headers: Record<string, string> = {
    'X-Original-URI': request.url,
    'X-Original-Method': request.method,
    'X-Forwarded-For': client.address,
  };
  for (const field of forward) {
    const value = request.headers[field];
    if (value !== undefined) headers[field] = value;
  }
  return headers;
}

/** The head of the answer. Redirects are not followed. */
async function ask(url: URL, options: RequestOptions, isAgain = false): Promise<IncomingMessage> {
  let request: ClientRequest | undefined;
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      request = (url.protocol === 'https:' ? askHttps : askHttp)(url, options, (response) => {
        discard(response);
        resolve(response);
      });
      request.on('error', reject);
      request.on('close', () => reject(new Error('the connection was closed without an answer')));
      request.end();
    });
  } catch (error) {
    // A connection that was kept may have been closed when the question was on its way.
    if (isAgain || request?.reusedSocket !== true || (error as NodeJS.ErrnoException).code !== 'ECONNRESET')
      throw error;
    return ask(url, options, true);
  }
}

function discard(response: IncomingMessage): void {
  let size = 0;
  response.on('error', () => {});
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > LONGEST_BODY) response.destroy();
  });
}

function judge(
  name: string,
  userHeader: string,
  { statusCode = 0, headers }: IncomingMessage,
): Identity | Refused {
  const why = `callback ${name}: its answer has the status ${statusCode}`;
  if (statusCode === 401) {
    const { 'www-authenticate': challenge = '' } = headers;
    const isFit = challenge !== '' && challenge.length <= LONGEST_CHALLENGE;
    const fields = { 'WWW-Authenticate': isFit ? challenge : 'Bearer realm="gateway"' };
    return new Refused(401, 'The credentials are not accepted.', why, fields);
  }
  if (statusCode === 403) return new Refused(403, 'You may not connect here.', why);
  if (statusCode < 200 || statusCode > 299)
    return unavailable(502, name, `its answer has the status ${statusCode}`);
  const user = headers[userHeader];
  if (user === undefined || user === '')
    return { user: '', method: 'callback', key: '', expiresAt: undefined };
  if (!isUser(user)) return unavailable(502, name, `its ${userHeader} is not the name of a user`);
  return { user, method: 'callback', key: keyOf(name, user), expiresAt: undefined };
}

function unavailable(status: 502 | 503 | 504, name: string, why: string): Refused {
  const body = 'It cannot be told at the moment whether you may connect: try again later.';
  return new Refused(status, body, `callback ${name}: ${why}`, RETRY_AFTER);
}

import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket as WsClient, type ClientOptions } from 'ws';
import type { Data } from '../protocol/contract.js';
import type { SessionResumeEvent } from '../session/events.js';
import { MEDIA_TYPE, SUBPROTOCOL, type Content } from '../session/records.js';
import { Session, type NodeSessionOptions } from './session.js';
import { randomId } from './session-platform.js';
import { Arrivals } from './test-arrivals.js';

/** Where a server of sessions is, for requests. */
export interface Endpoint {
  readonly port: number;
}

/** The answer to a request of a session. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The records of the body. */
  readonly records: unknown[];
}

/** What a request has beside its body; a header field that is `undefined` is left out. */
export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

const agent = new Agent({ keepAlive: true });

/** Sends a request as a client of sessions does, and comes back with its response when its head is there. */
export async function ask(
  { port }: Endpoint,
  body: string | Uint8Array,
  asking: Asking = {},
): Promise<IncomingMessage> {
  const { method = 'POST', path = '/', token, headers = {} } = asking;
  const all = {
    ...(method === 'POST' && { 'Content-Type': MEDIA_TYPE }),
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    ...headers,
  };
  const fields = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const request = httpRequest({ agent, port, host: '127.0.0.1', method, path, headers: fields });
  onTestFinished(() => void request.destroy());
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

/** The whole answer to a request. */
export async function reply(
  endpoint: Endpoint,
  body: string | Uint8Array,
  asking: Asking = {},
): Promise<Reply> {
  return read(await ask(endpoint, body, asking));
}

export async function read(response: IncomingMessage): Promise<Reply> {
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece as string;
  const isOurs = response.headers['content-type'] === MEDIA_TYPE;
  const texts = isOurs ? body.split('\n').slice(0, -1) : [];
  const records = texts.map((line) => JSON.parse(line) as unknown);
  return { status: response.statusCode!, headers: response.headers, body, records };
}

/** The lines of a body. */
export function lines(...records: unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** A header that opens a session. */
export function opening(more: object = {}): Record<string, unknown> {
  return { gen: 1, ack: 0, seq: 1, window: 1_048_576, open: randomId(), ...more };
}

/** A header of one that is there. */
export function header(more: object = {}): Record<string, unknown> {
  return { gen: 1, ack: 0, seq: 1, ...more };
}

/** Opens a session by a request; its token, and the header of the answer. */
export async function openByRequest(endpoint: Endpoint, asking: Asking = {}, more: object = {}) {
  const answer = await reply(endpoint, lines(opening(more)), asking);
  if (answer.status !== 200) throw new Error(`The opening was refused: ${answer.status} ${answer.body}`);
  const greeting = answer.records[0] as { token: string; session: string; protocol: string };
  return { ...greeting, greeting, answer };
}

/** A WebSocket of a session, by hand: what it gets, and how it closes. */
export async function openSocket({ port }: Endpoint, options: ClientOptions = {}, path = '/') {
  const socket = new WsClient(`ws://127.0.0.1:${port}${path}`, [SUBPROTOCOL], {
    perMessageDeflate: false,
    ...options,
  });
  const messages = new Arrivals<string | Buffer>();
  const closed = new Promise<[code: number, reason: string]>((resolve) =>
    socket.on('close', (code, reason) => resolve([code, reason.toString()])),
  );
  socket.on('error', () => {});
  socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()));
  onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  const put = (...records: (string | number | Uint8Array | object)[]): void => {
    for (const record of records) {
      const isRaw = typeof record === 'string' || record instanceof Uint8Array;
      socket.send(isRaw ? record : JSON.stringify(record));
    }
  };
  const next = async (): Promise<Record<string, unknown>> =>
    JSON.parse(String(await messages.next())) as Record<string, unknown>;
  return { socket, messages, closed, put, next };
}

/** The session of a client, which ends with the test, and what it tells. */
export function attend(
  { port }: Endpoint,
  { path = '/', scheme = 'http', ...options }: NodeSessionOptions & { path?: string; scheme?: string } = {},
) {
  const session = new Session(`${scheme}://127.0.0.1:${port}${path}`, { reconnectDelay: 5, ...options });
  const messages = new Arrivals<Content>();
  const resumes = new Arrivals<SessionResumeEvent>();
  const opened = new Promise<void>((resolve) => session.addEventListener('open', () => resolve()));
  session.addEventListener('message', ({ data }) => messages.push(data));
  session.addEventListener('resume', (event) => resumes.push(event));
  onTestFinished(() => session.close());
  return { session, messages, resumes, opened, closed: session.closed };
}

/** A session that is open. */
export async function attended(endpoint: Endpoint, options: Parameters<typeof attend>[1] = {}) {
  const client = attend(endpoint, options);
  const end = await Promise.race([client.opened, client.closed]);
  if (end !== undefined) throw new Error(`The session ended before it was open: ${JSON.stringify(end)}`);
  return client;
}

/** Sends to an echo, and waits until it has come back: who is innocent goes on. */
export async function roundTrip(
  { session, messages }: { session: Session; messages: Arrivals<Content> },
  data: Data & Content = 'ping',
): Promise<Content> {
  session.send(data);
  return messages.next();
}

import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { HandshakeError } from '../protocol/errors.js';
import { cutTransport } from './cut-transport.js';
import { noAnswer, readBody, type Answer } from './request-upgrade.js';

/**
 * Asks for a WebSocket in an HTTP/2 session (RFC 8441 section 4), and waits for the answer. The stream is left to the
 * caller when the answer's status is 2xx, and reset otherwise.
 *
 * @param onConnect called when the session is there and known to take such requests.
 */
export async function requestConnect(
  session: ClientHttp2Session,
  fields: readonly (readonly [name: string, value: string])[],
  cancel: AbortSignal,
  onConnect: () => void,
): Promise<{ stream: ClientHttp2Stream; answer: Answer }> {
  await orCancelled(awaitSettings(session), cancel);
  if (!session.remoteSettings.enableConnectProtocol) {
    const text =
      'The server takes no WebSocket over HTTP/2: it does not set SETTINGS_ENABLE_CONNECT_PROTOCOL';
    throw new HandshakeError('ERR_HTTP2', text);
  }
  onConnect();
  if (!isThere(session)) throw notThere(new Error('it was closed'));
  const stream = session.request(toHeaders(fields), { endStream: false });
  try {
    const answer = await orCancelled(readAnswer(stream), cancel);
    return { stream, answer };
  } catch (error) {
    cutTransport(stream);
    throw error;
  }
}

const settingsOf = new WeakMap<ClientHttp2Session, Promise<void>>();

/**
 * Waits for the server's SETTINGS, of which Node does not say whether they have come. They are the first thing that a
 * server sends, so they are there when it has answered a ping.
 */
function awaitSettings(session: ClientHttp2Session): Promise<void> {
  let known = settingsOf.get(session);
  if (known === undefined) {
    known = pingOnce(session).catch((error: unknown) => {
      settingsOf.delete(session);
      throw error;
    });
    settingsOf.set(session, known);
  }
  return known;
}

async function pingOnce(session: ClientHttp2Session): Promise<void> {
  if (session.connecting) await settled(session, (resolve) => session.once('connect', resolve));
  await settled(session, (resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)));
  });
}

/** Waits for something that does not come any more once the session is closed. */
function settled(
  session: ClientHttp2Session,
  wait: (resolve: () => void, reject: (error: Error) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let cause: Error = new Error('it was closed');
    const onError = (error: Error): void => void (cause = error);
    const fail = (error: Error): void => {
      session.off('error', onError).off('close', onClose);
      reject(notThere(error));
    };
    const onClose = (): void => fail(cause);
    if (!isThere(session)) {
      onClose();
      return;
    }
    session.on('error', onError).once('close', onClose);
    wait(() => {
      session.off('error', onError).off('close', onClose);
      resolve();
    }, fail);
  });
}

/** Whether it takes requests. */
function isThere(session: ClientHttp2Session): boolean {
  return !session.destroyed && !session.closed;
}

function notThere(cause: Error): HandshakeError {
  return new HandshakeError('ERR_CONNECT', `The HTTP/2 session is not there: ${cause.message}`, { cause });
}

function readAnswer(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let cause: Error = new Error('the stream was reset');
    const onError = (error: Error): void => void (cause = error);
    const onClose = (): void => reject(noAnswer(cause));
    stream.on('error', onError);
    stream.once('close', onClose);
    const onResponse = (headers: IncomingHttpHeaders, _flags: number, all: readonly string[]): void => {
      const status = Number(headers[':status']);
      const rawHeaders = all.flatMap((_, at) =>
        at % 2 === 0 && !all[at]!.startsWith(':') ? [all[at]!, all[at + 1]!] : [],
      );
      const { location } = headers;
      // Its errors are still heard here until the connection listens.
      stream.off('close', onClose);
      const done = (body: string): void => {
        resolve({ status, rawHeaders, location, body, head: Buffer.alloc(0) });
      };
      if (status >= 200 && status < 300) {
        done('');
        return;
      }
      stream.end();
      readBody(stream, done);
    };
    // The list of names and values as they came is not in the types of this event.
    stream.once('response', onResponse as (headers: IncomingHttpHeaders) => void);
  });
}

/** What the promise comes to, unless it is cancelled before. */
function orCancelled<Value>(promise: Promise<Value>, cancel: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancel.reason as Error);
    if (cancel.aborted) onAbort();
    cancel.addEventListener('abort', onAbort);
    promise.finally(() => cancel.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}

function toHeaders(
  fields: readonly (readonly [name: string, value: string])[],
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { HandshakeError } from '../protocol/errors.js';

/** What a server answered to an upgrade request. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** Where to go instead, for a redirect. */
  readonly location: string | undefined;
  /** The beginning of the body of a response that does not upgrade, as text. */
  readonly body: string;
  /** The bytes that came right behind the head of a 101. */
  readonly head: Buffer;
}

/** How much of a refusal's body is kept for the error, bytes. */
const MAX_BODY = 4096;
/** How long it may take to come: the status is known, and whoever waits for it must not wait for the rest. Milliseconds. */
const MAX_BODY_TIME = 1000;

/**
 * Sends an upgrade request on a socket that is open, and waits for the answer. The socket is left to the caller
 * when it was upgraded, and destroyed otherwise.
 */
export function requestUpgrade(
  socket: Socket,
  path: string,
  headers: readonly (readonly [string, string])[],
  cancel: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      path,
      headers: headers.flat(),
      setHost: false,
      createConnection: () => socket,
      signal: cancel,
    });
    request.once('upgrade', (response: IncomingMessage, _socket, head: Buffer) => {
      resolve(answer(response, '', head));
    });
    request.once('response', (response: IncomingMessage) => {
      readBody(response, (body) => {
        socket.destroy();
        resolve(answer(response, body, Buffer.alloc(0)));
      });
    });
    request.once('error', (error) => {
      socket.destroy();
      reject(cancel.aborted ? (cancel.reason as Error) : noAnswer(error));
    });
    request.end();
  });
}

function answer(response: IncomingMessage, body: string, head: Buffer): Answer {
  const { statusCode: status = 0, rawHeaders } = response;
  return { status, rawHeaders, location: response.headers.location, body, head };
}

/** Reads the beginning of a body: until its end, as much as is kept, or what comes within a second. */
export function readBody(response: Readable, done: (body: string) => void): void {
  let body = Buffer.alloc(0);
  const timer = setTimeout(() => response.destroy(), MAX_BODY_TIME);
  response.on('data', (chunk: Buffer) => {
    body = Buffer.concat([body, chunk.subarray(0, MAX_BODY - body.length)]);
    if (body.length === MAX_BODY) response.destroy();
  });
  response.on('error', ignoreError);
  response.once('close', () => {
    clearTimeout(timer);
    done(body.toString());
  });
}

/** The answer is no HTTP, or the connection broke off before it. */
export function noAnswer(cause: Error): HandshakeError {
  const text = `The server did not answer the handshake with HTTP: ${cause.message}`;
  return new HandshakeError('ERR_HANDSHAKE_RESPONSE', text, { cause });
}

/** A body that breaks off is cut short: it only explains a status that is known. */
function ignoreError(): void {}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AnyHttpServer } from './options.js';

/** A request as both versions of HTTP have it. */
export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** Its response. */
export type AnyResponse = ServerResponse | Http2ServerResponse;

/** Takes the requests that are for it. @returns whether it was one. */
export type RequestTaker = (request: AnyRequest, response: AnyResponse) => boolean;

const takersOf = new WeakMap<AnyHttpServer, RequestTaker[]>();

/**
 * Has a share in the requests of an HTTP server. Its own listeners do not get those that are taken, whenever they were
 * added: a framework would answer a second time.
 */
export function addRequestTaker(server: AnyHttpServer, taker: RequestTaker): void {
  const takers = takersOf.get(server);
  if (takers !== undefined) {
    takers.push(taker);
    return;
  }
  const ours = [taker];
  takersOf.set(server, ours);
  // A server of HTTP/2 makes requests of its streams only where somebody listens for them.
  if ('updateSettings' in server) server.on('request', answerForNobody);
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  server.emit = (event: string, ...values: unknown[]): boolean => {
    if (event === 'request' && ours.some((each) => each(values[0] as AnyRequest, values[1] as AnyResponse))) {
      return true;
    }
    return emit(event, ...values);
  };
}

/** Answers what is for nobody, as an HTTP server without a listener would not. */
function answerForNobody(this: Http2Server, _request: AnyRequest, response: AnyResponse): void {
  // The router of WebSockets listens for streams, and Node does for those who take requests.
  const hasOthers = this.listenerCount('request') > 1 || this.listenerCount('stream') > 2;
  if (!hasOthers) response.writeHead(404).end();
}

export function removeRequestTaker(server: AnyHttpServer, taker: RequestTaker): void {
  const takers = takersOf.get(server);
  const index = takers?.indexOf(taker) ?? -1;
  if (index >= 0) takers!.splice(index, 1);
}

import type { AnyHttpServer } from './options.js';
import type { AnyRequest, AnyResponse } from './session-http.js';

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
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  server.emit = (event: string, ...values: unknown[]): boolean => {
    if (event === 'request' && ours.some((each) => each(values[0] as AnyRequest, values[1] as AnyResponse))) {
      return true;
    }
    return emit(event, ...values);
  };
}

export function removeRequestTaker(server: AnyHttpServer, taker: RequestTaker): void {
  const takers = takersOf.get(server);
  const index = takers?.indexOf(taker) ?? -1;
  if (index >= 0) takers!.splice(index, 1);
}

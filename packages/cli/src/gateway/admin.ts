import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { ELSEWHERE, listenFailure } from '../failure.js';
import { addressUrl, closeServer, listen } from '../http/listen.js';

/** Health, readiness and metrics, on a port of their own. */
export class Admin {
  readonly #server: Server;

  /** @param isReady whether connections are taken. */
  constructor(metrics: Registry, isReady: () => boolean) {
    this.#server = createServer({ requestTimeout: 10_000 }, (request, response) => {
      const text = (status: number, body: string): void => {
        response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(body);
      };
      if (request.method !== 'GET' && request.method !== 'HEAD') text(405, 'Only GET is answered here\n');
      else if (request.url === '/healthz') text(200, 'alive\n');
      else if (request.url === '/readyz') text(isReady() ? 200 : 503, isReady() ? 'ready\n' : 'not ready\n');
      else if (request.url === '/metrics') {
        metrics.metrics().then(
          (body) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(body),
          (error: unknown) => text(500, `The metrics could not be collected: ${String(error)}\n`),
        );
      } else text(404, 'There are /healthz, /readyz and /metrics\n');
    });
  }

  /** @throws {Failure} when nobody may listen there. @returns where it is. */
  async open({ host = '::', port }: { host: string | undefined; port: number }): Promise<string> {
    const address: AddressInfo = await listen(this.#server, port, host).catch((error: unknown) => {
      throw listenFailure(error, host, port, ELSEWHERE);
    });
    return addressUrl('http', address);
  }

  async close(): Promise<void> {
    if (this.#server.listening) await closeServer(this.#server);
  }
}

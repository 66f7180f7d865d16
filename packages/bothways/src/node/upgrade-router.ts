import type { IncomingMessage } from 'node:http';
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { isWebSocketConnect } from './accept-http2.js';
import type { AnyHttpServer } from './options.js';

/** Somebody who opens WebSockets at certain paths of an HTTP server. */
export interface UpgradeTarget {
  isForPath(url: string | undefined): boolean;
  /** Takes over a request of HTTP/1.1. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Takes over a request of HTTP/2 that asks for a WebSocket. */
  handleConnect(stream: ServerHttp2Stream, rawHeaders: readonly string[]): void;
}

/** Several servers may share one HTTP server: then one router finds the one that a path belongs to. */
const routerOf = new WeakMap<AnyHttpServer, UpgradeRouter>();

export function addUpgradeTarget(server: AnyHttpServer, target: UpgradeTarget): void {
  let router = routerOf.get(server);
  if (router === undefined) {
    router = new UpgradeRouter(server);
    routerOf.set(server, router);
  }
  router.targets.push(target);
}

export function removeUpgradeTarget(server: AnyHttpServer, target: UpgradeTarget): void {
  const router = routerOf.get(server);
  const index = router?.targets.indexOf(target) ?? -1;
  if (router === undefined || index < 0) return;
  router.targets.splice(index, 1);
  if (router.targets.length > 0) return;
  routerOf.delete(server);
  router.stop();
}

/** `request` as both versions of HTTP have it. */
type ConnectRequest = Pick<Http2ServerRequest, 'headers' | 'httpVersionMajor'>;

class UpgradeRouter {
  readonly targets: UpgradeTarget[] = [];
  readonly #server: AnyHttpServer;

  constructor(server: AnyHttpServer) {
    this.#server = server;
    server.on('upgrade', this.#onUpgrade);
    if (!('updateSettings' in server)) return;
    // RFC 8441 section 3: without it no client may ask. Sessions that are open already do not learn of it.
    server.updateSettings({ enableConnectProtocol: true });
    // First, so that a stream is ours before anybody else could answer it.
    server.prependListener('stream', this.#onStream);
    server.on('connect', this.#onConnect);
  }

  stop(): void {
    this.#server.off('upgrade', this.#onUpgrade);
    this.#server.off('stream', this.#onStream);
    this.#server.off('connect', this.#onConnect);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.#find(request.url, 'upgrade')?.handleUpgrade(request, socket, head);
  };

  readonly #onStream = (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: readonly string[],
  ): void => {
    if (!isWebSocketConnect(headers)) return;
    this.#find(headers[':path'], 'connect')?.handleConnect(stream, rawHeaders);
  };

  /**
   * Node answers a CONNECT that nobody listens to, so somebody has to listen even though `#onStream` takes what is
   * for a WebSocket. All else is answered as Node would, if nobody else does.
   */
  readonly #onConnect = (request: ConnectRequest, response: Http2ServerResponse | Duplex): void => {
    if (isWebSocketConnect(request.headers) || this.#server.listenerCount('connect') > 1) return;
    if (request.httpVersionMajor < 2) {
      (response as Duplex).destroy();
      return;
    }
    // RFC 9220 section 3 for a :protocol that is not known; a plain CONNECT asks for a proxy.
    const status = ':protocol' in request.headers ? 501 : 405;
    (response as Http2ServerResponse).writeHead(status).end();
  };

  /** Whose path this is. One that is nobody's here may belong to another library; otherwise one has to refuse it. */
  #find(url: string | undefined, event: 'upgrade' | 'connect'): UpgradeTarget | undefined {
    const target = this.targets.find((each) => each.isForPath(url));
    return target ?? (this.#hasOthers(event) ? undefined : this.targets[0]);
  }

  /** Whether somebody else may answer it. */
  #hasOthers(event: 'upgrade' | 'connect'): boolean {
    const server = this.#server;
    if (server.listenerCount(event) > 1) return true;
    if (event === 'upgrade') return false;
    // Node listens for streams as well, where somebody takes requests.
    const known = server.listenerCount('request') > 0 ? 2 : 1;
    return server.listenerCount('stream') > known;
  }
}

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';

/** Somebody who opens WebSockets at certain paths of an HTTP server. */
export interface UpgradeTarget {
  isForPath(url: string | undefined): boolean;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

interface Routes {
  readonly targets: UpgradeTarget[];
  readonly listener: UpgradeListener;
}

/** Several servers may share one HTTP server: then one listener finds the one that a path belongs to. */
const routesOf = new WeakMap<HttpServer, Routes>();

export function addUpgradeTarget(server: HttpServer, target: UpgradeTarget): void {
  let routes = routesOf.get(server);
  if (routes === undefined) {
    const targets: UpgradeTarget[] = [];
    routes = { targets, listener: (...upgrade) => route(server, targets, ...upgrade) };
    routesOf.set(server, routes);
    server.on('upgrade', routes.listener);
  }
  routes.targets.push(target);
}

export function removeUpgradeTarget(server: HttpServer, target: UpgradeTarget): void {
  const routes = routesOf.get(server);
  const index = routes?.targets.indexOf(target) ?? -1;
  if (routes === undefined || index < 0) return;
  routes.targets.splice(index, 1);
  if (routes.targets.length > 0) return;
  routesOf.delete(server);
  server.off('upgrade', routes.listener);
}

function route(
  server: HttpServer,
  targets: readonly UpgradeTarget[],
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const target = targets.find((each) => each.isForPath(request.url));
  // A path that is nobody's here may belong to another library's listener; otherwise somebody has to refuse it.
  if (target === undefined && server.listenerCount('upgrade') > 1) return;
  (target ?? targets[0]!).handleUpgrade(request, socket, head);
}

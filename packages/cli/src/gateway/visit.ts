import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Connection, RequestInfo } from 'bothways';
import { chooseProtocol } from 'bothways/subprotocols';
import { authenticate, readCertificate, withoutTokens, type Identity } from './authenticate.js';
import { Bridge } from './bridge.js';
import type { Place } from './limits.js';
import { writeProxyHeader, type ProxiedAddresses } from './proxy-protocol.js';
import { EXPIRED } from './expirations.js';
import { Refused } from './refusal.js';
import type { GatewayContext, RouteParts } from './route-parts.js';
import type { UpstreamTarget } from './upstream.js';

/** What is known of a client that was let in, before there is a connection. */
interface Guest {
  readonly identity: Identity;
  readonly address: string;
  readonly place: Entered;
  readonly addresses: readonly UpstreamTarget[];
  readonly ends: ProxiedAddresses;
}

/**
 * Decides whether a client may come in, in this order: whether there is a place, what it speaks, who it is, and where it
 * wants to go.
 *
 * @param socket what its request came on.
 */
export async function openVisit(
  parts: RouteParts,
  request: RequestInfo,
  socket: Duplex,
): Promise<Visit | Refused> {
  const { context, auths } = parts;
  const { address, source, destination } = findClient(context, request, socket);
  const place = enter(parts, address);
  if (place instanceof Refused) return place;
  const refuse = (refused: Refused): Refused => {
    place.leave();
    return refused;
  };
  const { refusal } = chooseProtocol(parts.subprotocol, withoutTokens(request.protocols, auths));
  if (refusal !== undefined) return refuse(new Refused(400, refusal, 'no subprotocol fits'));
  const identity = await authenticate(parts.ways, request, {
    address,
    certificate: () => readCertificate(socket),
  });
  if (identity instanceof Refused) return refuse(identity);
  const isTooMany = place.assignUser(identity.key);
  if (isTooMany !== undefined) return refuse(isTooMany);
  const addresses = await parts.findUpstreams(request.url);
  if (addresses instanceof Refused) return refuse(addresses);
  // What is behind is told of the client, and not of a proxy between.
  const from = address === source.address ? source : { address, port: 0 };
  return new Visit(parts, { identity, address, place, addresses, ends: { source: from, destination } });
}

/** Where a client is, as far as the proxies between are trusted, and the connection that it or the last of them has made. */
export function findClient(
  context: GatewayContext,
  { headers }: RequestInfo,
  socket: Duplex,
): ProxiedAddresses & { readonly address: string } {
  const listener = context.listenerOf(socket);
  const ends = listener?.addressesOf(socket) ?? endsOf(socket as Socket);
  const remoteAddress = ends.source.address;
  return { ...ends, address: listener?.readAddress({ remoteAddress, headers }) ?? remoteAddress };
}

/** Where a client is counted: in the gateway, and at its route. */
type Entered = Pick<Place, 'assignUser' | 'take' | 'leave'>;

function enter({ context, limiter }: RouteParts, address: string): Entered | Refused {
  const isFull = context.enter();
  if (isFull !== undefined) return isFull;
  const place = limiter.enter(address);
  if (place instanceof Refused) {
    context.leave();
    return place;
  }
  let hasLeft = false;
  return {
    assignUser: (key) => place.assignUser(key),
    take: (messages, bytes) => place.take(messages, bytes),
    leave: () => {
      if (hasLeft) return;
      hasLeft = true;
      place.leave();
      context.leave();
    },
  };
}

function endsOf({
  remoteAddress = '',
  remotePort = 0,
  localAddress = '',
  localPort = 0,
}: Socket): ProxiedAddresses {
  return {
    source: { address: plain(remoteAddress), port: remotePort },
    destination: { address: plain(localAddress), port: localPort },
  };
}

/** An IPv4 address that came over a socket for both is `::ffff:192.0.2.1` to Node. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '');
}

/** A client that was let in: from its handshake to its line in the log. */
export class Visit {
  bridge: Bridge | undefined;
  readonly #parts: RouteParts;
  readonly #guest: Guest;

  constructor(parts: RouteParts, guest: Guest) {
    this.#parts = parts;
    this.#guest = guest;
    // It may have left while it was decided about, or nobody has waited for the decision: then it is never opened.
    setImmediate(() => {
      if (this.bridge === undefined) guest.place.leave();
    });
  }

  /** @param onClosed is called when both sides are gone. */
  open(connection: Connection<Visit, Buffer>, onClosed: (bridge: Bridge) => void): Bridge {
    const { context, config, name } = this.#parts;
    const { identity, place, addresses, ends, address } = this.#guest;
    const { metrics } = context;
    const { request } = connection;
    const recording = this.#parts.record({
      address,
      user: identity.user === '' ? undefined : identity.user,
      subprotocol: connection.protocol === '' ? undefined : connection.protocol,
      handshake: { url: request.url, headers: request.headers },
    });
    const version = config.proxy_protocol;
    const bridge = new Bridge(connection, {
      upstream: {
        addresses,
        connectTimeout: config.connect_timeout,
        stallTimeout: config.stall_timeout,
        tls: this.#parts.tls,
        preamble: version === undefined ? undefined : writeProxyHeader(version, ends),
        mayStartTls: this.#parts.mayStartTls,
      },
      createCodec: (codecEnds) => this.#parts.createCodec(codecEnds),
      take: (bytes) => place.take(1, bytes),
      record: recording && ((from, message) => recording.message(from, message)),
      onConnected: (milliseconds) => metrics.upstreamConnect.observe({ route: name }, milliseconds / 1_000),
      onPaused: (side) => metrics.paused.inc({ route: name, side }),
      onClosed: (ended) => {
        forget();
        place.leave();
        recording?.end(endOf(ended));
        this.#report(connection, ended);
        onClosed(ended);
      },
    });
    const forget = context.expirations.add(name, identity, (ending) => bridge.close(ending));
    this.bridge = bridge;
    metrics.accepted.inc({ route: name });
    return bridge;
  }

  #report(connection: Connection, bridge: Bridge): void {
    const { context, name } = this.#parts;
    const { identity, address } = this.#guest;
    const { metrics, log } = context;
    const { endedBy = 'gateway', upstreamError, closeCode, error } = bridge;
    metrics.closed.inc({ route: name, code: labelOf(closeCode), by: endedBy });
    if (upstreamError !== undefined) metrics.upstreamErrors.inc({ route: name, kind: upstreamError.kind });
    if (error !== undefined) log.error({ event: 'error', route: name, err: error });
    if (!context.hasAccessLog) return;
    log.info({
      event: 'closed',
      route: name,
      address,
      user: identity.user === '' ? undefined : identity.user,
      url: this.#parts.redact(connection.request.url),
      protocol: connection.protocol === '' ? undefined : connection.protocol,
      carrier: connection.carrier,
      upstream: formatTarget(bridge.upstreamAddress),
      milliseconds: Math.round(bridge.milliseconds),
      fromClient: { bytes: bridge.bytesFromClient, messages: bridge.messagesFromClient },
      fromServer: { bytes: bridge.bytesFromServer, messages: bridge.messagesFromServer },
      by: endedBy,
      code: closeCode,
      told: bridge.ending,
      upstreamError: upstreamError?.message,
    });
  }
}

/** A close code as a label: those that applications and libraries choose would be too many. */
function labelOf(code: number): string {
  return code < 3_000 || code === EXPIRED.code ? String(code) : `${Math.floor(code / 1_000)}xxx`;
}

function endOf({ closeCode, ending, endedBy }: Bridge) {
  return { code: closeCode, reason: ending?.reason ?? '', by: endedBy ?? 'gateway' };
}

function formatTarget(target: UpstreamTarget): string {
  if (target.scheme === 'unix') return `unix:${target.path}`;
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  return `${target.scheme}://${host}:${target.port}`;
}

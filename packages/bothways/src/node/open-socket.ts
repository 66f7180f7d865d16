import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { HandshakeError } from '../protocol/errors.js';
import type { WebSocketUrl } from '../protocol/url.js';

/** How to reach a server. */
export interface Route {
  readonly tls: TlsOptions | undefined;
  /** The path of a Unix socket, in place of host and port. */
  readonly socketPath: string | undefined;
  /** An HTTP proxy to go through by CONNECT (RFC 9110 section 9.3.6). */
  readonly proxy: URL | undefined;
}

/**
 * Opens the byte stream for a handshake: TCP or a Unix socket, through a proxy if need be, with TLS for `wss:`.
 *
 * @param cancel ends the attempt; its reason is what this rejects with.
 */
export async function openSocket(url: WebSocketUrl, route: Route, cancel: AbortSignal): Promise<Socket> {
  if (route.socketPath !== undefined) {
    const socket = await settled(connectTcp(route.socketPath), 'connect', route.socketPath, cancel);
    return url.secure ? secure(socket, url, route, cancel) : socket;
  }
  if (route.proxy !== undefined) {
    const socket = await openTunnel(url, route.proxy, cancel);
    return url.secure ? secure(socket, url, route, cancel) : socket;
  }
  const { hostname: host, port } = url;
  if (!url.secure) return settled(connectTcp({ host, port }), 'connect', `${host}:${port}`, cancel);
  const socket = connectTls({ ...tlsOptions(url, route), port });
  return settled(socket, 'secureConnect', `${host}:${port}`, cancel);
}

function secure(socket: Socket, url: WebSocketUrl, route: Route, cancel: AbortSignal): Promise<Socket> {
  const encrypted = connectTls({ ...tlsOptions(url, route), socket });
  return settled(encrypted, 'secureConnect', url.host, cancel);
}

/** The host is given even where a socket is: it is what the certificate must be for. */
function tlsOptions(url: WebSocketUrl, { tls }: Route): TlsOptions {
  const name = isIP(url.hostname) === 0 ? { servername: url.hostname } : {};
  return { ...name, host: url.hostname, ALPNProtocols: ['http/1.1'], ...tls };
}

/** Waits until a socket is connected; what fails or is cancelled is destroyed. */
function settled<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  where: string,
  cancel: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy();
      reject(cancel.reason as Error);
    };
    const onError = (error: Error): void => {
      cancel.removeEventListener('abort', onAbort);
      reject(cannotConnect(where, error));
    };
    cancel.addEventListener('abort', onAbort);
    socket.once('error', onError);
    socket.once(event, () => {
      cancel.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

function openTunnel(url: WebSocketUrl, proxy: URL, cancel: AbortSignal): Promise<Socket> {
  const target = `${url.hostname.includes(':') ? `[${url.hostname}]` : url.hostname}:${url.port}`;
  const headers: Record<string, string> = { Host: target };
  if (proxy.username !== '') {
    const credentials = `${decode(proxy.username)}:${decode(proxy.password)}`;
    headers['Proxy-Authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  const send = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send({
      method: 'CONNECT',
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port,
      path: target,
      headers,
      setHost: false,
      agent: false,
      signal: cancel,
    });
    request.once('connect', (response, socket, head) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300 && head.length === 0) {
        resolve(socket);
        return;
      }
      socket.destroy();
      const text = `The proxy ${proxy.host} refused to connect to ${target}: it answered with status ${status}`;
      reject(new HandshakeError('ERR_PROXY', text, { status }));
    });
    request.once('error', (error) => {
      reject(cancel.aborted ? (cancel.reason as Error) : cannotConnect(`the proxy ${proxy.host}`, error));
    });
    request.end();
  });
}

/** Percent-decoded, unless that cannot be. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Node's error, with the address said; of several attempts (IPv6 and IPv4) it names each. */
function cannotConnect(where: string, cause: Error): HandshakeError {
  const causes = cause instanceof AggregateError ? (cause.errors as Error[]) : [cause];
  const messages = causes.map((each) => each.message);
  return new HandshakeError('ERR_CONNECT', `Cannot connect to ${where}: ${messages.join('; ')}`, { cause });
}

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { Arrivals } from '../node/test-arrivals.js';
import { Wire, WireServer } from '../node/test-wire.js';
import { startFaultProxy, type FaultProxy } from './fault-proxy.js';

/** A proxy that is closed when the test ends. */
export async function startProxy(target: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** Both ends of connections through a proxy, as nothing but bytes. */
export class Network {
  readonly proxy: FaultProxy;
  readonly #server: WireServer;

  private constructor(proxy: FaultProxy, server: WireServer) {
    this.proxy = proxy;
    this.#server = server;
  }

  static async start(): Promise<Network> {
    const server = await WireServer.listen();
    return new Network(await startProxy(server.port), server);
  }

  /** A connection's two ends. */
  async connect(): Promise<{ client: Wire; target: Wire }> {
    const client = await Wire.connect(this.proxy.port);
    return { client, target: await this.accept() };
  }

  /** The target's end of the next connection. */
  accept(): Promise<Wire> {
    return this.#server.next();
  }
}

/** A server that sends back what it gets, and ends when the client does. */
export async function startEcho(): Promise<number> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) =>
    socket.on('error', () => {}).pipe(socket),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A request as the target got it, body and all. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly response: ServerResponse;
}

/** An HTTP server whose requests the test answers. */
export class HttpTarget {
  readonly port: number;
  readonly #requests = new Arrivals<Received>();

  private constructor(port: number) {
    this.port = port;
  }

  static async listen(): Promise<HttpTarget> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const target = new HttpTarget((server.address() as AddressInfo).port);
    server.on('request', (message, response) => {
      let body = '';
      message.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      message.on('error', () => {});
      message.on('end', () => {
        const { method = '', url = '', headers } = message;
        target.#requests.push({ method, url, headers, body, response });
      });
    });
    return target;
  }

  /** How many requests came that no test has taken. */
  get waiting(): number {
    return this.#requests.items.length;
  }

  /** The next request that is complete. */
  next(): Promise<Received> {
    return this.#requests.next();
  }
}

/** A request in HTTP/1.1, of GET if it has no body. */
export function request(path: string, body = ''): string {
  const line = `${body === '' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: test\r\n`;
  return body === '' ? `${line}\r\n` : `${line}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** The body of the next response, which must tell its length. */
export async function readBody(wire: Wire): Promise<string> {
  const length = /^content-length: *(\d+)/im.exec(await wire.head())?.[1];
  return (await wire.take(Number(length))).toString('latin1');
}

/** Of the error that a connection ended with, such as ECONNRESET. */
export function errorCode(wire: Wire): string | undefined {
  const error: NodeJS.ErrnoException | undefined = wire.error;
  return error?.code;
}

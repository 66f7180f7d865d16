import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, request as sendRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline, type Duplex } from 'node:stream';
import { until } from '../../packages/bothways/src/node/test-arrivals.js';
import { freePort, isRunning, type Peer, portOf, start, temporaryDirectory } from './start.js';

/**
 * What stands between: reverse proxies in front of a server of this machine, and a forward proxy in front of a
 * client.
 *
 * - `default`: what its manual begins with, and nothing more.
 * - `recommended`: as docs/guide/carriers.md has it.
 * - `hostile`: no WebSockets, responses held back, and what is silent for 5 seconds is cut.
 */
export type ProxyMode = 'default' | 'recommended' | 'hostile';

export interface ProxyOptions {
  /**
   * After how long a silence a response, or a WebSocket, is cut; whole seconds. If left out, 5 for `hostile`;
   * the others wait as long as their configuration says, a minute or more.
   */
  readonly cutAfterSeconds?: number;
}

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Such as `http://127.0.0.1:20123`. */
  readonly url: string;
  /** Ends it, and cuts what goes through it. */
  stop(): Promise<void>;
}

export interface ForwardProxy extends Proxy {
  /** How many tunnels (`CONNECT`) were asked for until now. */
  readonly tunnels: number;
  /** How many requests with a whole URL, for plain HTTP, came until now. */
  readonly requests: number;
}

/** What docs/guide/carriers.md recommends; a test compares the two. */
export const recommended = {
  nginx: `map $http_upgrade $connection_upgrade {
  default upgrade;
  '' close;
}

server {
  listen 80;

  location /live {
    proxy_pass http://127.0.0.1:8080;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_buffering off;
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;
    client_max_body_size 33m;
  }
}`,
  haproxy: `defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h

frontend www
  bind :80
  default_backend live

backend live
  server one 127.0.0.1:8080`,
} as const;

const hostileSeconds = 5;

/** nginx in front of the server on `targetPort`, at every path. */
export function startNginx(mode: ProxyMode, targetPort: number, options: ProxyOptions = {}): Promise<Proxy> {
  return startProgram({
    name: 'nginx',
    configure: (port, directory) => `daemon off;
master_process off;
pid ${directory}/nginx.pid;
error_log stderr notice;
events {}
http {
access_log off;
client_body_temp_path ${directory}/body;
proxy_temp_path ${directory}/proxy;
fastcgi_temp_path ${directory}/fastcgi;
uwsgi_temp_path ${directory}/uwsgi;
scgi_temp_path ${directory}/scgi;
${nginxServer(mode, port, targetPort, options)}
}
`,
    args: (file) => ['-e', 'stderr', '-c', file],
    // It says so when its ports are open.
    isReady: (line) => line.includes('event method'),
  });
}

function nginxServer(mode: ProxyMode, port: number, targetPort: number, options: ProxyOptions): string {
  const cut = cutOf(mode, options);
  const timeouts = cut === undefined ? '' : `proxy_read_timeout ${cut}s;\nproxy_send_timeout ${cut}s;\n`;
  if (mode === 'recommended') {
    const text = cut === undefined ? recommended.nginx : recommended.nginx.replaceAll('1h;', `${cut}s;`);
    return text
      .replace('listen 80;', `listen 127.0.0.1:${port};`)
      .replace('location /live', 'location /')
      .replace('127.0.0.1:8080', `127.0.0.1:${targetPort}`);
  }
  // Without Upgrade, and HTTP/1.0 towards the server: these are its defaults, and what makes it hold streams back.
  const hostile = `proxy_http_version 1.0;
proxy_set_header Upgrade "";
proxy_buffering on;
proxy_ignore_headers X-Accel-Buffering;
`;
  return `server {
listen 127.0.0.1:${port};
location / {
proxy_pass http://127.0.0.1:${targetPort};
${mode === 'hostile' ? hostile : ''}${timeouts}}
}`;
}

/**
 * HAProxy in front of the server on `targetPort`, at every path; of several, each gets a request in turn, and one that
 * cannot be reached is left out.
 */
export function startHaproxy(
  mode: ProxyMode,
  targetPort: number | readonly number[],
  options: ProxyOptions = {},
): Promise<Proxy> {
  const [first, ...others] = [targetPort].flat();
  return startHaproxyWith(
    (port) => `${haproxyConfiguration(mode, port, first!, options)}${others.map(serverLine).join('')}
  balance roundrobin
  option redispatch 1
  retries 3
`,
  );
}

/** Versions of the PROXY protocol: what HAProxy takes from whoever connects (any), and what it says to the server behind. */
export interface ProxyProtocol {
  readonly accepts?: boolean;
  readonly sends?: 1 | 2;
}

/** HAProxy in front of the server on `targetPort`, for any protocol over TCP. */
export function startTcpHaproxy(
  targetPort: number,
  { accepts = false, sends }: ProxyProtocol,
): Promise<Proxy> {
  const version = sends === undefined ? '' : ` ${sends === 1 ? 'send-proxy' : 'send-proxy-v2'}`;
  return startHaproxyWith(
    (port) => `defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend www
  bind 127.0.0.1:${port}${accepts ? ' accept-proxy' : ''}
  default_backend live
backend live
  server one 127.0.0.1:${targetPort}${version}
`,
  );
}

function startHaproxyWith(configure: (port: number) => string): Promise<Proxy> {
  return startProgram({
    name: 'haproxy',
    // With one thread, so that the process is gone when its first thread is.
    configure: (port) => `global\n  nbthread 1\n${configure(port)}`,
    args: (file) => ['-W', '-db', '-f', file],
    isReady: (line) => line.includes('Loading success'),
    // That line is its only sign of life, and only a master with a worker writes it.
    worker: /New worker \((\d+)\) forked/,
  });
}

function serverLine(port: number): string {
  return `\n  server at-${port} 127.0.0.1:${port}`;
}

function haproxyConfiguration(
  mode: ProxyMode,
  port: number,
  targetPort: number,
  options: ProxyOptions,
): string {
  const cut = cutOf(mode, options);
  if (mode === 'recommended') {
    const text =
      cut === undefined ? recommended.haproxy : recommended.haproxy.replaceAll(/ (60s|1h)$/gm, ` ${cut}s`);
    return text.replace('bind :80', `bind 127.0.0.1:${port}`).replace(':8080', `:${targetPort}`);
  }
  const seconds = cut ?? 60;
  // It has no buffering to be switched on; but it can wait for the end of a response, and give up (504).
  const hostile = `
  http-request del-header Upgrade
  http-response wait-for-body time ${seconds}s`;
  return `defaults
  mode http
  timeout connect 5s
  timeout client ${seconds}s
  timeout server ${seconds}s
frontend www
  bind 127.0.0.1:${port}${mode === 'hostile' ? hostile : ''}
  default_backend live
backend live
  server one 127.0.0.1:${targetPort}`;
}

function cutOf(mode: ProxyMode, { cutAfterSeconds }: ProxyOptions): number | undefined {
  return cutAfterSeconds ?? (mode === 'hostile' ? hostileSeconds : undefined);
}

interface ProxyProgram {
  readonly name: 'nginx' | 'haproxy';
  readonly configure: (port: number, directory: string) => string;
  readonly args: (file: string) => string[];
  /** Whether a line that it writes says that it listens. */
  readonly isReady: (line: string) => boolean;
  /** Finds the process id of a worker that may outlive the program for a moment. */
  readonly worker?: RegExp;
}

async function startProgram({ name, configure, args, isReady, worker }: ProxyProgram): Promise<Proxy> {
  const directory = await temporaryDirectory();
  let program: Peer | undefined;
  let awaitWorker: (() => Promise<void>) | undefined;
  const stop = async () => {
    await program?.stop();
    await awaitWorker?.();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const port = await freePort();
    const file = join(directory.path, `${name}.conf`);
    await writeFile(file, configure(port, directory.path));
    program = start({
      name,
      command: `/usr/sbin/${name}`,
      args: args(file),
      install: `apt-get install -y --no-install-recommends ${name === 'nginx' ? 'nginx-light' : name}`,
    });
    await program.line('its port', (line) => isReady(line) || undefined);
    if (worker !== undefined) {
      const pid = Number(await program.line('its worker', (line) => worker.exec(line)?.[1]));
      awaitWorker = () => until(() => !isRunning(pid));
    }
    return { port, url: `http://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A proxy that a client is told to use: it takes `CONNECT`, and requests whose target is a whole URL. */
export async function startForwardProxy(): Promise<ForwardProxy> {
  let [tunnels, requests] = [0, 0];
  const sockets = new Set<Duplex>();
  const track = (socket: Duplex) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };

  const proxy = createServer((request, response) => {
    requests++;
    passOn(request, response);
  });
  proxy.on('connection', (socket: Socket) => track(socket.setNoDelay(true)));
  proxy.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    tunnels++;
    track(openTunnel(request.url ?? '', client, head));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');

  const port = portOf(proxy);
  const stop = async () => {
    if (!proxy.listening) return;
    const closed = once(proxy, 'close');
    proxy.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get tunnels() {
      return tunnels;
    },
    get requests() {
      return requests;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Joins a client that has sent `CONNECT HOST:PORT` with that server, whose socket it returns. */
function openTunnel(target: string, client: Duplex, head: Buffer): Socket {
  const [, host = '', port = '0'] = /^\[?([^\]]+)\]?:(\d+)$/.exec(target) ?? [];
  const server = connect({ host, port: Number(port), noDelay: true });
  const refuse = () => client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
  server.once('error', refuse);
  client.once('error', () => server.destroy());
  server.once('connect', () => {
    server.off('error', refuse);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.write(head);
    // One end that is cut cuts the other.
    pipeline(client, server, () => {});
    pipeline(server, client, () => {});
  });
  return server;
}

/** Header fields that belong to one connection (RFC 9110 section 7.6.1). */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

function passOn(request: IncomingMessage, response: ServerResponse): void {
  const refuse = (status: number) => response.writeHead(status, { 'Content-Length': 0 }).end();
  const { url = '', method = 'GET' } = request;
  if (!url.startsWith('http://')) {
    refuse(400);
    return;
  }
  const onward = sendRequest(url, { method, headers: endToEnd(request), agent: false });
  onward.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer));
    response.flushHeaders();
    pipeline(answer, response, () => {});
  });
  onward.once('error', () => {
    if (response.headersSent) response.destroy();
    else refuse(502);
  });
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}

function endToEnd({ headers }: IncomingMessage) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)));
}

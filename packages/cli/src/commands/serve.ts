import cluster from 'node:cluster';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Command } from 'commander';
import { serve, type Handlers } from 'bothways';
import { Failure, listenFailure, reasonOf } from '../failure.js';
import { addressUrl, closeServer, listen, untilSignal } from '../http/listen.js';
import { serveFiles } from '../http/static-files.js';
import { collect, portNumber, wholeNumber, workerCount } from '../options.js';
import { runWorker, runWorkers } from '../workers.js';

interface Options {
  readonly echo?: true;
  readonly port: number;
  readonly host: string;
  readonly compression?: true;
  readonly maxMessageSize?: number;
  readonly origin?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly workers?: number | 'auto';
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('Serve a folder over HTTP and, with --echo, WebSocket connections that echo every message.')
    .argument('[dir]', 'the folder to serve')
    .option('--echo', 'echo every WebSocket message, at every path')
    .option('--port <number>', 'the port to listen on; 0 for any free one', portNumber, 8080)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--compression', 'compress the echoes for clients that offer it (permessage-deflate)')
    .option('--max-message-size <bytes>', 'the longest message taken', wholeNumber(1, 2 ** 31 - 1))
    .option('--origin <pattern>', 'an origin whose pages may connect (repeatable)', collect)
    .option('--tls-cert <file>', 'the certificate in PEM form; makes it https and wss')
    .option('--tls-key <file>', 'the private key of the certificate, in PEM form')
    .option(
      '--workers <number>',
      'share the connections among so many processes; auto: one per core',
      workerCount,
    )
    .addHelpText('after', '\nExample:\n  $ bothways serve ./public --echo --port 8080')
    .action(run);
}

async function run(dir: string | undefined, options: Options): Promise<void> {
  const { workers, tlsCert, tlsKey } = options;
  const scheme = tlsCert === undefined && tlsKey === undefined ? 'http' : 'https';
  const say = (address: AddressInfo): void => console.log(`Listening: ${addressUrl(scheme, address)}/`);
  if (workers === undefined) await serveHere(dir, options, say);
  else if (cluster.isWorker) await runWorker(() => serveHere(dir, options, () => {}));
  else await runWorkers(workers, say);
}

/** Serves until a signal comes. */
async function serveHere(
  dir: string | undefined,
  options: Options,
  onListening: (address: AddressInfo) => void,
): Promise<void> {
  const server = createHttpServer(createListener(dir), options);
  const closeEcho = options.echo ? await serveEcho(server, options) : async () => {};
  const address = await listen(server, options.port, options.host).catch(async (error: unknown) => {
    await closeEcho();
    throw listenFailure(error, options.host, options.port);
  });
  const ended = untilSignal();
  onListening(address);
  await ended;
  await closeEcho();
  await closeServer(server);
}

function createListener(dir: string | undefined): RequestListener {
  if (dir === undefined) {
    return (_request, response) => {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found\n');
    };
  }
  try {
    if (!statSync(dir).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    accessSync(dir, constants.R_OK | constants.X_OK);
  } catch (error) {
    throw new Failure(`Cannot serve ${dir}: ${reasonOf(error)}. Name a folder that can be read.`);
  }
  // Files are looked up when they are asked for, so that a folder may change while it is served.
  return serveFiles(dir, { dev: true, etag: true });
}

function createHttpServer(listener: RequestListener, { tlsCert, tlsKey }: Options): HttpServer {
  if (tlsCert === undefined && tlsKey === undefined) return createServer(listener);
  if (tlsCert === undefined)
    throw new Failure('--tls-key needs the certificate as well: add --tls-cert FILE.');
  if (tlsKey === undefined)
    throw new Failure('--tls-cert needs its private key as well: add --tls-key FILE.');
  const cert = readPem(tlsCert, 'certificate');
  const key = readPem(tlsKey, 'private key');
  try {
    return createTlsServer({ cert, key }, listener);
  } catch (error) {
    throw new Failure(
      `Cannot use ${tlsCert} with ${tlsKey}: ${reasonOf(error)}. Both must be in PEM form and belong together.`,
    );
  }
}

function readPem(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Failure(`Cannot read the ${what} ${file}: ${reasonOf(error)}. Check the path.`);
  }
}

/** A peer that sends faster than it reads is slowed down: it is not read from until it has taken its echo. */
const echo: Handlers = {
  message: (socket, message) => {
    if (!socket.send(message)) socket.pause();
  },
  drain: (socket) => socket.resume(),
};

async function serveEcho(server: HttpServer, options: Options): Promise<() => Promise<void>> {
  const { compression, maxMessageSize, origin } = options;
  const origins = origin?.includes('*') ? '*' : origin;
  const endpoint = await serve({ server, compression, maxMessageSize, origins }, echo).catch(
    (error: unknown) => {
      throw new Failure(`Cannot serve with these options: ${reasonOf(error)}`);
    },
  );
  return () => endpoint.close({ code: 1001, reason: 'The server is shutting down', timeout: 2000 });
}

import cluster from 'node:cluster';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Command, Option } from 'commander';
import { BrokerError, serve, type Handlers } from 'bothways';
import { clusterBroker } from 'bothways/cluster';
import { openBroker, type CarriedTopics } from '../broker.js';
import { Failure, listenFailure, reasonOf } from '../failure.js';
import { addressUrl, closeServer, listen, untilSignal } from '../http/listen.js';
import { serveFiles } from '../http/static-files.js';
import { collect, portNumber, wholeNumber, workerCount } from '../options.js';
import { checkSecret, secret, shareSecret } from '../secret.js';
import { runWorker, runWorkers } from '../workers.js';

interface Options {
  readonly echo?: true;
  readonly broadcast?: true;
  readonly broker?: string;
  readonly sessions?: true;
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
    .description(
      'Serve a folder over HTTP and, with --echo or --broadcast, WebSocket connections: what one sends comes back to it, or goes to all others.',
    )
    .argument('[dir]', 'the folder to serve')
    .option('--echo', 'echo every WebSocket message, at every path')
    .option('--broadcast', 'send every WebSocket message to all other connections, at every path')
    .addOption(
      new Option('--broker <url>', 'broadcast to all servers that share this redis:// or nats:// server').env(
        'BOTHWAYS_BROKER',
      ),
    )
    .option('--sessions', 'take sessions as well, which outlive their connections')
    .option('--port <number>', 'the port to listen on; 0 for any free one', portNumber, 8080)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--compression', 'compress messages for clients that offer it (permessage-deflate)')
    .option('--max-message-size <bytes>', 'the longest message taken', wholeNumber(1, 2 ** 31 - 1))
    .option('--origin <pattern>', 'an origin whose pages may connect (repeatable)', collect)
    .option('--tls-cert <file>', 'the certificate in PEM form; makes it https and wss')
    .option('--tls-key <file>', 'the private key of the certificate, in PEM form')
    .option(
      '--workers <number>',
      'share the connections among so many processes; auto: one per core',
      workerCount,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ bothways serve ./public --echo --port 8080\n  $ bothways serve --broadcast --broker redis://127.0.0.1',
    )
    .action(run);
}

async function run(dir: string | undefined, options: Options): Promise<void> {
  const { workers, tlsCert, tlsKey, sessions } = options;
  if (sessions) prepareSessions(options);
  const scheme = tlsCert === undefined && tlsKey === undefined ? 'http' : 'https';
  const say = (address: AddressInfo): void => console.log(`Listening: ${addressUrl(scheme, address)}/`);
  if (workers === undefined) await serveHere(dir, options, say);
  else if (cluster.isWorker) await runWorker(() => serveHere(dir, options, () => {}));
  else await runWorkers(workers, say);
}

/** Sees to it that servers which are to share sessions can, before there are workers. */
function prepareSessions({ echo, broadcast, broker, workers }: Options): void {
  if (!echo && !broadcast) throw new Failure('--sessions has nothing to carry: add --echo or --broadcast.');
  checkSecret();
  if (cluster.isWorker) return;
  if (broker !== undefined && secret() === undefined) {
    console.error(
      'bothways: Sessions stay at their server: give all that share the broker the same BOTHWAYS_SECRET.',
    );
  }
  if (workers !== undefined) shareSecret();
}

/** Serves until a signal comes. */
async function serveHere(
  dir: string | undefined,
  options: Options,
  onListening: (address: AddressInfo) => void,
): Promise<void> {
  const server = createHttpServer(createListener(dir), options);
  const closeSockets = await serveSockets(server, options);
  const address = await listen(server, options.port, options.host).catch(async (error: unknown) => {
    await closeSockets();
    throw listenFailure(error, options.host, options.port);
  });
  const ended = untilSignal();
  onListening(address);
  await ended;
  await closeSockets();
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

/** All that is broadcast: a topic that nothing else has which shares the broker. */
const TOPIC = 'bothways serve/broadcast';

/**
 * A peer that sends faster than it reads is slowed down: it is not read from until it has taken its echo. One that does
 * not read what others broadcast is closed by the library in the end, so that it slows nobody else.
 */
function handlersOf({ echo, broadcast }: Options): Handlers {
  return {
    open: (socket) => {
      if (broadcast) socket.subscribe(TOPIC);
    },
    message: (socket, message) => {
      try {
        if (broadcast) socket.publish(TOPIC, message);
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        // Too much waits for a broker that is away.
        socket.close(1013, 'Try again later');
        return;
      }
      if (echo && !socket.send(message)) socket.pause();
    },
    drain: (socket) => socket.resume(),
    error: (error) => console.error(`bothways: ${error.message}`),
  };
}

/** @returns what closes it. */
async function serveSockets(server: HttpServer, options: Options): Promise<() => Promise<void>> {
  const { echo, broadcast, compression, maxMessageSize, origin, sessions } = options;
  if (options.broker !== undefined && !broadcast && !sessions) {
    throw new Failure('--broker has nothing to carry: add --broadcast or --sessions.');
  }
  if (!echo && !broadcast) return async () => {};
  const topics = await openTopics(options);
  const origins = origin?.includes('*') ? '*' : origin;
  const { broker } = topics ?? {};
  const endpoint = await serve(
    { server, compression, maxMessageSize, origins, broker, sessions: sessions && { secret: secret() } },
    handlersOf(options),
  ).catch(async (error: unknown) => {
    await topics?.close();
    throw new Failure(`Cannot serve with these options: ${reasonOf(error)}`);
  });
  return async () => {
    await endpoint.close({ code: 1001, reason: 'The server is shutting down', timeout: 2000 });
    await topics?.close();
  };
}

/** What carries what is broadcast, and sessions, to other servers: those that share the broker, or at least the other workers. */
async function openTopics({ broker, broadcast, sessions }: Options): Promise<CarriedTopics | undefined> {
  if (broker !== undefined) return openBroker(broker);
  if ((!broadcast && !sessions) || !cluster.isWorker) return undefined;
  return { broker: clusterBroker(), close: async () => {} };
}

import { existsSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { Failure, listenFailure } from '../failure.js';
import { addressUrl, closeServer, listen, untilSignal } from '../http/listen.js';
import { serveFiles } from '../http/static-files.js';
import { portNumber } from '../options.js';
import { serveTalk } from '../talk/talk.js';

interface Options {
  readonly port: number;
  readonly host: string;
}

export function playgroundCommand(): Command {
  const port = new Option('--port <number>', 'the port to listen on; 0 for any free one')
    .argParser(portNumber)
    .env('PORT')
    .default(8080);
  return new Command('playground')
    .description('Serve the web pages that show two-way communication at work.')
    .addOption(port)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .addHelpText('after', '\nExample:\n  $ bothways playground --port 8080')
    .action(run);
}

const pages = fileURLToPath(new URL('../playground', import.meta.url));

async function run({ port, host }: Options): Promise<void> {
  if (!existsSync(pages)) throw new Failure('The pages are not built. Build them with: npm run build');
  const server = createServer(servePages());
  const talk = await serveTalk(server);
  const address = await listen(server, port, host).catch(async (error: unknown) => {
    await talk.close();
    throw listenFailure(error, host, port);
  });
  console.log(`Playground: ${addressUrl('http', address)}/`);
  await untilSignal();
  await talk.close();
  await closeServer(server);
}

/** Nothing but this origin's own files and its WebSocket endpoint, which `'self'` covers. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function servePages(): RequestListener {
  return serveFiles(pages, {
    etag: true,
    gzip: true,
    setHeaders: (response, path) => {
      response.setHeader('Content-Security-Policy', policy);
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      setCaching(response, path);
    },
  });
}

/** What lies in `assets/` has a hash of its content in its name; everything else is asked for anew. */
function setCaching(response: ServerResponse, path: string): void {
  const immutable = path.startsWith('/assets/');
  response.setHeader('Cache-Control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
}

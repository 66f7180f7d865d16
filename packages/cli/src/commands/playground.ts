import { createServer } from 'node:http';
import { Command, Option } from 'commander';
import { listenFailure } from '../failure.js';
import { addressUrl, closeServer, listen, untilSignal } from '../http/listen.js';
import { servePages } from '../http/pages.js';
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

async function run({ port, host }: Options): Promise<void> {
  const server = createServer(servePages(['talk']));
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

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { connectCommand } from './commands/connect.js';
import { gatewayCommand } from './commands/gateway.js';
import { playgroundCommand } from './commands/playground.js';
import { recordingCommand } from './commands/recording.js';
import { serveCommand } from './commands/serve.js';
import { Failure } from './failure.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('bothways')
  .description('Two-way communication over WebSocket: a server, a client and a playground.')
  .version(version)
  .addCommand(playgroundCommand())
  .addCommand(gatewayCommand())
  .addCommand(serveCommand())
  .addCommand(connectCommand())
  .addCommand(recordingCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  // A library may have left a socket open that nobody can close: it must not keep the process.
  process.stderr.write(`bothways: ${error.message}\n`, () => process.exit(1));
}

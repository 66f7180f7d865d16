import { unwatchFile, watchFile } from 'node:fs';
import type { RequestListener } from 'node:http';
import { Failure, reasonOf } from '../failure.js';
import { readExample } from './config/example.js';
import { explainConfig } from './config/explain.js';
import { configFromOptions, type OneLineOptions } from './config/from-options.js';
import { configJsonSchema } from './config/json-schema.js';
import { loadConfig } from './config/load.js';
import type { GatewayConfig } from './config/schema.js';
import { Gateway } from './gateway.js';

/** What `bothways gateway` is told. */
export interface GatewayCommandOptions extends Partial<OneLineOptions> {
  readonly check?: true;
  readonly demo?: true;
  readonly printExample?: true;
  readonly printSchema?: true;
}

/** How often the file is looked at, milliseconds. */
const LOOK_AGAIN = 1_000;

/** Does what `bothways gateway` is for. @throws {Failure} for what the user can mend. */
export async function runGatewayCommand(
  file: string | undefined,
  options: GatewayCommandOptions,
): Promise<void> {
  if (options.printExample) process.stdout.write(readExample());
  else if (options.printSchema) process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  else if (options.demo) await runDemo(file, options);
  else {
    const config = readConfig(file, options);
    if (options.check) process.stdout.write(explainConfig(config));
    else await runGateway(config, file);
  }
}

function readConfig(file: string | undefined, options: GatewayCommandOptions): GatewayConfig {
  const { listen, to } = options;
  if (file !== undefined && listen === undefined && to === undefined) return loadConfig(file);
  if (file === undefined && listen !== undefined && to !== undefined) {
    return configFromOptions({ ...options, listen, to });
  }
  throw new Failure(
    'Name a configuration, or both --listen and --to; or try --demo. --print-example writes a configuration to begin with.',
  );
}

async function runDemo(file: string | undefined, options: GatewayCommandOptions): Promise<void> {
  if (file !== undefined || options.to !== undefined || options.check)
    throw new Failure('--demo has routes of its own: leave out the configuration, --to and --check.');
  const { startDemo } = await import('./demo/demo.js');
  const demo = await startDemo(options.listen);
  try {
    await runGateway(demo.config, undefined, demo.onRequest);
  } finally {
    await demo.close();
  }
}

/** Runs until a signal comes; a second one ends it at once. */
async function runGateway(
  config: GatewayConfig,
  file: string | undefined,
  onRequest?: RequestListener,
): Promise<void> {
  const gateway = await Gateway.start(config, { onRequest });
  for (const url of gateway.urls) console.log(`Listening: ${url}/`);
  if (gateway.adminUrl !== undefined) console.log(`Health and metrics: ${gateway.adminUrl}/`);
  const stopReloading = file === undefined ? undefined : reloadOnChange(gateway, file);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  stopReloading?.();
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  await gateway.close();
  // What a library has left open must not keep the process.
  process.exit(0);
}

/** Reads the file again when it changes or SIGHUP comes, one time after the other. @returns what ends that. */
function reloadOnChange(gateway: Gateway, file: string): () => void {
  let last = Promise.resolve();
  const reload = (): void => {
    last = reloadAfter(last, gateway, file);
  };
  process.on('SIGHUP', reload);
  watchFile(file, { interval: LOOK_AGAIN }, (now, before) => {
    // A file that is being replaced may be missing for a moment.
    if (now.mtimeMs !== before.mtimeMs && now.mtimeMs !== 0) reload();
  });
  return () => {
    // Without anybody who hears it the signal would end the process, and with it those who are still there.
    process.on('SIGHUP', ignoreSignal).off('SIGHUP', reload);
    unwatchFile(file);
  };
}

function ignoreSignal(): void {}

async function reloadAfter(last: Promise<void>, gateway: Gateway, file: string): Promise<void> {
  await last;
  try {
    await gateway.reload(loadConfig(file));
  } catch (error) {
    gateway.log.error({ event: 'not reloaded', why: reasonOf(error) });
  }
}

// `npm start`: installs and builds what is missing, and serves the playground on http://127.0.0.1:8080.
import { join } from 'node:path';
import { build, isBuilt } from './build.mjs';
import { root } from './run.mjs';
import { installPackages } from './setup.mjs';

await installPackages();
if (!isBuilt()) {
  console.log('Building ...');
  await build();
}
const command = join(root, 'packages/cli/dist/main.js');
process.argv = [process.execPath, command, 'playground', ...process.argv.slice(2)];
await import(command);

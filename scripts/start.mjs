// `npm start`: installs and builds what is missing, and serves the playground on http://127.0.0.1:8080.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build, isBuilt } from './build.mjs';
import { root } from './run.mjs';
import { installPackages } from './setup.mjs';

await installPackages();
if (!isBuilt()) {
  console.log('Building ...');
  await build();
}
const command = [join(root, 'packages/cli/dist/main.js'), 'playground', ...process.argv.slice(2)];
const server = spawn(process.execPath, command, { stdio: 'inherit' });
// The terminal sends an interrupt to both; other ends are passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.once('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});

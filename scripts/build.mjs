// Builds both packages by plain tsc, and the pages by Vite. `node scripts/build.mjs`
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './setup.mjs';
import { bin, must, root } from './run.mjs';

export async function build() {
  await must(bin('tsc'), ['-b', 'packages/bothways', 'packages/cli']);
  await must(bin('vite'), ['build', '--logLevel', 'warn'], {
    cwd: join(root, 'packages/cli'),
  });
}

/** Whether there is a build; whoever changes the sources runs `npm run build`. */
export function isBuilt() {
  const built = [
    'packages/bothways/dist/index.js',
    'packages/cli/dist/main.js',
    'packages/cli/dist/playground/index.html',
  ];
  return built.every((file) => existsSync(join(root, file)));
}

if (process.argv[1] === import.meta.filename) {
  await installPackages();
  await build();
}

// Builds the masking kernel by AssemblyScript, both packages by plain tsc, and the pages by Vite. `node scripts/build.mjs`
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages } from './setup.mjs';
import { bin, must, root } from './run.mjs';

export async function build() {
  await buildMaskKernel();
  await must(bin('tsc'), ['-b', 'packages/bothways', 'packages/cli']);
  await must(bin('vite'), ['build', '--logLevel', 'warn'], {
    cwd: join(root, 'packages/cli'),
  });
}

/** WebAssembly as a TypeScript module: the library reads no file, wherever it runs. */
async function buildMaskKernel() {
  const folder = mkdtempSync(join(tmpdir(), 'bothways-'));
  try {
    const target = join(folder, 'mask.wasm');
    const memory = ['--initialMemory', '2', '--maximumMemory', '2'];
    const kernel = [
      'packages/bothways/kernel/mask.ts',
      '--runtime',
      'stub',
      '--enable',
      'simd',
      '-O3',
      ...memory,
    ];
    await must(bin('asc'), [...kernel, '--outFile', target]);
    const bytes = readFileSync(target).join(', ');
    const text = `/** Built from \`kernel/mask.ts\`. */\nexport const MASK_KERNEL_WASM = new Uint8Array([${bytes}]);\n`;
    writeFileSync(join(root, 'packages/bothways/src/protocol/mask-kernel-wasm.ts'), text);
  } finally {
    rmSync(folder, { recursive: true });
  }
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

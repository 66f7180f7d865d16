import { join } from 'node:path';
import { build, type Rollup } from 'vite';
import { root } from '../docs/markdown.js';

/** Loads page.mjs. */
export const HTML = `<!doctype html><title>A session</title><link rel="icon" href="data:,">
<script type="module" src="/page.js"></script>`;

/** The published entry for browsers, as one file. */
export async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      lib: {
        entry: join(root, 'packages/bothways/dist/browser/index.js'),
        formats: ['es'],
        fileName: 'bothways',
      },
    },
  });
  const [output] = Array.isArray(result) ? result : [result as Rollup.RollupOutput];
  const [chunk] = output!.output;
  return chunk.code;
}

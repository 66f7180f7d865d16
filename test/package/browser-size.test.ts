import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rollup } from 'vite';
import { expect, test } from 'vitest';
import { root } from '../docs/markdown.js';

/** What the session client may take in a page, bytes. */
const LIMIT = 12 * 1024;

test('the session client is at most 12 KiB in a page, minified and gzipped, and has nothing of Node', async () => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      lib: {
        entry: join(root, 'packages/bothways/dist/browser/index.js'),
        formats: ['es'],
        fileName: 'session',
      },
    },
  });
  const [output] = Array.isArray(result) ? result : [result as Rollup.RollupOutput];
  const code = output!.output.map((chunk) => ('code' in chunk ? chunk.code : '')).join('');
  expect(code).toContain('bothways.session.1');
  expect(code).not.toMatch(/["']node:|\bprocess\.|\bBuffer\b/);
  const size = gzipSync(code, { level: 9 }).length;
  expect(size).toBeLessThanOrEqual(LIMIT);
  expect(size).toBeGreaterThan(LIMIT / 3);
});

test('a bundler for pages is given the entry for browsers', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'packages/bothways/package.json'), 'utf8')) as {
    exports: Record<string, Record<string, unknown>>;
  };
  const { node, default: page } = exports['./session']!;
  expect(page).toBe('./dist/browser/index.js');
  expect(node).toEqual({ types: expect.any(String), default: './dist/node/session-entry.js' });
});

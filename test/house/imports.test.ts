import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const library = join(root, 'packages/bothways/src');

/** The floors of the house: what a folder may import besides itself and, where it says so, Node. */
const FOLDERS: Readonly<Record<string, { readonly folders: readonly string[]; readonly node: boolean }>> = {
  protocol: { folders: [], node: false },
  session: { folders: ['protocol'], node: false },
  pubsub: { folders: ['protocol'], node: false },
  subprotocols: { folders: ['protocol'], node: false },
  node: { folders: ['protocol', 'session', 'pubsub'], node: true },
  cluster: { folders: ['protocol', 'pubsub', 'node'], node: true },
  browser: { folders: ['protocol', 'session'], node: false },
  brokers: { folders: ['protocol', 'pubsub', 'session'], node: true },
  testing: { folders: ['protocol', 'session', 'pubsub'], node: true },
};

/** The paths of the sources below a folder, without tests and what only tests use. */
function sourcesBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$|(^|\/)test-[^/]*$/.test(file));
}

function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  const pattern =
    /^\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|^\s*import\s*['"]([^'"]+)['"]/gm;
  return [...source.matchAll(pattern)].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

test('every folder of the library imports only what is below it', () => {
  const wrong: string[] = [];
  for (const file of sourcesBelow(library)) {
    const [folder = '', ...rest] = file.split('/');
    if (rest.length === 0) continue;
    const rule = FOLDERS[folder];
    if (rule === undefined) {
      wrong.push(`${file}: the folder ${folder} has no rule`);
      continue;
    }
    for (const specifier of importsOf(join(library, file))) {
      if (specifier.startsWith('node:')) {
        if (!rule.node) wrong.push(`${file}: ${specifier}`);
        continue;
      }
      const target = relative(library, resolve(dirname(join(library, file)), specifier)).split('/')[0]!;
      const isAllowed = specifier.startsWith('.') && (target === folder || rule.folders.includes(target));
      if (!isAllowed) wrong.push(`${file}: ${specifier}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('the command imports the library by its published entries only', () => {
  const command = join(root, 'packages/cli');
  const { exports } = JSON.parse(readFileSync(join(root, 'packages/bothways/package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  const entries = Object.keys(exports).map((entry) => `bothways${entry.slice(1)}`);
  const wrong: string[] = [];
  for (const folder of ['src', 'playground']) {
    for (const file of sourcesBelow(join(command, folder))) {
      for (const specifier of importsOf(join(command, folder, file))) {
        const isOurs = /(^|\/)bothways(\/|$)/.test(specifier);
        if (isOurs && !entries.includes(specifier)) wrong.push(`${folder}/${file}: ${specifier}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test('an index only re-exports', () => {
  const indexes = sourcesBelow(library).filter((file) => /(^|\/)index\.ts$/.test(file));
  expect(indexes.length).toBeGreaterThan(0);
  for (const file of indexes) {
    const source = readFileSync(join(library, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
    const statements = source.split(';').map((statement) => statement.trim());
    expect(
      statements.filter((statement) => statement !== '' && !/^export\b[^]*\bfrom\b/.test(statement)),
    ).toEqual([]);
  }
});

test('the library has no runtime dependency', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'packages/bothways/package.json'), 'utf8')) as object;
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('optionalDependencies');
});

// `npm test`: installs what is missing, builds, checks, and runs every test. The last line is the sum of it all.
// Arguments are passed to vitest: `npm test -- utf8` runs the tests whose file name has "utf8" in it.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { bin, root, run } from './run.mjs';
import { installPackages, installPeers } from './setup.mjs';

await installPackages();
await installPeers();
await build();

const filters = process.argv.slice(2);
let passed = 0;
let failed = 0;

/** Checks that are no vitest tests count as one each. */
const CHECKS = [
  { name: 'The format', program: 'prettier', args: ['--check', '--log-level', 'warn', '.'] },
  { name: 'The lint', program: 'oxlint', args: ['--type-aware', '--deny-warnings', '--quiet'] },
  { name: 'The types of the sources and tests', program: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'The types of the pages', program: 'tsc', args: ['-p', 'packages/cli/playground'] },
];
for (const { name, program, args } of filters.length === 0 ? CHECKS : []) {
  const isGood = (await run(bin(program), args)) === 0;
  console.log(`${isGood ? '✓' : '✗'} ${name}`);
  if (isGood) passed++;
  else failed++;
}

const report = join(root, 'artifacts/tests.json');
mkdirSync(join(root, 'artifacts'), { recursive: true });
rmSync(report, { force: true });
const coverage = filters.length === 0 ? ['--coverage'] : [];
const code = await run(bin('vitest'), [
  'run',
  ...coverage,
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${report}`,
  ...filters,
]);
const results = JSON.parse(readFileSync(report, 'utf8'));
passed += results.numPassedTests;
failed += results.numFailedTests + results.numPendingTests;
// A file that could not be loaded, coverage under its bound, an error outside of any test.
if (code !== 0 && failed === 0) failed++;

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

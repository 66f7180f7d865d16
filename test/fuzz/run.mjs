/**
 * Fuzzes for as long as one likes: `npm run fuzz -- [--minutes 60] [--seed N] [--target NAME] [--runs N]`, and looks at
 * one finding again: `npm run fuzz -- --replay FILE`. See README.md beside it.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bin, must, root } from '../../scripts/run.mjs';
import { installPackages } from '../../scripts/setup.mjs';

const USAGE = `npm run fuzz -- [options]

  --minutes N      for how long, all targets together; 60 unless told
  --runs N         how many inputs for each target, in place of a time
  --target NAME    one target only
  --seed N         the same inputs again
  --replay FILE    one finding again
  --help           this`;

const values = readOptions();
const minutes = readNumber('minutes', (number) => number > 0, 'a number above 0');
const runs = values.runs === 'Infinity' ? Infinity : readNumber('runs', isCount, 'a whole number above 0');
const seed =
  values.seed === undefined
    ? Date.now() % 0x1_0000_0000
    : readNumber('seed', (number) => number >= 0, 'a number from 0 on');

await installPackages();
// What is fuzzed is the source as it is now.
await must(bin('tsc'), ['-b', 'packages/bothways']);
const { load } = await import('./finding.mjs');
const { TARGETS, targetOf } = await import('./targets.mjs');
const { Watched } = await import('./watched.mjs');

if (values.target !== undefined && !TARGETS.some(({ name }) => name === values.target)) {
  refuse(`--target is one of ${TARGETS.map(({ name }) => name).join(', ')}, not ${values.target}`);
}
if (values.replay === undefined) await fuzz();
else await replay(values.replay);

function readOptions() {
  const string = /** @type {const} */ ({ type: 'string' });
  try {
    const options = { minutes: { ...string, default: '60' }, runs: { ...string, default: 'Infinity' } };
    const help = /** @type {const} */ ({ type: 'boolean', short: 'h', default: false });
    const given = parseArgs({ options: { ...options, seed: string, target: string, replay: string, help } });
    if (!given.values.help) return given.values;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    return refuse(error.message);
  }
}

function refuse(message) {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

async function replay(path) {
  if (!existsSync(path)) refuse(`There is no file ${path}`);
  const { target: name, input } = load(path);
  const target = targetOf(name);
  await target.check(input);
  await target.stop?.();
  console.log(`${name}: everything is as it must be`);
}

async function fuzz() {
  const targets = values.target === undefined ? TARGETS : [targetOf(values.target)];
  const milliseconds = (minutes * 60_000) / targets.length;
  const folder = mkdtempSync(join(tmpdir(), 'bothways-fuzz-'));
  try {
    for (const target of targets) {
      const until = runs === Infinity ? Date.now() + milliseconds : Number.MAX_SAFE_INTEGER;
      const task = { name: target.name, seed, runs: Math.min(runs, Number.MAX_SAFE_INTEGER), until };
      const problem = await new Watched(target, { ...task, stateFile: join(folder, target.name) }).ended;
      if (problem === undefined) continue;
      console.error(`\n${target.name}: ${problem.note}\n`);
      if (problem.path !== undefined)
        console.error(`Replay it: npm run fuzz -- --replay ${relative(root, problem.path)}`);
      console.error(
        `Find it again: npm run fuzz -- --target ${target.name} --seed ${seed} --runs ${problem.run + 1}`,
      );
      process.exitCode = 1;
      return;
    }
    console.log('Everything is as it must be');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readNumber(option, isAllowed, allowed) {
  const number = values[option].trim() === '' ? Number.NaN : Number(values[option]);
  if (!isAllowed(number)) refuse(`--${option} must be ${allowed}, not ${values[option]}`);
  return number;
}

function isCount(number) {
  return Number.isSafeInteger(number) && number > 0;
}

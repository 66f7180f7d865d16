/**
 * The benchmark against peers: `node bench/run.mjs [--quick] [--only REGEX] [--servers a,b] [--write]
 * [--profile DIR]`. See README.md beside it.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureRow } from './measure.mjs';
import { describeRow, toMarkdown, toTerminal } from './report.mjs';
import { ROWS } from './rows.mjs';

const FULL = { rounds: 5, rampUp: 250, window: 1000, freshRounds: 3, scale: 1 };
const QUICK = { rounds: 3, rampUp: 120, window: 300, freshRounds: 1, scale: 0.4 };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    profile: { type: 'string' },
    only: { type: 'string', default: '' },
    servers: { type: 'string', default: 'bothways,ws,uws,bun,net' },
  },
});

if (!existsSync(new URL('../packages/bothways/dist/index.js', import.meta.url))) {
  console.error('The library is not built: run `npm run build` first.');
  process.exit(1);
}

const pattern = new RegExp(values.only, 'i');
const rows = ROWS.filter(({ name }) => pattern.test(name));
if (rows.length === 0) {
  console.error(
    `No row matches --only ${values.only}. The rows are:\n  ${ROWS.map(({ name }) => name).join('\n  ')}`,
  );
  process.exit(1);
}

const servers = values.servers.split(',');
const pace = { ...(values.quick ? QUICK : FULL), profile: values.profile };
const results = [];
for (const row of rows) {
  const result = await measureRow(row, servers, pace);
  results.push(result);
  console.log(describeRow(result));
}
console.log(toTerminal(results));
if (values.write) {
  const target = new URL('../docs/benchmarks.md', import.meta.url);
  writeFileSync(target, toMarkdown(results, values.quick));
  console.log('Written: docs/benchmarks.md');
}
// A peer that fails is a fact about the peer; when the library fails, the run does.
process.exitCode = results.some(({ entries }) => entries.get('bothways')?.error !== undefined) ? 1 : 0;

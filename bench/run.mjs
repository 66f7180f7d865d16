/**
 * The benchmark against peers: `node bench/run.mjs [--quick] [--only REGEX] [--servers a,b] [--write]
 * [--profile DIR]`. See README.md beside it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CURVES } from './curves.mjs';
import { measureRow } from './measure.mjs';
import { toMarkdown } from './report/markdown.mjs';
import { TITLES } from './report/numbers.mjs';
import { linesOf, plotCurve, plotRatios } from './report/plots.mjs';
import { describeShape } from './report/shape.mjs';
import { describeRow, summarize } from './report/terminal.mjs';
import { ROWS } from './rows.mjs';

const FULL = { rounds: 5, rampUp: 250, window: 1000, freshRounds: 3, scale: 1 };
/** Of a curve, the shape counts and not the last percent. */
const CURVE = { rounds: 3, rampUp: 200, window: 500, freshRounds: 1, scale: 1 };
/** What the targets are about, and no curves: two minutes. */
const QUICK = { rounds: 2, rampUp: 60, window: 150, freshRounds: 1, scale: 0.25 };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    profile: { type: 'string' },
    only: { type: 'string', default: '' },
    servers: { type: 'string', default: Object.keys(TITLES).join(',') },
  },
});

if (!existsSync(new URL('../packages/bothways/dist/index.js', import.meta.url))) {
  console.error('The library is not built: run `npm run build` first.');
  process.exit(1);
}

const pattern = new RegExp(values.only, 'i');
const QUICK_GROUPS = new Set(['messages', 'compressed', 'publish', 'connections']);
const rows = ROWS.filter(
  ({ name, group, kind }) =>
    pattern.test(name) &&
    (!values.quick || values.only !== '' || (QUICK_GROUPS.has(group) && kind !== 'many')),
);
const curves = values.quick ? [] : CURVES.filter(({ name }) => pattern.test(`curve: ${name}`));
if (rows.length + curves.length === 0) {
  const names = [...ROWS.map(({ name }) => name), ...CURVES.map(({ name }) => `curve: ${name}`)];
  console.error(`Nothing matches --only ${values.only}. There are:\n  ${names.join('\n  ')}`);
  process.exit(1);
}

const servers = values.servers.split(',');
const tls = mkdtempSync(join(tmpdir(), 'bench-tls-'));
try {
  makeCertificate(tls);
  process.env.BENCH_TLS = tls;
  await run();
} finally {
  rmSync(tls, { recursive: true });
}

async function run() {
  const results = [];
  for (const row of rows) {
    const result = await measureRow(row, servers, {
      ...(values.quick ? QUICK : FULL),
      profile: values.profile,
    });
    results.push(result);
    console.log(describeRow(result));
  }
  const grown = [];
  for (const curve of curves) grown.push(await measureCurve(curve));
  if (results.length > 0) console.log(summarize(results));
  if (values.write) write(results, grown);
  // A peer that fails is a fact about the peer; when the library fails, the run does.
  const all = [...results, ...grown.flatMap(({ points }) => points)];
  process.exitCode = all.some(({ entries }) => entries.get('bothways')?.error !== undefined) ? 1 : 0;
}

async function measureCurve(curve) {
  console.log(`\nCurve: ${curve.title}`);
  const points = [];
  for (const { x, row } of curve.points) {
    const result = await measureRow(row, servers, CURVE);
    points.push({ x, ...result });
    console.log(describeRow(result));
  }
  for (const [name, line] of linesOf(points)) console.log(`  ${TITLES[name]}: ${describeShape(curve, line)}`);
  return { curve, points };
}

function write(results, grown) {
  const docs = new URL('../docs/', import.meta.url);
  mkdirSync(new URL('benchmarks/', docs), { recursive: true });
  for (const { curve, points } of grown) {
    writeFileSync(new URL(`benchmarks/${curve.name}.svg`, docs), plotCurve(curve, linesOf(points)));
  }
  const compared = results.filter(({ row }) =>
    ['messages', 'compressed', 'tls', 'publish'].includes(row.group),
  );
  writeFileSync(new URL('benchmarks/ratios.svg', docs), plotRatios(compared, ['ws', 'uws', 'bun']));
  const options = process.argv.slice(2).join(' ');
  writeFileSync(new URL('benchmarks.md', docs), toMarkdown(results, grown, options));
  console.log('Written: docs/benchmarks.md and the plots in docs/benchmarks');
}

/** A certificate for the rows over TLS: of the kind that most servers have today. */
function makeCertificate(folder) {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=localhost', ...files], {
    stdio: 'ignore',
  });
}

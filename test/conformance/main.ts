import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES, CHAPTERS } from './cases/index.js';
import { runInChild, type Run } from './child.js';
import { writeDocument } from './document.js';
import { writeReport } from './report.js';
import { SUBJECTS } from './subjects/index.js';
import { writeTable } from './table.js';
import type { Role } from './wire/frame.js';

// `npm run conformance`: runs the suite, prints the table, writes the report.

const USAGE = `npm run conformance -- [options]

  --subject NAME   who is tested: ${Object.keys(SUBJECTS).join(', ')}; all of them unless told
  --role ROLE      server or client; both unless told
  --only ID        a chapter, a group or a case, such as 6, 6.4 or 6.4.2
  --quick          leaves out what takes long
  --write          writes docs/conformance.md as well
  --help           this`;

const ROLES: readonly Role[] = ['server', 'client'];
const root = process.cwd();

const options = readOptions();
const runs: Run[] = [];
for (const subject of options.subjects) {
  for (const role of options.roles) {
    runs.push(await runInChild({ subject, role, prefix: options.only, isQuick: options.isQuick }, tell));
  }
}
tell('');
console.log(writeTable(runs));
const report = join(root, 'artifacts/conformance.html');
mkdirSync(join(root, 'artifacts'), { recursive: true });
writeFileSync(report, writeReport(CHAPTERS, CASES, runs));
console.log(`\nThe report: ${relative(root, report)}`);
if (options.isWriting) {
  const { format, resolveConfig } = await import('prettier');
  const filepath = join(root, 'docs/conformance.md');
  const text = writeDocument(CHAPTERS, CASES, runs);
  writeFileSync(filepath, await format(text, { ...(await resolveConfig(filepath)), filepath }));
}
const hasFailed = runs.some(
  ({ subject, results }) => subject === 'bothways' && results.some(({ outcome }) => outcome === 'failed'),
);
process.exitCode = hasFailed ? 1 : 0;

function readOptions() {
  const values = parse();
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { subject, role, only = '', quick, write } = values;
  if (subject !== undefined && !Object.hasOwn(SUBJECTS, subject)) refuse(`Nobody is called ${subject}`);
  const roles = ROLES.filter((each) => role === undefined || each === role);
  if (roles.length === 0) refuse(`There is no role ${role}`);
  if (!CASES.some(({ id }) => only === '' || id === only || id.startsWith(`${only}.`))) {
    refuse(`There is no case ${only}`);
  }
  if (write && (subject !== undefined || role !== undefined || only !== '' || quick)) {
    refuse('--write needs everything: leave the other options out');
  }
  return {
    subjects: subject === undefined ? Object.keys(SUBJECTS) : [subject],
    roles,
    only,
    isQuick: quick,
    isWriting: write,
  };
}

function parse() {
  try {
    return parseArgs({
      options: {
        subject: { type: 'string' },
        role: { type: 'string' },
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

/** Where it is, on one line of a terminal. */
function tell(words: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${words}`);
}

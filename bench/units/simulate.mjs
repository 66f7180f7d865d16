// What a million connections and 100,000 topics need, from what each thing costs (docs/benchmarks-units.json).
// `npm run simulate` prints the tables of docs/guide/scaling.md, and writes them there with `-- --write`;
// `npm run simulate -- --connections 1e6 --topics 1e5 --rate 2e4 [--nodes 60] ...` counts for one load.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KEYS } from './figures.mjs';
import { need } from './model.mjs';
import { USUAL } from './scenarios.mjs';
import { fill, loadTable, tablesOf } from './tables.mjs';

const ROOT = join(import.meta.dirname, '../..');
const GUIDE = join(ROOT, 'docs/guide/scaling.md');

const NUMBERS = ['connections', 'topics', 'subscriptions', 'subscribers', 'rate', 'arrivals', 'nodes'];
const SWITCHES = ['fromServer', 'shown', 'relayed', 'durable'];
const CHOICES = { carrier: ['websocket', 'long-polling'], broker: ['redis', 'nats'] };

const { values } = parseArgs({
  options: {
    ...Object.fromEntries([...NUMBERS, ...Object.keys(CHOICES)].map((name) => [name, { type: 'string' }])),
    ...Object.fromEntries(SWITCHES.map((name) => [name, { type: 'boolean' }])),
    write: { type: 'boolean', default: false },
  },
});
const { write, ...given } = values;

function numberOf(name, text) {
  const number = Number(text);
  if (!(number >= 0) || number === Number.POSITIVE_INFINITY) fail(`--${name} is a number, not ${text}`);
  return number;
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

const load = { ...USUAL };
for (const [name, value] of Object.entries(given)) {
  if (CHOICES[name]?.includes(value) === false) fail(`--${name} is ${CHOICES[name].join(' or ')}`);
  load[name] = NUMBERS.includes(name) ? numberOf(name, value) : value;
}
if (load.durable && load.broker === 'nats') fail('What records cost is measured with Redis alone');

const { figures } = JSON.parse(readFileSync(join(ROOT, 'docs/benchmarks-units.json'), 'utf8'));
for (const key of KEYS) {
  if (figures[key] === undefined) fail(`There is no figure '${key}': run node bench/units/run.mjs --write`);
}
const unit = Object.fromEntries(Object.entries(figures).map(([key, { median }]) => [key, median]));

if (Object.keys(given).length > 0) {
  console.log(loadTable([{ name: 'this load', needed: need(unit, load) }]));
} else {
  const tables = tablesOf(unit);
  for (const [name, text] of Object.entries(tables)) console.log(`${name}\n\n${text}\n`);
  if (write) writeFileSync(GUIDE, fill(readFileSync(GUIDE, 'utf8'), tables));
}

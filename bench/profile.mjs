/**
 * Where a server spends its time: `node bench/profile.mjs FILE.cpuprofile [LINES]`. `(program)` is what is neither
 * JavaScript nor called from it: above all reading from sockets and waiting for them.
 */
import { readFileSync } from 'node:fs';

const [file, lines = '30'] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: node bench/profile.mjs FILE.cpuprofile [LINES]');
  process.exit(1);
}
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
const self = new Map();
const total = new Map();
let busy = 0;

for (const [index, id] of samples.entries()) {
  const micros = timeDeltas[index];
  const name = names.get(id);
  if (name === '(idle)') continue;
  busy += micros;
  add(self, name, micros);
  const seen = new Set();
  for (let at = id; at !== undefined; at = parents.get(at)) seen.add(names.get(at));
  for (const each of seen) add(total, each, micros);
}

console.log('  self  total');
for (const [name, micros] of [...self].toSorted((a, b) => b[1] - a[1]).slice(0, Number(lines))) {
  console.log(`${share(micros)} ${share(total.get(name))}  ${name}`);
}

function add(sums, name, micros) {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}

function share(micros) {
  return `${((micros / busy) * 100).toFixed(1)}%`.padStart(6);
}

function nameOf({ functionName, url, lineNumber }) {
  const place = url.split('/').slice(-2).join('/');
  return `${functionName || '(anonymous)'}${place === '' ? '' : `  ${place}:${lineNumber + 1}`}`;
}

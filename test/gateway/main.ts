import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startChromium } from './chromium.js';
import { writeDocument } from './document.js';
import { type Cell, runCell, WAYS } from './matrix.js';
import { startServers } from './servers.js';
import { nameWay, writeProblems, writeTable } from './table.js';

// `npm run interop:gateway`: each client at each server by each way, one after the other; prints the table.

const USAGE = `npm run interop:gateway -- [options]

  --only WORD   a part of the name of a client or a server, such as stomp or Mosquitto
  --write       writes docs/gateway-interop.md as well
  --help        this`;

const { only, write, help } = readOptions();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
const cells = await runMatrix();
console.log(writeTable(cells));
const problems = writeProblems(cells);
if (problems !== '') console.error(`\n${problems}`);
if (write) await writeReport(cells);
process.exitCode = problems === '' ? 0 : 1;

async function runMatrix(): Promise<Cell[]> {
  await using servers = await startServers();
  await using chromium = await startChromium();
  const all: Cell[] = [];
  for (const target of servers.targets) {
    if (!`${target.client} ${target.server}`.toLowerCase().includes(only.toLowerCase())) continue;
    for (const way of WAYS) {
      tell(`${target.client} at ${target.server}, ${nameWay(way)}`);
      const cell = await runCell(target, way, chromium);
      if (cell !== undefined) all.push(cell);
    }
  }
  tell('');
  return all;
}

async function writeReport(all: readonly Cell[]): Promise<void> {
  const { format, resolveConfig } = await import('prettier');
  const filepath = join(process.cwd(), 'docs/gateway-interop.md');
  mkdirSync(join(process.cwd(), 'docs'), { recursive: true });
  writeFileSync(filepath, await format(writeDocument(all), { ...(await resolveConfig(filepath)), filepath }));
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.write && values.only !== '') throw new Error('--write needs everything: leave --only out');
    return values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return process.exit(2);
  }
}

/** Where it is, on one line of a terminal. */
function tell(words: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${words}`);
}

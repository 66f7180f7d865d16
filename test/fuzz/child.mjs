/**
 * Runs one target until a time or a number of runs, in a process of its own: `run.mjs` starts it, and notices when it
 * hangs or dies. Before each run it writes the run's number into a file, which outlives it.
 */
import { openSync, rmSync, writeSync } from 'node:fs';
import { errorOf, minimise, save } from './finding.mjs';
import { inputOf, targetOf } from './targets.mjs';

/** How often the parent is told, and the heap looked at, milliseconds. */
const PROGRESS_EVERY = 2000;
/** How much the heap may be above what it was in the beginning, bytes. */
const MAX_GROWTH = 32 * 1024 * 1024;
/** How many looks at the heap are the beginning, and how many in a row must be too large. */
const LOOKS = 3;
const MINIMISE_FOR = 20_000;

const { name, seed, runs, until, stateFile } = JSON.parse(process.argv[2]);
const target = targetOf(name);
const state = new Float64Array(2);
const file = openSync(stateFile, 'w');
let baseline = 0;
let looks = 0;
let tooLarge = 0;

/** Keeps the process alive as well, if a check waits for what never comes. */
const timer = setInterval(() => tell(), PROGRESS_EVERY);
let nextTell = Date.now() + PROGRESS_EVERY;

let run = 0;
for (; run < runs && Date.now() < until; run++) {
  mark(run, 0);
  const input = inputOf(target, seed, run);
  const error = await errorOf(target, input);
  if (error !== undefined) await report(input, error);
  if (Date.now() > nextTell) {
    tell();
    // Timers and sockets get their turn, where a target has none of its own.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
tell();
clearInterval(timer);
await target.stop?.();
process.disconnect();

function mark(number, tries) {
  state[0] = number;
  state[1] = tries;
  writeSync(file, state, 0, state.byteLength, 0);
}

async function report(input, error) {
  // First as it is: making it smaller may hang, or end this process.
  const note = String(error.stack);
  const found = save(name, input, note);
  process.send({ finding: found, note });
  let tries = 0;
  const small = await minimise(target, input, MINIMISE_FOR, () => mark(run, ++tries));
  const kept = save(name, small, String((await errorOf(target, small)).stack));
  if (kept !== found) rmSync(found);
  process.send({ finding: kept, note });
  process.exit(1);
}

function tell() {
  nextTell = Date.now() + PROGRESS_EVERY;
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  const bytes = heapUsed + external;
  looks++;
  if (looks <= LOOKS) baseline = Math.max(baseline, bytes);
  tooLarge = bytes > baseline + MAX_GROWTH ? tooLarge + 1 : 0;
  process.send({ run, bytes });
  if (tooLarge === LOOKS) {
    process.send({ note: `The heap has grown from ${baseline} to ${bytes} bytes by run ${run}` });
    process.exit(1);
  }
}

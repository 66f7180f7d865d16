/**
 * The load generator: a process of its own that reads one job a line from stdin, as JSON, and answers with one
 * line. It ends when stdin does.
 */
import { createInterface } from 'node:readline';
import { JOBS } from './load/jobs.mjs';

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void run(JSON.parse(line)));
lines.on('close', () => process.exit(0));

async function run(job) {
  let answer;
  try {
    answer = await JOBS[job.kind](job);
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

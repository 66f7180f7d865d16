// Running other programs, for the scripts beside this one.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program in the workspace's root and shows what it prints; resolves with its exit status. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

/** As `run`, but a failure ends this process with one line. */
export async function must(program, args, options) {
  const code = await run(program, args, options);
  if (code === 0) return;
  console.error(`${program} ${args.join(' ')} failed with exit status ${code}`);
  process.exit(code);
}

/** A program that came with an npm package of the workspace. */
export function bin(name) {
  return join(root, 'node_modules/.bin', name);
}

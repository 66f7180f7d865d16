import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { onTestFinished } from 'vitest';

const SOURCES = fileURLToPath(new URL('..', import.meta.url));

/** The sources as JavaScript in a directory of their own, for programs that run in another process. */
export function compileSources(): string {
  const directory = mkdtempSync(join(tmpdir(), 'bothways-child-'));
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || /(^|\/)test-|\.test\.ts$/.test(file)) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(SOURCES, file), 'utf8'), { compilerOptions });
    const target = join(directory, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return directory;
}

export function removeSources(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** How a program ended, and what it wrote. */
export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program that imports the sources, as `./node/server.js` and so on, until it ends by itself.
 *
 * @param directory what `compileSources` returned.
 */
export function runProgram(directory: string, program: string): Promise<Ending> {
  const args = ['--expose-gc', '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, args, { cwd: directory, stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

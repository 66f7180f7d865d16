import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A program that a test talks to. */
export interface Program {
  readonly name: string;
  /** An absolute path. */
  readonly command: string;
  readonly args: readonly string[];
  /** What installs it; told when the program is missing or does not start. */
  readonly install: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long a line may take, seconds; 40 unless told. */
  readonly secondsToAnswer?: number;
}

/** A running program whose output, stdout and stderr alike, is read line by line. */
export interface Peer extends AsyncDisposable {
  readonly pid: number;
  /**
   * The first line, of those that came and those to come, for which `read` returns a value; that value.
   *
   * @param what names it for the error, which a program that ends or takes too long causes.
   */
  line<Value>(what: string, read: (line: string) => Value | undefined): Promise<Value>;
  /** Ends the program, by its own process id, and waits until it is gone. */
  stop(): Promise<void>;
}

const secondsToStop = 5;

/** Starts a program; `line` then waits for the one that says it is ready. */
export function start(program: Program): Peer {
  const { name, command, args, install, secondsToAnswer = 40 } = program;
  if (!existsSync(command)) throw new Error(`${name} is missing (${command}). Install it: ${install}`);

  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...program.env },
  });
  const lines: string[] = [];
  const readers = new Set<(line: string) => void>();
  const onLine = (text: string) => {
    lines.push(text);
    for (const reader of readers) reader(text);
  };
  createInterface({ input: child.stdout }).on('line', onLine);
  createInterface({ input: child.stderr }).on('line', onLine);

  function line<Value>(what: string, read: (line: string) => Value | undefined): Promise<Value> {
    const { promise, resolve, reject } = withResolvers<Value>();
    const reader = (text: string) => {
      const value = read(text);
      if (value !== undefined) resolve(value);
    };
    const fail = (why: string) => {
      const said = lines.slice(-20).join('\n  ') || '(nothing)';
      reject(
        new Error(
          `${name}: waited for ${what}, but it ${why}. It said:\n  ${said}\nInstalled by: ${install}`,
        ),
      );
    };
    const onClose = () => fail(`ended (${child.signalCode ?? child.exitCode})`);
    const timer = setTimeout(() => fail(`took longer than ${secondsToAnswer} s`), secondsToAnswer * 1000);
    readers.add(reader);
    child.once('close', onClose);
    child.once('error', onClose);
    lines.forEach(reader);
    if (hasEnded(child)) onClose();
    return promise.finally(() => {
      clearTimeout(timer);
      readers.delete(reader);
      child.off('close', onClose).off('error', onClose);
    });
  }

  return {
    pid: child.pid ?? -1,
    line,
    stop: () => stop(child),
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** The streams have ended too, so every line has been read. */
const hasEnded = (child: ChildProcess) =>
  (child.exitCode !== null || child.signalCode !== null) && child.stdout?.destroyed === true;

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const { promise: gone, resolve } = withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), secondsToStop * 1000);
  await gone.finally(() => clearTimeout(timer));
}

/** Whether a process runs; a zombie, which its parent has not yet asked about, does not. */
export function isRunning(pid: number): boolean {
  try {
    // proc(5): the state follows the command's name, which is in parentheses and may contain some.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/**
 * A free port of 127.0.0.1 for a program that cannot take port 0. It lies below the range from which the
 * system serves outgoing connections, so none of these can take it first.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_768);
    if (await isFree(port)) return port;
  }
}

/** So many, each another one: a port stays free until somebody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
}

/** The port on which a server listens. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return address.port;
}

/** A directory that is removed when it is disposed of. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'bothways-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function withResolvers<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

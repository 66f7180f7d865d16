import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** How long anything may take, seconds. */
const PATIENCE = 15;

const reportListening = pathToFileURL(join(import.meta.dirname, 'report-listening.mjs')).href;

/** A program of the documentation: a code block or an example. It may serve, and then it does not end by itself. */
export class Program implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly errorLines: string[] = [];
  readonly #name: string;
  readonly #child: ChildProcess;
  #listeners = 0;
  /** The exit status, once it has ended and its output has been read. */
  #status: number | undefined;
  #wasStopped = false;
  #onChange: (() => void)[] = [];

  constructor(
    name: string,
    command: readonly [string, ...string[]],
    cwd: string,
    env: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.#name = name;
    const [file, ...args] = command;
    this.#child = spawn(file, args, {
      cwd,
      // A group of its own, so that what a shell has started is stopped with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env, NODE_OPTIONS: `--import=${reportListening}`, NO_COLOR: '1' },
    });
    const [, stdout, stderr, report] = this.#child.stdio as unknown as Readable[];
    this.#read(stdout!, (line) => this.lines.push(line));
    this.#read(stderr!, (line) => this.errorLines.push(line));
    this.#read(report!, (line) => (this.#listeners += line === 'listening' ? 1 : -1));
    this.#child.once('close', (code) => {
      this.#status = code ?? -1;
      this.#changed();
    });
  }

  get isServing(): boolean {
    return this.#status === undefined && this.#listeners > 0;
  }

  get hasEnded(): boolean {
    return this.#status !== undefined;
  }

  /** The status with which it ended by itself; `undefined` when it was stopped. */
  get exitStatus(): number | undefined {
    return this.#wasStopped ? undefined : this.#status;
  }

  /** Waits until `isSo`, which is asked after every line and event. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(
        () =>
          reject(
            new Error(
              `${this.#name}: waited ${PATIENCE} s for it ${what}. It printed:\n${this.#everything()}`,
            ),
          ),
        PATIENCE * 1000,
      );
    });
    try {
      while (!isSo()) {
        if (this.hasEnded) {
          throw new Error(
            `${this.#name}: it ended with status ${this.#status} before it ${what}:\n${this.#everything()}`,
          );
        }
        await Promise.race([new Promise<void>((resolve) => this.#onChange.push(resolve)), tooLate]);
      }
    } finally {
      clearTimeout(late);
    }
  }

  /** The first line of its output that `pattern` matches. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    await this.until(`printed ${pattern}`, () => {
      for (const line of this.lines) match ??= pattern.exec(line);
      return match !== null;
    });
    return match!;
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<void> {
    await this.until('ended', () => this.hasEnded);
  }

  /** Sends it a signal: to it alone, or as Ctrl+C does, to all that it has started, too. */
  signal(name: NodeJS.Signals, toWhom: 'it' | 'all'): void {
    const { pid } = this.#child;
    if (pid !== undefined) process.kill(toWhom === 'it' ? pid : -pid, name);
  }

  /** Ends it, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    this.#wasStopped = true;
    const { pid } = this.#child;
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    await this.until('ended', () => this.hasEnded);
  }

  #read(stream: Readable, onLine: (line: string) => void): void {
    createInterface({ input: stream }).on('line', (line) => {
      onLine(line);
      this.#changed();
    });
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }

  #everything(): string {
    return [...this.lines, ...this.errorLines].map((line) => `  ${line}`).join('\n');
  }
}

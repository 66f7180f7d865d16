import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The command as a process of its own, as users run it. */
export class TestCommand implements AsyncDisposable {
  readonly process: ChildProcessWithoutNullStreams;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<number | null>;
  #seen: () => void = () => {};

  /** @param program what to run in place of the command. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, program = main) {
    if (!existsSync(main)) throw new Error('The command is not built. Build it: npm run build');
    const { PORT: _port, ...inherited } = process.env;
    this.process = spawn(process.execPath, [program, ...args], { env: { ...inherited, ...env } });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#seen();
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#seen();
    });
    // A process that has ended takes no more input: that is what some tests are about.
    this.process.stdin.on('error', () => {});
    this.#ended = once(this.process, 'close').then(() => this.process.exitCode);
  }

  /** The exit status, once both outputs are read to their end. */
  async ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Waits until an output has this in it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match) return match;
      if (this.process.exitCode !== null) {
        throw new Error(`It ended without saying ${String(pattern)}:\n${this.stdout}${this.stderr}`);
      }
      await this.more();
    }
  }

  /** Waits until it says anything more. */
  async more(): Promise<void> {
    if (this.process.exitCode !== null) throw new Error(`It ended:\n${this.stdout}${this.stderr}`);
    await Promise.race([new Promise<void>((resolve) => (this.#seen = resolve)), this.#ended]);
  }

  /** The address that a server says it listens on, without its scheme: `127.0.0.1:8080/`. */
  async address(): Promise<string> {
    const [, address = ''] = await this.says(/https?:\/\/(\S+)\n/);
    return address;
  }

  stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): void {
    this.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended;
  }
}

/** Runs the command to its end. */
export async function runCommand(
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  await using command = new TestCommand(args, env);
  command.process.stdin.end(input);
  const status = await command.ended();
  return { status, stdout: command.stdout, stderr: command.stderr };
}

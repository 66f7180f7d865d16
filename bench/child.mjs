/** Children of the benchmark: pinned to one processor, spoken to in lines. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How long a child may take to answer, milliseconds. */
const PATIENCE = 90_000;

const hasTaskset = spawnSync('taskset', ['--version']).status === 0;

/** One child process. It ends with `stop`, and by itself when this process does. */
export class Child {
  /**
   * @param {string[]} command program and arguments
   * @param {number | undefined} cpu the processor it is pinned to
   */
  constructor(command, cpu) {
    const pinned = cpu !== undefined && hasTaskset ? ['taskset', '-c', String(cpu), ...command] : command;
    this.name = command.at(-2) ?? command[0];
    this.process = spawn(pinned[0], pinned.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    this.waiting = undefined;
    this.process.on('error', (error) => this.#settle('reject', error));
    this.process.stdin.on('error', () => {});
    void this.ended.then((code) => this.#settle('reject', new Error(`${this.name} ended with ${code}`)));
    createInterface({ input: this.process.stdout }).on('line', (line) =>
      this.#settle('resolve', JSON.parse(line)),
    );
  }

  /** `taskset` becomes the program it starts, so this is the program's own. */
  get pid() {
    return this.process.pid;
  }

  /** The next line the child writes. */
  next() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle('reject', new Error(`${this.name} does not answer`)),
        PATIENCE,
      );
      this.waiting = { resolve, reject, timer };
    });
  }

  /** Sends one line and waits for the answer. */
  ask(line) {
    const answer = this.next();
    this.process.stdin.write(`${line}\n`);
    return answer;
  }

  async stop() {
    this.process.stdin.end();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 2_000);
    await this.ended;
    clearTimeout(timer);
  }

  #settle(how, value) {
    if (this.waiting === undefined) return;
    clearTimeout(this.waiting.timer);
    const { [how]: settle } = this.waiting;
    this.waiting = undefined;
    settle(value);
  }
}

/** Whether children can be pinned at all. */
export const canPin = hasTaskset;

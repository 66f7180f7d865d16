/** A fuzzer in a process of its own, whose hanging and whose end are noticed. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/run.mjs';
import { save } from './finding.mjs';
import { inputOf } from './targets.mjs';

/** After so long in one run a target hangs, milliseconds. */
const HANGS_AFTER = 30_000;
const PROGRESS_EVERY = 10_000;

/** A process that runs one target, and what is to be said about it. */
export class Watched {
  /** Resolves when it has ended, with what is wrong if anything is. */
  ended;
  #target;
  #task;
  #process;
  #began = Date.now();
  #toldAt = Date.now();
  #changedAt = Date.now();
  #state = '';
  #problem;

  constructor(target, task) {
    this.#target = target;
    this.#task = task;
    const script = join(import.meta.dirname, 'child.mjs');
    this.#process = spawn(process.execPath, ['--expose-gc', script, JSON.stringify(task)], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const timer = setInterval(() => this.#watch(), 1000);
    this.#process.on('message', (message) => this.#told(message));
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        clearInterval(timer);
        if (code !== 0)
          this.#problem ??= this.#keepInput(`The process ended with ${signal ?? `status ${code}`}`);
        resolve(this.#problem);
      });
    });
  }

  #told({ run, bytes, finding, note }) {
    if (note !== undefined) {
      this.#problem = { note, path: finding, run: this.#run };
    } else if (Date.now() - this.#toldAt >= PROGRESS_EVERY || run === this.#task.runs) {
      this.#toldAt = Date.now();
      const seconds = Math.round((Date.now() - this.#began) / 1000);
      const heap = (bytes / 1024 / 1024).toFixed(1);
      console.log(
        `${this.#target.name}: seed ${this.#task.seed}, ${run} runs in ${seconds} s, heap ${heap} MiB`,
      );
    }
  }

  #watch() {
    const state = this.#read().join();
    if (state !== this.#state) {
      this.#state = state;
      this.#changedAt = Date.now();
    } else if (Date.now() - this.#changedAt > HANGS_AFTER) {
      this.#problem ??= this.#keepInput(`A run takes longer than ${HANGS_AFTER / 1000} s`);
      this.#process.kill('SIGKILL');
    }
  }

  /** The number of the run that is under way, and how often it has been made smaller. */
  #read() {
    try {
      return new Float64Array(new Uint8Array(readFileSync(this.#task.stateFile)).buffer);
    } catch {
      return new Float64Array(2); // it has not begun
    }
  }

  get #run() {
    return this.#read()[0] ?? 0;
  }

  #keepInput(note) {
    const run = this.#run;
    return { note, run, path: save(this.#target.name, inputOf(this.#target, this.#task.seed, run), note) };
  }
}

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** How many passwords may wait to be checked: with a cost of 10, some five seconds of work. */
const MAX_WAITING = 64;

/** Runs in a thread of its own, so that a check of a tenth of a second holds up no connection. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { compareSync } = require(workerData);
parentPort.on('message', ({ password, hash }) => parentPort.postMessage(compareSync(password, hash)));
`;

interface Waiting {
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** Compares passwords with hashes of bcrypt, one after the other. */
export class PasswordChecks {
  #worker: Worker | undefined;
  /** In the order of the answers. */
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  /**
   * @returns whether they match; `undefined` when too many wait already. The promise rejects when the thread fails: then
   * the next check begins another one.
   */
  compare(password: string, hash: string): Promise<boolean> | undefined {
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    this.#worker ??= this.#start();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    this.#worker.postMessage({ password, hash });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Ends the thread when nobody waits for it any more. */
  close(): void {
    this.#isClosed = true;
    if (this.#waiting.length === 0) this.#stop();
  }

  #start(): Worker {
    const bcrypt = createRequire(import.meta.url).resolve('bcryptjs');
    const worker = new Worker(PROGRAM, { eval: true, workerData: bcrypt });
    // It keeps no process alive that has nothing else to do.
    worker.unref();
    worker.on('message', (matches: boolean) => {
      this.#waiting.shift()?.resolve(matches);
      if (this.#isClosed && this.#waiting.length === 0) this.#stop();
    });
    worker.on('error', (error: Error) => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
    return worker;
  }

  #stop(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }
}

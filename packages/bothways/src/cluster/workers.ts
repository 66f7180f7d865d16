import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { MILLISECONDS, checkOptions, type Rule } from '../node/options.js';
import { BothwaysError } from '../protocol/errors.js';
import { relayTopics } from './relay.js';

export interface StartWorkersOptions {
  /** How many processes; `auto`: as many as there are processors for this one. `auto` */
  count?: number | 'auto' | undefined;
}

export interface CloseWorkersOptions {
  /** How long the workers have to end after SIGTERM until they are killed, milliseconds. 15 seconds. */
  timeout?: number | undefined;
}

/** The workers of a cluster. Made by `startWorkers`. */
export interface Workers extends AsyncDisposable {
  /** How many there are when none has to be replaced. */
  readonly count: number;
  /** Sends them SIGTERM, and waits until all have ended. Calling it again returns the same promise. */
  close(options?: CloseWorkersOptions): Promise<void>;
}

const START_RULES: Readonly<Record<keyof StartWorkersOptions, Rule>> = {
  count: [
    (value: unknown) => value === 'auto' || (Number.isInteger(value) && (value as number) > 0),
    '"auto" or a positive whole number',
  ],
};
const CLOSE_RULES: Readonly<Record<keyof CloseWorkersOptions, Rule>> = { timeout: MILLISECONDS };

/** A worker that has lived for so long did not fail at its start, milliseconds. */
const LONG_LIFE = 10_000;

/** The first delay before a worker is replaced, which doubles with each that fails soon after, and the last, milliseconds. */
const FIRST_DELAY = 100;
const LAST_DELAY = 30_000;

class WorkerGroup implements Workers {
  readonly count: number;
  readonly #running = new Set<Worker>();
  readonly #replacements = new Set<NodeJS.Timeout>();
  #shortLives = 0;
  #isStarted = false;
  #closing: Promise<void> | undefined;

  constructor(count: number) {
    this.count = count;
  }

  async start(): Promise<void> {
    relayTopics();
    const workers = Array.from({ length: this.count }, () => this.#fork());
    try {
      await Promise.all(workers.map(listening));
      this.#isStarted = true;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  close(options: CloseWorkersOptions = {}): Promise<void> {
    checkOptions(options, CLOSE_RULES, 'close()');
    return (this.#closing ??= this.#close(options.timeout ?? 15_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #fork(): Worker {
    const worker = cluster.fork();
    const bornAt = performance.now();
    let hasListened = false;
    this.#running.add(worker);
    worker.once('listening', () => (hasListened = true));
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#running.delete(worker);
      // Before all listen, one that never did is why they do not start.
      if (this.#closing === undefined && (this.#isStarted || hasListened)) {
        this.#replace(
          `Worker ${worker.process.pid} ended with ${signal ?? code}`,
          performance.now() - bornAt,
        );
      }
    });
    return worker;
  }

  #replace(what: string, life: number): void {
    this.#shortLives = life < LONG_LIFE ? this.#shortLives + 1 : 0;
    const delay = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** Math.max(0, this.#shortLives - 1));
    process.emitWarning(`${what}; another starts in ${delay} ms`);
    const timer = setTimeout(() => {
      this.#replacements.delete(timer);
      this.#fork();
    }, delay);
    this.#replacements.add(timer);
  }

  async #close(timeout: number): Promise<void> {
    for (const timer of this.#replacements) clearTimeout(timer);
    const running = [...this.#running];
    const ended = Promise.all(running.map((worker) => once(worker, 'exit')));
    for (const worker of running) worker.process.kill('SIGTERM');
    const cut = setTimeout(() => {
      for (const worker of running) worker.process.kill('SIGKILL');
    }, timeout);
    await ended;
    clearTimeout(cut);
  }
}

/** Waits until a worker listens. */
function listening(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void => {
      const how = signal ?? `exit code ${code}`;
      reject(
        new BothwaysError(
          'ERR_WORKER',
          `A worker ended with ${how} before it listened: what it wrote says why`,
        ),
      );
    };
    worker.once('exit', onExit);
    worker.once('listening', () => {
      worker.off('exit', onExit);
      resolve();
    });
  });
}

/**
 * Runs this program once more in each of several processes (`node:cluster`), which share its ports: every new
 * connection goes to the next of them in turn. What they publish reaches the subscribers of all, if their servers have
 * `clusterBroker()` for a broker. A worker that ends is replaced: after 100 ms, and after up to 30 s if they keep failing.
 *
 * @returns when all of them listen.
 * @throws {TypeError} in a worker, or for an option that is not allowed; {BothwaysError} `ERR_WORKER` when one ends
 * before it listens, and then none is left.
 */
export async function startWorkers(options: StartWorkersOptions = {}): Promise<Workers> {
  checkOptions(options, START_RULES, 'startWorkers()');
  if (cluster.isWorker)
    throw new TypeError('startWorkers() is for the primary process: see cluster.isPrimary');
  const { count = 'auto' } = options;
  const workers = new WorkerGroup(count === 'auto' ? availableParallelism() : count);
  await workers.start();
  return workers;
}

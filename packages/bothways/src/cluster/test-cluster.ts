import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arrivals } from '../node/test-arrivals.js';

/** What a worker, or the primary process, tells the test. */
export interface Report {
  /** The worker's number, from 1; 0 is the primary process. */
  readonly from: number;
  readonly [name: string]: unknown;
}

/** What both kinds of process begin with: `tell` reports to the test, `onCommand` takes what the test asks for. */
const PRELUDE = `
  import cluster from 'node:cluster';
  import { serve } from './node/server.js';
  import { clusterBroker, relayTopics, startWorkers } from './cluster/index.js';
  const from = cluster.worker?.id ?? 0;
  const tell = (report) => process.send({ test: { from, ...report } });
  const onCommand = (run) => process.on('message', ({ command }) => command !== undefined && run(command));
  if (cluster.isPrimary) {
    cluster.on('message', (worker, message) => message?.test !== undefined && process.send({ test: message.test }));
    process.on('message', ({ to, command }) => to > 0 && cluster.workers[to]?.send({ command }));
    process.on('warning', ({ message }) => tell({ warning: message }));
    process.once('disconnect', () => process.exit());
    process.channel.unref();
  }
`;

/** A cluster in processes of its own: a program that the primary process and each worker run. */
export class TestCluster {
  readonly reports = new Arrivals<Report>();
  readonly process: ChildProcess;
  readonly ended: Promise<unknown[]>;
  stderr = '';
  /** Takes the reports, which are kept in `reports` at first. */
  onReport: (report: Report) => void = this.reports.push;

  /** @param directory what `compileSources` returned. */
  constructor(directory: string, program: string, environment: Readonly<Record<string, string>> = {}) {
    const file = join(directory, `cluster-${counter++}.js`);
    writeFileSync(file, PRELUDE + program);
    const env = { ...process.env, NODE_NO_WARNINGS: '1', ...environment };
    this.process = fork(file, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], execArgv: [], env });
    this.process.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.process.on('message', ({ test }: { test: Report }) => this.onReport(test));
    this.ended = once(this.process, 'exit');
  }

  /** Its workers end with the primary process. */
  async end(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  command(to: number, command: unknown): void {
    this.process.send({ to, command });
  }

  /** The next report that has a member of this name; what comes before it is let go. */
  async next(name: string): Promise<Report> {
    for (;;) {
      const report = await this.reports.next();
      if (name in report) return report;
    }
  }
}

let counter = 0;

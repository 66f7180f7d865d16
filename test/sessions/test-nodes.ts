import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { CarrierName } from 'bothways';
import { Session, type NodeSessionOptions } from 'bothways/session';
import { onTestFinished } from 'vitest';
import { Arrivals } from '../../packages/bothways/src/node/test-arrivals.js';

/** What a server says a session has received. */
export interface Report {
  readonly pid: number;
  readonly count: number;
  /** Whether that was 1, 2, 3, ... */
  readonly isRight: boolean;
}

type Told = { readonly kind: 'open' | 'closed' } | { readonly kind: 'ready'; readonly port: number };

/** A server of sessions in a process of its own (`node.mjs`). */
export class SessionNode {
  readonly port: number;
  /** How many sessions were opened there. */
  opened = 0;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    child.on('message', ({ kind }: Told) => {
      if (kind === 'open') this.opened++;
    });
  }

  /** @param args the broker, and the folder of a page. */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<SessionNode> {
    const child = fork(join(import.meta.dirname, 'node.mjs'), args, {
      execArgv: [],
      env: { ...process.env, ...env },
    });
    const early = once(child, 'exit').then(([code]: unknown[]) => {
      throw new Error(`The server ended with status ${String(code)} before it was ready`);
    });
    const [ready] = (await Promise.race([once(child, 'message'), early])) as [Told & { kind: 'ready' }];
    // From here on it may end: the test does that, or sees it.
    early.catch(() => {});
    return new SessionNode(child, ready.port);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Closes it, as before an update, and ends its process. */
  async close(): Promise<void> {
    this.#child.send({ close: true });
    let kind = '';
    while (kind !== 'closed') [{ kind }] = (await once(this.#child, 'message')) as [Told];
    await this.kill();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** `1`, `2`, ... */
export function numbers(count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, index) => `${first + index}`);
}

/** A session of Node, and what it went through. It is closed when the test has finished. */
export class Talk {
  readonly session: Session;
  readonly messages = new Arrivals<string | Uint8Array>();
  /** Of each `resume`, whether it was the same session. */
  readonly resumes: boolean[] = [];
  readonly anew = new Arrivals<readonly (string | Uint8Array)[]>();
  readonly carriers = new Set<CarrierName>();
  #sent = 0;

  private constructor(session: Session, isListening: boolean) {
    this.session = session;
    if (isListening) session.addEventListener('message', ({ data }) => this.messages.push(data));
    session.addEventListener('carrierchange', () => {
      if (session.carrier !== undefined) this.carriers.add(session.carrier);
    });
    session.addEventListener('resume', ({ resumed, unacknowledged }) => {
      this.resumes.push(resumed);
      if (!resumed) this.anew.push(unacknowledged);
    });
  }

  /** @param isListening whether it takes messages; otherwise they are for the test. */
  static async open(url: string, options: NodeSessionOptions = {}, isListening = true): Promise<Talk> {
    const fast = { pollInterval: 20, reconnectDelay: 20, maxReconnectDelay: 500 };
    const talk = new Talk(new Session(url, { ...fast, ...options }), isListening);
    const { session } = talk;
    onTestFinished(async () => {
      session.close();
      await session.closed;
    });
    await new Promise<void>((resolve, reject) => {
      session.addEventListener('open', () => resolve());
      session.addEventListener('error', ({ error }) => reject(error));
    });
    return talk;
  }

  /** Numbers both ways, which all arrive once and in order; meanwhile something happens. */
  async exchange(count: number, interfere: () => unknown = () => {}): Promise<void> {
    const half = Math.floor(count / 2);
    this.session.send(`say ${count}`);
    this.say(half);
    // The first have come, so something carries both directions.
    const first = await this.messages.take(1);
    await interfere();
    this.say(count - half);
    const all = [...first, ...(await this.messages.take(count - 1))];
    const wrong = all.findIndex((message, index) => message !== `${index + 1}`);
    if (wrong !== -1) throw new Error(`Message ${wrong + 1} was ${String(all[wrong])}`);
  }

  say(count: number): void {
    for (const number of numbers(count, this.#sent + 1)) this.session.send(number);
    this.#sent += count;
  }

  /** What the server has received: all that was sent, once and in order; and nothing else has come here. */
  async expectAll(): Promise<Report> {
    const report = await this.report();
    if (report.count !== this.#sent || !report.isRight) {
      throw new Error(`Of ${this.#sent} messages the server got ${report.count}, right: ${report.isRight}`);
    }
    if (this.messages.items.length > 0)
      throw new Error(`Nothing more was to come: ${this.messages.items.join()}`);
    return report;
  }

  /** A new session begins to count anew. */
  startAnew(): void {
    this.#sent = 0;
  }

  async report(): Promise<Report> {
    this.session.send('report');
    return readReport(await this.messages.next());
  }
}

export function readReport(message: unknown): Report {
  const [name, json = ''] = String(message).split(/ (.*)/);
  if (name !== 'report') throw new Error(`This is no report: ${String(message)}`);
  return JSON.parse(json) as Report;
}

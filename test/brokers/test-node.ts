import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { connect, type Connection, type NodeInfo } from 'bothways';
import type { TestContext } from 'vitest';

/** What a node knows. */
export interface Look {
  /** The ids of the members of `hall`, sorted. */
  readonly members: readonly string[];
  readonly nodes: readonly NodeInfo[];
}

type Told =
  | { readonly kind: 'ready'; readonly url: string }
  | ({ readonly kind: 'look'; readonly number: number } & Look)
  | { readonly kind: 'join' | 'leave' | 'missed' | 'error'; readonly id: string };

/** A server in a process of its own (`node.mjs`). */
export class TestNode {
  readonly url: string;
  /** What its handlers were told, such as `join ada`. */
  readonly told: string[] = [];
  readonly #child: ChildProcess;
  readonly #looks: ((look: Look) => void)[] = [];
  #changed: () => void = () => {};

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    child.on('message', (told: Told) => {
      if (told.kind === 'ready') return;
      if (told.kind === 'look') this.#looks[told.number]!(told);
      else {
        this.told.push(`${told.kind} ${told.id}`);
        this.#changed();
      }
    });
  }

  static async start(brokerUrl: string, { onTestFinished }: TestContext): Promise<TestNode> {
    const child = fork(join(import.meta.dirname, 'node.mjs'), [brokerUrl], { execArgv: [] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const early = once(child, 'exit').then(([code]: unknown[]) => {
      throw new Error(`The node ended with status ${String(code)} before it was ready`);
    });
    const [ready] = (await Promise.race([once(child, 'message'), early])) as [Told & { kind: 'ready' }];
    // From here on it may end: the test does that, or sees it.
    early.catch(() => {});
    return new TestNode(child, ready.url);
  }

  publish(messages: readonly (readonly [topic: string, text: string])[]): void {
    this.#child.send({ publish: messages });
  }

  look(): Promise<Look> {
    return new Promise((resolve) => this.#child.send({ look: this.#looks.push(resolve) - 1 }));
  }

  /** Waits until its handlers were told this, as often as said. */
  async tells(what: string, count = 1): Promise<void> {
    while (this.told.filter((each) => each === what).length < count) {
      await new Promise<void>((resolve) => {
        const before = this.#changed;
        this.#changed = () => {
          before();
          resolve();
        };
      });
    }
  }

  /** Waits until what it knows is so: asks again as soon as it has answered, for no event tells of a beat. */
  async knows(isSo: (look: Look) => boolean): Promise<Look> {
    for (;;) {
      const look = await this.look();
      if (isSo(look)) return look;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** A client of a node, which has joined `hall` as `id`. */
export class TestClient {
  readonly socket: Connection;
  /** All messages. */
  readonly messages: string[] = [];
  #changed: () => void = () => {};

  private constructor(socket: Connection) {
    this.socket = socket;
    void this.#read();
  }

  static async connect(node: TestNode, id: string, ...filters: string[]): Promise<TestClient> {
    const query = filters.map((filter) => `filter=${encodeURIComponent(filter)}`);
    return new TestClient(await connect(`${node.url}${id}?${query.join('&')}`));
  }

  /** The messages that begin so. */
  of(prefix: string): string[] {
    return this.messages.filter((message) => message.startsWith(prefix));
  }

  /** Waits until it has got so many messages that begin so. */
  async gets(prefix: string, count = 1): Promise<void> {
    while (this.of(prefix).length < count) {
      await new Promise<void>((resolve) => {
        const before = this.#changed;
        this.#changed = () => {
          before();
          resolve();
        };
      });
    }
  }

  async #read(): Promise<void> {
    for await (const message of this.socket) {
      this.messages.push(String(message));
      this.#changed();
    }
  }
}

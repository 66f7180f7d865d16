/**
 * What a worker and the primary process tell each other. A key is a topic or a filter of a server, as `keyOf` makes it. Binary data
 * is Base64, for the channel of a cluster may carry nothing but JSON.
 */
export type Operation =
  | readonly [kind: 'open' | 'opened', server: string]
  | readonly [kind: 'subscribe' | 'unsubscribe', key: string]
  | readonly [kind: 'text' | 'binary', key: string, data: string]
  /** Asks for something, and says for how long, milliseconds; the answer says who has it. */
  | readonly [kind: 'claim', key: string, holder: string, milliseconds: number]
  | readonly [kind: 'claimed' | 'release', key: string, holder: string];

/** What an operation takes besides its key and its data, UTF-16 code units. */
const OVERHEAD = 32;

/** What an operation takes in a queue, UTF-16 code units. */
export function sizeOf([, key, data = '']: Operation): number {
  return key.length + data.length + OVERHEAD;
}

/** The topics of servers with different names have nothing to do with each other. */
export function keyOf(server: string, topic: string): string {
  return `${server}\n${topic}`;
}

/** The server and the topic of a key; of `open` and `opened` only the first. */
export function partsOf(key: string): [server: string, topic: string] {
  const end = key.indexOf('\n');
  return end === -1 ? [key, ''] : [key.slice(0, end), key.slice(end + 1)];
}

/** The operations in a message of the channel, or `undefined` if it is one of the application. */
export function operationsOf(message: unknown): readonly Operation[] | undefined {
  const operations = (message as { bothways?: Operation[] } | null | undefined)?.bothways;
  return Array.isArray(operations) ? operations : undefined;
}

/** What is on its way to another process: all of a tick in one message, for every message costs a system call. */
export class OperationQueue {
  /** What the other process has not taken, UTF-16 code units. Whoever pushes sees to it that it has a limit. */
  waiting = 0;
  readonly #send: (message: object, taken: () => void) => void;
  #operations: Operation[] = [];
  #onDrained: (() => void)[] = [];

  /** @param send calls `taken` when the operating system has it, or nobody will ever take it. */
  constructor(send: (message: object, taken: () => void) => void) {
    this.#send = send;
  }

  push(operation: Operation): void {
    this.waiting += sizeOf(operation);
    if (this.#operations.push(operation) === 1) process.nextTick(() => this.#flush());
  }

  /** Waits until nothing waits. */
  async drain(): Promise<void> {
    if (this.waiting > 0) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  #flush(): void {
    const operations = this.#operations;
    this.#operations = [];
    this.#send({ bothways: operations }, () => {
      for (const operation of operations) this.waiting -= sizeOf(operation);
      if (this.waiting === 0) for (const resolve of this.#onDrained.splice(0)) resolve();
    });
  }
}

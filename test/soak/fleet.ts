import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Proxy } from '../peers/proxies.js';
import { startHaproxy } from '../peers/proxies.js';
import { freePort } from '../peers/start.js';
import { CARRIERS, SoakClient } from './client.js';

/** How many clients are in one room. */
const ROOM = 10;

type Told = { readonly kind: string; readonly [name: string]: unknown };

/** A server in a process of its own, which can be killed and started again on its port. */
export class SoakNode {
  readonly port: number;
  /** What it said went wrong. */
  readonly told: Told[] = [];
  takeovers = 0;
  /** How many sessions another one has taken from it. */
  moved = 0;
  readonly #brokerUrl: string;
  #child: ChildProcess | undefined;

  constructor(brokerUrl: string, port: number) {
    this.#brokerUrl = brokerUrl;
    this.port = port;
  }

  async start(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'node.mjs'), [this.#brokerUrl, String(this.port)], {
      execArgv: [],
    });
    this.#child = child;
    const early = once(child, 'exit').then(() => {
      throw new Error('A node ended before it was ready');
    });
    const ready = new Promise<void>((resolve) => {
      child.on('message', (told: Told) => {
        if (told.kind === 'ready') resolve();
        else if (told.kind === 'takeover') this.takeovers++;
        else if (told.kind === 'moved') this.moved++;
        else if (told.kind !== 'memory') this.told.push(told);
      });
    });
    await Promise.race([ready, early]);
    // From here on it may end: the test does that, or sees it.
    early.catch(() => {});
  }

  /** Closes the server, which leaves its sessions to the others, and ends the process. */
  async close(): Promise<void> {
    const ended = once(this.#child!, 'exit');
    this.#child!.send('close');
    await ended;
  }

  /** SIGSTOP: its connections stay, and it does nothing. */
  pause(): void {
    this.#child!.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child!.kill('SIGCONT');
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Its resident memory, bytes. */
  async memory(): Promise<number> {
    const child = this.#child!;
    const answer = new Promise<number>((resolve) => {
      const onMessage = (told: Told): void => {
        if (told.kind !== 'memory') return;
        child.off('message', onMessage);
        resolve(told['bytes'] as number);
      };
      child.on('message', onMessage);
    });
    child.send('memory');
    return answer;
  }
}

/** Three servers behind HAProxy, which sends each request to the next one, and clients of all carriers. */
export class Fleet implements AsyncDisposable {
  readonly nodes: readonly SoakNode[];
  readonly clients: readonly SoakClient[];
  readonly #proxy: Proxy;

  private constructor(nodes: readonly SoakNode[], proxy: Proxy, clients: readonly SoakClient[]) {
    this.nodes = nodes;
    this.#proxy = proxy;
    this.clients = clients;
  }

  /**
   * @param count how many clients there are, of all carriers.
   * @param started how many of the servers are started; the others are for the test.
   */
  static async start(brokerUrl: string, count: number, started = 3): Promise<Fleet> {
    const ports = [await freePort(), await freePort(), await freePort()];
    const nodes = ports.map((port) => new SoakNode(brokerUrl, port));
    await Promise.all(nodes.slice(0, started).map((node) => node.start()));
    const proxy = await startHaproxy('recommended', ports);
    const clients = Array.from(
      { length: count },
      (_, index) =>
        new SoakClient(
          `${proxy.url}/`,
          `client-${index}`,
          `room-${Math.floor(index / ROOM)}`,
          CARRIERS[index % CARRIERS.length]!,
        ),
    );
    return new Fleet(nodes, proxy, clients);
  }

  /** Where clients reach any of the servers. */
  get url(): string {
    return this.#proxy.url;
  }

  /** Lets all clients say something, again and again. @returns what ends that. */
  talk(pause: number): () => void {
    const talking = setInterval(() => {
      for (const client of this.clients) client.say();
    }, pause);
    return () => clearInterval(talking);
  }

  /** The resident memory of each server, bytes. */
  memory(): Promise<number[]> {
    return Promise.all(this.nodes.map((node) => node.memory()));
  }

  /** What the servers said went wrong. */
  get told(): readonly Told[] {
    return this.nodes.flatMap(({ told }) => told);
  }

  /** The sum of something over all clients. */
  sum(of: (client: SoakClient) => number): number {
    return this.clients.reduce((before, client) => before + of(client), 0);
  }

  /** Those who are in one room. */
  get rooms(): readonly (readonly SoakClient[])[] {
    return Array.from({ length: Math.ceil(this.clients.length / ROOM) }, (_, index) =>
      this.clients.slice(index * ROOM, (index + 1) * ROOM),
    );
  }

  /** What is missing, not in order, or there twice. */
  faults(): string[] {
    const wrong = this.clients.flatMap((client) => client.wrong.map((each) => `${client.name}: ${each}`));
    const missing = this.rooms.flatMap((room) =>
      room.flatMap((client) => room.map((other) => client.missesOf(other))),
    );
    return [...wrong, ...missing.filter((each) => each !== undefined)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.clients) session.close();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.#proxy[Symbol.asyncDispose]();
  }
}

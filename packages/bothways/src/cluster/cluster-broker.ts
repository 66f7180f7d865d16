import cluster from 'node:cluster';
import { STRING, checkOptions, type Rule } from '../node/options.js';
import { BrokerError } from '../protocol/errors.js';
import type { Broker, BrokerClaims, BrokerNode } from '../pubsub/broker.js';
import { OperationQueue, keyOf, operationsOf, partsOf, sizeOf, type Operation } from './channel.js';

/** How the topics of a server span the workers of a cluster. */
export interface ClusterBrokerOptions {
  /** Which servers share their topics: those of all workers that have the same name here. `default` */
  name?: string | undefined;
}

const RULES: Readonly<Record<keyof ClusterBrokerOptions, Rule>> = {
  name: [
    (value: unknown) => STRING[0](value as never) && !(value as string).includes('\n'),
    'a string of one line that is not empty',
  ],
};

/** How long the primary process may take to answer, milliseconds. */
const OPEN_TIMEOUT = 5_000;

/** How long it may take to answer a claim, milliseconds. */
const CLAIM_TIMEOUT = 3_000;

/** How much of what is published may wait for the primary process, UTF-16 code units. */
const MAX_WAITING = 32 * 1024 * 1024;

/** Those of this worker that are open. */
const brokers = new Map<string, ClusterBroker>();

const queue = new OperationQueue((message, taken) => {
  process.send!(message, undefined, undefined, taken);
});

class ClusterBroker implements Broker, BrokerClaims {
  readonly claims = this;
  readonly #name: string;
  /** Those that are not answered, by key. */
  readonly #claims = new Map<string, Set<(holder: string) => void>>();
  #node: BrokerNode | undefined;
  #onOpened: (() => void) | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Where the primary process is away, this one ends. */
  readonly isAway = false;

  async open(node: BrokerNode): Promise<void> {
    if (brokers.has(this.#name)) {
      throw new TypeError(
        `Another server of this process has a clusterBroker named '${this.#name}': give each a name of its own`,
      );
    }
    if (brokers.size === 0) process.on('message', onMessage);
    brokers.set(this.#name, this);
    queue.push(['open', this.#name]);
    const isOpened = await this.#opened();
    if (!isOpened) {
      await this.close();
      throw new BrokerError(
        'ERR_BROKER_AWAY',
        'The primary process of the cluster does not answer: call startWorkers() or relayTopics() there',
      );
    }
    this.#node = node;
  }

  subscribe(filter: string): void {
    pushChange(['subscribe', keyOf(this.#name, filter)]);
  }

  unsubscribe(filter: string): void {
    pushChange(['unsubscribe', keyOf(this.#name, filter)]);
  }

  publish(topic: string, data: string | Uint8Array): void {
    if (!process.connected) {
      throw new BrokerError('ERR_BROKER_AWAY', 'The primary process of the cluster has let this worker go');
    }
    const key = keyOf(this.#name, topic);
    const operation: Operation =
      typeof data === 'string' ? ['text', key, data] : ['binary', key, toBase64(data)];
    if (queue.waiting + sizeOf(operation) > MAX_WAITING) {
      throw new BrokerError(
        'ERR_BROKER_FULL',
        `${queue.waiting} characters wait for the primary process of the cluster, and no more than ${MAX_WAITING} may: publish less, or later`,
      );
    }
    queue.push(operation);
  }

  // What it claims (BrokerClaims).

  claim(key: string, holder: string, milliseconds: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const full = keyOf(this.#name, key);
      const waiting = this.#claims.get(full) ?? new Set();
      const timer = setTimeout(() => {
        waiting.delete(onClaimed);
        if (waiting.size === 0) this.#claims.delete(full);
        reject(new BrokerError('ERR_BROKER_AWAY', 'The primary process of the cluster does not answer'));
      }, CLAIM_TIMEOUT);
      const onClaimed = (first: string): void => {
        clearTimeout(timer);
        resolve(first);
      };
      this.#claims.set(full, waiting.add(onClaimed));
      pushChange(['claim', full, holder, milliseconds]);
    });
  }

  release(key: string, holder: string): void {
    pushChange(['release', keyOf(this.#name, key), holder]);
  }

  async close(): Promise<void> {
    this.#node = undefined;
    if (brokers.get(this.#name) !== this) return;
    brokers.delete(this.#name);
    if (brokers.size === 0) process.off('message', onMessage);
    await queue.drain();
  }

  take([kind, key, data]: Operation): void {
    if (data === undefined) {
      if (kind === 'opened') this.#onOpened?.();
      return;
    }
    if (kind === 'claimed') {
      const waiting = this.#claims.get(key);
      this.#claims.delete(key);
      for (const onClaimed of waiting ?? []) onClaimed(data);
      return;
    }
    const [, topic] = partsOf(key);
    this.#node?.receive(topic, kind === 'text' ? data : Buffer.from(data, 'base64'));
  }

  #opened(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), OPEN_TIMEOUT);
      this.#onOpened = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}

function onMessage(message: unknown): void {
  for (const operation of operationsOf(message) ?? []) {
    brokers.get(partsOf(operation[1])[0])?.take(operation);
  }
}

/** Nobody can be told that a subscription failed. The worker of a primary process that takes nothing has no future. */
function pushChange(operation: Operation): void {
  if (!process.connected) return;
  if (queue.waiting < 2 * MAX_WAITING) return queue.push(operation);
  process.emitWarning('The primary process of the cluster takes nothing: this worker ends');
  process.disconnect();
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/**
 * For the option `broker` of `serve` in a worker of `node:cluster`: what one worker publishes reaches the subscribers
 * of all. The primary process relays it, to those workers only that have a subscriber; it has called `startWorkers` or
 * `relayTopics`. At most 32 Mi characters wait to be taken by it; a byte of binary data is four thirds of one.
 *
 * @throws {TypeError} where there is no cluster.
 */
export function clusterBroker(options: ClusterBrokerOptions = {}): Broker {
  checkOptions(options, RULES, 'clusterBroker()');
  if (!cluster.isWorker) throw new TypeError('clusterBroker() is for the workers of node:cluster');
  return new ClusterBroker(options.name ?? 'default');
}

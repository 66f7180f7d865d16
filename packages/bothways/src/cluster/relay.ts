import cluster, { type Worker } from 'node:cluster';
import { Topics } from '../pubsub/topics.js';
import { OperationQueue, operationsOf, partsOf, type Operation } from './channel.js';
import { Claims } from './claims.js';

/** How much may wait for a worker, UTF-16 code units: what several workers have published at once has room. */
const MAX_WAITING = 128 * 1024 * 1024;

/** A worker, as the primary process knows it. */
class Member {
  readonly keys = new Set<string>();
  readonly #worker: Worker;
  readonly #queue: OperationQueue;
  #isEnded = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#queue = new OperationQueue((message, taken) => {
      worker.process.send(message, undefined, undefined, taken);
    });
  }

  /** Who takes nothing is ended: its clients would go without messages, and they can come back to another. */
  tell(operation: Operation): void {
    if (this.#isEnded) return;
    if (this.#queue.waiting < MAX_WAITING) {
      this.#queue.push(operation);
      return;
    }
    this.#isEnded = true;
    this.#worker.process.kill('SIGKILL');
    process.emitWarning(
      `Worker ${this.#worker.process.pid} was ended: it did not take the messages of topics that it subscribed to`,
    );
  }
}

class Relay {
  readonly #members = new Map<Worker, Member>();
  /** By the names of servers. */
  readonly #topics = new Map<string, Topics<Member>>();
  readonly #claims = new Claims();

  start(): void {
    cluster.on('message', (worker, message) => {
      const operations = operationsOf(message);
      if (operations !== undefined) this.#take(this.#memberOf(worker), operations);
    });
    cluster.on('disconnect', (worker) => this.#forget(worker));
  }

  #memberOf(worker: Worker): Member {
    let member = this.#members.get(worker);
    if (member === undefined) {
      member = new Member(worker);
      this.#members.set(worker, member);
    }
    return member;
  }

  #take(from: Member, operations: readonly Operation[]): void {
    for (const operation of operations) {
      const [kind, key] = operation;
      const [server, topic] = partsOf(key);
      if (kind === 'open') {
        if (!this.#topics.has(server)) this.#topics.set(server, new Topics());
        from.tell(['opened', key]);
      } else if (kind === 'subscribe') {
        from.keys.add(key);
        this.#topics.get(server)?.subscribe(topic, from);
      } else if (kind === 'unsubscribe') {
        from.keys.delete(key);
        this.#topics.get(server)?.unsubscribe(topic, from);
      } else if (kind === 'claim') {
        const [, , holder, milliseconds] = operation;
        from.tell(['claimed', key, this.#claims.claim(key, holder, milliseconds)]);
      } else if (kind === 'release') {
        this.#claims.release(key, operation[2]);
      } else {
        for (const member of this.#topics.get(server)?.of(topic) ?? []) {
          if (member !== from) member.tell(operation);
        }
      }
    }
  }

  #forget(worker: Worker): void {
    const member = this.#members.get(worker);
    if (member === undefined) return;
    this.#members.delete(worker);
    for (const key of member.keys) {
      const [server, filter] = partsOf(key);
      this.#topics.get(server)?.unsubscribe(filter, member);
    }
  }
}

let relay: Relay | undefined;

/**
 * Makes the primary process of a `node:cluster` relay what the servers of its workers publish; for whoever forks the
 * workers without `startWorkers`. Call it before the first fork. Calling it again does nothing.
 *
 * A worker that does not take its messages is ended when 128 Mi characters of them wait.
 *
 * @throws {TypeError} in a worker.
 */
export function relayTopics(): void {
  if (cluster.isWorker) throw new TypeError('relayTopics() is for the primary process of node:cluster');
  if (relay !== undefined) return;
  relay = new Relay();
  relay.start();
}

/** The servers and brokers that are measured, each a process of its own on one processor. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBroker } from '../brokers/broker.mjs';
import { Child } from '../child.mjs';
import { cpuMicros, residentBytes } from '../proc.mjs';

const CERTIFICATES = {
  ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['rsa:2048'],
};

/** One server; `pid`, `port`, and what it is told to do. */
export class Server {
  #child;

  static async start(cpu, options) {
    const server = new Server();
    const file = join(import.meta.dirname, 'server.mjs');
    server.#child = new Child([process.execPath, '--expose-gc', file, JSON.stringify(options)], cpu);
    server.port = (await server.#child.next()).port;
    return server;
  }

  get pid() {
    return this.#child.pid;
  }

  order(name, details) {
    return this.#child.ask(JSON.stringify([name, details]));
  }

  async memory() {
    return (await this.order('memory')).bytes;
  }

  stop() {
    return this.#child.stop();
  }
}

/** What was started, and ends when the run does. */
export class Fleet {
  #cpu;
  #started = [];
  #folder = mkdtempSync(join(tmpdir(), 'bench-units-'));

  /** @param cpu the processor that all of it runs on */
  constructor(cpu) {
    this.#cpu = cpu;
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
  }

  async server(options = {}) {
    const server = await Server.start(this.#cpu, options);
    this.#started.push(server);
    return server;
  }

  async broker(kind) {
    const broker = await startBroker(kind, this.#cpu);
    this.#started.push(broker);
    return broker;
  }

  /** @param kind `ecdsa` or `rsa` @returns the folder with the certificate and its key */
  certificate(kind) {
    const folder = mkdtempSync(join(this.#folder, kind));
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
    const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', ...CERTIFICATES[kind], ...subject], {
      stdio: 'ignore',
    });
    return folder;
  }

  async stop(...some) {
    const stopped = some.length === 0 ? this.#started : some;
    this.#started = this.#started.filter((each) => !stopped.includes(each));
    // The servers first: a broker that is gone is an error to them.
    await Promise.all(stopped.filter((each) => !isBroker(each)).map((each) => each.stop()));
    await Promise.all(stopped.filter(isBroker).map((each) => each.stop()));
  }
}

/**
 * CPU time that processes used while something was done, microseconds for each unit.
 *
 * @param {readonly { pid: number }[]} processes
 * @param {() => Promise<number>} act resolves to how many units it did
 * @returns {Promise<number[]>} one figure for each process
 */
export async function costs(processes, act) {
  const before = processes.map(({ pid }) => cpuMicros(pid));
  const units = await act();
  return processes.map(({ pid }, index) => (cpuMicros(pid) - before[index]) / units);
}

/** Waits until a process has had nothing to do for a while. */
export async function settle({ pid }) {
  for (let quiet = 0, before = cpuMicros(pid); quiet < 4;) {
    await delay(100);
    const now = cpuMicros(pid);
    quiet = now - before < 2_000 ? quiet + 1 : 0;
    before = now;
  }
}

/** Resident memory of a broker. */
export function memoryOf({ pid }) {
  return residentBytes(pid);
}

function isBroker({ url }) {
  return url !== undefined;
}

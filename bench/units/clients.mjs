/** Who connects to the servers that are measured: bare sockets for WebSockets, sessions behind a gate. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Session } from 'bothways/session';
import { Client } from '../load/client.mjs';
import { DIALECTS } from '../load/dialects.mjs';
import { HOST } from '../servers/control.mjs';

const TEXT = 1;
/** Handshakes under way. */
const CONCURRENCY = 32;
/** So many connections from one address leave its ephemeral ports for others. */
const PER_ADDRESS = 1_000;
/** How long what was asked for may take, milliseconds. */
const PATIENCE = 60_000;

/** All messages are texts of 64 bytes, and only counted. */
const SOURCE = { opcode: TEXT, size: 64, expected: () => undefined };

let addresses = 0;

/** Bare sockets, so many handshakes at a time. */
export async function openClients({ port }, count, { path = '/', tls = false } = {}) {
  const dialect = { ...DIALECTS.none, path };
  const first = (addresses += Math.ceil(count / PER_ADDRESS));
  const clients = [];
  const openSome = async () => {
    while (clients.length < count) {
      const localAddress = `127.0.0.${2 + ((first + Math.floor(clients.length / PER_ADDRESS)) % 60)}`;
      const options = { port, localAddress, tls, dialect, source: SOURCE, echoesRaw: false };
      const client = new Client({ ...options, checkEvery: 1_000_000 });
      clients.push(client);
      await client.opened;
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, count) }, openSome));
  return clients;
}

export async function closeClients(clients) {
  for (const client of clients) client.leave();
  await Promise.all(clients.map(({ gone }) => gone));
}

/** Waits for something that a peer does. */
export async function until(isSo, what) {
  const end = performance.now() + PATIENCE;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not after ${PATIENCE} ms`);
    await delay(5);
  }
}

/** How many messages have come to all of them. */
export function arrivedAt(clients) {
  return clients.reduce((sum, { received }) => sum + received, 0);
}

/** Sessions that come to one server, and later by another: a load balancer that does as it is told. */
export class Gate {
  target;
  #server;
  #sockets = new Set();

  static async open(target) {
    const gate = new Gate();
    gate.target = target;
    gate.#server = createServer((socket) => gate.#pass(socket)).listen(0, HOST);
    await once(gate.#server, 'listening');
    return gate;
  }

  get url() {
    return `http://${HOST}:${this.#server.address().port}/`;
  }

  /** From here on all go to another server, on connections of their own. */
  turnTo(target) {
    this.target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(socket) {
    const onwards = connect({ host: HOST, port: this.target.port, noDelay: true });
    socket.setNoDelay();
    for (const [one, other] of [
      [socket, onwards],
      [onwards, socket],
    ]) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.once('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}

/** @returns sessions that are open; each counts in `received` what has come. */
export async function openSessions(url, count, carrier) {
  const sessions = [];
  const openSome = async () => {
    while (sessions.length < count) {
      const session = new Session(url, { carriers: [carrier], reconnectDelay: 10, maxReconnectDelay: 100 });
      const entry = { session, received: 0 };
      sessions.push(entry);
      session.addEventListener('message', () => entry.received++);
      session.addEventListener('error', ({ error }) => {
        throw error;
      });
      await new Promise((resolve) => session.addEventListener('open', resolve, { once: true }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, count) }, openSome));
  return sessions;
}

export async function closeSessions(sessions) {
  for (const { session } of sessions) session.close();
  await Promise.all(sessions.map(({ session }) => session.closed));
}

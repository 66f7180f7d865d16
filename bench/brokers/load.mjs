/**
 * The subscribers of all servers, and who orders what is published: a process that reads jobs from its standard input,
 * a line of JSON each, and answers with another. `{ join: { peer, servers, subscribers } }` connects that many to each
 * server; `{ turn: { peer, batch, runIn, window, servers, broker } }` has the servers publish, one after the other, each
 * batch when all subscribers have got all of the last, and tells what it cost the processes `servers` and `broker`.
 *
 * All peers have the same subscriber, a bare socket that counts messages and looks at every `CHECK_EVERY`th.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '../load/client.mjs';
import { DIALECTS } from '../load/dialects.mjs';
import { cpuMicros, mainThread } from '../proc.mjs';
import { HOST, numberedText } from '../servers/control.mjs';
import { PEERS } from './peers.mjs';

const TEXT = 1;
const CHECK_EVERY = 61;
/** How long a batch may take, and how long until a subscription holds at all servers, milliseconds. */
const PATIENCE = 10_000;

/** The subscribers of one peer, at all of its servers. */
class Audience {
  #name;
  #clients = [];
  #orders = [];
  /** Messages published since `#start`; each subscriber has to get them all, in this order. */
  #published = 0;
  #arrived = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #onArrived = () => {};
  #isProbing = true;

  constructor(name) {
    this.#name = name;
  }

  get size() {
    return this.#clients.length;
  }

  async join(servers, subscribers) {
    const dialect = DIALECTS[PEERS[this.#name].dialect];
    const textOf = (number) => Buffer.from(dialect.received(numberedText(number)));
    const source = {
      opcode: TEXT,
      size: textOf(0).length,
      expected: (number) => (this.#isProbing ? undefined : textOf(number)),
    };
    for (const { port, orders } of servers) {
      const socket = connect({ host: HOST, port: orders, noDelay: true });
      await once(socket, 'connect');
      this.#orders.push(socket);
      for (let count = 0; count < subscribers; count++) {
        const client = new Client({ port, echoesRaw: false, dialect, source, checkEvery: CHECK_EVERY });
        client.onMessages = (_client, arrived) => this.#arrive(arrived);
        this.#clients.push(await client.opened);
      }
    }
    await this.#start();
  }

  /** Publishes until all get everything: a subscription takes a moment to hold at the other servers. */
  async #start() {
    for (const end = performance.now() + PATIENCE; performance.now() < end;) {
      for (const client of this.#clients) client.received = 0;
      for (const socket of this.#orders) socket.write('1 0\n');
      await delay(200);
      if (this.#clients.every(({ received }) => received === this.#orders.length)) {
        for (const client of this.#clients) client.received = 0;
        this.#isProbing = false;
        return;
      }
    }
    throw new Error(`${this.#name}: what one server publishes does not reach the others' subscribers`);
  }

  /** Publishes batches for so many milliseconds. @returns {Promise<number>} how many messages that were */
  async publish(batch, milliseconds) {
    const from = this.#published;
    const end = performance.now() + milliseconds;
    let seen = -1;
    const patience = setInterval(() => {
      if (seen === this.#published) this.#fail();
      seen = this.#published;
    }, PATIENCE);
    await new Promise((resolve) => {
      let server = 0;
      this.#onArrived = () => {
        if (performance.now() >= end) return resolve();
        this.#arrived = 0;
        this.#wanted = batch * this.#clients.length;
        this.#orders[server].write(`${batch} ${this.#published}\n`);
        this.#published += batch;
        server = (server + 1) % this.#orders.length;
      };
      this.#onArrived();
    });
    clearInterval(patience);
    if (this.#clients.some(({ received }) => received !== this.#published)) this.#fail();
    return this.#published - from;
  }

  #arrive(count) {
    this.#arrived += count;
    if (this.#arrived >= this.#wanted) this.#onArrived();
  }

  #fail() {
    const wrong = this.#clients.filter(({ received }) => received !== this.#published);
    const error = wrong.find((client) => client.error !== undefined)?.error;
    console.error(
      `${this.#name}: ${wrong.length} of ${this.size} subscribers have not got what was published`,
      error ?? '',
    );
    process.exit(1);
  }
}

const audiences = new Map();

async function join({ peer, servers, subscribers }) {
  const audience = new Audience(peer);
  await audience.join(servers, subscribers);
  audiences.set(peer, audience);
  return {};
}

async function turn({ peer, batch, runIn, window, servers, broker }) {
  const audience = audiences.get(peer);
  const costs = () => ({
    server: servers.reduce((sum, pid) => sum + cpuMicros(pid), 0),
    broker: cpuMicros(broker),
    load: mainThread('self')?.ran,
    time: performance.now(),
  });
  await audience.publish(batch, runIn);
  const before = costs();
  const messages = await audience.publish(batch, window);
  const after = costs();
  const deliveries = messages * audience.size;
  const milliseconds = after.time - before.time;
  return {
    server: (after.server - before.server) / deliveries,
    broker: (after.broker - before.broker) / deliveries,
    rate: (deliveries / milliseconds) * 1000,
    busy: (after.load - before.load) / 1000 / milliseconds,
  };
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
for await (const line of lines) {
  const job = JSON.parse(line);
  console.log(JSON.stringify(job.join === undefined ? await turn(job.turn) : await join(job.join)));
}

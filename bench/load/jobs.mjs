/** What the load generator can be asked to do. Every job names the server's `port` and `pid`. */
import { createHistogram } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, mainThread, openFiles, residentBytes } from '../proc.mjs';
import { Client } from './client.mjs';
import { DIALECTS } from './dialects.mjs';
import { Echoes } from './echoes.mjs';
import { DeflatedRing, NumberedMessages, OwnMessages, Ring, encodeText } from './frames.mjs';

/** How long what is in flight may take to come back, milliseconds. */
const PATIENCE = 20_000;
/** 100 is the longest of all. */
const PERCENTILES = [50, 90, 99, 99.9, 100];
/** Fewer messages than this make no measurement. */
const MIN_MESSAGES = 200;
/** So many connections from one address leave its ephemeral ports, some 28,000, enough for the next job. */
const PER_ADDRESS = 1_000;

/** Clients that stay open from one job to the next. */
let held = [];
let addresses = 0;
/** @type {Echoes | undefined} */
let echoes;

export const JOBS = {
  /** Closed loop: each connection has `inFlight` messages under way and sends one for each that comes back. */
  async echo(job) {
    const { inFlight } = job;
    const source = ringOf(job);
    const clients = await openAll(job, job.connections, () => source);
    let answered = 0;
    let isStopping = false;
    for (const client of clients) {
      client.onMessages = (self, arrived) => {
        answered += arrived;
        if (!isStopping) self.send(arrived);
      };
      client.send(inFlight);
    }
    const measured = await measure(job, () => answered);
    isStopping = true;
    await until(() => clients.every((client) => client.inFlight === 0) || findError(clients));
    return finish(clients, measured);
  },

  /**
   * Open loop: messages are due at a fixed rate, whatever has come back, and a latency counts from when its message
   * was due. So a server, or this generator, that stalls has all that was due meanwhile counted against it.
   */
  async latency(job) {
    const clients = await openAll(job, job.connections, () => ringOf(job));
    const result = await measureLatency(clients, job);
    await until(() => clients.every((client) => client.inFlight === 0) || findError(clients));
    return { ...(await finish(clients, {})), ...result };
  },

  /** Listens for the clients of a client row, and echoes. */
  async listen({ size, text }) {
    echoes = new Echoes({ size, text });
    return { port: await echoes.listen() };
  },

  /** Counts what the clients that are connected get echoed; `pid` is theirs. */
  async count(job) {
    const measured = await measure(job, () => echoes.count);
    return echoes.error === undefined ? measured : { ...measured, error: echoes.error.message };
  },

  async hangUp() {
    await echoes.close();
    echoes = undefined;
    return {};
  },

  /** Closed loop: the next `perTick` messages are asked for when every subscriber has all of the last. */
  async publish(job) {
    const dialect = dialectOf(job);
    const source = new NumberedMessages(job.size, dialect);
    const clients = await openAll(job, job.subscribers, () => source);
    const [trigger] = await openAll(job, 1, () => source);
    let received = 0;
    let awaited = clients.length;
    let next = 1;
    let isStopping = false;
    const onMessages = (_client, count) => {
      received += count;
      if (received < awaited || isStopping) return;
      awaited += clients.length * job.perTick;
      trigger.sendFrame(encodeText(dialect.sent(`publish ${job.perTick} ${next}`)));
      next += job.perTick;
    };
    for (const client of clients) {
      client.onMessages = onMessages;
      client.sendFrame(encodeText(dialect.sent('subscribe')));
    }
    const measured = await measure(job, () => received);
    isStopping = true;
    await until(() => received === awaited || findError(clients));
    const lost = awaited - received;
    const result = await finish([...clients, trigger], measured);
    return lost === 0 ? result : { error: `${lost} of ${awaited} deliveries did not arrive`, ...result };
  },

  /** New connections, `concurrency` of them under way at any time; closing them is not measured. */
  async handshake(job) {
    const before = snapshot(job.pid);
    const clients = await openAll(job, job.connections, () => undefined);
    const measured = difference(before, snapshot(job.pid), clients.length);
    const result = await finish(clients, measured);
    await settle(job.pid);
    return result;
  },

  /** Opens connections and keeps them, beside those it keeps already. */
  async hold(job) {
    held.push(...(await openAll(job, job.connections, () => undefined)));
    await settle(job.pid);
    return { open: held.length };
  },

  async release(job) {
    const clients = held;
    held = [];
    await leave(clients);
    await settle(job.pid);
    return { open: 0, ...failure(clients) };
  },

  /** Many connections, all open before the first message; every answer is compared. */
  async many(job) {
    const clients = await openAll(
      { ...job, checkEvery: 1 },
      job.connections,
      (owner) => new OwnMessages(owner, job.echoesRaw),
    );
    await settle(job.pid);
    const files = openFiles(job.pid);
    const resident = residentBytes(job.pid);
    const wanted = job.connections * job.messages;
    let answered = 0;
    for (const client of clients) {
      client.onMessages = (self, arrived) => {
        answered += arrived;
        if (self.received < job.messages) self.send(1);
      };
    }
    const before = snapshot(job.pid);
    for (const client of clients) client.send(1);
    await until(() => answered === wanted || findError(clients));
    const measured = difference(before, snapshot(job.pid), answered);
    const lost = wanted - answered;
    const stillOpen = clients.filter((client) => client.isUsable).length;
    const result = await finish(clients, measured);
    return { ...result, lost, files, resident, stillOpen };
  },
};

function dialectOf({ dialect = 'none' }) {
  return DIALECTS[dialect];
}

function ringOf(job) {
  const { size, text, echoesRaw, inFlight = 1, deflated } = job;
  const count = Math.max(4, inFlight);
  if (deflated) return new DeflatedRing(size, count);
  return new Ring({ size, text, echoesRaw, count, dialect: dialectOf(job) });
}

/** Sends what is due at every turn of the event loop, so that it keeps its processor busy. */
async function measureLatency(clients, { rate, rampUp, window }) {
  const histogram = createHistogram({ lowest: 1, highest: 60_000_000_000, figures: 3 });
  const due = clients.map(() => []);
  const begin = performance.now();
  const counted = begin + rampUp;
  const end = counted + window;
  for (const [index, client] of clients.entries()) {
    client.onMessages = (_self, count) => {
      const now = performance.now();
      for (const at of due[index].splice(0, count)) {
        if (at >= counted) histogram.record(Math.max(1, Math.round((now - at) * 1e6)));
      }
    };
  }
  for (let sent = 0, at = begin; at < end;) {
    const now = performance.now();
    for (; at <= now && at < end; at = begin + (++sent / rate) * 1000) {
      const index = sent % clients.length;
      due[index].push(at);
      if (clients[index].isUsable) clients[index].send(1);
    }
    await nextTurn();
  }
  await until(() => due.every(({ length }) => length === 0) || findError(clients));
  const percentiles = Object.fromEntries(
    PERCENTILES.map((percentile) => [percentile, histogram.percentile(percentile) / 1000]),
  );
  return { messages: histogram.count, percentiles };
}

/** Opens connections, a bounded number of handshakes at a time, from as many loopback addresses as it takes. */
async function openAll(job, count, sourceOf) {
  const { port, echoesRaw, deflated, tls, checkEvery = 16, concurrency = 64 } = job;
  const dialect = dialectOf(job);
  const spread = count <= PER_ADDRESS / 2 ? 1 : Math.ceil(count / PER_ADDRESS);
  const first = spread === 1 ? -1 : (addresses += spread);
  const clients = [];
  const openSome = async () => {
    while (clients.length < count) {
      const index = clients.length;
      const localAddress = first === -1 ? undefined : `127.0.0.${2 + ((first + (index % spread)) % 60)}`;
      const source = sourceOf(index);
      const client = new Client({
        port,
        localAddress,
        echoesRaw,
        deflated,
        tls,
        dialect,
        source,
        checkEvery,
      });
      clients.push(client);
      await client.opened;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, openSome));
  return clients;
}

/**
 * Lets the load run in, then counts what happens within the window, which is longer, up to ten times, while too
 * little happens in it.
 */
async function measure({ pid, rampUp, window }, count) {
  await sleep(rampUp);
  const before = snapshot(pid);
  const countBefore = count();
  for (let windows = 0; windows < 10 && count() - countBefore < MIN_MESSAGES; windows++) await sleep(window);
  return difference(before, snapshot(pid), count() - countBefore);
}

function snapshot(pid) {
  return { cpu: cpuMicros(pid), server: mainThread(pid), own: mainThread('self'), time: performance.now() };
}

/**
 * CPU of the server, microseconds, and how occupied both ends were, 0 to 1: the share of the time in which they
 * ran or would have run if something else had not had their processor. `disturbed` is that something's share.
 */
function difference(before, after, messages) {
  const wall = (after.time - before.time) * 1000;
  const server = occupation(before.server, after.server, wall);
  const own = occupation(before.own, after.own, wall);
  const disturbed = Math.max(server.disturbed, own.disturbed);
  return { messages, cpu: after.cpu - before.cpu, wall, generator: own.busy, server: server.busy, disturbed };
}

function occupation(before, after, wall) {
  if (before === undefined) return { busy: 0, disturbed: 0 };
  const ran = after.ran - before.ran;
  const waited = after.waited - before.waited;
  return { busy: (ran + waited) / wall, disturbed: waited / wall };
}

async function finish(clients, measured) {
  const failed = failure(clients);
  await leave(clients);
  return { ...measured, ...failed };
}

function failure(clients) {
  const error = findError(clients);
  if (error !== undefined) return { error: error.message };
  const missing = clients.filter((client) => client.inFlight > 0).length;
  return missing === 0 ? {} : { error: `${missing} connections did not get all their messages back` };
}

function findError(clients) {
  return clients.find((client) => client.error !== undefined)?.error;
}

/** Closes connections, some at a time. */
async function leave(clients) {
  for (let at = 0; at < clients.length; at += 500) {
    const some = clients.slice(at, at + 500);
    for (const client of some) client.leave();
    await Promise.all(some.map((client) => client.gone));
  }
}

async function until(isDone) {
  const end = performance.now() + PATIENCE;
  while (!isDone() && performance.now() < end) await sleep(5);
}

/** Waits until the server has nothing to do. */
async function settle(pid) {
  const end = performance.now() + 3_000;
  let before = cpuMicros(pid);
  while (performance.now() < end) {
    await sleep(100);
    const now = cpuMicros(pid);
    if (now - before < 3_000) return;
    before = now;
  }
}

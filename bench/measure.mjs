/** Measures one row: the servers take turns, several short rounds each. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child, canPin } from './child.mjs';
import { DIALECTS } from './load/dialects.mjs';
import { allowedCpus, residentBytes } from './proc.mjs';

const [serverCpu, loadCpu] = canPin ? allowedCpus() : [];
const BUN = fileURLToPath(new URL('../test/peers/node_modules/@oven/bun-linux-x64/bin/bun', import.meta.url));
/** Connections that are open when the baseline of resident memory is read, so that no code is cold. */
const FIRST_CONNECTIONS = 500;
/** What a server does before ten thousand connections come, for the same reason. */
const WARM_UP = { connections: 500, concurrency: 64, messages: 20 };

/**
 * @typedef {object} Entry what one server did in one row
 * @property {string} version
 * @property {number[]} costs one figure a round, in the row's unit
 * @property {number[]} rates messages a second
 * @property {number[]} generator how occupied the load generator was, 0 to 1
 * @property {number[]} server how occupied the server was
 * @property {number[]} disturbed how much of the time something else had one of their processors
 * @property {string} [error] why there are no figures, or none to trust
 * @property {string} [absent] why it cannot take part here
 * @property {object} [extra] what only this kind of row tells
 */

/**
 * @param {import('./rows.mjs').Row} row
 * @param {string[]} wanted names of servers
 * @param {{ rounds: number, freshRounds: number, rampUp: number, window: number, scale: number, profile?: string }} pace
 * @returns {Promise<{ row: object, entries: Map<string, Entry> }>}
 */
export async function measureRow(row, wanted, pace) {
  const names = row.servers.filter((name) => wanted.includes(name));
  const entries = new Map(
    names.map((name) => [
      name,
      { version: '', costs: [], rates: [], generator: [], server: [], disturbed: [] },
    ]),
  );
  if (row.kind === 'idle') await measureIdle(row, entries, pace);
  else if (row.kind === 'many') await measureMany(row, entries, pace);
  else await measureCpu(row, entries, pace);
  return { row, entries };
}

/** All servers of a row live side by side; the one that is not asked does nothing. */
async function measureCpu(row, entries, pace) {
  const contenders = [];
  try {
    for (const [name, entry] of entries) {
      const contender = await start(name, row, entry, pace.profile);
      if (contender !== undefined) contenders.push(contender);
    }
    // Round -1 warms up and does not count.
    for (let round = -1; round < pace.rounds; round++) {
      for (const contender of contenders) await takeTurn(row, contender, pace, round >= 0);
    }
  } finally {
    await Promise.all(contenders.map(stop));
  }
}

function modeOf(row) {
  return row.mode ?? (row.kind === 'publish' ? 'publish' : 'echo');
}

async function takeTurn(row, contender, pace, counts) {
  const { entry } = contender;
  if (isOut(entry)) return;
  const job = { ...row.job, rampUp: pace.rampUp, window: pace.window };
  if (row.kind === 'handshake') job.connections = Math.round(row.job.connections * pace.scale);
  const answer =
    row.kind === 'client' ? await takeClientTurn(job, contender) : await ask(contender, row.kind, job);
  if (!counts) return;
  if (row.kind === 'latency') noteLatency(entry, answer);
  else note(entry, answer);
}

/** A client connects to a server within the load generator, which counts what it echoes. */
async function takeClientTurn(job, contender) {
  const { server: client, entry } = contender;
  const { port } = await ask(contender, 'listen', job);
  const { error } = await client.ask(JSON.stringify({ open: { ...job, port } }));
  if (error !== undefined) entry.error = error;
  const answer = await ask(contender, 'count', job);
  await client.ask(JSON.stringify({ close: {} }));
  await ask(contender, 'hangUp', {});
  return answer;
}

/**
 * A fresh process for each round: what a process has freed would be taken by the next round's connections. For
 * the same reason the first connections stay open, and only what further ones add is counted.
 */
async function measureIdle(row, entries, pace) {
  const connections = Math.round(row.job.connections * pace.scale);
  for (let round = 0; round < pace.freshRounds; round++) {
    for (const [name, entry] of entries) {
      if (isOut(entry)) continue;
      const contender = await start(name, row, entry, pace.profile);
      if (contender === undefined) continue;
      try {
        await ask(contender, 'hold', { ...row.job, connections: FIRST_CONNECTIONS });
        const before = await residentAfterGc(contender);
        await ask(contender, 'hold', { ...row.job, connections });
        const after = await residentAfterGc(contender);
        if (entry.error === undefined) entry.costs.push((after - before) / connections);
        entry.extra = { baseline: before, first: FIRST_CONNECTIONS, connections };
        await ask(contender, 'release', {});
      } finally {
        await stop(contender);
      }
    }
  }
}

async function residentAfterGc({ server }) {
  await server.ask('gc');
  // Memory goes back to the system a little later.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return residentBytes(server.pid);
}

async function measureMany(row, entries, pace) {
  for (let round = 0; round < pace.freshRounds; round++) {
    for (const [name, entry] of entries) {
      if (isOut(entry)) continue;
      const contender = await start(name, row, entry, pace.profile);
      if (contender === undefined) continue;
      try {
        await ask(contender, 'many', WARM_UP);
        const answer = await ask(contender, 'many', row.job);
        note(entry, answer);
        const {
          lost = row.job.connections * row.job.messages,
          files,
          resident,
          stillOpen,
          messages,
        } = answer;
        entry.extra = { lost, files, resident, stillOpen, messages };
      } finally {
        await stop(contender);
      }
    }
  }
}

function note(entry, answer) {
  if (isOut(entry)) return;
  entry.costs.push(answer.cpu / answer.messages);
  entry.rates.push((answer.messages / answer.wall) * 1e6);
  entry.generator.push(answer.generator);
  entry.server.push(answer.server);
  entry.disturbed.push(answer.disturbed);
}

/** The figure of a round is its median; the others are kept beside it. */
function noteLatency(entry, { percentiles, messages }) {
  if (isOut(entry)) return;
  entry.costs.push(percentiles[50]);
  entry.extra ??= { messages: 0, rounds: [] };
  entry.extra.messages += messages;
  entry.extra.rounds.push(percentiles);
}

/** Starts a server and a load generator of its own, so that no peer's load warms or spoils another's. */
async function start(name, row, entry, profile) {
  if (name === 'bun' && !existsSync(BUN)) {
    entry.absent = 'Bun is not installed in test/peers';
    return undefined;
  }
  const folder = row.kind === 'client' ? 'clients' : 'servers';
  const file = fileURLToPath(new URL(`./${folder}/${name}.mjs`, import.meta.url));
  const profiler =
    profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${profile}`];
  const runtime = name === 'bun' ? [BUN] : [process.execPath, '--expose-gc', ...profiler];
  const server = new Child([...runtime, file, modeOf(row)], serverCpu);
  try {
    const { ready, unavailable } = await server.next();
    if (ready === undefined) {
      entry.absent = unavailable;
      await server.stop();
      return undefined;
    }
    entry.version = ready.note === undefined ? ready.version : `${ready.version} with ${ready.note}`;
    const load = new Child(
      [process.execPath, fileURLToPath(new URL('./load.mjs', import.meta.url))],
      loadCpu,
    );
    return {
      name,
      server,
      load,
      port: ready.port,
      entry,
      dialect: DIALECTS[name] === undefined ? undefined : name,
    };
  } catch (error) {
    entry.error = error.message;
    await server.stop();
    return undefined;
  }
}

/** A failed job ends a server's part in the row: its load generator may be in any state. */
async function ask(contender, kind, job) {
  const { name, server, load, port, entry, dialect } = contender;
  try {
    const answer = await load.ask(
      JSON.stringify({ dialect, port, ...job, kind, pid: server.pid, echoesRaw: name === 'net' }),
    );
    if (answer.error !== undefined) entry.error = answer.error;
    return answer;
  } catch (error) {
    entry.error = error.message;
    return {};
  }
}

async function stop({ server, load }) {
  await Promise.all([server.stop(), load.stop()]);
}

/** Whether nothing more is to be had of a server in this row. */
function isOut(entry) {
  return entry.error !== undefined || entry.absent !== undefined;
}

/** Peers that are nothing but TCP, for the targets with sockets. */
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { Finding, must } from './finding.mjs';

/** How long anything may take that a good machine does at once, milliseconds. */
const PATIENCE = 10_000;

/** What `promise` resolves with; a finding when that takes too long. */
export async function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Finding(`${what} takes too long`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Writes the pieces, one after the other, to a port of this machine, and resolves with all that comes until the
 * other end has closed.
 *
 * @param {'end' | 'reset'} ending what to do when all is written: send FIN or RST
 */
export async function talkTo(port, pieces, ending) {
  const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('end', () => socket.end());
  // Being reset is what such a peer has to expect.
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  await writePieces(socket, pieces);
  if (ending === 'end') socket.end();
  if (ending === 'reset') socket.resetAndDestroy();
  await inTime(closed, 'closing a connection');
  return Buffer.concat(chunks);
}

/** Each piece is written when the one before has gone to the operating system. */
export async function writePieces(socket, pieces) {
  for (const piece of pieces) {
    if (socket.destroyed || socket.writableEnded) return;
    await new Promise((resolve) => socket.write(piece, resolve));
  }
}

/** Everything that a handler or the process reports in this process. */
export class Watch {
  #problems = [];
  #onWarning = (warning) => this.#problems.push(warning);

  constructor() {
    process.on('warning', this.#onWarning);
  }

  /** For the `error` handler of a server. */
  report(error) {
    this.#problems.push(error);
  }

  check() {
    const [problem] = this.#problems.splice(0);
    must(problem === undefined, 'the library reports an error of its own', () => String(problem?.stack));
  }

  stop() {
    process.off('warning', this.#onWarning);
  }
}

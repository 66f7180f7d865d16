/**
 * What every server of the benchmark shares. It is started as `server.mjs MODE`, where MODE is `echo`, `publish`,
 * `compressed` (an echo with permessage-deflate, without context takeover, of every message) or `tls` (an echo over
 * TLS, with the certificate in the folder BENCH_TLS), and talks to the runner in lines of JSON: `{"ready":...}` on
 * stdout when it listens, then one line for each line on stdin. It ends when stdin does, so it never outlives the
 * runner.
 *
 * In `publish` mode a client sends the text `subscribe`, and gets message number 0 when it is subscribed; or
 * `publish COUNT FROM`, and all subscribers get that many messages, numbered from there on, sent in one tick.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const HOST = '127.0.0.1';
export const TOPIC = 'news';
export const MAX_MESSAGE = 16 * 1024 * 1024;
/** How much may wait to be sent to a client: the largest messages of the curves, and more. */
export const MAX_WAITING = 4 * MAX_MESSAGE;

const MODES = ['echo', 'publish', 'compressed', 'tls'];

/** zlib's level for every server whose level can be chosen; it is zlib's default, and that of the others. */
export const LEVEL = 6;

/** @returns {'echo' | 'publish' | 'compressed' | 'tls'} */
export function mode() {
  const given = process.argv[2] ?? 'echo';
  if (!MODES.includes(given)) throw new TypeError(`The mode is one of ${MODES.join(', ')}, not ${given}`);
  return given;
}

/** Where the certificate of mode `tls` and its key are. */
export function tlsFiles() {
  const folder = process.env.BENCH_TLS;
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

/** The same, read; `undefined` in the other modes. */
export function tlsOptions() {
  if (mode() !== 'tls') return undefined;
  const { cert, key } = tlsFiles();
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/**
 * Tells the runner where the server listens, and serves its questions.
 *
 * @param {{ name: string, version: string, port: number, note?: string }} about
 */
export function control(about) {
  answer({ ready: about });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line === 'gc') collect();
    answer({ done: line });
  });
  lines.on('close', () => process.exit(0));
}

/** Ends the server when it cannot be what it claims to be: the runner reports why and goes on without it. */
export function unavailable(reason) {
  answer({ unavailable: reason });
  process.exit(0);
}

/** A message of 64 bytes that begins with its number (little endian), so that what is lost is noticed. */
export function numberedMessage(number) {
  const message = Buffer.alloc(64, 'b');
  message.writeUInt32LE(number, 0);
  return message;
}

/** The same as text of 64 characters, for those who have only text or for whom it is the usual way. */
export function numberedText(number) {
  return String(number).padEnd(64, ' b');
}

/** Reads a client's wish in `publish` mode. */
export function parseWish(text) {
  const [verb, count = '0', from = '0'] = text.split(' ');
  return { isSubscribe: verb === 'subscribe', from: Number(from), to: Number(from) + Number(count) };
}

function collect() {
  if (globalThis.Bun !== undefined) {
    globalThis.Bun.gc(true);
    return;
  }
  globalThis.gc?.();
  globalThis.gc?.();
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

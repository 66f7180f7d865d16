/**
 * What every client of the benchmark shares. It talks to the runner in lines of JSON: `{"ready":...}` on stdout when
 * it can be asked, then one line for each line on stdin: `{"open":{...}}` connects and begins to send, `{"close":{}}`
 * ends. It ends when stdin does.
 *
 * Every connection has `inFlight` messages under way and sends the next one when an answer comes. Every answer's
 * length is compared, and every 64th's content.
 */
import { createInterface } from 'node:readline';
import { FROM_CLIENT, FROM_SERVER } from '../load/echoes.mjs';

const CHECK_EVERY = 64;

/**
 * @param {{ version: string, note?: string }} about
 * @param {(url: string, payload: Buffer | string, onMessage: (data: string | Buffer | ArrayBuffer) => void) => Promise<{ send(): void, close(): void }>} open
 * connects; then every message that arrives is given to `onMessage`, and answered with `payload`
 */
export function control(about, open) {
  let sockets = [];
  answer({ ready: { version: about.version, note: about.note } });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void obey(line));
  lines.on('close', () => process.exit(0));

  async function obey(line) {
    const command = JSON.parse(line);
    if (command.close !== undefined) {
      for (const socket of sockets) socket.close();
      answer({ closed: sockets.length });
      return;
    }
    const { port, connections, inFlight, size, text } = command.open;
    const payload = text ? FROM_CLIENT.repeat(size) : Buffer.alloc(size, FROM_CLIENT);
    const check = checker(size, text);
    const url = `ws://127.0.0.1:${port}/`;
    try {
      sockets = await Promise.all(Array.from({ length: connections }, () => open(url, payload, check)));
      for (const socket of sockets) for (let i = 0; i < inFlight; i++) socket.send();
      answer({ open: sockets.length });
    } catch (error) {
      answer({ error: error.message });
    }
  }
}

/** @returns {(data: string | Buffer | ArrayBuffer) => void} throws for what was not sent */
function checker(size, text) {
  const expected = text ? FROM_SERVER.repeat(size) : Buffer.alloc(size, FROM_SERVER);
  let count = 0;
  return (data) => {
    const length = typeof data === 'string' ? data.length : data.byteLength;
    const isSame =
      count++ % CHECK_EVERY !== 0 || (text ? data === expected : expected.equals(Buffer.from(data)));
    if (length !== size || !isSame) {
      process.stderr.write('A message came with another content\n');
      process.exit(1);
    }
  };
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Connection } from 'bothways';
import { renderMessage } from './render.js';

/**
 * Carries lines both ways at once: each line of `input` becomes a text message, each message a line on
 * `output`, each direction as fast as its slower end. Resolves when the connection is closed and everything
 * received is written.
 */
export async function pipeLines(socket: Connection, input: Readable, output: Writable): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const closed = socket.closed.then(() => lines.close());
  const sent = sendLines(socket, lines);
  await printMessages(socket, output);
  await Promise.all([closed, sent]);
}

async function sendLines(socket: Connection, lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if (!socket.send(line)) await socket.ready;
  }
  socket.close(1000);
}

async function printMessages(socket: Connection, output: Writable): Promise<void> {
  const gone = once(output, 'close');
  output.once('error', () => {
    // Whoever read the output has left, as in `... | head -1`: there is nobody to go on for.
    socket.close(1000);
    output.destroy();
  });
  for await (const message of socket) {
    if (output.destroyed) continue;
    if (!output.write(`${renderMessage(message)}\n`)) await Promise.race([once(output, 'drain'), gone]);
  }
}

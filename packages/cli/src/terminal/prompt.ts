import { clearScreenDown, createInterface, cursorTo, moveCursor, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Connection } from 'bothways';
import { renderForTerminal } from './render.js';

/** Talks over a connection line by line in a terminal. Resolves when the connection is closed. */
export async function promptLines(socket: Connection, input: Readable, output: Writable): Promise<void> {
  const prompt = createInterface({ input, output, terminal: true, prompt: '> ', historySize: 200 });
  prompt.on('line', (line) => {
    if (line !== '') socket.send(line);
    prompt.prompt();
  });
  prompt.once('close', () => socket.close(1000));
  prompt.prompt();
  for await (const message of socket) printAbove(prompt, output, renderForTerminal(message));
  await socket.closed;
  eraseTyped(prompt, output);
  prompt.close();
}

/** Prints a line and puts the line being typed, with its cursor, below it again. */
function printAbove(prompt: Interface, output: Writable, text: string): void {
  eraseTyped(prompt, output);
  output.write(`${text}\n`);
  prompt.prompt(true);
}

/** Takes the prompt and what was typed off the screen, on however many rows it stands. */
function eraseTyped(prompt: Interface, output: Writable): void {
  const { rows } = prompt.getCursorPos();
  moveCursor(output, 0, -rows);
  cursorTo(output, 0);
  clearScreenDown(output);
}

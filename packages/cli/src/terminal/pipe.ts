import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Connection, Handlers } from 'bothways';
import { escapeControls, renderMessage } from './render.js';

type Output = Writable & { readonly isTTY?: boolean };

/**
 * Carries lines both ways at once: each line of `input` becomes a text message, each message a line on
 * `output`, each direction as fast as its slower end. When `output` is a terminal, control characters are shown
 * instead of obeyed.
 */
export class LinePipe {
  readonly #input: Readable;
  readonly #output: Output;
  #isLost = false;
  #isEnding = false;
  #paused: Connection | undefined;

  constructor(input: Readable, output: Output) {
    this.#input = input;
    this.#output = output;
    output.on('drain', () => this.#resume());
  }

  /** For the connection that `run` gets. */
  readonly handlers: Handlers = {
    message: (socket, message) => {
      if (this.#isLost || this.#write(message) || this.#isEnding) return;
      this.#paused = socket;
      socket.pause();
    },
  };

  /** Resolves when the connection is closed, by either end. */
  async run(socket: Connection): Promise<void> {
    const lines = createInterface({ input: this.#input, crlfDelay: Number.POSITIVE_INFINITY });
    this.#output.on('error', () => {
      // Whoever read the output has left, as in `... | head -1`: there is nobody to go on for.
      this.#isLost = true;
      this.#end(socket);
    });
    const closed = socket.closed.then(() => lines.close());
    for await (const line of lines) {
      if (!socket.send(line)) await socket.ready;
    }
    this.#end(socket);
    await closed;
  }

  #write(message: string | Uint8Array): boolean {
    const text = renderMessage(message);
    return this.#output.write(`${this.#output.isTTY ? escapeControls(text) : text}\n`);
  }

  /**
   * Once this end has said goodbye, what is still on its way is taken as it comes: a peer that is made to wait
   * could not finish in the time that a closing handshake has.
   */
  #end(socket: Connection): void {
    this.#isEnding = true;
    this.#resume();
    socket.close(1000);
  }

  #resume(): void {
    this.#paused?.resume();
    this.#paused = undefined;
  }
}

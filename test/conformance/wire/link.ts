import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { findSocket } from './sockets.js';

/** After this long without a byte either way, what is waited for will not come, milliseconds. */
const PATIENCE = 8_000;

/** How long a subject has to notice something that it could notice at once: milliseconds, and turns of the loop. */
const MOMENT = 60;
const MOMENT_TURNS = 25;

/** A subject that has not read for so many turns of the loop and so long (ms) will not at the moment. */
const STALLED_TURNS = 300;
const STALLED = 10;

/** The harness's end of a TCP connection to the subject. */
export class Link {
  onData: (chunk: Buffer) => void = () => {};
  /** How the subject ended its side. */
  ended: 'not' | 'by FIN' | 'by RST' = 'not';
  #written = 0;
  #subject: Socket | undefined;
  #activity = 0;
  #wake: () => void = () => {};
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.onData(chunk);
      this.#stir();
    });
    socket.on('end', () => {
      if (this.ended === 'not') this.ended = 'by FIN';
      this.#stir();
    });
    socket.on('error', () => {
      if (this.ended === 'not') this.ended = 'by RST';
    });
    socket.on('close', () => this.#stir());
  }

  static async connect(port: number): Promise<Link> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new Link(socket);
  }

  /** Resolves with the link as soon as somebody has connected to the port that `use` is called with. */
  static async accept(use: (port: number) => void): Promise<Link> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    use((server.address() as AddressInfo).port);
    const [socket] = (await once(server, 'connection')) as [Socket];
    server.close();
    return new Link(socket);
  }

  get isOver(): boolean {
    return this.#socket.destroyed || this.ended !== 'not';
  }

  /**
   * Writes the chunks so that the subject reads each of them by itself: the next waits until the last was read. Once
   * the subject is gone nothing more is written, for that would reset the connection under its last words.
   */
  async deliver(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      if (!this.#socket.writable || this.#subject?.destroyed === true) return;
      this.#socket.write(chunk);
      this.#written += chunk.length;
      await this.#untilRead();
    }
  }

  /** Waits until `isThere`; resolves with whether it came to that. */
  async until(isThere: () => boolean): Promise<boolean> {
    let before = -1;
    while (!isThere()) {
      if (this.#socket.destroyed) return false;
      const progress = this.#progress();
      if (progress === before) return false;
      before = progress;
      await this.#nextEvent();
    }
    return true;
  }

  /** Gives the subject a moment for `isThere`. */
  async moment(isThere: () => boolean): Promise<boolean> {
    const from = performance.now();
    for (let turns = 0; turns < MOMENT_TURNS || performance.now() - from < MOMENT; turns++) {
      if (isThere()) return true;
      await nextTurn();
    }
    return isThere();
  }

  /** For what happens in the subject without a byte on the wire: waits until `isThere`, within reason. */
  async poll(isThere: () => boolean): Promise<boolean> {
    for (const from = performance.now(); !isThere();) {
      if (performance.now() - from > PATIENCE) return false;
      await pause(1);
    }
    return true;
  }

  end(): void {
    if (this.#socket.writable) this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Until the subject's process has taken all that was written, or stops taking it. */
  async #untilRead(): Promise<void> {
    let turns = 0;
    let since = performance.now();
    let before = -1;
    for (;;) {
      const subject = this.#peer();
      const read = subject?.bytesRead ?? 0;
      if (subject?.destroyed === true || this.#socket.destroyed || read >= this.#written) return;
      if (read !== before) {
        before = read;
        turns = 0;
        since = performance.now();
      } else if (++turns > STALLED_TURNS && performance.now() - since > STALLED) {
        return;
      }
      await nextTurn();
    }
  }

  #peer(): Socket | undefined {
    const { localPort, remotePort } = this.#socket;
    if (localPort !== undefined && remotePort !== undefined)
      this.#subject ??= findSocket(remotePort, localPort);
    return this.#subject;
  }

  /** Grows with every byte either way. */
  #progress(): number {
    return this.#activity + (this.#peer()?.bytesRead ?? 0) + (this.#peer()?.bytesWritten ?? 0);
  }

  #stir(): void {
    this.#activity++;
    this.#wake();
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), PATIENCE);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}

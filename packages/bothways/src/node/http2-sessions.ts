import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import { Timed, clearDeadline, setDeadline } from './timer-wheel.js';

/** The HTTP/2 sessions of a server of our own: each ends when nothing was open in it for a while. */
export class Http2Sessions {
  readonly #sessions = new Set<ServerHttp2Session>();

  /** @param timeout how long a session may be there without a request, milliseconds; 0 for ever. */
  constructor(server: Http2SecureServer, timeout: number) {
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      const deadline = new EmptySession(session, timeout);
      session.once('close', () => {
        this.#sessions.delete(session);
        clearDeadline(deadline);
      });
    });
    // What goes wrong in a session is over with it.
    server.on('sessionError', () => {});
  }

  /** Takes no more requests; each session ends with the last stream in it. */
  close(): void {
    for (const session of this.#sessions) session.close();
  }
}

class EmptySession extends Timed {
  readonly #session: ServerHttp2Session;
  readonly #timeout: number;
  #streams = 0;

  constructor(session: ServerHttp2Session, timeout: number) {
    super();
    this.#session = session;
    this.#timeout = timeout;
    this.#await();
    session.on('stream', (stream) => {
      this.#streams++;
      clearDeadline(this);
      stream.once('close', () => {
        if (--this.#streams === 0) this.#await();
      });
    });
  }

  onDeadline(): void {
    this.#session.destroy();
  }

  #await(): void {
    if (this.#timeout > 0 && !this.#session.destroyed) setDeadline(this, this.#timeout);
  }
}

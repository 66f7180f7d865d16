import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { serve, type Connection, type Data, type ServeOptions } from 'bothways';
import type { Session } from 'bothways/session';
import { onTestFinished } from 'vitest';
import { Arrivals } from '../../packages/bothways/src/node/test-arrivals.js';
import { portOf } from '../peers/start.js';

type Received = Arrivals<string | Buffer>;

/** The server's end of a session. */
export interface Visit {
  readonly connection: Connection<Received, Buffer>;
  readonly messages: Received;
}

/** A server of sessions at `/live`, beside an HTTP server. */
export interface Endpoint extends AsyncDisposable {
  readonly port: number;
  /** The sessions that were opened and that nobody took. */
  readonly visits: Arrivals<Visit>;
}

export interface EndpointOptions {
  /** Whether each message is sent back at once, instead of being kept for the test. */
  readonly echo?: boolean;
  /** Answers what is no request of a session; 404 by default. */
  readonly others?: RequestListener;
  /** More options of `serve`. */
  readonly options?: Pick<ServeOptions, 'sessions' | 'pingInterval' | 'pingTimeout'>;
}

export async function startEndpoint({
  echo = false,
  others = notFound,
  options,
}: EndpointOptions = {}): Promise<Endpoint> {
  const visits = new Arrivals<Visit>();
  const http = createServer(others);
  const server = await serve<Received>(
    { server: http, path: '/live', sessions: true, ...options, accept: () => new Arrivals() },
    {
      open: (connection) => visits.push({ connection, messages: connection.state }),
      message(connection, data) {
        if (echo) connection.send(data);
        else connection.state.push(data);
      },
    },
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: portOf(http),
    visits,
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close');
      await server.close({ timeout: 0 });
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

const notFound: RequestListener = (_request, response) => void response.writeHead(404).end();

/** What a session of Node receives, from now on. It is closed when the test has finished. */
export function messagesOf(session: Session): Arrivals<string | Uint8Array> {
  const messages = new Arrivals<string | Uint8Array>();
  session.addEventListener('message', ({ data }) => messages.push(data));
  onTestFinished(async () => {
    session.close();
    await session.closed;
  });
  return messages;
}

/** `name 1`, `name 2`, ...; each is another one, so that a list of them shows what is lost, repeated or misplaced. */
export function numbered(name: string, count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, index) => `${name} ${first + index}`);
}

export function sendAll(end: { send(data: Data): boolean }, messages: readonly Data[]): void {
  for (const message of messages) end.send(message);
}

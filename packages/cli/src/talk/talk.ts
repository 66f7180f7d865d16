import { randomUUID } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { serve, type Connection } from 'bothways';
import { limits } from './messages.js';
import { Room, topic } from './room.js';

const newsInterval = 2000;

export interface Talk {
  /** Says goodbye to everyone with 1001 and resolves when they are gone. */
  close(): Promise<void>;
}

/** Attaches the Talk room to an HTTP server, at `/talk`. */
export async function serveTalk(server: HttpServer): Promise<Talk> {
  const room = new Room<Connection<unknown, Buffer>>({
    epoch: randomUUID(),
    now: () => Date.now(),
    publish: (text, except) => {
      endpoint.publish(topic, text, { except });
    },
  });
  const endpoint = await serve(
    {
      server,
      path: '/talk',
      maxMessageSize: limits.messageSize,
      maxConnections: 500,
      // The longest board is sent piece by piece; whoever is behind by more than this is not reading.
      maxBufferedBytes: 4 * 1024 * 1024,
    },
    {
      open: (socket) => room.enter(socket),
      message: (socket, data) => room.receive(socket, data),
      drain: (socket) => room.drain(socket),
      close: (socket) => room.leave(socket),
    },
  );
  const clock = setInterval(() => room.tick(), newsInterval);
  return {
    close: async () => {
      clearInterval(clock);
      await endpoint.close({ code: 1001, reason: 'The server is shutting down', timeout: 2000 });
    },
  };
}

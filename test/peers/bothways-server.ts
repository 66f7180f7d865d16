import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { serve, type ServeOptions } from 'bothways';
import { sendFragments } from './bothways-fragments.js';
import { createEcho, type Echo, subprotocol } from './echo.mjs';
import { portOf } from './start.js';
import type { Transcript } from './transcript.mjs';

/** A Bothways server that echoes and obeys the commands of echo.mjs. */
export interface BothwaysServer extends AsyncDisposable {
  readonly url: string;
  /** The extensions that were agreed on with the connection whose path this is. */
  extensions(path: string): string;
  /** What this server saw of the connection whose path this is, as soon as that has ended. */
  saw(path: string): Promise<Transcript>;
}

/** Serves WebSockets on a port, and on it the pages and scripts that a browser needs to begin. */
export async function startBothwaysServer(
  compression: ServeOptions['compression'] = false,
): Promise<BothwaysServer> {
  const transcripts = createTranscripts();
  const extensions = new Map<string, string>();
  const httpServer = createServer((request, response) => void respond(request.url ?? '/', response));
  await new Promise<void>((resolve) => {
    httpServer.listen(0, '127.0.0.1', resolve);
  });
  const server = await serve<Echo | undefined>(
    { server: httpServer, protocols: [subprotocol], compression },
    {
      open(socket) {
        extensions.set(socket.request.url, socket.extensions);
        socket.state = createEcho({
          send: (message) => void socket.send(message),
          close: (code, reason) => socket.close(code, reason),
          ping: (payload) => socket.ping(payload),
          sendFragments: (text, count) => sendFragments(socket, text, count),
        });
        socket.state.open(socket.request.url);
      },
      message: (socket, message) => socket.state?.message(message),
      pong: (socket, payload) => socket.state?.pong(payload.toString()),
      close: async (socket, code, reason) => {
        const { url } = socket.request;
        const transcript = await socket.state?.transcript(url, socket.protocol, { code, reason });
        if (transcript) transcripts.add(transcript);
      },
    },
  );
  return {
    url: `ws://127.0.0.1:${portOf(httpServer)}`,
    extensions: (path) => extensions.get(path) ?? 'no such connection',
    saw: transcripts.at,
    async [Symbol.asyncDispose]() {
      await server.close();
      await new Promise((resolve) => httpServer.close(resolve));
    },
  };
}

const scripts = new Set(['/conversations.mjs', '/transcript.mjs']);

async function respond(url: string, response: ServerResponse): Promise<void> {
  if (scripts.has(url)) {
    response.setHeader('content-type', 'text/javascript');
    response.end(await readFile(new URL(`.${url}`, import.meta.url)));
  } else {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Conversations</title>');
  }
}

/** Transcripts by path; who asks early waits. */
function createTranscripts() {
  const slots = new Map<
    string,
    { promise: Promise<Transcript>; resolve: (transcript: Transcript) => void }
  >();
  function slot(path: string) {
    let found = slots.get(path);
    if (!found) {
      let resolve!: (transcript: Transcript) => void;
      const promise = new Promise<Transcript>((settle) => (resolve = settle));
      slots.set(path, (found = { promise, resolve }));
    }
    return found;
  }
  return {
    add: (transcript: Transcript) => slot(transcript.path).resolve(transcript),
    at: (path: string) => slot(path).promise,
  };
}

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  ReadyState,
  reject,
  serve,
  type Connection,
  type Handlers,
  type Rejection,
  type RequestInfo,
} from 'bothways';
import ts from 'typescript';
import { settled } from '../../packages/bothways/src/node/test-arrivals.js';
import { CrookedServer } from './crooked-server.js';
import type { Seen } from './watching.js';

type Socket = Connection<State, Buffer>;

interface State {
  readonly url: URL;
  readonly messages: string[];
}

/** Both servers of the suite: Bothways' own, which has pages as well, and the crooked one. */
export class Servers {
  readonly server: string;
  readonly crooked: string;
  /** `http://127.0.0.1:port`, the origin of the pages. */
  readonly page: string;
  readonly #end: () => Promise<void>;

  private constructor(port: number, crookedPort: number, end: () => Promise<void>) {
    this.server = `ws://127.0.0.1:${port}`;
    this.page = `http://127.0.0.1:${port}`;
    this.crooked = `ws://127.0.0.1:${crookedPort}`;
    this.#end = end;
  }

  static async start(): Promise<Servers> {
    const crooked = await CrookedServer.listen();
    const watched = new Watched();
    const http = createServer((request, response) => answer(request, response, watched));
    const server = await serve<State>(
      { server: http, protocols: ['chat', 'superchat'], compression: { threshold: 0 }, accept: admit },
      handlersOf(watched),
    );
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new Servers((http.address() as AddressInfo).port, crooked.port, async () => {
      await server.close({ timeout: 0 });
      http.closeAllConnections();
      http.close();
      crooked.close();
    });
  }

  async close(): Promise<void> {
    await this.#end();
  }
}

/** A connection's state; `/secret` is for those who know the password. */
function admit({ url, headers }: RequestInfo): State | Rejection {
  if (url === '/secret' && headers['authorization'] !== `Basic ${btoa('user:pa ss')}`) {
    return reject(401, '', { 'WWW-Authenticate': 'Basic realm="secret"' });
  }
  return { url: new URL(url, 'ws://127.0.0.1'), messages: [] };
}

/** What the path of a connection asks for. */
function handlersOf(watched: Watched): Handlers<State> {
  return {
    open(socket) {
      const { pathname, searchParams } = socket.state.url;
      if (pathname.startsWith('/request')) {
        const { url, headers, protocols } = socket.request;
        socket.send(JSON.stringify({ url, headers, protocols }));
      }
      if (pathname === '/patient') watched.keep(socket);
      if (pathname.startsWith('/flood/')) void watched.flood(socket);
      for (const text of searchParams.getAll('say')) socket.send(text);
      for (const hex of searchParams.getAll('bytes')) socket.send(Buffer.from(hex, 'hex'));
      if (pathname === '/close') close(socket);
    },
    message(socket, data) {
      const { pathname } = socket.state.url;
      if (pathname.startsWith('/watched/')) socket.state.messages.push(describe(data));
      else if (pathname === '/describe') socket.send(describe(data));
      else if (pathname === '/echo' || pathname === '/secret') socket.send(data);
      else if (pathname === '/terminate') socket.terminate();
      else if (pathname === '/close-after') close(socket);
    },
    async close(socket, code, reason) {
      const { url, messages } = socket.state;
      const { wasClean } = await socket.closed;
      watched.add(url.pathname, { messages, code, reason, wasClean });
    },
  };
}

function close(socket: Socket): void {
  const { searchParams } = socket.state.url;
  socket.close(Number(searchParams.get('code') ?? 1000), searchParams.get('reason') ?? '');
}

/** A message in words; a long one by its length. */
function describe(data: string | Buffer): string {
  const kind = typeof data === 'string' ? 'text' : 'binary';
  if (data.length > 100) return `${kind} of ${data.length}`;
  return `${kind} ${typeof data === 'string' ? data : data.toString('hex')}`.trimEnd();
}

/** What is known of connections that are over, for whoever asks; and those that wait to be spoken to. */
class Watched {
  readonly #over = new Map<string, Seen>();
  readonly #asked = new Map<string, (seen: Seen) => void>();
  readonly #patient = new Map<string, Socket>();
  readonly #flooded = new Map<string, number>();

  add(path: string, seen: Seen): void {
    if (!path.startsWith('/watched/')) return;
    const ask = this.#asked.get(path);
    if (ask === undefined) this.#over.set(path, seen);
    else ask(seen);
  }

  async seen(path: string): Promise<Seen> {
    return this.#over.get(path) ?? (await new Promise((resolve) => this.#asked.set(path, resolve)));
  }

  keep(socket: Socket): void {
    this.#patient.set(socket.state.url.search, socket);
  }

  /** Sends 200 messages of 200,000 bytes, as fast as they are read. */
  async flood(socket: Socket): Promise<void> {
    const { pathname } = socket.state.url;
    for (let count = 0; count < 200 && socket.readyState === ReadyState.OPEN; count++) {
      this.#flooded.set(pathname, count);
      socket.send(randomBytes(200_000));
      await socket.ready;
    }
    socket.close();
  }

  /** How many of them were sent when no more could be. */
  async flooded(path: string): Promise<number> {
    return settled(() => this.#flooded.get(path) ?? 0, 300);
  }

  speak(search: string): void {
    this.#patient.get(search)?.send('At last');
    this.#patient.delete(search);
  }
}

/** The pages, the behaviours as JavaScript for them, and what was seen. */
function answer(request: IncomingMessage, response: ServerResponse, watched: Watched): void {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname.startsWith('/watched/')) {
    void watched.seen(url.pathname).then((seen) => response.end(JSON.stringify(seen)));
  } else if (url.pathname.startsWith('/flood/')) {
    void watched.flooded(url.pathname).then((count) => response.end(JSON.stringify(count)));
  } else if (url.pathname === '/speak') {
    watched.speak(url.search);
    response.end();
  } else if (url.pathname.startsWith('/modules/')) {
    response.setHeader('Content-Type', 'text/javascript').end(toJavaScript(url.pathname.slice(9)));
  } else {
    for (const [name, value] of url.searchParams) response.setHeader(name, value);
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>WebSocket</title>');
  }
}

function toJavaScript(path: string): string {
  const source = readFileSync(join(import.meta.dirname, path.replace(/\.js$/, '.ts')), 'utf8');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

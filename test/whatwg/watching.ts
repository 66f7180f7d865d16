import type { Env } from './behaviour.js';

export type Socket = ReturnType<Env['make']>;

/** The members of the four events. */
export interface AnyEvent extends Event {
  readonly data: unknown;
  readonly origin: string;
  readonly lastEventId: string;
  readonly source: unknown;
  readonly ports: readonly unknown[];
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

export const EVENTS = ['open', 'message', 'error', 'close'] as const;

/** The next event of a type. */
export async function next(socket: Socket, type: (typeof EVENTS)[number]): Promise<AnyEvent> {
  return new Promise((resolve) =>
    socket.addEventListener(type, (event) => resolve(event as AnyEvent), { once: true }),
  );
}

/** A WebSocket that is open, or an error that says it did not open. */
export async function open(env: Env, url: string, ...rest: unknown[]): Promise<Socket> {
  const socket = env.make(url, ...rest);
  const event = await Promise.race([next(socket, 'open'), next(socket, 'close')]);
  if (event.type === 'close') throw new Error(`The WebSocket of ${url} did not open: ${event.code}`);
  return socket;
}

/** How it ended. */
export async function ending(socket: Socket): Promise<[code: number, reason: string, wasClean: boolean]> {
  const { code, reason, wasClean } = await next(socket, 'close');
  return [code, reason, wasClean];
}

/** Sends a message, and returns what comes back. */
export async function ask(socket: Socket, data: unknown): Promise<unknown> {
  const answer = next(socket, 'message');
  socket.send(data as string);
  return (await answer).data;
}

/** The names of the events from now until "close", each with what `readyState` was. */
export async function follow(socket: Socket): Promise<string[]> {
  const log: string[] = [];
  for (const type of EVENTS) socket.addEventListener(type, () => log.push(`${type} ${socket.readyState}`));
  await next(socket, 'close');
  await later();
  return log;
}

/** The result of a call, or the name of what it throws. */
export function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (thrown) {
    return `throws ${(thrown as Error).name}`;
  }
}

/** Two tasks later: what follows at once from what has happened has happened as well. */
export async function later(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** What the server saw of the connections of a path below `/watched/`, once the first of them is closed. */
export async function seen(env: Env, path: string): Promise<Seen> {
  const response = await fetch(env.server.replace('ws:', 'http:') + path);
  return (await response.json()) as Seen;
}

/** What a server knows of a connection that is over. */
export interface Seen {
  readonly messages: readonly string[];
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** A path that nobody else uses. */
export function watchedPath(): string {
  return `/watched/${Math.random().toString(36).slice(2)}`;
}

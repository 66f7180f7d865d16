import type { WebSocketOpenInfo } from 'bothways';
import type { Env } from '../behaviour.js';
import { later } from '../watching.js';

type Stream = ReturnType<Env['makeStream']>;
type Chunk = string | ArrayBuffer;

/** A WebSocketStream that is open, with a reader and a writer of its streams. */
export interface Opened {
  readonly stream: Stream;
  readonly reader: ReadableStreamDefaultReader<Chunk>;
  readonly writer: WritableStreamDefaultWriter<unknown>;
  readonly info: WebSocketOpenInfo;
}

export async function openStream(env: Env, url: string, ...rest: unknown[]): Promise<Opened> {
  const stream = env.makeStream(url, ...rest);
  const info = await stream.opened;
  const writable: WritableStream<unknown> = info.writable;
  return { stream, info, reader: info.readable.getReader(), writer: writable.getWriter() };
}

/** An error in a form that can be compared: what a page can tell from it, without its words. */
function describe(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return ['threw', thrown];
  const { name, closeCode, reason } = thrown as Error & { closeCode?: number | null; reason?: string };
  return closeCode === undefined ? [name] : [name, closeCode, reason];
}

/** What a promise came to: its value, or what it was rejected with. */
export async function result(promise: Promise<unknown>): Promise<unknown> {
  return promise.then((value) => value ?? 'done', describe);
}

/** What a promise has come to by now, if anything. */
export async function soon(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([result(promise), later().then(() => 'pending')]);
}

/** What a call throws, if it does. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return 'nothing';
  } catch (thrown) {
    return (describe(thrown) as unknown[])[0];
  }
}

/** All that can still be read: texts, the lengths of the others, and how it ends. */
export async function readAll({ reader }: Opened): Promise<unknown[]> {
  const all: unknown[] = [];
  for (;;) {
    const read = await reader.read().catch((thrown: unknown) => ({ done: true, value: thrown }) as const);
    const { done, value } = read;
    if (done) return [...all, value === undefined ? 'done' : describe(value)];
    all.push(typeof value === 'string' ? value : value.byteLength);
  }
}

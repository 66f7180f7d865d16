import { onTestFinished } from 'vitest';
import { Arrivals } from './test-arrivals.js';
import { WireServer } from './test-wire.js';
import { WebSocket } from './websocket.js';

const TYPES = ['open', 'message', 'error', 'close'] as const;

/** A WebSocket, and its events in the order in which they come. */
export function watch(socket: WebSocket): Arrivals<Event> {
  const events = new Arrivals<Event>();
  for (const type of TYPES) socket.addEventListener(type, events.push);
  return events;
}

/** A WebSocket whose server is a wire of the test; it is not open before the wire answers. */
export async function dial(
  ...rest: ConstructorParameters<typeof WebSocket> extends [unknown, ...infer R] ? R : never
) {
  const server = await WireServer.listen();
  const socket = new WebSocket(server.url, ...rest);
  const events = watch(socket);
  const wire = await server.next();
  onTestFinished(() => socket.close());
  return { socket, events, wire };
}

/** The same, open. */
export async function dialOpen(...rest: Parameters<typeof dial>) {
  const dialled = await dial(...rest);
  await dialled.wire.answerHandshake();
  const { type } = await dialled.events.next();
  if (type !== 'open') throw new Error(`The WebSocket did not open: "${type}" came`);
  return dialled;
}

import { Session } from 'bothways/session';
import { sessionWebSocket } from 'bothways/session/websocket';
import type { SocketClass } from './clients/talk.js';

/** What carries a client: a plain WebSocket, a session on whatever it likes best, or one on long polling alone. */
export type Carrier = 'websocket' | 'session' | 'long-polling';

/** @param WebSocket the class of the platform. */
export function socketClassOf(carrier: Carrier, WebSocket: unknown): SocketClass {
  if (carrier === 'websocket') return WebSocket as SocketClass;
  if (carrier === 'session') return sessionWebSocket(Session);
  return sessionWebSocket(Session, { carriers: [carrier] });
}

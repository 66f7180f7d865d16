import { Session } from 'bothways/session';
import { sessionWebSocket } from 'bothways/session/websocket';
import type { SocketClass } from './clients/talk.js';

/** What carries a client: a plain WebSocket, or a session on this carrier alone. */
export type Carrier = 'websocket' | 'long-polling';

/** @param WebSocket the class of the platform. */
export function socketClassOf(carrier: Carrier, WebSocket: unknown): SocketClass {
  if (carrier === 'websocket') return WebSocket as SocketClass;
  return sessionWebSocket(Session, { carriers: [carrier] });
}

import { Session, type CarrierName } from 'bothways/session';
import { sessionWebSocket } from 'bothways/session/websocket';

/** How a console reaches the gateway. */
export type Choice = 'plain' | 'any' | CarrierName;

/** What can be chosen, and what it is called. */
export const choices: readonly (readonly [choice: Choice, name: string])[] = [
  ['plain', 'WebSocket'],
  ['any', 'Session, best carrier'],
  ['websocket', 'Session over WebSocket'],
  ['streaming', 'Session over streaming'],
  ['eventsource', 'Session over Server-Sent Events'],
  ['long-polling', 'Session over long polling'],
  ['polling', 'Session over polling'],
];

export const carrierNames: Readonly<Record<CarrierName, string>> = {
  websocket: 'WebSocket',
  streaming: 'streaming',
  eventsource: 'Server-Sent Events',
  'long-polling': 'long polling',
  polling: 'polling',
  postback: 'postback',
};

/**
 * Opens a WebSocket, or a session in the shape of one: whoever speaks a protocol over it cannot tell them apart.
 *
 * @param protocols what is offered in `Sec-WebSocket-Protocol`.
 */
export function openSocket(url: string, protocols: readonly string[], choice: Choice): WebSocket {
  if (choice === 'plain') return new WebSocket(url, [...protocols]);
  const SessionSocket = sessionWebSocket(Session, choice === 'any' ? {} : { carriers: [choice] });
  return new SessionSocket(url, protocols) as unknown as WebSocket;
}

/** What carries a socket now; `undefined` while nothing does. */
export function carrierOf(socket: WebSocket): CarrierName | undefined {
  if (socket instanceof Session) return socket.carrier;
  return socket.readyState === WebSocket.OPEN ? 'websocket' : undefined;
}

/** Whether a session has lost what has carried it, and looks for another. */
export function isReconnecting(socket: WebSocket): boolean {
  return socket instanceof Session && (socket.state === 'reconnecting' || socket.state === 'offline');
}

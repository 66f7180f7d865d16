import { amqp } from './amqp.js';
import type { Subprotocol } from './contract.js';
import { mqtt } from './mqtt.js';
import { stomp } from './stomp.js';

/** The subprotocols that are known by name. */
export const subprotocols: readonly Subprotocol[] = [stomp, mqtt, amqp];

/** @returns the subprotocol of this name, such as `stomp`, or `undefined`. */
export function findSubprotocol(name: string): Subprotocol | undefined {
  return subprotocols.find((subprotocol) => subprotocol.name === name);
}

/** The token to agree on, or `undefined` to agree on none; or why the client is refused, in a line for the response. */
export type ProtocolChoice =
  | { readonly protocol: string | undefined; readonly refusal?: never }
  | { readonly protocol?: never; readonly refusal: string };

/**
 * Chooses what to agree on with a client that offers `offered` in `Sec-WebSocket-Protocol`. A client that offers
 * something and gets nothing of it fails the connection (RFC 6455 section 4.1), so one of whose tokens none fits is
 * refused, although it might do without.
 */
export function chooseProtocol(subprotocol: Subprotocol, offered: readonly string[]): ProtocolChoice {
  const { name, protocols, isTokenOptional } = subprotocol;
  if (offered.length === 0 && isTokenOptional) return { protocol: undefined };
  const protocol = protocols.find((token) => offered.includes(token));
  if (protocol !== undefined) return { protocol };
  if (protocols.length === 0) return { refusal: `Offer no subprotocol for ${name}` };
  const others = isTokenOptional ? ', or none,' : '';
  return { refusal: `Offer one of these subprotocols${others} for ${name}: ${protocols.join(', ')}` };
}

import { generate, type Packet } from 'mqtt-packet';
import { parsePacket } from './mqtt.js';
import { STARS, type SecretRule } from './secrets.js';

/** The types of control packets (MQTT 5 section 2.1.2) that may hold a secret. */
const CONNECT = 1;
const CONNACK = 2;
const AUTH = 15;

/** MQTT: the password of CONNECT, and what methods of authentication say (5, sections 3.1.2.11.10, 3.2.2.3.18, 3.15.2.2.3). */
export const redactMqtt: SecretRule = {
  isHarmless: (head) => head.length > 0 && ![CONNECT, CONNACK, AUTH].includes(head[0]! >>> 4),
  redact(message) {
    const type = message[0]! >>> 4;
    if (type === CONNECT) return redactPacket(message, 4);
    // Only 5 has anything that is longer.
    if (type === AUTH || (type === CONNACK && message.length > 4)) return redactPacket(message, 5);
    return message;
  },
};

function redactPacket(message: Uint8Array, version: number): Uint8Array | undefined {
  const { packet } = parsePacket(message, version);
  if (packet === undefined) return undefined;
  const stars = Buffer.from(STARS);
  let hasSecret = false;
  if (packet.cmd === 'connect' && packet.password !== undefined) {
    packet.password = stars;
    hasSecret = true;
  }
  const properties = 'properties' in packet ? packet.properties : undefined;
  if (properties !== undefined && 'authenticationData' in properties) {
    properties.authenticationData = stars;
    hasSecret = true;
  }
  return hasSecret ? generateAgain(packet, version) : message;
}

function generateAgain(packet: Packet, version: number): Uint8Array | undefined {
  try {
    return generate(packet, { protocolVersion: packet.cmd === 'connect' ? packet.protocolVersion : version });
  } catch {
    // What can be read and not written, such as a password without a user.
    return undefined;
  }
}

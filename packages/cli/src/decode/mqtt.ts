import { parser, type Packet } from 'mqtt-packet';
import { malformed, type Decoded } from './decoded.js';
import { describePacket } from './mqtt-description.js';

/** Decodes the control packets of one connection, of both sides: their form is that of the version that CONNECT names. */
export class MqttDecoder {
  /** 3 (3.1), 4 (3.1.1) or 5. */
  #version = 4;

  /** @param message one control packet. */
  decode(message: Uint8Array): Decoded {
    const { packet, fault } = parsePacket(message, this.#version);
    if (packet === undefined) return malformed(fault, message);
    if (packet.cmd === 'connect') this.#version = packet.protocolVersion ?? 4;
    return describePacket(packet);
  }
}

/** Reads one control packet. @returns why not, where it cannot be read. */
export function parsePacket(
  message: Uint8Array,
  protocolVersion: number,
): { readonly packet: Packet; readonly fault?: never } | { readonly packet?: never; readonly fault: string } {
  const packets: Packet[] = [];
  let fault: string | undefined;
  try {
    const reader = parser({ protocolVersion });
    reader.on('packet', (packet) => packets.push(packet));
    reader.on('error', (error: Error) => (fault ??= error.message));
    // It copies what is not a Buffer, which a page has not.
    const left = reader.parse(message as Buffer);
    if (left > 0) fault ??= 'it is not complete';
  } catch (error) {
    // The parser looks at some bytes without a look at how many there are.
    fault = error instanceof RangeError ? 'it ends too early' : String(error);
  }
  const [packet] = packets;
  if (fault === undefined && packets.length > 1) fault = 'it is more than one control packet';
  return fault !== undefined || packet === undefined ? { fault: fault ?? 'it is empty' } : { packet };
}

import { decodeOldFrame } from './amqp-0-9-1.js';
import { decodeFrame } from './amqp-1-0.js';
import { decoded, Malformed, malformed, type Decoded } from './decoded.js';

/** Decodes one frame or protocol header of AMQP, of 0-9-1 or of 1.0: they cannot be taken for each other. */
export function decodeAmqp(message: Uint8Array): Decoded {
  try {
    if (isHeader(message)) return decodeHeader(message);
    if (isOldFrame(message)) return decodeOldFrame(message);
    if (sizeAt(message, 0) !== message.length) throw new Malformed('it is no frame of AMQP');
    return decodeFrame(message);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return malformed(error.message, message);
  }
}

/** A frame of 0-9-1 says at its beginning and its end what it is. */
export function isOldFrame(message: Uint8Array): boolean {
  return message.length >= 8 && sizeAt(message, 3) === message.length - 8 && message.at(-1) === 0xce;
}

/** @returns -1 when there are no four bytes. */
function sizeAt(message: Uint8Array, at: number): number {
  if (message.length < at + 4) return -1;
  return new DataView(message.buffer, message.byteOffset).getUint32(at);
}

function isHeader(message: Uint8Array): boolean {
  return message.length === 8 && String.fromCharCode(...message.subarray(0, 4)) === 'AMQP';
}

/** What the fifth byte of a header of 1.0 says that the connection is about (part 2 section 2.2, part 5). */
const LAYERS: Readonly<Record<number, string>> = { 0: 'AMQP 1.0', 2: 'AMQP 1.0 TLS', 3: 'AMQP 1.0 SASL' };

function decodeHeader(message: Uint8Array): Decoded {
  const numbers = [...message.subarray(4)];
  const [id = 0, major, minor, revision] = numbers;
  const isNew = major === 1 && minor === 0 && revision === 0;
  const version = (isNew ? LAYERS[id] : undefined) ?? `AMQP ${numbers.join('-')}`;
  return decoded('protocol header', `protocol header ${version.replace(/ 0-0-9-1$/, ' 0-9-1')}`, [
    ['version', numbers.join('.')],
  ]);
}

import { countBytes, decoded } from '../../../../src/decode/decoded.js';
import type { ConsoleModel } from '../parts/console-model.js';
import { Wire, type Decode } from '../wire/wire.js';

/** Speaks nothing: bytes go to the server behind the gateway, and come back. */
export class EchoConsole implements ConsoleModel {
  readonly wire = new Wire('echo');
  #socket: WebSocket | undefined;

  connect(): void {
    this.wire.begin();
    const socket = this.wire.open([], decode);
    this.#socket = socket;
    socket.addEventListener('open', () => this.wire.opened());
  }

  disconnect(): void {
    this.wire.closing();
    this.#socket?.close(1000);
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket?.send(bytes);
  }

  dispose(): void {
    this.wire.dispose();
  }
}

const encoder = new TextEncoder();

const decode: Decode = (_from, message) => {
  const bytes = typeof message === 'string' ? encoder.encode(message) : message;
  return [decoded('bytes', `bytes ${countBytes(bytes.length)}`, [], bytes)];
};

/** @returns `undefined` for what are no pairs of hexadecimal digits. */
export function parseHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (digits === '' || !/^([\da-f]{2})+$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}

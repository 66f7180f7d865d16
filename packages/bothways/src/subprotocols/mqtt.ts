import type { MessageFinder, Subprotocol } from './contract.js';
import { malformed } from './malformed.js';

/** MQTT 3.1.1 and 5. Each control packet is a message. */
export const mqtt: Subprotocol = {
  name: 'mqtt',
  protocols: ['mqtt', 'mqttv3.1'],
  isTokenOptional: false,
  sends: 'binary',
  acceptsText: false,
  fromClient: () => new MqttFinder(),
  fromServer: () => new MqttFinder(),
};

/** MQTT 5 section 2.1.4: at most four bytes of seven bits, the lowest first, say how much follows them. */
const MAX_SHIFT = 21;

class MqttFinder implements MessageFinder {
  #part: 'nothing' | 'length' | 'rest' = 'nothing';
  /** The place of the next seven bits of the length. */
  #shift = 0;
  /** What follows the length, as far as it is known; then how much of that is still to come. */
  #length = 0;

  get isWithin(): boolean {
    return this.#part !== 'nothing';
  }

  findEnd(bytes: Uint8Array, start: number): number {
    let at = start;
    while (at < bytes.length) {
      at = this.#read(bytes, at);
      if (this.#part === 'nothing') return at;
    }
    return -1;
  }

  /** Reads on from `at`, one byte or more; returns the index behind them. */
  #read(bytes: Uint8Array, at: number): number {
    if (this.#part === 'rest') return this.#readRest(bytes, at);
    if (this.#part === 'length') this.#readLength(bytes[at]!);
    else this.#begin(bytes[at]!);
    return at + 1;
  }

  #begin(byte: number): void {
    // Section 2.1.2: the type 0 is reserved and forbidden.
    if (byte >>> 4 === 0) throw malformed('MQTT', 'a control packet is of the type 0');
    this.#part = 'length';
    this.#shift = 0;
    this.#length = 0;
  }

  #readLength(byte: number): void {
    this.#length |= (byte & 0x7f) << this.#shift;
    if (byte < 0x80) {
      this.#part = this.#length === 0 ? 'nothing' : 'rest';
      return;
    }
    if (this.#shift === MAX_SHIFT) throw malformed('MQTT', 'a Remaining Length has more than four bytes');
    this.#shift += 7;
  }

  #readRest(bytes: Uint8Array, at: number): number {
    const there = Math.min(this.#length, bytes.length - at);
    this.#length -= there;
    if (this.#length === 0) this.#part = 'nothing';
    return at + there;
  }
}

import { findSubprotocol, MessageSplitter } from 'bothways/subprotocols';
import { decodeAmqp } from './amqp.js';
import { countBytes, decoded, lenientTextOf, malformed, type Decoded, type Side } from './decoded.js';
import { MqttDecoder } from './mqtt.js';
import { decodeStomp } from './stomp.js';
import { decodeXmpp } from './xmpp.js';

/** Tells what the messages of one connection are. */
export interface Decoder {
  /**
   * Never throws: what is wrong is told as `malformed`.
   *
   * @param from who has sent it. Every message has to be shown, in order.
   * @param message one of the WebSocket.
   * @returns the messages of the subprotocol that end in it: none, one or several, at most MAX_MESSAGES.
   */
  decode(from: Side, message: string | Uint8Array): Decoded[];
}

/** Messages that are told of one of the WebSocket, at most. */
export const MAX_MESSAGES = 1_000;
/** The largest message that is put together from several of the WebSocket, bytes. */
const MAX_SIZE = 16 * 1024 * 1024;

/** @param protocol its name: `stomp`, `xmpp`, `amqp` or `mqtt`. Of all others, messages are shown as they are. */
export function createDecoder(protocol: string): Decoder {
  switch (protocol) {
    case 'stomp':
      return new SplitDecoder('stomp', decodeStomp);
    case 'amqp':
      return new SplitDecoder('amqp', decodeAmqp);
    case 'mqtt': {
      const mqtt = new MqttDecoder();
      return new SplitDecoder('mqtt', (message) => mqtt.decode(message));
    }
    case 'xmpp':
      return { decode: (_from, message) => [decodeXmpp(textOfMessage(message), bytesOfMessage(message))] };
    default:
      return { decode: (_from, message) => [showMessage(message)] };
  }
}

/** For protocols whose messages may be cut and joined anywhere on the WebSocket. */
class SplitDecoder implements Decoder {
  readonly #name: string;
  readonly #decodeOne: (message: Uint8Array) => Decoded;
  readonly #splitters = new Map<Side, MessageSplitter>();

  constructor(name: string, decodeOne: (message: Uint8Array) => Decoded) {
    this.#name = name;
    this.#decodeOne = decodeOne;
  }

  decode(from: Side, message: string | Uint8Array): Decoded[] {
    const bytes = bytesOfMessage(message);
    const messages: Decoded[] = [];
    let more = 0;
    try {
      this.#splitterOf(from).push(bytes, (one) => {
        // Each is decoded, for what follows may depend on it.
        const told = this.#decodeOne(one);
        if (messages.length < MAX_MESSAGES - 1) messages.push(told);
        else more++;
      });
    } catch (error) {
      messages.push(malformed(error instanceof Error ? error.message : String(error), bytes));
      // Perhaps the next message of the WebSocket begins with one of the protocol.
      this.#splitters.delete(from);
    }
    if (more > 0) messages.push(decoded('more', `and ${more} messages more`, []));
    return messages;
  }

  #splitterOf(from: Side): MessageSplitter {
    let splitter = this.#splitters.get(from);
    if (splitter === undefined) {
      const subprotocol = findSubprotocol(this.#name)!;
      const finder = from === 'client' ? subprotocol.fromClient() : subprotocol.fromServer();
      splitter = new MessageSplitter(finder, MAX_SIZE);
      this.#splitters.set(from, splitter);
    }
    return splitter;
  }
}

function showMessage(message: string | Uint8Array): Decoded {
  const bytes = bytesOfMessage(message);
  const kind = typeof message === 'string' ? 'text' : 'binary';
  return decoded(kind, `${kind} ${countBytes(bytes.length)}`, [], bytes);
}

const encoder = new TextEncoder();

function bytesOfMessage(message: string | Uint8Array): Uint8Array {
  return typeof message === 'string' ? encoder.encode(message) : message;
}

function textOfMessage(message: string | Uint8Array): string {
  return typeof message === 'string' ? message : lenientTextOf(message);
}

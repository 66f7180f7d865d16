/** What clients send, and what has to come back: the same bytes, however they are divided into frames. */
import { randomBytes } from 'node:crypto';
import { encodeFrame } from '../load/frames.mjs';

const BINARY = 2;
/** Different messages in a ring; no more may be on the way. */
const COUNT = 8;

/** An endless stream of messages of one size. Any run of them, up to the ring's size, is one piece of memory. */
export class Source {
  #frames;
  #frameSize;
  #stream;

  /**
   * @param {Buffer[]} messages of one size
   * @param {{ protocol?: string, hello?: { sent: Buffer, answer: Buffer } }} opening the token of
   * `Sec-WebSocket-Protocol`, and what is said before the stream begins
   */
  constructor(messages, { protocol, hello } = {}) {
    const frames = messages.map((message) => encodeFrame(BINARY, message));
    this.size = messages[0].length;
    this.#frameSize = frames[0].length;
    this.#frames = Buffer.concat([...frames, ...frames]);
    this.#stream = Buffer.concat([...messages, ...messages]);
    this.protocol = protocol;
    this.hello = hello && { frame: encodeFrame(BINARY, hello.sent), answer: hello.answer };
  }

  /** The frames of messages `index` to `index + count - 1`. */
  frames(index, count) {
    const from = (index % COUNT) * this.#frameSize;
    return this.#frames.subarray(from, from + count * this.#frameSize);
  }

  /** Whether `bytes` from `at` to `end` are those of the stream at `offset`. */
  matches(bytes, at, end, offset) {
    const from = offset % (COUNT * this.size);
    const to = from + end - at;
    return to <= this.#stream.length && bytes.compare(this.#stream, from, to, at, end) === 0;
  }
}

/** For a server that sends everything back. */
export function rawSource(size) {
  return new Source(Array.from({ length: COUNT }, () => randomBytes(size)));
}

/** For an MQTT broker (version 3.1.1): a client that gets what it publishes with QoS 0, in the same bytes. */
export function mqttSource(size, id) {
  const name = text(`bench/${String(id).padStart(6, '0')}`);
  const connect = mqttMessage(0x10, [text('MQTT'), Buffer.from([4, 2, 0, 0]), name]);
  const subscribe = mqttMessage(0x82, [Buffer.from([0, 1]), name, Buffer.from([0])]);
  const answer = Buffer.from([0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]);
  const messages = Array.from({ length: COUNT }, () => mqttMessage(0x30, [name, randomBytes(size)]));
  return new Source(messages, {
    protocol: 'mqtt',
    hello: { sent: Buffer.concat([connect, subscribe]), answer },
  });
}

function text(value) {
  return Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)]);
}

/** All that is sent here is shorter than 128 bytes. */
function mqttMessage(first, parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([first, body.length]), body]);
}

import { isOldFrame } from './amqp.js';
import { ByteReader, concatBytes, uint32Bytes } from './byte-reader.js';
import { Malformed } from './decoded.js';
import { STARS, type SecretRule } from './secrets.js';

const stars = new TextEncoder().encode(STARS);

/** AMQP: what SASL says, in Connection.StartOk, SecureOk and UpdateSecret of 0-9-1, and in its own frames of 1.0. */
export const redactAmqp: SecretRule = {
  isHarmless(head) {
    if (head.length < 12) return false;
    // The head of a frame of either version, as far as it decides; both have to be harmless.
    const isLogin = head[0] === 1 && head[7] === 0 && head[8] === CONNECTION;
    return !isLogin && head[5] !== SASL;
  },
  redact(message) {
    try {
      if (isOldFrame(message)) return redactOldFrame(message);
      const isFrame = message.length > 8 && message[5] === SASL && message[0] !== LETTER_A;
      return isFrame ? redactFrame(message) : message;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return undefined;
    }
  },
};

const LETTER_A = 0x41;
/** The class of 0-9-1 that has the methods of SASL. */
const CONNECTION = 10;
const START_OK = 11;
const SECURE_OK = 21;
const UPDATE_SECRET = 70;

/** A frame: type, channel, size, class, method, arguments, frame-end (0-9-1 section 4.2.3). */
function redactOldFrame(frame: Uint8Array): Uint8Array {
  const reader = new ByteReader(frame);
  if (reader.uint8() !== 1) return frame;
  reader.take(6);
  if (reader.uint16() !== CONNECTION) return frame;
  const method = reader.uint16();
  if (![START_OK, SECURE_OK, UPDATE_SECRET].includes(method)) return frame;
  if (method === START_OK) {
    reader.take(reader.uint32()); // client-properties
    reader.take(reader.uint8()); // mechanism
  }
  const before = frame.subarray(7, reader.at);
  reader.take(reader.uint32());
  const payload = concatBytes(before, uint32Bytes(stars.length), stars, frame.subarray(reader.at, -1));
  return concatBytes(frame.subarray(0, 3), uint32Bytes(payload.length), payload, frame.subarray(-1));
}

/** The type of the frames of SASL (1.0 part 5 section 5.3.1). */
const SASL = 1;
/** Which field of a performative is secret: of init, response and outcome (section 5.3.3). */
const SECRET_FIELDS: Readonly<Record<number, number>> = { 0x41: 1, 0x43: 0, 0x44: 1 };

/** A frame: size, data offset, type, two bytes that mean nothing, a descriptor and a list of fields. */
function redactFrame(frame: Uint8Array): Uint8Array {
  const reader = new ByteReader(frame);
  reader.take(4);
  const offset = reader.uint8() * 4;
  reader.at = offset;
  if (reader.uint8() !== 0) throw new Malformed('no descriptor');
  const format = reader.uint8();
  if (format !== 0x53 && format !== 0x80) throw new Malformed('no number');
  const code = format === 0x53 ? reader.uint8() : Number(reader.uint64());
  const secret = SECRET_FIELDS[code];
  if (secret === undefined) return frame;
  const list = starField(reader, secret);
  if (list === undefined) return frame;
  const body = concatBytes(frame.subarray(4, reader.at), list);
  return concatBytes(uint32Bytes(4 + body.length), body);
}

const NULL = 0x40;
/** Binary of less than 256 bytes. */
const STAR_VALUE = concatBytes(Uint8Array.of(0xa0, stars.length), stars);

/** @returns the list at the reader, which stays before it, with stars for one field; `undefined` when that has no value. */
function starField(reader: ByteReader, secret: number): Uint8Array | undefined {
  const start = reader.at;
  const format = reader.uint8();
  if (format !== 0xc0 && format !== 0xd0 && format !== 0x45) throw new Malformed('no list');
  const isShort = format === 0xc0;
  const items = new ByteReader(
    format === 0x45 ? new Uint8Array(0) : reader.take(isShort ? reader.uint8() : reader.uint32()),
  );
  let count = 0;
  if (format !== 0x45) count = isShort ? items.uint8() : items.uint32();
  const parts: Uint8Array[] = [];
  let hasSecret = false;
  for (let index = 0; index < count; index++) {
    const from = items.at;
    skipValue(items);
    const isSecret = index === secret && items.bytes[from] !== NULL;
    hasSecret ||= isSecret;
    parts.push(isSecret ? STAR_VALUE : items.bytes.subarray(from, items.at));
  }
  reader.at = start;
  if (!hasSecret) return undefined;
  const content = concatBytes(...parts);
  return concatBytes(Uint8Array.of(0xd0), uint32Bytes(4 + content.length), uint32Bytes(count), content);
}

/** Part 1 section 1.2: the upper half of a constructor says how long the value is. */
const WIDTHS: Readonly<Record<number, number>> = { 4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16 };

function skipValue(reader: ByteReader): void {
  const kind = reader.uint8() >>> 4;
  const width = WIDTHS[kind];
  if (width !== undefined) reader.take(width);
  else if (kind === 0xa || kind === 0xc || kind === 0xe) reader.take(reader.uint8());
  else if (kind === 0xb || kind === 0xd || kind === 0xf) reader.take(reader.uint32());
  else throw new Malformed('a value with a descriptor');
}

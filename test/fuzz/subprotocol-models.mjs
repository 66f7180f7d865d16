/** STOMP, MQTT and AMQP read a second time, slowly and from the whole of the bytes; and bytes that are nearly theirs. */

/** What the next message of each is, as bytes, or `undefined` where none is complete or well-formed. */
const NEXT = { stomp: nextOfStomp, mqtt: nextOfMqtt, amqp: nextOfAmqp };

/** All messages that are at the beginning of `bytes`, by the name of the protocol. */
export const MODELS = Object.fromEntries(
  Object.entries(NEXT).map(([name, next]) => [
    name,
    (bytes, end) => {
      const messages = [];
      for (let rest = bytes; ;) {
        const message = next(rest, messages, end);
        if (message === undefined) return messages;
        messages.push(message);
        rest = rest.subarray(message.length);
      }
    },
  ]),
);

function nextOfStomp(bytes) {
  const text = bytes.toString('latin1');
  const [heartBeat] = /^\r?\n/.exec(text) ?? [];
  if (heartBeat !== undefined) return bytes.subarray(0, heartBeat.length);
  const [head, headers] = /^[^\r\n\0][^\n\0]*\n((?:[^\r\n\0][^\n\0]*\n)*)\r?\n/.exec(text) ?? [];
  if (head === undefined) return undefined;
  const counted = headers.split('\n').find((line) => line.startsWith('content-length:'));
  if (counted === undefined) {
    const end = text.indexOf('\0', head.length);
    return end === -1 ? undefined : bytes.subarray(0, end + 1);
  }
  const [, length] = /^content-length: *(\d+)[ \r]*$/.exec(counted) ?? [];
  const end = head.length + Number(length);
  return text[end] === '\0' ? bytes.subarray(0, end + 1) : undefined;
}

function nextOfMqtt(bytes) {
  if (bytes.length < 2 || bytes[0] < 0x10) return undefined;
  const last = bytes.subarray(1, 5).findIndex((byte) => byte < 0x80);
  if (last === -1) return undefined;
  const digits = [...bytes.subarray(1, last + 2)].map((byte) => byte % 128);
  const length = digits.reduceRight((sum, digit) => sum * 128 + digit, 0) + 2 + last;
  return length <= bytes.length ? bytes.subarray(0, length) : undefined;
}

const OLD_VERSIONS = ['00000901', '01010800', '01010009'];
const NEW_VERSIONS = ['00010000', '03010000'];

function nextOfAmqp(bytes, before, end) {
  if (bytes.length < 8) return undefined;
  if (bytes[0] === 0x41) return bytes.toString('latin1', 0, 4) === 'AMQP' ? bytes.subarray(0, 8) : undefined;
  const header = before.findLast((message) => message[0] === 0x41);
  const version = header === undefined ? { fromServer: '00000901' }[end] : header.toString('hex', 4);
  if (NEW_VERSIONS.includes(version)) {
    const length = bytes.readUInt32BE(0);
    const isGood = length >= 8 && bytes[4] >= 2 && bytes[4] * 4 <= length && length <= bytes.length;
    return isGood ? bytes.subarray(0, length) : undefined;
  }
  const length = bytes.readUInt32BE(3) + 8;
  const isGood = [1, 2, 3, 8].includes(bytes[0]) && bytes[length - 1] === 0xce;
  return OLD_VERSIONS.includes(version) && isGood ? bytes.subarray(0, length) : undefined;
}

/**
 * Parts that make streams, most of them good: `isFirst` is the one at the beginning, `isOld` says that the stream is one of
 * an older version.
 */
export const PARTS = { stomp: partOfStomp, mqtt: partOfMqtt, amqp: partOfAmqp };

function partOfStomp(random) {
  const eol = random.pick(['\n', '\n', '\r\n']);
  const line = () => random.pick(random.oneIn(6) ? BAD_LINES : GOOD_LINES) + (random.oneIn(30) ? '' : eol);
  const body = '\0x\n'.repeat(random.below(5)).slice(random.below(3));
  const counted = `content-length:${body.length + (random.oneIn(15) ? 1 : 0)}${eol}`;
  const isCounted = body.includes('\0') ? !random.oneIn(9) : random.oneIn(2);
  const frame = `SEND${eol}${line()}${isCounted ? counted : ''}${line()}${random.oneIn(20) ? '' : eol}${body}\0`;
  return Buffer.from(random.pick([frame, frame, frame, eol, random.oneIn(9) ? line() : eol]), 'latin1');
}

function partOfMqtt(random) {
  const length = random.pick([0, 1, 127, 128, random.oneIn(9) ? 300 : 2]);
  const coded = length < 128 ? [length] : [(length % 128) + 128, Math.floor(length / 128)];
  if (random.oneIn(20)) coded[coded.length - 1] |= 0x80;
  return Buffer.concat([
    Buffer.from([random.oneIn(20) ? 0x0f : random.between(0x10, 0xff), ...coded]),
    random.bytes(length),
  ]);
}

function partOfAmqp(random, { isFirst, isOld }) {
  const known = isOld ? OLD_VERSIONS : NEW_VERSIONS;
  const version = random.pick(random.oneIn(20) ? ['02010000', '0101000a'] : known);
  if (isFirst ? !random.oneIn(10) : random.oneIn(8)) return Buffer.from(`414d5150${version}`, 'hex');
  const payload = random.bytes(random.pick([0, 1, 4, 40, random.oneIn(9) ? 250 : 180]));
  const size = Buffer.alloc(4);
  if (isOld) {
    size.writeUInt32BE(payload.length);
    const type = random.oneIn(20) ? 4 : random.pick([1, 2, 3, 8]);
    const frameEnd = random.oneIn(20) ? 0 : 0xce;
    return Buffer.concat([Buffer.from([type, 0, 1]), size, payload, Buffer.from([frameEnd])]);
  }
  size.writeUInt32BE(payload.length + (random.oneIn(20) ? 7 : 8));
  const offset = payload.length < 4 || random.oneIn(2) ? 2 : 3;
  return Buffer.concat([size, Buffer.from([random.oneIn(20) ? random.below(5) : offset, 0, 0, 0]), payload]);
}

const GOOD_LINES = [
  'destination:/queue/a',
  'content-lengths:1',
  'Content-Length:1',
  'content-',
  'content-lengt:7',
  'a',
];
const BAD_LINES = [
  'content-length:2',
  'content-length: 3 ',
  'content-length:',
  `content-length:${'9'.repeat(20)}`,
  '',
  '\r',
];

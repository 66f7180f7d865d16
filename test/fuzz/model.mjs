/**
 * RFC 6455 section 5 read once more, slowly and from the whole stream: what an end without compression has to call.
 * Each header is checked in the order of its bytes, as far as they have come, and each text as far as it has come.
 */
import { CLOSE, CONTINUATION, PING, PONG, TEXT } from './frames.mjs';
import { describeClose, describeMessage } from './talk.mjs';

/** @returns the calls, and what has come of a message that is streamed and has not ended. */
export function readByModel(setup, bytes) {
  const reader = { ...setup, bytes, at: 0, message: undefined, calls: [] };
  while (reader.at < bytes.length && !isOver(reader.calls)) {
    const frame = readHeader(reader);
    if (frame === undefined) break;
    if (frame.opcode >= CLOSE) readControl(reader, frame);
    else readData(reader, frame);
  }
  return { calls: reader.calls, rest: reader.message?.payload ?? Buffer.alloc(0) };
}

function isOver(calls) {
  return /^(?:close|fail)/.test(calls.at(-1) ?? '');
}

/** `undefined` when it is not whole, or not allowed. */
function readHeader(reader) {
  const { bytes, at, role, message } = reader;
  const refuse = (code) => void reader.calls.push(`fail ${code} 1002`);
  const available = bytes.length - at;
  const [first, second] = [bytes[at], bytes[at + 1]];
  const opcode = first & 15;
  const isLast = first >= 0x80;
  const isControl = opcode >= CLOSE;
  if ((first & 0x70) !== 0) return refuse('ERR_RESERVED_BIT');
  if (opcode > PONG || (opcode > 2 && opcode < CLOSE)) return refuse('ERR_RESERVED_OPCODE');
  if (opcode === CONTINUATION && message === undefined) return refuse('ERR_CONTINUATION');
  if (!isControl && opcode !== CONTINUATION && message !== undefined) return refuse('ERR_INTERLEAVED');
  if (isControl && !isLast) return refuse('ERR_CONTROL_FRAGMENTED');
  if (available < 2) return undefined;
  const isMasked = second >= 0x80;
  if (role === 'server' && !isMasked) return refuse('ERR_MASK_MISSING');
  if (role === 'client' && isMasked) return refuse('ERR_MASK_FORBIDDEN');
  let length = BigInt(second & 127);
  let size = 2;
  if (isControl && length > 125n) return refuse('ERR_CONTROL_LENGTH');
  if (length > 125n) {
    const extended = length === 126n ? 2 : 8;
    size += extended;
    if (available < size) return undefined;
    length = BigInt(`0x${bytes.toString('hex', at + 2, at + size)}`);
    if (length >= 1n << 63n || length < (extended === 2 ? 126n : 65_536n)) return refuse('ERR_LENGTH');
  }
  const total = BigInt(message?.payload.length ?? 0) + length;
  if (!isControl && !reader.streams && total > BigInt(reader.maxMessageSize)) {
    reader.calls.push('fail ERR_MESSAGE_TOO_BIG 1009');
    return undefined;
  }
  if (!isControl && reader.streams && length > BigInt(Number.MAX_SAFE_INTEGER)) {
    reader.calls.push('fail ERR_LENGTH 1009');
    return undefined;
  }
  if (isMasked) size += 4;
  if (available < size) return undefined;
  const key = isMasked ? bytes.subarray(at + size - 4, at + size) : Buffer.alloc(4);
  const end = Number(BigInt(at + size) + length);
  const payload = Buffer.from(bytes.subarray(at + size, end));
  for (let index = 0; index < payload.length; index++) payload[index] ^= key[index & 3];
  reader.at = Math.min(end, bytes.length);
  return { opcode, isLast, payload, isWhole: end <= bytes.length };
}

function readControl(reader, { opcode, payload, isWhole }) {
  if (!isWhole) return;
  if (opcode !== CLOSE) {
    const { calls } = reader;
    const name = opcode === PING ? 'ping' : 'pong';
    calls.push(`${name} ${describeMessage(false, payload).slice('binary '.length)}`);
    return;
  }
  reader.calls.push(readClose(payload, reader.closesFirst));
}

function readClose(payload, hasSentClose) {
  if (payload.length === 0) return 'close 1005 <>';
  if (payload.length === 1) return 'fail ERR_CLOSE_PAYLOAD 1002';
  const code = payload.readUInt16BE();
  const isRegistered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(
    code,
  );
  if (!isRegistered && (code < 3000 || code > 4999)) {
    return hasSentClose ? 'close 1005 <>' : 'fail ERR_CLOSE_CODE 1002';
  }
  return isText(payload.subarray(2), true) ? describeClose(payload) : 'fail ERR_UTF8 1007';
}

function readData(reader, { opcode, isLast, payload, isWhole }) {
  reader.message ??= { isText: opcode === TEXT, payload: Buffer.alloc(0) };
  const { message } = reader;
  message.payload = Buffer.concat([message.payload, payload]);
  const isComplete = isLast && isWhole;
  if (message.isText && !isText(message.payload, isComplete)) {
    reader.calls.push('fail ERR_UTF8 1007');
  } else if (isComplete) {
    reader.calls.push(describeMessage(message.isText, message.payload));
    reader.message = undefined;
  }
}

/** Whether the bytes are UTF-8, or may become it. */
function isText(bytes, isComplete) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isComplete });
    return true;
  } catch {
    return false;
  }
}

import { ByteReader } from './byte-reader.js';
import {
  countBytes,
  decoded,
  lenientTextOf,
  Malformed,
  MAX_VALUE,
  showBytes,
  type Decoded,
  type Field,
} from './decoded.js';

/**
 * The composite types that are told by name, with their fields in order: AMQP 1.0 parts 2 (transport), 3 (messaging) and
 * 5 (security). Of their descriptors, all are of the domain 0.
 */
const COMPOSITES: Readonly<Record<number, string>> = {
  0x10: 'open container-id hostname max-frame-size channel-max idle-time-out outgoing-locales incoming-locales offered-capabilities desired-capabilities properties',
  0x11: 'begin remote-channel next-outgoing-id incoming-window outgoing-window handle-max offered-capabilities desired-capabilities properties',
  0x12: 'attach name handle role snd-settle-mode rcv-settle-mode source target unsettled incomplete-unsettled initial-delivery-count max-message-size offered-capabilities desired-capabilities properties',
  0x13: 'flow next-incoming-id incoming-window next-outgoing-id outgoing-window handle delivery-count link-credit available drain echo properties',
  0x14: 'transfer handle delivery-id delivery-tag message-format settled more rcv-settle-mode state resume aborted batchable',
  0x15: 'disposition role first last settled state batchable',
  0x16: 'detach handle closed error',
  0x17: 'end error',
  0x18: 'close error',
  0x1d: 'error condition description info',
  0x23: 'received section-number section-offset',
  0x24: 'accepted',
  0x25: 'rejected error',
  0x26: 'released',
  0x27: 'modified delivery-failed undeliverable-here message-annotations',
  0x28: 'source address durable expiry-policy timeout dynamic dynamic-node-properties distribution-mode filter default-outcome outcomes capabilities',
  0x29: 'target address durable expiry-policy timeout dynamic dynamic-node-properties capabilities',
  0x2b: 'delete-on-close',
  0x40: 'sasl-mechanisms sasl-server-mechanisms',
  0x41: 'sasl-init mechanism initial-response hostname',
  0x42: 'sasl-challenge challenge',
  0x43: 'sasl-response response',
  0x44: 'sasl-outcome code additional-data',
};

/** Decodes one frame of AMQP 1.0: size, data offset, type, channel, body (part 2 section 2.3). */
export function decodeFrame(frame: Uint8Array): Decoded {
  const reader = new ByteReader(frame);
  reader.take(4);
  const offset = reader.uint8() * 4;
  const type = reader.uint8();
  const channel = reader.uint16();
  if (offset < reader.at) throw new Malformed('the body of a frame begins in its header');
  if (type > 1) throw new Malformed(`there is no frame of type ${type} in AMQP 1.0`);
  reader.take(offset - reader.at);
  // Section 2.4.5: an empty frame keeps the connection alive.
  if (reader.isAtEnd) return decoded('heartbeat', 'heartbeat', []);
  const { name, fields } = readComposite(reader);
  const shown: Field[] = type === 0 && channel !== 0 ? [['channel', String(channel)], ...fields] : fields;
  const payload = reader.rest();
  if (name !== 'transfer') return decoded(name, `${name}${shown.map(fieldInLine).join('')}`, shown, payload);
  const message = readSections(payload);
  shown.push(...message.fields);
  return decoded(
    name,
    `${name}${shown.map(fieldInLine).join('')} ${countBytes(message.body.length)}`,
    shown,
    message.body,
  );
}

function fieldInLine([name, value]: Field): string {
  return ` ${name}=${value}`;
}

interface Composite {
  readonly name: string;
  readonly fields: Field[];
}

function readComposite(reader: ByteReader): Composite {
  if (reader.uint8() !== 0) throw new Malformed('the body of a frame does not begin with a descriptor');
  const code = readDescriptor(reader);
  const known = COMPOSITES[code];
  if (known === undefined) throw new Malformed(`there is no performative 0x${code.toString(16)}`);
  const [name = '', ...names] = known.split(' ');
  return { name, fields: nameFields(names, readList(reader, 0)) };
}

/** What is null or has no name is left out. */
function nameFields(names: readonly string[], values: readonly (string | undefined)[]): Field[] {
  return names.flatMap((name, index): Field[] => {
    const value = values[index];
    if (value === undefined) return [];
    return [[name, name === 'role' ? roleOf(value) : value]];
  });
}

function roleOf(value: string): string {
  return value === 'true' ? 'receiver' : 'sender';
}

function readDescriptor(reader: ByteReader): number {
  const format = reader.uint8();
  if (format === 0x53) return reader.uint8();
  if (format === 0x80) return Number(reader.uint64());
  if (format === 0x44) return 0;
  throw new Malformed('a descriptor is no number');
}

/** Lists have an end that need not be counted to: fields of more than any composite type has are not looked at. */
const MAX_ITEMS = 32;

/** @returns each item as text, or `undefined` for one that is null. */
function readList(reader: ByteReader, depth: number): (string | undefined)[] {
  const format = reader.uint8();
  if (format === 0x45) return [];
  if (format !== 0xc0 && format !== 0xd0) throw new Malformed('a list is expected, and is none');
  const items = new ByteReader(reader.take(format === 0xc0 ? reader.uint8() : reader.uint32()));
  const count = format === 0xc0 ? items.uint8() : items.uint32();
  const texts: (string | undefined)[] = [];
  for (let index = 0; index < count && index < MAX_ITEMS; index++)
    texts.push(showValue(items, items.uint8(), depth));
  return texts;
}

/** The sections of a message that are told (part 3 section 3.2), and the fields of its properties. */
const PROPERTIES =
  'message-id user-id to subject reply-to correlation-id content-type content-encoding absolute-expiry-time creation-time group-id group-sequence reply-to-group-id'.split(
    ' ',
  );
const SECTION = { properties: 0x73, applicationProperties: 0x74, bytes: 0x75, value: 0x77 };

/**
 * Reads the sections of a message, as far as they are there: a message may go on in the next transfer.
 *
 * @returns its properties, and what it carries: all of it when that is not bytes alone.
 */
function readSections(payload: Uint8Array): { readonly fields: Field[]; readonly body: Uint8Array } {
  const fields: Field[] = [];
  try {
    const reader = new ByteReader(payload);
    while (!reader.isAtEnd && reader.uint8() === 0) {
      const code = readDescriptor(reader);
      if (code === SECTION.properties) fields.push(...nameFields(PROPERTIES, readList(reader, 0)));
      else if (code === SECTION.bytes) return { fields, body: readBinary(reader) };
      else {
        const value = showValue(reader, reader.uint8(), 0) ?? 'null';
        if (code === SECTION.applicationProperties) fields.push(['application-properties', value]);
        if (code === SECTION.value) fields.push(['value', value]);
      }
    }
  } catch (error) {
    // The middle of a message, or one that is cut: its bytes are there all the same.
    if (!(error instanceof Malformed)) throw error;
  }
  return { fields, body: payload };
}

function readBinary(reader: ByteReader): Uint8Array {
  const format = reader.uint8();
  if (format !== 0xa0 && format !== 0xb0) throw new Malformed('data that is not binary');
  return reader.take(format === 0xa0 ? reader.uint8() : reader.uint32());
}

/** Values in values that are looked into. */
const MAX_DEPTH = 5;

/** @param format the constructor (part 1 section 1.2). */
function showValue(reader: ByteReader, format: number, depth: number): string | undefined {
  if (depth > MAX_DEPTH) throw new Malformed('its values are nested too deep');
  switch (format) {
    case 0x00:
      return showDescribed(reader, depth);
    case 0x40:
      return undefined;
    case 0x41:
      return 'true';
    case 0x42:
      return 'false';
    case 0x43:
    case 0x44:
      return '0';
    case 0x45:
      return '[]';
    case 0x56:
      return String(reader.uint8() !== 0);
    default:
      return format < 0xa0 ? showNumber(reader, format) : showVariable(reader, format, depth);
  }
}

function showNumber(reader: ByteReader, format: number): string {
  switch (format) {
    case 0x50: // ubyte
    case 0x52: // smalluint
    case 0x53: // smallulong
      return String(reader.uint8());
    case 0x51: // byte
    case 0x54: // smallint
    case 0x55: // smalllong
      return String(reader.int8());
    case 0x60:
      return String(reader.uint16());
    case 0x61:
      return String(reader.int16());
    case 0x70:
      return String(reader.uint32());
    case 0x71:
      return String(reader.int32());
    case 0x72:
      return String(reader.float32());
    case 0x73: // char
      return `U+${reader.uint32().toString(16).toUpperCase().padStart(4, '0')}`;
    case 0x80:
      return String(reader.uint64());
    case 0x81:
      return String(reader.int64());
    case 0x82:
      return String(reader.float64());
    case 0x83: // timestamp
      return showTime(reader.int64());
    case 0x74:
    case 0x84:
    case 0x94:
      return showBytes(reader.take(format === 0x74 ? 4 : format === 0x84 ? 8 : 16)); // decimals
    case 0x98: // uuid
      return showUuid(reader.take(16));
    default:
      throw new Malformed(`there is no constructor 0x${format.toString(16)}`);
  }
}

function showVariable(reader: ByteReader, format: number, depth: number): string {
  const content = reader.take((format & 0x10) === 0 ? reader.uint8() : reader.uint32());
  switch (format & 0xef) {
    case 0xa0: // binary
      return showBytes(content);
    case 0xa1: // string
    case 0xa3: // symbol
      return lenientTextOf(content);
    case 0xc0: // list
    case 0xc1: // map
    case 0xe0: // array
      return showCompound(content, format, depth);
    default:
      throw new Malformed(`there is no constructor 0x${format.toString(16)}`);
  }
}

function showCompound(content: Uint8Array, format: number, depth: number): string {
  const reader = new ByteReader(content);
  const isLong = (format & 0x10) !== 0;
  const count = isLong ? reader.uint32() : reader.uint8();
  const kind = format & 0xef;
  const itemFormat = kind === 0xe0 ? reader.uint8() : undefined;
  const texts: string[] = [];
  let length = 0;
  for (let index = 0; index < count && length <= MAX_VALUE && index < MAX_VALUE; index++) {
    const text = showValue(reader, itemFormat ?? reader.uint8(), depth + 1) ?? 'null';
    texts.push(text);
    length += text.length;
  }
  if (kind !== 0xc1) return `[${texts.join(', ')}]`;
  const pairs = texts.flatMap((text, index) =>
    index % 2 === 0 ? [`${text}: ${texts[index + 1] ?? '…'}`] : [],
  );
  return `{${pairs.join(', ')}}`;
}

/** A value with a descriptor: a composite type by its name and its main part, such as the address of a source. */
function showDescribed(reader: ByteReader, depth: number): string {
  const descriptor = showValue(reader, reader.uint8(), depth + 1) ?? 'null';
  const format = reader.uint8();
  const [name = '', ...names] = COMPOSITES[Number(descriptor)]?.split(' ') ?? [];
  if (name === '' || ![0x45, 0xc0, 0xd0].includes(format)) {
    return `@${descriptor} ${showValue(reader, format, depth + 1) ?? 'null'}`;
  }
  if (format === 0x45) return name;
  reader.at--;
  const fields = nameFields(names, readList(reader, depth + 1));
  return `${name}(${fields.map(([field, value]) => `${field}=${value}`).join(' ')})`;
}

function showTime(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds));
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString();
}

function showUuid(bytes: Uint8Array): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
